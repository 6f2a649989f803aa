"""What a user may write of a revocation."""

from __future__ import annotations

import pytest

from strongroom.domain.errors import InvalidInput
from strongroom.domain.revocation import CODES, Revocation, RevocationReason, parse

VERSION = "0123456789abcdef" * 2


@pytest.mark.parametrize("reason", RevocationReason)
def test_a_version_and_a_reason(reason: RevocationReason) -> None:
    found = parse(f" {VERSION}  {reason}\n")
    assert found == Revocation(VERSION, reason)
    assert parse(str(found)) == found


def test_without_a_reason_and_without_anything() -> None:
    assert parse(VERSION) == Revocation(VERSION, RevocationReason.UNSPECIFIED)
    assert parse("") is parse(" ") is None


@pytest.mark.parametrize("text", ["1", VERSION.upper(), f"{VERSION} a b", f"{VERSION} keycompromise", "keyCompromise"])
def test_what_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        parse(text)


def test_the_codes_are_those_of_the_rfc() -> None:
    """RFC 5280, section 5.3.1: removeFromCRL (8) and those of a CA are not a subscriber's to give."""
    assert {str(reason): code for reason, code in CODES.items()} == {
        "unspecified": 0,
        "keyCompromise": 1,
        "affiliationChanged": 3,
        "superseded": 4,
        "cessationOfOperation": 5,
    }
