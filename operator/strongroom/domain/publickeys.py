"""Where the public part of a key is published for those who only verify or encrypt. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from strongroom.domain.targets import Owner, TargetAction


class PublicFormat(StrEnum):
    """How a public key is written down."""

    PEM = "pem"  # SubjectPublicKeyInfo (RFC 5280), textual (RFC 7468)
    JWK = "jwk"  # RFC 7517


ENTRIES: Final = {PublicFormat.PEM: "public.pem", PublicFormat.JWK: "jwk.json"}
"""The keys of a ConfigMap's data that hold them."""


@dataclass(frozen=True, slots=True)
class PublicTarget:
    """A ConfigMap in the namespace of the resource."""

    name: str
    formats: tuple[PublicFormat, ...] = (PublicFormat.PEM, PublicFormat.JWK)


@dataclass(frozen=True, slots=True)
class PublicKey:
    """The public part of a version. ``jwk`` and ``pem`` are texts, empty of a symmetric key."""

    version: str
    kid: str  # its URL
    kty: str
    thumbprint: str = ""
    pem: str = ""
    jwk: str = ""

    def data(self, target: PublicTarget) -> dict[str, str]:
        """Return what a ConfigMap is to hold."""
        texts = {PublicFormat.PEM: self.pem, PublicFormat.JWK: self.jwk}
        return {ENTRIES[each]: texts[each] for each in target.formats}


@dataclass(frozen=True, slots=True)
class PublishedSeen:
    """A ConfigMap as it was last seen, as far as it concerns us."""

    namespace: str
    name: str
    uid: str
    token: str
    owner: str  # "namespace/name" of the VaultKey that wrote it
    owner_uid: str
    version: str
    data: Mapping[str, str]  # of ``ENTRIES``


def decide(seen: PublishedSeen | None, owner: Owner, version: str, data: Mapping[str, str]) -> TargetAction:
    """Return what is to be done so that it holds these data. A namesake's that is gone is taken over."""
    if seen is None:
        return TargetAction.CREATE
    if seen.owner_uid != owner.uid and seen.owner != str(owner):
        return TargetAction.CONFLICT
    if (seen.owner_uid, seen.owner, seen.version, dict(seen.data)) == (owner.uid, str(owner), version, dict(data)):
        return TargetAction.NONE
    known = seen.owner_uid == owner.uid and seen.version == version
    return TargetAction.REPLACE if known else TargetAction.UPDATE
