"""Release policies: what is read, what is refused, and whom they let have a key."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.domain import releasepolicies
from strongroom.domain.errors import InvalidInput

WHO = "https://attest.example"


def policy(*conditions: Any, word: str = "allOf", authority: str = f"{WHO}/") -> str:
    return json.dumps({"version": "1.0.0", "anyOf": [{"authority": authority, word: list(conditions)}]})


def claim(path: str, value: Any) -> dict[str, Any]:
    return {"claim": path, "equals": value}


@pytest.mark.parametrize(
    ("text", "claims", "expected"),
    [
        (policy(claim("sdk-test", True), word="anyOf"), {"sdk-test": True}, True),
        (policy(claim("sdk-test", True)), {"sdk-test": False}, False),
        (policy(claim("sdk-test", True)), {}, False),
        (policy(claim("sdk-test", "true")), {"sdk-test": True}, True),
        (policy(claim("sdk-test", True)), {"sdk-test": "true"}, True),
        (policy(claim("sdk-test", False)), {"sdk-test": "true"}, False),
        (policy(claim("sdk-test", True)), {"sdk-test": 1}, False),
        (policy(claim("sdk-test", 1)), {"sdk-test": True}, False),
        (policy(claim("svn", 3)), {"svn": 3}, True),
        (policy(claim("svn", 3)), {"svn": 3.0}, True),
        (policy(claim("svn", 3)), {"svn": "3"}, False),
        (policy(claim("svn", "3")), {"svn": 3}, False),
        (policy(claim("svn", 3)), {"svn": None}, False),
        (policy(claim("kind", "vm")), {"kind": "VM"}, False),
        (policy(claim("kind", "vm")), {"kind": ["vm"]}, False),
        (policy(claim("tee.kind", "vm")), {"tee": {"kind": "vm"}}, True),
        (policy(claim("tee.kind", "vm")), {"tee.kind": "vm"}, False),
        (policy(claim("tee.kind", "vm")), {"tee": "kind"}, False),
        (policy(claim("a", 1), claim("b", 2)), {"a": 1, "b": 2}, True),
        (policy(claim("a", 1), claim("b", 2)), {"a": 1}, False),
        (policy(claim("a", 1), claim("b", 2), word="anyOf"), {"b": 2}, True),
        (policy(claim("a", 1), {"anyOf": [claim("b", 2), claim("c", 3)]}), {"a": 1, "c": 3}, True),
        (policy(claim("a", 1), {"anyOf": [claim("b", 2), claim("c", 3)]}), {"a": 1}, False),
        (policy(claim("a", 1), {"anyOf": [{"allOf": [claim("b", 2)]}]}, word="anyOf"), {"b": 2}, True),
    ],
)
def test_an_attestation_satisfies_a_policy_or_does_not(text: str, claims: dict[str, Any], expected: bool) -> None:
    read = releasepolicies.parse(text)
    for issuer in (WHO, f"{WHO}/"):
        assert releasepolicies.allows(read, issuer, claims) is expected
    for issuer in ("", "https://attest.example.net", "https://ATTEST.example", f"{WHO}/other", "http://attest.example"):
        assert not releasepolicies.allows(read, issuer, claims)


def test_each_authority_is_asked_for_its_own_claims() -> None:
    authorities = [{"authority": f"https://{name}", "allOf": [claim("by", name)]} for name in ("a", "b")]
    read = releasepolicies.parse(json.dumps({"version": "1.0.0", "anyOf": authorities}))
    assert [releasepolicies.allows(read, "https://b", {"by": name}) for name in ("a", "b")] == [False, True]


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "not JSON"),
        ("[" * 2000, "not JSON"),
        ("[]", "version and anyOf"),
        ('{"version": "1.0.0"}', "version and anyOf"),
        ('{"version": "1.0.0", "anyOf": [], "allOf": []}', "version and anyOf"),
        ('{"version": "1.0.0", "anyOf": []}', "not empty"),
        ('{"version": "1.0.0", "anyOf": {}}', "not empty"),
        ('{"version": "2.0.0", "anyOf": []}', "version is 1.0.0"),
        ('{"version": "1.0.0", "version": "1.0.0", "anyOf": []}', "twice"),
        ('{"version": "1.0.0", "anyOf": [7]}', "lists authorities"),
        ('{"version": "1.0.0", "anyOf": [{"allOf": []}]}', "lists authorities"),
        (policy(claim("a", 1), authority="http://attest.example"), "https"),
        (policy(), "not empty"),
        (policy(claim("a", 1), word="noneOf"), "one anyOf or one allOf"),
        (policy(7), "is an object"),
        (policy({}), "one anyOf or one allOf"),
        (policy({"claim": "a"}), "no other comparison"),
        (policy({"claim": "a", "notEquals": 1}), "no other comparison"),
        (policy({"claim": "a", "equals": 1, "exists": True}), "no other comparison"),
        (policy(claim("", 1)), "names with dots"),
        (policy(claim("a..b", 1)), "names with dots"),
        (policy(claim("a", None)), "a text, a number"),
        (policy(claim("a", [1])), "a text, a number"),
        (policy(*[claim("a", 1)] * 129), "at most 128 conditions"),
        (policy(claim("a", "x" * 10_240)), "at most 10240 octets"),
    ],
)
def test_what_is_not_understood_is_refused(text: str, word: str) -> None:
    with pytest.raises(InvalidInput, match=word):
        releasepolicies.parse(text)


def test_groups_are_nested_to_a_bound() -> None:
    condition: Any = claim("a", 1)
    for _ in range(7):
        condition = {"allOf": [condition]}
    assert releasepolicies.allows(releasepolicies.parse(policy(condition)), WHO, {"a": 1})
    with pytest.raises(InvalidInput, match="8 deep"):
        releasepolicies.parse(policy({"allOf": [condition]}))


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["version", "anyOf", "allOf", "authority", "claim", "equals"]), inner, max_size=4
        )
    ),
)


@given(anything, st.dictionaries(st.text(max_size=3), anything))
def test_whatever_is_written_is_refused_or_asks_for_something(plain: Any, claims: dict[str, Any]) -> None:
    for text in (json.dumps(plain), policy(plain)):
        try:
            read = releasepolicies.parse(text)
        except InvalidInput:
            continue
        assert not releasepolicies.allows(read, WHO, {})
        releasepolicies.allows(read, WHO, claims)
