"""Identity providers: which settings could be misunderstood."""

from __future__ import annotations

from typing import Any

import pytest

from strongroom.domain.errors import InvalidInput
from strongroom.service.identity.assembly import IdentitySettings
from strongroom.service.identity.issuers import OidcIssuer

GOOD: dict[str, Any] = {"url": "https://login.example/tenant", "audiences": ("cli",), "prefix": "corp:"}


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"url": "http://login.example"}, "https"),
        ({"url": "https://"}, "https"),
        ({"url": "https://user@login.example"}, "https"),
        ({"url": "https://login.example?x=y"}, "https"),
        ({"url": "https://login.example#x"}, "https"),
        ({"prefix": ""}, "prefix"),
        ({"prefix": "system:"}, "prefix"),
        ({"prefix": "System:x"}, "prefix"),
        ({"audiences": ()}, "audience"),
        ({"audiences": ("",)}, "audience"),
        ({"username_claim": ""}, "claim"),
        ({"max_lifetime": 0}, "lifetime"),
    ],
)
def test_an_issuer_that_cannot_be_trusted_as_it_is(change: dict[str, Any], why: str) -> None:
    OidcIssuer(**GOOD)
    with pytest.raises(InvalidInput, match=why):
        OidcIssuer(**{**GOOD, **change})


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"prefix": "corp:"}, {"prefix": "corp:"}),
        ({"prefix": "corp:"}, {"prefix": "corp:eu:"}),
        ({"prefix": "z"}, {"prefix": "zz"}),
        ({"url": GOOD["url"]}, {"prefix": "x:", "url": GOOD["url"]}),
        ({}, {"prefix": "x:", "url": "https://sts.kv.example/adfs"}),
    ],
)
def test_no_two_issuers_can_speak_of_the_same_user(first: dict[str, Any], second: dict[str, Any]) -> None:
    one, two = (OidcIssuer(**{**GOOD, "url": f"https://{n}.example", **c}) for n, c in enumerate((first, second)))
    middle = OidcIssuer("https://middle.example", ("cli",), "m:")
    IdentitySettings("kv.example", issuers=(one, middle))
    with pytest.raises(InvalidInput):
        IdentitySettings("kv.example", issuers=(one, middle, two))


@pytest.mark.parametrize(
    ("port", "resource", "issuer"),
    [
        (443, "https://kv.example", "https://sts.kv.example/adfs"),
        (8443, "https://kv.example:8443", "https://sts.kv.example:8443/adfs"),
    ],
)
def test_urls_name_the_port_unless_it_is_the_usual_one(port: int, resource: str, issuer: str) -> None:
    settings = IdentitySettings("kv.example", port)
    assert (settings.resource, settings.token_issuer) == (resource, issuer)
