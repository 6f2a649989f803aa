"""Bodies about keys as Azure Key Vault's REST API has them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Final

from strongroom.crypto import release
from strongroom.dataplane import wire
from strongroom.dataplane.wire import Place
from strongroom.domain import base64url
from strongroom.domain.algorithms import VALUE_OCTETS, Given, Made
from strongroom.domain.apiobjects import Wanted
from strongroom.domain.errors import InvalidInput
from strongroom.domain.fields import Fields
from strongroom.domain.keytypes import KeySpec, Operation, key_spec
from strongroom.domain.objects import Attributes, ObjectHead
from strongroom.domain.releasepolicies import POLICY_OCTETS
from strongroom.domain.rotationpolicy import DEFAULT, RotationPolicy, Trigger
from strongroom.domain.vaults import VaultHead
from strongroom.service.identity.attestations import LONGEST as ATTESTATION_LENGTH

WORD_LENGTH: Final = 32
"""Characters of the name of a type, curve, operation or algorithm."""

OPERATIONS: Final = 16
ACTIONS: Final = 2
RANDOM_OCTETS: Final = 128
NONCE_LENGTH: Final = 512
"""Characters. It comes back in the answer to a release, so that who asked knows that the answer is his."""

POLICY_TYPE: Final = "application/json; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Use:
    """What is to be done with a key. What is given hides in ``repr``."""

    algorithm: str
    given: Given = field(repr=False)


@dataclass(frozen=True, slots=True)
class ReleaseAsked:
    """What a release is asked with. ``nonce`` is empty when there was none."""

    attestation: str = field(repr=False)
    enc: str
    nonce: str


def read_create(fields: Fields) -> tuple[KeySpec, Wanted]:
    """Return what key to make; ``InvalidInput``."""
    spec = key_spec(
        fields.required_text("kty", WORD_LENGTH), fields.number("key_size", 0, 2**16), fields.text("crv", WORD_LENGTH)
    )
    exponent = fields.number("public_exponent", 0, 2**32)
    if exponent:
        spec = replace(spec, exponent=exponent)
    return spec, read_wanted(fields)


def read_wanted(fields: Fields) -> Wanted:
    """Return the attributes, operations and release policy that a request mentions."""
    words = fields.words("key_ops", OPERATIONS, WORD_LENGTH)
    policy = fields.inner("release_policy")
    data = policy.octets("data", POLICY_OCTETS)
    return replace(
        wire.read_wanted(fields),
        content_type=None,
        operations=None if words is None else tuple(words),
        exportable=fields.inner("attributes").flag("exportable"),
        release_policy=None if data is None else _text(data),
        release_policy_immutable=policy.flag("immutable"),
    )


def read_imported(fields: Fields, able: tuple[Operation, ...]) -> Wanted:
    """Return the same of an import, whose operations (``able``) its JSON Web Key says."""
    return replace(read_wanted(fields), operations=tuple(map(str, able)))


def read_use(fields: Fields, operation: Operation) -> Use:
    """Return what to do with a key. A signature is verified against ``digest``; all else is about ``value``."""
    verifies = operation is Operation.VERIFY
    return Use(
        fields.required_text("alg", WORD_LENGTH),
        Given(
            value=fields.required_octets("digest" if verifies else "value", VALUE_OCTETS),
            iv=fields.octets("iv", VALUE_OCTETS) or b"",
            tag=fields.octets("tag", VALUE_OCTETS) or b"",
            aad=fields.octets("aad", VALUE_OCTETS) or b"",
            signature=fields.required_octets("value", VALUE_OCTETS) if verifies else b"",
        ),
    )


def read_release(fields: Fields) -> ReleaseAsked:
    """Return what a release is asked with; whether it is granted is decided by the use case."""
    attestation = fields.required_text("target", ATTESTATION_LENGTH)
    enc = fields.text("enc", WORD_LENGTH) or next(iter(release.DIGESTS))
    return ReleaseAsked(attestation, enc, fields.text("nonce", NONCE_LENGTH) or "")


def read_policy(fields: Fields) -> RotationPolicy:
    """Return a rotation policy; ``InvalidInput`` for two actions of a kind. Its rules are checked by the use case."""
    found: dict[str, Trigger] = {}
    for each in fields.items("lifetimeActions", ACTIONS):
        word, trigger = each.inner("action").required_text("type", WORD_LENGTH).lower(), each.inner("trigger")
        if word not in ("rotate", "notify") or word in found:
            raise InvalidInput("lifetimeActions: at most one action of the type Rotate and one of the type Notify")
        after, before = (trigger.text(name, WORD_LENGTH) or "" for name in ("timeAfterCreate", "timeBeforeExpiry"))
        found[word] = Trigger(after, before)
    expiry = fields.inner("attributes").text("expiryTime", WORD_LENGTH) or ""
    return RotationPolicy(found.get("rotate"), found.get("notify"), expiry)


def read_count(fields: Fields) -> int:
    """Return how many random octets are asked for."""
    count = fields.number("count", 1, RANDOM_OCTETS)
    if count is None:
        raise InvalidInput("Property count is required")
    return count


def item(vault: VaultHead, place: Place, head: ObjectHead, of: Attributes, version: str = "") -> dict[str, Any]:
    """Return a KeyItem, as lists have it."""
    found = {"kid": place.of("keys", head.name, version)} | _described(vault, of)
    return found | ({"managed": True} if head.certificate else {})


def bundle(
    vault: VaultHead, place: Place, head: ObjectHead, of: Attributes, version: str, jwk: dict[str, str]
) -> dict[str, Any]:
    """Return a KeyBundle. ``jwk``: the public part."""
    key = {"kid": place.of("keys", head.name, version), "kty": jwk["kty"], "key_ops": list(of.operations)} | jwk
    found = {"key": key} | _described(vault, of) | ({"managed": True} if head.certificate else {})
    if of.release_policy:
        found["release_policy"] = {
            "contentType": POLICY_TYPE,
            "data": base64url.encode(of.release_policy.encode()),
            "immutable": of.release_policy_immutable,
        }
    return found


def result(kid: str, operation: Operation, made: Made, given: Given) -> dict[str, Any]:
    """Return what an operation yields."""
    if operation is Operation.VERIFY:
        return {"value": made.valid}
    found = {"kid": kid, "value": base64url.encode(made.value)}
    more = {"iv": made.iv, "tag": made.tag, "aad": given.aad if made.tag else b""}
    return found | {name: base64url.encode(octets) for name, octets in more.items() if octets}


def policy(place: Place, head: ObjectHead, of: RotationPolicy) -> dict[str, Any]:
    """Return a rotation policy, with Rotate first, as Azure has it; the one that was never set has no id."""
    actions = [("Rotate", of.rotate), ("Notify", of.notify)]
    listed = {"lifetimeActions": [_action(word, trigger) for word, trigger in actions if trigger]}
    if of == DEFAULT:
        return listed | {"attributes": None}
    expiry = {"expiryTime": of.expiry} if of.expiry else {}
    times = {"created": of.created, "updated": of.updated}
    return {"id": place.of("keys", head.name, "rotationpolicy")} | listed | {"attributes": expiry | times}


def _described(vault: VaultHead, of: Attributes) -> dict[str, Any]:
    found: dict[str, Any] = {"attributes": wire.attributes(vault, of) | {"exportable": of.exportable}}
    return found | ({"tags": of.tags} if of.tags else {})


def _action(word: str, trigger: Trigger) -> dict[str, Any]:
    when = {"timeAfterCreate": trigger.after_create, "timeBeforeExpiry": trigger.before_expiry}
    return {"trigger": {name: text for name, text in when.items() if text}, "action": {"type": word}}


def _text(octets: bytes) -> str:
    try:
        return octets.decode()
    except UnicodeDecodeError:
        raise InvalidInput("Property release_policy.data has invalid value: it must be JSON in UTF-8") from None
