"""Fingerprints: equal for equal content in an equal place, useless without the key."""

from __future__ import annotations

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from strongroom.crypto.envelope import Dek
from strongroom.crypto.fingerprints import content_digest, fingerprint, same

DEK = Dek("0a" * 16, bytes(range(32)))
facts = st.lists(st.text(max_size=10), max_size=4).map(tuple)
digests = st.binary(min_size=32, max_size=32)
contents = st.dictionaries(st.text(max_size=10), st.binary(max_size=10), max_size=4)


@given(facts, digests, facts, digests)
def test_fingerprints_are_equal_exactly_for_equal_facts_and_content(
    facts: tuple[str, ...], digest: bytes, others: tuple[str, ...], other: bytes
) -> None:
    one, two = fingerprint(DEK, *facts, digest=digest), fingerprint(DEK, *others, digest=other)
    assert same(one, fingerprint(DEK, *facts, digest=digest))
    assert same(one, two) == ((facts, digest) == (others, other))


def test_facts_do_not_run_into_each_other() -> None:
    assert fingerprint(DEK, "ab", "c", digest=b"d") != fingerprint(DEK, "a", "bc", digest=b"d")
    assert fingerprint(DEK, "ab", digest=b"cd") != fingerprint(DEK, "ab", "c", digest=b"d")


def test_without_the_key_a_fingerprint_cannot_be_guessed_from_the_value() -> None:
    digest = content_digest("Opaque", {"value": b"hunter2"})
    mac = fingerprint(DEK, "target", digest=digest).split(".")[2]
    assert mac not in (digest.hex(), hashlib.sha256(b"hunter2").hexdigest())
    assert mac != fingerprint(Dek(DEK.id, bytes(32)), "target", digest=digest).split(".")[2]


def test_a_fingerprint_names_its_format_and_its_key() -> None:
    version, key, mac = fingerprint(DEK, digest=b"").split(".")
    assert (version, key, len(bytes.fromhex(mac))) == ("v1", DEK.id, 32)


@given(st.text(max_size=10), contents, st.text(max_size=10), contents)
def test_contents_have_equal_digests_exactly_when_equal(
    kind: str, data: dict[str, bytes], other_kind: str, other: dict[str, bytes]
) -> None:
    reordered = dict(reversed(data.items()))
    assert content_digest(kind, data) == content_digest(kind, reordered)
    assert (content_digest(kind, data) == content_digest(other_kind, other)) == ((kind, data) == (other_kind, other))


def test_keys_and_values_do_not_run_into_each_other() -> None:
    assert content_digest("Opaque", {"ab": b"c"}) != content_digest("Opaque", {"a": b"bc"})
