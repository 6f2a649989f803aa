"""To whom an exportable key is released: Azure Key Vault's policy grammar, and what an attestation says. Pure.

A policy is ``{"version": "1.0.0", "anyOf": [authority, …]}``; an authority is the address of who attests, with
``anyOf`` or ``allOf`` conditions; a condition is ``{"claim": "a.b", "equals": value}`` or another group of them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from strongroom.domain.errors import InvalidInput

POLICY_OCTETS: Final = 10_240
_VERSION: Final = "1.0.0"
_CONDITIONS: Final = 128
_DEPTH: Final = 8
_GROUPS: Final = ("anyOf", "allOf")

Value = str | int | float | bool


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim must have this value. ``path``: names with dots between, outermost first."""

    path: str
    value: Value


@dataclass(frozen=True, slots=True)
class Group:
    """All of some conditions, or any."""

    every: bool
    conditions: tuple[Claim | Group, ...]


@dataclass(frozen=True, slots=True)
class Authority:
    """Who attests, by the address that his tokens name as their issuer, and what he must say."""

    address: str
    conditions: Group


@dataclass(frozen=True, slots=True)
class ReleasePolicy:
    """Any of these authorities will do."""

    authorities: tuple[Authority, ...]


def parse(text: str) -> ReleasePolicy:
    """Read a policy; ``InvalidInput``. What is not understood is refused: nothing in a policy is passed over."""
    if len(text.encode()) > POLICY_OCTETS:
        raise InvalidInput(f"release_policy: may have at most {POLICY_OCTETS} octets")
    try:
        plain = json.loads(text, object_pairs_hook=_once)
    except (ValueError, RecursionError):
        raise InvalidInput("release_policy: is not JSON, or names a member twice") from None
    _expect(isinstance(plain, dict) and plain.keys() == {"version", "anyOf"}, "has version and anyOf, nothing else")
    _expect(plain["version"] == _VERSION, f"its version is {_VERSION}")
    count = _Count()
    return ReleasePolicy(tuple(_authority(each, count) for each in _listed(plain["anyOf"])))


def allows(policy: ReleasePolicy, issuer: str, claims: Mapping[str, Any]) -> bool:
    """Say whether an attestation, whose signature was verified, satisfies the policy."""
    return any(_is(authority, issuer) and _holds(authority.conditions, claims) for authority in policy.authorities)


def names(policy: ReleasePolicy, issuer: str) -> bool:
    """Say whether the policy speaks of this authority at all. A slash at the end tells nothing apart."""
    return any(_is(authority, issuer) for authority in policy.authorities)


def _is(authority: Authority, issuer: str) -> bool:
    return authority.address.rstrip("/") == issuer.rstrip("/")


def _holds(condition: Claim | Group, claims: Mapping[str, Any]) -> bool:
    if isinstance(condition, Group):
        return (all if condition.every else any)(_holds(each, claims) for each in condition.conditions)
    found: Any = claims
    for name in condition.path.split("."):
        if not isinstance(found, Mapping) or name not in found:
            return False
        found = found[name]
    return _same(found, condition.value)


def _same(found: Any, wanted: Value) -> bool:
    """Compare as JSON does, except that Azure's policies may spell truth values as text."""
    if isinstance(found, bool) or isinstance(wanted, bool):
        return _truth(found) is not None and _truth(found) is _truth(wanted)
    if isinstance(found, str) or isinstance(wanted, str):
        return type(found) is type(wanted) and found == wanted
    return isinstance(found, int | float) and found == wanted


def _truth(value: Any) -> bool | None:
    if isinstance(value, bool):
        return value
    return {"true": True, "false": False}.get(value) if isinstance(value, str) else None


class _Count:
    """Conditions read so far."""

    def __init__(self) -> None:
        self._seen = 0

    def one_more(self) -> None:
        self._seen += 1
        _expect(self._seen <= _CONDITIONS, f"may have at most {_CONDITIONS} conditions")


def _authority(plain: Any, count: _Count) -> Authority:
    _expect(isinstance(plain, dict) and "authority" in plain, "anyOf lists authorities")
    address = plain["authority"]
    _expect(isinstance(address, str) and address.startswith("https://"), "an authority is an https address")
    rest = {name: value for name, value in plain.items() if name != "authority"}
    return Authority(address, _group(rest, count, 1))


def _group(plain: Mapping[str, Any], count: _Count, depth: int) -> Group:
    _expect(len(plain) == 1 and next(iter(plain)) in _GROUPS, "conditions are in one anyOf or one allOf")
    _expect(depth <= _DEPTH, f"its groups may be nested {_DEPTH} deep")
    ((word, conditions),) = plain.items()
    return Group(word == "allOf", tuple(_condition(each, count, depth) for each in _listed(conditions)))


def _condition(plain: Any, count: _Count, depth: int) -> Claim | Group:
    count.one_more()
    _expect(isinstance(plain, dict), "a condition is an object")
    if "claim" not in plain:
        return _group(plain, count, depth + 1)
    _expect(plain.keys() == {"claim", "equals"}, "a condition has claim and equals; there is no other comparison")
    path, value = plain["claim"], plain["equals"]
    _expect(isinstance(path, str) and all(path.split(".")), "a claim is names with dots between")
    _expect(isinstance(value, str | int | float | bool), "equals has a text, a number, true or false")
    return Claim(path, value)


def _listed(plain: Any) -> list[Any]:
    _expect(isinstance(plain, list) and bool(plain), "anyOf and allOf are lists that are not empty")
    listed: list[Any] = plain
    return listed


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError
    return found


def _expect(holds: bool, rule: str) -> None:
    if not holds:
        raise InvalidInput(f"release_policy: {rule}")
