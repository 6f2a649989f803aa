"""Domain words to sealed blobs and back.

Heads and attribute parts are stored as ``generation (8, big-endian) | envelope``; the envelope is bound to that
generation, to the vault id and to the name, so a part that was moved, swapped or relabelled does not open. A vault
head keeps its wrapped keys in the clear beside the envelope, which is bound to their digest.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

from strongroom.crypto.envelope import Binding, seal, unseal
from strongroom.domain.codec import decode, encode
from strongroom.domain.content import Layout
from strongroom.domain.errors import LimitExceeded, Tampered
from strongroom.domain.keys import WrappedKey
from strongroom.domain.names import object_head_name, object_id, record_name, vault_head_name
from strongroom.domain.objects import Attributes, Kind, ObjectHead, Version
from strongroom.domain.vaults import VaultHead, WrappedDek
from strongroom.store.backend import Blob, BlobKind
from strongroom.store.keyring import Ring

HEAD_OCTETS = 16 * 1024
PAYLOAD_OCTETS = 25 * 1024  # Azure Key Vault: "secret value 25 KB"
_GENERATION_OCTETS = 8


@dataclass(frozen=True, slots=True)
class VaultPublic:
    """What of a vault head must be readable before anything can be opened. Wrapped, so safe in the clear."""

    id: str
    keks: tuple[WrappedKey, ...]
    deks: tuple[WrappedDek, ...]


@dataclass(frozen=True, slots=True)
class RecordFacts:
    """The attribute part of a record: facts that never change, and the mutable attributes."""

    name: str
    kind: Kind
    previous: str
    against: int
    attributes: Attributes
    layout: Layout = Layout.VALUE


def vault_blob(head: VaultHead, ring: Ring, token: str = "", uid: str = "") -> Blob:
    """Seal a vault head."""
    public = encode(VaultPublic(head.id, head.keks, head.deks))
    body = encode(replace(head, keks=(), deks=()))
    name = vault_head_name(head.ref)
    sealed = _seal_part(ring, _vault_binding(name, head.id, head.generation, public), body)
    return Blob(name, BlobKind.VAULT, head.id, notes={}, data={"public": public, "head": sealed}, token=token, uid=uid)


def vault_public(blob: Blob) -> VaultPublic:
    """Read the clear part of a vault head. It is authenticated only when the head is opened."""
    return decode(VaultPublic, _part(blob, "public"))


def open_vault(blob: Blob, public: VaultPublic, ring: Ring) -> VaultHead:
    """Open a vault head; ``Tampered`` when it is not what was stored under this name."""
    octets, generation = _part(blob, "public"), _generation(_part(blob, "head"))
    binding = _vault_binding(blob.name, public.id, generation, octets)
    body = decode(VaultHead, _open_part(ring, binding, _part(blob, "head")))
    head = replace(body, keks=public.keks, deks=public.deks)
    if (head.id, head.generation, vault_head_name(head.ref)) != (public.id, generation, blob.name):
        raise Tampered("a stored vault head contradicts itself")
    return head


def object_blob(head: ObjectHead, ring: Ring, token: str = "", uid: str = "") -> Blob:
    """Seal an object head; ``LimitExceeded`` above 16 KiB."""
    body = encode(head)
    if len(body) > HEAD_OCTETS:
        raise LimitExceeded(f"an object's head would exceed {HEAD_OCTETS} octets")
    owner = object_id(head.vault_id, head.name)
    sealed = _seal_part(ring, Binding(head.vault_id, "object-head", owner, generation=head.generation), body)
    notes = {"octets": str(len(sealed))}
    return Blob(
        object_head_name(owner),
        BlobKind.OBJECT,
        head.vault_id,
        owner,
        "",
        notes,
        {"head": sealed},
        token,
        uid,
    )


def open_object(blob: Blob, vault_id: str, ring: Ring) -> ObjectHead:
    """Open an object head; ``Tampered`` when it is not what was stored under this name."""
    owner = blob.name.removeprefix(object_head_name(""))
    sealed = _part(blob, "head")
    generation = _generation(sealed)
    binding = Binding(vault_id, "object-head", owner, generation=generation)
    head = decode(ObjectHead, _open_part(ring, binding, sealed))
    if (head.vault_id, object_id(vault_id, head.name), head.generation) != (vault_id, owner, generation):
        raise Tampered("a stored object head contradicts itself")
    return head


def record_blob(vault_id: str, ring: Ring, name: str, against: int, version: Version) -> Blob:
    """Seal one version; ``LimitExceeded`` above 25 KiB."""
    if len(version.payload) > PAYLOAD_OCTETS:
        raise LimitExceeded(f"a value may have at most {PAYLOAD_OCTETS} octets")
    owner = object_id(vault_id, name)
    facts = RecordFacts(name, version.kind, version.previous, against, version.attributes, version.layout)
    payload = seal(ring.current, Binding(vault_id, "payload", owner, version.id), version.payload)
    attributes = _seal_part(ring, _attributes_binding(vault_id, owner, version.id, 1), encode(facts))
    notes = {"against": str(against), "previous": version.previous, "face": version.kind.value}
    notes["octets"] = str(len(payload) + len(attributes))
    data = {"payload": payload, "attributes": attributes}
    return Blob(record_name(owner, version.id), BlobKind.RECORD, vault_id, owner, version.id, notes, data)


def with_attributes(blob: Blob, vault_id: str, facts: RecordFacts, wanted: Attributes, ring: Ring) -> Blob:
    """Return a record with other attributes, of a later generation; its payload stays as it is."""
    binding = _attributes_binding(vault_id, blob.object, blob.version, wanted.generation)
    sealed = _seal_part(ring, binding, encode(replace(facts, attributes=wanted)))
    payload = _part(blob, "payload")
    notes = {**blob.notes, "octets": str(len(payload) + len(sealed))}
    return replace(blob, notes=notes, data={"payload": payload, "attributes": sealed})


def open_facts(blob: Blob, vault_id: str, owner: str, version: str, ring: Ring) -> RecordFacts:
    """Open the attribute part of a record."""
    sealed = _part(blob, "attributes")
    generation = _generation(sealed)
    facts = decode(RecordFacts, _open_part(ring, _attributes_binding(vault_id, owner, version, generation), sealed))
    if facts.attributes.generation != generation or object_id(vault_id, facts.name) != owner:
        raise Tampered("a stored record contradicts itself")
    return facts


def open_record(
    blob: Blob, vault_id: str, name: str, version: str, ring: Ring, facts: RecordFacts | None = None
) -> Version:
    """Open one version; ``Tampered`` when it is not that version of that object of that vault.

    ``facts``: what ``open_facts`` made of this very blob, when that is known already.
    """
    owner = object_id(vault_id, name)
    if blob.name != record_name(owner, version):
        raise Tampered("a stored record stands under another name")
    facts = facts or open_facts(blob, vault_id, owner, version, ring)
    payload = unseal(ring.find, Binding(vault_id, "payload", owner, version), _part(blob, "payload"))
    return Version(version, facts.kind, payload, facts.attributes, facts.previous, facts.layout)


def generation_of(blob: Blob) -> int:
    """Return a head's generation as stored in the clear; believed only once the head is opened."""
    return _generation(_part(blob, "head"))


def _vault_binding(name: str, vault_id: str, generation: int, public: bytes) -> Binding:
    return Binding(vault_id, "vault-head", name, "", generation, hashlib.sha256(public).digest())


def _attributes_binding(vault_id: str, owner: str, version: str, generation: int) -> Binding:
    return Binding(vault_id, "attributes", owner, version, generation)


def _seal_part(ring: Ring, binding: Binding, body: bytes) -> bytes:
    return binding.generation.to_bytes(_GENERATION_OCTETS, "big") + seal(ring.current, binding, body)


def _open_part(ring: Ring, binding: Binding, sealed: bytes) -> bytes:
    return unseal(ring.find, binding, sealed[_GENERATION_OCTETS:])


def _generation(sealed: bytes) -> int:
    return int.from_bytes(sealed[:_GENERATION_OCTETS], "big")


def _part(blob: Blob, part: str) -> bytes:
    try:
        return blob.data[part]
    except KeyError:
        raise Tampered(f"a stored {blob.kind} lacks its {part}") from None
