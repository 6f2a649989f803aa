"""Synced native Secrets: what is wished of one, what is noted on it, and the words for both. Pure."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final

from strongroom.domain.keystores import KeystoreSpec


class SecretType(StrEnum):
    """The types of native Secrets that can be made (https://kubernetes.io/docs/concepts/configuration/secret/)."""

    OPAQUE = "Opaque"
    BASIC_AUTH = "kubernetes.io/basic-auth"
    SSH_AUTH = "kubernetes.io/ssh-auth"
    TLS = "kubernetes.io/tls"
    DOCKER_CONFIG = "kubernetes.io/dockerconfigjson"


class CreationPolicy(StrEnum):
    """Whose the Secret is. A persistent word."""

    OWNER = "Owner"  # ours, and goes with the VaultSecret
    ORPHAN = "Orphan"  # ours, and stays when the VaultSecret goes
    MERGE = "Merge"  # somebody else's; a few keys of it are ours


class DeletionPolicy(StrEnum):
    """What becomes of what is ours when it is not wished any more. A persistent word."""

    DELETE = "Delete"
    RETAIN = "Retain"


class TargetAction(StrEnum):
    """What to do about a target, or what was done."""

    NONE = "none"
    CREATE = "create"
    UPDATE = "update"  # an older version, spec or release wrote it
    REPLACE = "replace"  # somebody changed it
    WAITING = "waiting"  # there is no Secret to merge into
    CONFLICT = "conflict"  # somebody else's Secret is in the way: never touched


WROTE: Final = (TargetAction.CREATE, TargetAction.UPDATE, TargetAction.REPLACE)

VAULT_SECRET: Final = "VaultSecret"  # noqa: S105 - a kind
VAULT_CERTIFICATE: Final = "VaultCertificate"


@dataclass(frozen=True, slots=True)
class Owner:
    """The VaultSecret or VaultCertificate that asks for targets. ``generation`` is that of its spec."""

    namespace: str
    name: str
    uid: str
    generation: int = 0
    kind: str = VAULT_SECRET

    @property
    def local(self) -> str:
        """What tells it apart in its namespace. No resource's name has a colon in it."""
        return self.name if self.kind == VAULT_SECRET else f"{self.kind}:{self.name}"

    def __str__(self) -> str:
        return f"{self.namespace}/{self.local}"


def owner_kind(local: str) -> tuple[str, str]:
    """Return kind and name of who owns a target, by what tells it apart in its namespace."""
    kind, colon, name = local.rpartition(":")
    return (kind, name) if colon else (VAULT_SECRET, local)


Texts = tuple[tuple[str, str], ...]
"""A mapping of texts as sorted pairs: ten thousand specs stay in memory."""


@dataclass(frozen=True, slots=True)
class TargetSpec:
    """What is wished of one native Secret."""

    namespace: str
    name: str
    type: SecretType = SecretType.OPAQUE
    keys: Texts = ()  # (key of the data, field of the version)
    template: Texts = ()  # (key of the data, template)
    labels: Texts = ()
    annotations: Texts = ()
    immutable: bool = False
    creation: CreationPolicy = CreationPolicy.OWNER
    deletion: DeletionPolicy = DeletionPolicy.DELETE
    keystores: tuple[KeystoreSpec, ...] = ()  # of a certificate

    @property
    def place(self) -> tuple[str, str]:
        """Namespace and name."""
        return self.namespace, self.name

    @property
    def stays(self) -> bool:
        """Does the Secret outlive its owner?"""
        return self.creation is not CreationPolicy.OWNER or self.deletion is DeletionPolicy.RETAIN

    def digest(self) -> str:
        """Return 32 hexadecimal digits that change with anything of the wish."""
        return _digest(self)


@lru_cache(maxsize=1024)
def _digest(spec: TargetSpec) -> str:
    """Asked for several times in each look at a target."""
    plain = asdict(spec)
    if not spec.keystores:  # as earlier releases wrote it: their targets are not written anew
        del plain["keystores"]
    text = json.dumps(plain, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class Note:
    """What we write on a target about itself, to be read when its owner is gone. Not believed without a fingerprint.

    ``place`` tells a target from a copy of it; the lists name what is ours, so that drift can be seen and undone.
    """

    place: str
    creation: CreationPolicy
    deletion: DeletionPolicy
    spec: str  # digest of the TargetSpec
    generation: int  # of the owner's spec
    keys: tuple[str, ...] = ()  # of the data; of a merged target only, else all of them are ours
    labels: tuple[str, ...] = ()
    annotations: tuple[str, ...] = ()

    @classmethod
    def of(cls, spec: TargetSpec, generation: int, keys: tuple[str, ...]) -> Note:
        """Return the note of a target that holds these keys."""
        return cls(
            place="/".join(spec.place),
            creation=spec.creation,
            deletion=spec.deletion,
            spec=spec.digest(),
            generation=generation,
            keys=keys if spec.creation is CreationPolicy.MERGE else (),
            labels=tuple(key for key, _ in spec.labels),
            annotations=tuple(key for key, _ in spec.annotations),
        )

    def written(self) -> str:
        """Return the note as an annotation holds it: empty lists are left out."""
        return json.dumps({k: v for k, v in asdict(self).items() if v != ()}, sort_keys=True, separators=(",", ":"))

    @classmethod
    def read(cls, text: str) -> Note | None:
        """Return the note that was written; None for anything else: anybody can edit annotations."""
        try:
            plain = json.loads(text)
            return cls._of_json(plain) if isinstance(plain, dict) else None
        except (ValueError, TypeError, KeyError, RecursionError):
            return None

    @classmethod
    def _of_json(cls, plain: dict[str, Any]) -> Note:
        lists = {name: plain.get(name, []) for name in ("keys", "labels", "annotations")}
        if not all(isinstance(keys, list) and all(isinstance(key, str) for key in keys) for keys in lists.values()):
            raise TypeError("not lists of texts")
        if type(plain["generation"]) is not int:
            raise TypeError("not a number")
        return cls(
            place=str(plain["place"]),
            creation=CreationPolicy(plain["creation"]),
            deletion=DeletionPolicy(plain["deletion"]),
            spec=str(plain["spec"]),
            generation=plain["generation"],
            **{name: tuple(keys) for name, keys in lists.items()},
        )
