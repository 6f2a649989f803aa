"""The custom resources as last seen, compact: parsed spec, and the status as the bytes we would compare it by."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from strongroom.controllers.workqueue import Key, Kind
from strongroom.domain.errors import InvalidInput
from strongroom.kinds import names
from strongroom.kinds.vault import VaultResource, parse_vault
from strongroom.kinds.vaultcertificate import VaultCertificateResource, parse_vaultcertificate
from strongroom.kinds.vaultkey import VaultKeyResource, parse_vaultkey
from strongroom.kinds.vaultsecret import VaultSecretResource, parse_vaultsecret

Declaring = VaultSecretResource | VaultKeyResource | VaultCertificateResource
"""What declares an object of a vault."""

Parsed = VaultResource | Declaring


@dataclass(frozen=True, slots=True)
class Known:
    """One resource. ``parsed`` is the complaint when the spec cannot be read."""

    uid: str
    token: str
    generation: int
    parsed: Parsed | InvalidInput
    status: bytes  # canonical JSON
    shard: str = ""  # of a Vault: its label
    asked: int = 0  # hash of what else than the spec it was read from

    def status_dict(self) -> dict[str, Any]:
        """Return the status as a dictionary."""
        status: dict[str, Any] = orjson.loads(self.status)
        return status


class Resources:
    """All custom resources. ``on_change(key, is_new)`` and ``on_gone(key, uid)`` tell of what matters."""

    def __init__(self, on_change: Callable[[Key, bool], None], on_gone: Callable[[Key, str], None]) -> None:
        self._on_change = on_change
        self._on_gone = on_gone
        self._known: dict[Key, Known] = {}
        self._of_vault: dict[tuple[str, str], set[Key]] = {}
        self._of_object: dict[tuple[str, str, str], tuple[Key, ...]] = {}
        self._of_password: dict[tuple[str, str, str], set[Key]] = {}

    def take(self, kind: Kind, event: str | None, body: Mapping[str, Any]) -> None:
        """Take in a watch event. Only a new resource, spec, relevant annotation or foreign status is a change."""
        key = key_of(kind, body)
        if event == "DELETED":
            if (gone := self._known.get(key)) and gone.uid == body["metadata"]["uid"]:
                self._forget(key)
                self._on_gone(key, gone.uid)
            return
        known = self._known.get(key)
        if known and int(known.token) >= int(body["metadata"]["resourceVersion"]):
            return  # our own write, or a listing that is slower than the watch: perhaps of an earlier resource
        new = read(kind, body, known)
        self._remember(key, new)
        if known and known.uid != new.uid:
            self._on_gone(key, known.uid)
        if known is None or _state(known) != _state(new) or _differs(known.parsed, new.parsed):
            self._on_change(key, not new.status_dict())

    def keep(self, kind: Kind, body: Mapping[str, Any]) -> None:
        """Remember a resource as an own write returned it: no news for anybody."""
        key, metadata = key_of(kind, body), body["metadata"]
        known = self._known.get(key)
        if known and known.uid == metadata["uid"] and int(known.token) < int(metadata["resourceVersion"]):
            new = read(kind, body, known)
            changed = _differs(known.parsed, new.parsed) or known.shard != new.shard
            self._remember(key, new)
            if changed:  # somebody wrote the spec between our read and our write
                self._on_change(key, False)

    def get(self, key: Key) -> Known | None:
        """Return a resource as last seen."""
        return self._known.get(key)

    def of_vault(self, namespace: str, vault: str) -> Iterator[tuple[Key, Known]]:
        """Iterate over the resources that name this vault."""
        for key in tuple(self._of_vault.get((namespace, vault), ())):
            if known := self._known.get(key):
                yield key, known

    def naming(self, namespace: str, vault: str, name: str) -> tuple[Key, ...]:
        """Return the resources that name this object."""
        return self._of_object.get((namespace, vault, name.lower()), ())

    def opened_by(self, namespace: str, vault: str, name: str) -> tuple[Key, ...]:
        """Return the resources with keystores whose password is this object."""
        return tuple(self._of_password.get((namespace, vault, name.lower()), ()))

    def keys(self, kind: Kind) -> list[Key]:
        """Return the keys of all resources of a kind."""
        return [key for key in self._known if key.kind is kind]

    def forget_missing(
        self, kind: Kind, present: set[tuple[str, str, str]], before: Mapping[Key, Known | None]
    ) -> None:
        """Drop what was known before a complete listing of (namespace, name, uid) and is not in it."""
        for key in self.keys(kind):
            known = self._known[key]
            if before.get(key) == known and (key.namespace, key.name, known.uid) not in present:
                self._forget(key)
                self._on_gone(key, known.uid)

    def _remember(self, key: Key, new: Known) -> None:
        self._forget(key)
        self._known[key] = new
        if isinstance(new.parsed, Declaring):
            self._of_vault.setdefault((key.namespace, new.parsed.vault), set()).add(key)
            place = (key.namespace, new.parsed.vault, new.parsed.object_name.lower())
            self._of_object[place] = (*self._of_object.get(place, ()), key)
            for name in _passwords(new.parsed):
                self._of_password.setdefault((key.namespace, new.parsed.vault, name), set()).add(key)

    def _forget(self, key: Key) -> None:
        known = self._known.pop(key, None)
        if known and isinstance(known.parsed, Declaring):
            place = (key.namespace, known.parsed.vault)
            self._of_vault[place].discard(key)
            if not self._of_vault[place]:
                del self._of_vault[place]
            self._forget_object(key, known.parsed)
            for name in _passwords(known.parsed):
                self._forget_password(key, (*place, name))

    def _forget_object(self, key: Key, parsed: Declaring) -> None:
        place = (key.namespace, parsed.vault, parsed.object_name.lower())
        others = tuple(each for each in self._of_object[place] if each != key)
        if others:
            self._of_object[place] = others
        else:
            del self._of_object[place]

    def _forget_password(self, key: Key, place: tuple[str, str, str]) -> None:
        self._of_password[place].discard(key)
        if not self._of_password[place]:
            del self._of_password[place]


def _passwords(parsed: Declaring) -> frozenset[str]:
    return parsed.passwords if isinstance(parsed, VaultCertificateResource) else frozenset()


def key_of(kind: Kind, body: Mapping[str, Any]) -> Key:
    """Return the key of a resource."""
    return Key(kind, body["metadata"]["namespace"], body["metadata"]["name"])


def read(kind: Kind, body: Mapping[str, Any], known: Known | None = None) -> Known:
    """Read a resource; a spec that breaks a rule is kept as the complaint.

    Two of three events are about our own status: what ``known`` was read from is not read again.
    """
    metadata = body["metadata"]
    asked = hash((frozenset((metadata.get("annotations") or {}).items()), metadata.get("deletionTimestamp")))
    before = known and (known.uid, known.generation, known.asked)
    same = before == (metadata["uid"], metadata["generation"], asked)
    parsed = known.parsed if known and same else _parse(kind, body)
    return Known(
        metadata["uid"],
        metadata["resourceVersion"],
        metadata["generation"],
        parsed,
        canonical(body.get("status")),
        (metadata.get("labels") or {}).get(names.SHARD, "") if kind is Kind.VAULT else "",
        asked,
    )


_PARSERS: Final[Mapping[Kind, Callable[[Mapping[str, Any]], Parsed]]] = {
    Kind.VAULT: parse_vault,
    Kind.SECRET: parse_vaultsecret,
    Kind.KEY: parse_vaultkey,
    Kind.CERTIFICATE: parse_vaultcertificate,
}


def _parse(kind: Kind, body: Mapping[str, Any]) -> Parsed | InvalidInput:
    try:
        return _PARSERS[kind](body)
    except InvalidInput as complaint:
        return complaint


def canonical(status: Mapping[str, Any] | None) -> bytes:
    """Return the bytes that two equal statuses share."""
    return orjson.dumps(status or {}, option=orjson.OPT_SORT_KEYS)


def _state(known: Known) -> tuple[str, bytes, str]:
    return known.uid, known.status, known.shard


def _differs(left: Parsed | InvalidInput, right: Parsed | InvalidInput) -> bool:
    if isinstance(left, InvalidInput) or isinstance(right, InvalidInput):
        return str(left) != str(right)
    return left != right
