"""The exact bytes of everything that is stored, pinned in ``stored_formats.json``.

These are persistent formats. A test that fails here means that data which installations have stored becomes
unreadable, or that this release writes what an earlier one cannot read. DO NOT UPDATE A VECTOR: take the change back,
or add a version of the format beside the old one, with vectors of its own. Adding vectors is always right.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from strongroom.crypto.envelope import Binding, Dek, seal_with_salt, unseal
from strongroom.crypto.fingerprints import content_digest, fingerprint
from strongroom.domain.access import Policy, Subject, SubjectKind
from strongroom.domain.acmesettings import AcmeAccount, AcmeSettings, Rfc2136, TsigAlgorithm, Webhook
from strongroom.domain.casettings import CaSettings
from strongroom.domain.certificatematerial import CertificateMaterial
from strongroom.domain.certificates import (
    Action,
    AlternativeNames,
    CertificatePolicy,
    CertificateState,
    LifetimeAction,
    Pending,
    Progress,
    Usage,
)
from strongroom.domain.codec import decode, encode
from strongroom.domain.content import Content, Layout
from strongroom.domain.issuers import Contacts, Issuer, Person
from strongroom.domain.keymaterial import KeyMaterial
from strongroom.domain.keys import WrappedKey
from strongroom.domain.keytypes import Curve, KeySpec, KeyType
from strongroom.domain.names import VaultRef, object_head_name, object_id, record_name, vault_head_name
from strongroom.domain.objects import Attributes, Claim, Face, Kind, ObjectHead, Standing, Version
from strongroom.domain.vaults import Limits, State, VaultHead, WrappedDek
from strongroom.store.backend import Blob
from strongroom.store.keyring import Ring
from strongroom.store.sealing import (
    RecordFacts,
    VaultPublic,
    object_blob,
    open_facts,
    open_object,
    open_record,
    open_vault,
    record_blob,
    vault_blob,
    vault_public,
)

PINNED: dict[str, dict[str, str]] = json.loads((Path(__file__).parent / "stored_formats.json").read_text())

VAULT_ID, VERSION, EARLIER = "0f" * 16, "a1" * 16, "b2" * 16
DEK = Dek("d0" * 16, bytes(range(32)))
SALT = bytes(range(100, 132))
FULL_BINDING = Binding(VAULT_ID, "payload", "owner", VERSION, 2**40, bytes(range(32)))

WRAPPED_KEY = WrappedKey("9" * 32 + ".1", "aes", "kek", VAULT_ID, 3, bytes(range(40)), bytes(range(32)))
WRAPPED_DEK = WrappedDek(DEK.id, 3, bytes(range(200, 250)))
REF = VaultRef("team-a", "demo")
FULL_FACE = Face(VERSION, 2, 1_700_000_100, 86_400, 1_700_086_500, 'a "trigger" \u00e9', 3)

CODEC_VECTORS: dict[str, Any] = {
    "vault head, minimal": VaultHead(REF, VAULT_ID, "ns-uid", "team-a", (), (), 1_700_000_000),
    "vault head, full": VaultHead(
        REF,
        VAULT_ID,
        "ns-uid",
        "tenant",
        (WRAPPED_KEY,),
        (WRAPPED_DEK,),
        1_700_000_000,
        generation=2**40,
        tier="Premium",
        retention_days=7,
        purge_protection=True,
        limits=Limits(1, 2, 3),
        state=State.DELETED,
        claim_uid="claim-uid",
        deleted_at=1_700_000_001,
        purge_at=1_700_604_801,
    ),
    "vault head, purging": VaultHead(REF, VAULT_ID, "", "", (), (), 0, state=State.PURGING, limits=Limits(objects=5)),
    "vault public, minimal": VaultPublic(VAULT_ID, (), ()),
    "vault public, full": VaultPublic(VAULT_ID, (WRAPPED_KEY, WRAPPED_KEY), (WRAPPED_DEK,)),
    "object head, minimal": ObjectHead(VAULT_ID, "Db-Password", 1_700_000_000),
    "object head, full": ObjectHead(
        VAULT_ID,
        "Db-Password",
        1_700_000_000,
        generation=9,
        state=State.DELETED,
        claim=Claim("uid", "team-a", "db", ("generate", "rotation")),
        faces={Kind.SECRET: FULL_FACE, Kind.KEY: Face(EARLIER, 1, 5), Kind.CERTIFICATE: Face(EARLIER, 1, 5, due=0)},
        deleted_at=1_700_000_001,
        purge_at=1_700_604_801,
    ),
    "attributes, minimal": Attributes(1_700_000_000, 1_700_000_000),
    "attributes, full": Attributes(
        1_700_000_000, 1_700_000_050, 4, False, 0, 1_800_000_000, "text/plain", {"b": "2", "a": "\u00fc\x00\U0001f511"}
    ),
    "record facts, minimal": RecordFacts("x", Kind.SECRET, "", 0, Attributes(1, 1)),
    "record facts, full": RecordFacts(
        "Db-Password", Kind.CERTIFICATE, EARLIER, 8, Attributes(1, 2, enabled=False, tags={"k": ""})
    ),
    # What came with fields, pins, pruning, notices, policies and shards.
    "vault head, policies and shard": VaultHead(
        REF,
        VAULT_ID,
        "ns-uid",
        "team-a",
        (),
        (),
        1_700_000_000,
        policies=(
            Policy(Subject(SubjectKind.NAMESPACE, "team-b"), secrets=("get", "set")),
            Policy(Subject(SubjectKind.SERVICE_ACCOUNT, "app", "ns"), ("get",), ("sign",), ("list",), ("get",)),
            Policy(Subject(SubjectKind.USER, "\u00e9")),
            Policy(Subject(SubjectKind.GROUP, "g")),
        ),
        shard="east",
    ),
    "object head, a key with a life of its own": ObjectHead(
        VAULT_ID,
        "Db-Password",
        1_700_000_000,
        generation=9,
        claim=Claim("uid", "team-a", "db", ("generate",)),
        faces={Kind.SECRET: FULL_FACE, Kind.KEY: Face(EARLIER, 1, 5)},
        origin="team-a",
        key=Standing(
            1_700_000_500, State.DELETED, Claim("key-uid", "team-b", "key"), 1_700_000_600, 1_700_700_000, "team-b"
        ),
    ),
    "attributes, of a key": Attributes(
        1_700_000_000,
        1_700_000_050,
        operations=("sign", "verify"),
        exportable=True,
        release_policy='{"version":"1.0.0"}',
        release_policy_immutable=True,
    ),
    "key material, software": KeyMaterial(KeySpec(KeyType.EC, curve=Curve.P256), bytes(range(90)), bytes(range(138))),
    "key material, HSM": KeyMaterial(
        KeySpec(KeyType.RSA, 3072, hsm=True),
        bytes(range(100)),
        wrapped=replace(WRAPPED_KEY, key_class="rsa", usage="key"),
    ),
    "object head, with single versions deleted": ObjectHead(
        "0f" * 16,
        "x",
        1_700_000_000,
        faces={
            Kind.SECRET: Face(
                "a1" * 16, 4, 1_700_000_100, withdrawn={EARLIER: 1_800_000_000, "c3" * 16: 0, "d4" * 16: -1}
            )
        },
    ),
    "issuer, of Azure's": Issuer(
        "mine", "DigiCert", "account", "pwd", "org", (Person("a@b.example", "n", "f", "l", "1"),), False, 1, 2
    ),
    "issuer, ACME by RFC 2136": Issuer(
        "mine",
        "ACME",
        acme=AcmeSettings(
            "https://acme.example/dir",
            "PEM",
            ("a@b.example",),
            Rfc2136("ns.example", "key", "c2VjcmV0", 5353, TsigAlgorithm.SHA512, "example"),
            propagation=0,
            chain="Root",
            profile="short",
        ),
    ),
    "issuer, ACME by a webhook": Issuer(
        "mine", "GlobalSign", acme=AcmeSettings(webhook=Webhook("https://hook.example", "token", "PEM"))
    ),
    "ACME account": AcmeAccount("https://acme.example/dir", "PEM", "kid", "https://acme.example/acct/1"),
    "object head, a certificate": ObjectHead(
        VAULT_ID,
        "app",
        1_700_000_000,
        faces={Kind.CERTIFICATE: Face(VERSION, 2, 5, due=7, expires=9), Kind.REQUEST: Face(EARLIER, 1, 6, begun=6)},
        certificate=CertificateState(
            CertificatePolicy(
                KeySpec(KeyType.RSA, 2048),
                "CN=app",
                AlternativeNames(("a@b.example",), ("b.example",), ("u@b.example",), ("urn:c",), ("192.0.2.1",)),
                "Self",
                False,
                True,
                "application/x-pem-file",
                ("1.3.6.1.5.5.7.3.1",),
                tuple(Usage),
                3,
                86_400,
                True,
                (LifetimeAction(Action.RENEW, percentage=80), LifetimeAction(Action.EMAIL, before=86_400)),
                "OV-SSL",
                False,
                ("b.example",),
                1,
                False,
                1,
                2,
            ),
            Pending(
                EARLIER,
                "Self",
                6,
                Progress.FAILED,
                True,
                VERSION,
                "Refused",
                "why",
                3,
                8,
                "https://o.example",
                "d" * 32,
            ),
            "e" * 32,
            "now",
        ),
    ),
    "object head, the least of a certificate": ObjectHead(
        VAULT_ID,
        "app",
        1,
        faces={Kind.REQUEST: Face(EARLIER, 1, 6)},
        certificate=CertificateState(
            CertificatePolicy(KeySpec(KeyType.EC, curve=Curve.P256)), Pending(EARLIER, "Unknown", 6)
        ),
    ),
    "certificate material": CertificateMaterial(
        KeyMaterial(KeySpec(KeyType.EC, curve=Curve.P256), b"public", b"private", bound=EARLIER),
        (b"leaf", b"root"),
        b"request",
        1,
        True,
    ),
    "contacts": Contacts((Person("a@b.example", "n", phone="1"),)),
    "issuer, a CA of the vault": Issuer("ours", "VaultCA", ca=CaSettings("root", ("c",), ("o",), ("i",), 86_400)),
    "object head, pinned and pruned": ObjectHead(
        VAULT_ID,
        "Db-Password",
        1_700_000_000,
        claim=Claim("uid", "team-a", "db", ("generate", "rotation", "expires"), retain=True),
        faces={
            Kind.SECRET: Face(
                VERSION,
                3,
                1_700_000_100,
                pruned={EARLIER: 1_800_000_000, "c3" * 16: 0},
                pin=EARLIER,
                declared="0123456789abcdef",
                begun=1_700_000_100,
                expires=1_900_000_000,
                noticed=f"near {EARLIER} 1900000000",
                restart=VERSION,
                source="source-uid",
            )
        },
        origin="team-a",
    ),
    "record facts, fields": RecordFacts("x", Kind.SECRET, "", 0, Attributes(1, 1), Layout.FIELDS),
}

BINDINGS = {
    "minimal": Binding(VAULT_ID, "object-head", "owner"),
    "full": FULL_BINDING,
    "beyond ASCII": Binding("\u00e9", "", "", "", 1),
}

NAMES = {
    "vault head": vault_head_name(REF),
    "object id": object_id(VAULT_ID, "Db-Password"),
    "object head": object_head_name(object_id(VAULT_ID, "Db-Password")),
    "record": record_name(object_id(VAULT_ID, "Db-Password"), VERSION),
}

DIGEST = content_digest("Opaque", {"value": b"hunter2", "other": b""})
FIELDS = {
    "fields": Content.of_fields({"user": "app", "pass_word": "\u00fc\u2028\n"}),
    "one": Content.of_fields({"a": ""}),
}

FINGERPRINTS = {
    "content": DIGEST.hex(),
    "with facts": fingerprint(DEK, VAULT_ID, "target", "ns", "\u00e9", digest=DIGEST),
    "without facts": fingerprint(DEK, digest=DIGEST),
}

ENVELOPES = {"empty": b"", "short": b"hunter2", "a block": bytes(16), "long": bytes(range(256))}


RING = Ring((DEK,))
HEAD = CODEC_VECTORS["object head, full"]
FACTS = CODEC_VECTORS["record facts, full"]
BLOBS: dict[str, Callable[[], Blob]] = {
    "vault": lambda: vault_blob(CODEC_VECTORS["vault head, full"], RING),
    "object": lambda: object_blob(HEAD, RING),
    "record": lambda: record_blob(
        VAULT_ID,
        RING,
        FACTS.name,
        FACTS.against,
        Version(VERSION, FACTS.kind, b"hunter2", Attributes(1, 2, tags={"k": ""}), FACTS.previous),
    ),
}


@pytest.mark.parametrize("case", CODEC_VECTORS)
def test_codec(case: str) -> None:
    value, octets = CODEC_VECTORS[case], PINNED["codec"][case].encode("ascii")
    assert encode(value) == octets
    assert decode(type(value), octets) == value


@pytest.mark.parametrize("case", FIELDS)
def test_fields(case: str) -> None:
    octets = PINNED["fields"][case].encode("ascii")
    assert FIELDS[case].payload == octets
    assert Content(octets, Layout.FIELDS).fields() == FIELDS[case].fields()


@pytest.mark.parametrize("case", ENVELOPES)
def test_envelope(case: str) -> None:
    octets = bytes.fromhex(PINNED["envelope"][case])
    assert seal_with_salt(DEK, FULL_BINDING, ENVELOPES[case], SALT).hex() == octets.hex()
    assert unseal({DEK.id: DEK}.__getitem__, FULL_BINDING, octets) == ENVELOPES[case]


@pytest.mark.parametrize("case", BINDINGS)
def test_binding(case: str) -> None:
    assert BINDINGS[case].encode(DEK.id).hex() == PINNED["binding"][case]


@pytest.mark.parametrize("case", NAMES)
def test_stored_name(case: str) -> None:
    assert NAMES[case] == PINNED["name"][case]


@pytest.mark.parametrize("case", FINGERPRINTS)
def test_fingerprint(case: str) -> None:
    assert FINGERPRINTS[case] == PINNED["fingerprint"][case]


def _pinned_blob(case: str) -> Blob:
    """Today's blob, with the data that was stored when the format was pinned."""
    return replace(BLOBS[case](), data={part: bytes.fromhex(octets) for part, octets in PINNED[case].items()})


def test_a_stored_vault_head_still_opens() -> None:
    blob = _pinned_blob("vault")
    public = vault_public(blob)
    assert public == VaultPublic(VAULT_ID, (WRAPPED_KEY,), (WRAPPED_DEK,))
    assert open_vault(blob, public, RING) == CODEC_VECTORS["vault head, full"]


def test_a_stored_object_head_still_opens() -> None:
    assert open_object(_pinned_blob("object"), VAULT_ID, RING) == HEAD


def test_a_stored_record_still_opens() -> None:
    blob = _pinned_blob("record")
    version = open_record(blob, VAULT_ID, FACTS.name, VERSION, RING)
    assert version == Version(VERSION, FACTS.kind, b"hunter2", Attributes(1, 2, tags={"k": ""}), FACTS.previous)
    assert open_facts(blob, VAULT_ID, blob.object, VERSION, RING).against == FACTS.against


@pytest.mark.parametrize("case", BLOBS)
def test_the_parts_of_a_stored_blob_have_their_names(case: str) -> None:
    assert set(BLOBS[case]().data) == set(PINNED[case])


def test_every_pinned_vector_is_tested() -> None:
    tested = {
        "codec": CODEC_VECTORS,
        "fields": FIELDS,
        "envelope": ENVELOPES,
        "binding": BINDINGS,
        "name": NAMES,
        "fingerprint": FINGERPRINTS,
        **{case: build().data for case, build in BLOBS.items()},
    }
    assert {part: set(cases) for part, cases in tested.items()} == {
        part: set(cases) for part, cases in PINNED.items() if part != "warning"
    }


def test_the_pinned_envelope_follows_its_documented_layout() -> None:
    """Rebuilt from the published primitives alone, as another implementation would."""
    okm, block, counter = b"", b"", 1
    while len(okm) < 76:  # HKDF-Expand, RFC 5869 section 2.3
        info = b"strongroom/envelope/v1" + SALT + bytes([counter])
        block = hmac.new(DEK.seed, block + info, hashlib.sha256).digest()
        okm, counter = okm + block, counter + 1
    key, nonce, commitment = okm[:32], okm[32:44], okm[44:76]
    sealed = AESGCM(key).encrypt(nonce, b"hunter2", FULL_BINDING.encode(DEK.id))
    expected = b"\x01\x10" + bytes.fromhex(DEK.id) + SALT + commitment + sealed
    assert expected.hex() == PINNED["envelope"]["short"]
