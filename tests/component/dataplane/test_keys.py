"""Keys through the door, as Azure's clients see them: shapes, encodings, life, rotation."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import AsyncIterator
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_public_key

from strongroom.domain.algorithms import ALGORITHMS, Family
from strongroom.domain.keytypes import KeyType, Operation
from tests.helpers.controllers import vault, vault_key
from tests.helpers.door import HOST, Answer, DoorLab, door_lab, policy
from tests.helpers.stores import NOW

DAY = 86_400
TEXT = b"a text of two blocks, 32 octets."


def b64(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def number(value: int) -> str:
    return b64(value.to_bytes((value.bit_length() + 7) // 8, "big"))


@pytest.fixture
async def lab() -> AsyncIterator[DoorLab]:
    async with door_lab(tier="Premium") as made:
        yield made


async def create(lab: DoorLab, name: str = "x", **body: Any) -> dict[str, Any]:
    answer = await lab.ask("POST", f"/keys/{name}/create", {"kty": "EC", **body})
    assert answer.status == 200, answer.body
    found: dict[str, Any] = answer.body
    return found


async def use(lab: DoorLab, word: str, name: str = "x", version: str = "", **body: Any) -> Answer:
    return await lab.ask("POST", f"/keys/{name}/{version}/{word}", body)


KINDS = {
    "RSA": ({"kty": "RSA"}, {"n", "e"}),
    "RSA-HSM": ({"kty": "RSA-HSM", "key_size": 2048}, {"n", "e"}),
    "EC": ({"kty": "EC", "crv": "P-521"}, {"crv", "x", "y"}),
    "EC-HSM": ({"kty": "EC-HSM"}, {"crv", "x", "y"}),
    "oct": ({"kty": "oct", "key_size": 128}, set()),
    "oct-HSM": ({"kty": "oct-HSM", "key_size": 256}, set()),
    "OKP": ({"kty": "OKP"}, {"crv", "x"}),
}


@pytest.mark.parametrize(("body", "members"), KINDS.values(), ids=KINDS)
async def test_a_bundle_shows_the_public_part_and_nothing_else(
    lab: DoorLab, body: dict[str, Any], members: set[str]
) -> None:
    found = await create(lab, **body, tags={"a": "b"}, attributes={"exp": NOW + DAY})
    version = found["key"]["kid"].rpartition("/")[2]

    assert found["key"].keys() == {"kid", "kty", "key_ops"} | members
    assert found["key"]["kid"] == f"https://{HOST}/keys/x/{version}"
    assert found["key"]["kty"] == body["kty"]
    assert found["tags"] == {"a": "b"}
    assert found["attributes"] == {
        "enabled": True, "exp": NOW + DAY, "created": NOW, "updated": NOW, "exportable": False,
        "recoveryLevel": "Recoverable+Purgeable", "recoverableDays": 90,
    }  # fmt: skip
    for path in ("/keys/x", "/keys/x/", f"/keys/x/{version}"):
        assert (await lab.ask("GET", path)).body == found
    listed = (await lab.ask("GET", "/keys")).body["value"]
    assert listed == [{"kid": f"https://{HOST}/keys/x", "attributes": found["attributes"], "tags": {"a": "b"}}]


PEM = "application/x-pem-file"


@pytest.mark.parametrize("body", [body for body, members in KINDS.values() if members], ids=str)
async def test_the_public_part_is_to_be_had_as_pem(lab: DoorLab, body: dict[str, Any]) -> None:
    found = await create(lab, **body)
    newest = await lab.ask("GET", "/keys/x", Accept=f"{PEM}, application/json;q=0.5")
    version = found["key"]["kid"].rpartition("/")[2]
    of_version = await lab.ask("GET", f"/keys/x/{version}", Accept=PEM)
    assert newest.body == of_version.body
    assert newest.headers["Content-Type"] == PEM
    assert newest.headers["ETag"] == f'"{version}"'
    public = load_pem_public_key(newest.body.encode())
    if isinstance(public, rsa.RSAPublicKey):
        assert number(public.public_numbers().n) == found["key"]["n"]
    elif isinstance(public, ec.EllipticCurvePublicKey):
        assert int.from_bytes(unb64(found["key"]["x"])) == public.public_numbers().x
    else:
        assert isinstance(public, ed25519.Ed25519PublicKey)
        assert b64(public.public_bytes_raw()) == found["key"]["x"]


async def test_a_symmetric_key_has_no_pem(lab: DoorLab) -> None:
    await create(lab, kty="oct-HSM")
    refused = await lab.ask("GET", "/keys/x", Accept=PEM)
    assert (refused.status, refused.code) == (400, "BadParameter")
    assert "has no public part" in refused.body["error"]["message"]


@pytest.mark.parametrize("accept", ["", "*/*", "application/json", f"application/json, {PEM}"])
async def test_who_does_not_ask_for_pem_first_gets_json(lab: DoorLab, accept: str) -> None:
    await create(lab)
    assert (await lab.ask("GET", "/keys/x", Accept=accept)).body["key"]["kty"] == "EC"


BY_ALGORITHM = [
    (each.name, operation)
    for each in ALGORITHMS.values()
    for operation in (Operation.ENCRYPT, Operation.WRAP, Operation.SIGN)
    if operation in each.operations
]
BACK = {Operation.ENCRYPT: "decrypt", Operation.WRAP: "unwrapkey"}


@pytest.mark.parametrize("hsm", [False, True], ids=["software", "hsm"])
@pytest.mark.parametrize(("name", "operation"), BY_ALGORITHM)
async def test_every_algorithm_there_and_back(lab: DoorLab, name: str, operation: Operation, hsm: bool) -> None:
    algorithm = ALGORITHMS[name]
    if algorithm.type is KeyType.OKP and hsm:
        pytest.skip("keys of the kty OKP are protected by software")
    body: dict[str, Any] = {"kty": algorithm.type + ("-HSM" if hsm else "")}
    if algorithm.type is KeyType.OCT:
        hmac = {"HS256": 256, "HS384": 384, "HS512": 512}
        body |= {"key_size": algorithm.size or hmac.get(name, 256), "key_ops": [*map(str, algorithm.operations)]}
    if algorithm.curve:
        body["crv"] = algorithm.curve
    kid = (await create(lab, **body))["key"]["kid"]

    if operation is Operation.SIGN:
        value = hashlib.new(algorithm.hash.replace("-", ""), TEXT).digest() if algorithm.hash else TEXT
        signed = (await use(lab, "sign", alg=name, value=b64(value))).body
        assert signed["kid"] == kid
        for digest, valid in ((value, True), (bytes(len(value)), False)):
            answer = await use(lab, "verify", alg=name, digest=b64(digest), value=signed["value"])
            assert (answer.status, answer.body) == (200, {"value": valid})
        return
    aad = {"aad": b64(b"aad")} if algorithm.family is Family.AES_GCM else {}
    made = (await use(lab, operation.lower(), alg=name, value=b64(TEXT), **aad)).body
    assert made["kid"] == kid
    given = {member: made[member] for member in ("value", "iv", "tag", "aad") if member in made}
    answer = await use(lab, BACK[operation], alg=name, **given)
    assert answer.status == 200, answer.body
    assert unb64(answer.body["value"]) == TEXT


OPENERS = {
    "RSA-OAEP-256": ({"kty": "RSA"}, "decrypt"),
    "RSA-OAEP": ({"kty": "RSA-HSM"}, "decrypt"),
    "A256KW": ({"kty": "oct-HSM"}, "unwrapkey"),
    "A256KWPAD": ({"kty": "oct"}, "unwrapkey"),
    "A256CBCPAD": ({"kty": "oct"}, "decrypt"),
}


@pytest.mark.parametrize(("name", "body", "word"), [(name, *row) for name, row in OPENERS.items()], ids=OPENERS)
async def test_what_does_not_open_is_one_error_and_the_text_is_in_no_answer(
    lab: DoorLab, name: str, body: dict[str, Any], word: str
) -> None:
    await create(lab, **body)
    size = 256 if name.startswith("RSA") else 32
    iv = {"iv": b64(bytes(16))} if "CBC" in name else {}
    answers = [await use(lab, word, alg=name, value=b64(b"\0" + os.urandom(size - 1)), **iv) for _ in range(8)]
    refused = [answer for answer in answers if answer.status != 200]
    assert len(refused) >= 6  # padding that is right by chance opens
    assert {(answer.status, answer.code) for answer in refused} == {(400, "BadParameter")}
    assert len({answer.body["error"]["message"] for answer in refused}) == 1


REFUSED = {
    "a digest of another length": ("sign", {"alg": "ES256", "value": b64(bytes(31))}),
    "an algorithm of another curve": ("sign", {"alg": "ES384", "value": b64(bytes(48))}),
    "an unknown algorithm": ("sign", {"alg": "none", "value": b64(bytes(32))}),
    "no algorithm": ("sign", {"value": b64(bytes(32))}),
    "no value": ("sign", {"alg": "ES256"}),
    "standard base64": ("sign", {"alg": "ES256", "value": "+/" * 21 + "A"}),
    "a number": ("sign", {"alg": "ES256", "value": 1}),
    "an operation of another type": ("encrypt", {"alg": "A128GCM", "value": "AA"}),
    "no digest": ("verify", {"alg": "ES256", "value": b64(bytes(64))}),
    "too much": ("sign", {"alg": "ES256", "value": b64(bytes(2**17))}),
}


@pytest.mark.parametrize(("word", "body"), REFUSED.values(), ids=REFUSED)
async def test_bad_uses(lab: DoorLab, word: str, body: dict[str, Any]) -> None:
    await create(lab, crv="P-256", key_ops=["sign", "verify"])
    answer = await use(lab, word, **body)
    expected = (403, "Forbidden/KeyOperationForbidden") if word == "encrypt" else (400, "BadParameter")
    assert (answer.status, answer.code) == expected


NOT_MADE: dict[str, dict[str, Any]] = {
    "no type": {"kty": None},
    "an unknown type": {"kty": "DSA"},
    "an odd size": {"kty": "RSA", "key_size": 1024},
    "an unknown curve": {"kty": "EC", "crv": "P-192"},
    "a size of a curve": {"kty": "EC", "key_size": 256},
    "a curve of RSA": {"kty": "RSA", "crv": "P-256"},
    "an operation that it cannot do": {"kty": "EC", "key_ops": ["encrypt"]},
    "no word": {"kty": "EC", "key_ops": ["dance"]},
    "Ed25519 in a token": {"kty": "OKP-HSM"},
    "an exponent in software": {"kty": "RSA", "public_exponent": 17},
    "an even exponent": {"kty": "RSA-HSM", "public_exponent": 16},
}


@pytest.mark.parametrize("body", NOT_MADE.values(), ids=NOT_MADE)
async def test_what_is_not_made(lab: DoorLab, body: dict[str, Any]) -> None:
    before = dict(lab.world.backend.blobs)
    answer = await lab.ask("POST", "/keys/x/create", body)
    assert (answer.status, answer.code) == (400, "BadParameter")
    assert lab.world.backend.blobs == before


def rsa_jwk(key: rsa.RSAPrivateKey) -> dict[str, str]:
    n = key.private_numbers()
    values = {"n": n.public_numbers.n, "e": n.public_numbers.e, "d": n.d, "p": n.p, "q": n.q}
    values |= {"dp": n.dmp1, "dq": n.dmq1, "qi": n.iqmp}
    return {"kty": "RSA", **{name: number(value) for name, value in values.items()}}


@pytest.mark.parametrize("hsm", [False, True], ids=["software", "hsm"])
async def test_an_imported_key_signs_as_it_did_outside_and_is_never_shown(lab: DoorLab, hsm: bool) -> None:
    key = rsa.generate_private_key(65537, 2048)
    body = {"key": rsa_jwk(key) | {"n": b64(b"\0" + unb64(rsa_jwk(key)["n"]))}, "Hsm": hsm, "tags": {"from": "outside"}}
    answer = await lab.ask("PUT", "/keys/x", body)
    assert answer.status == 200, answer.body
    assert answer.body["key"]["kty"] == ("RSA-HSM" if hsm else "RSA")
    assert answer.body["key"].keys().isdisjoint({"d", "p", "q", "dp", "dq", "qi"})

    digest = hashlib.sha256(TEXT).digest()
    signed = unb64((await use(lab, "sign", alg="RS256", value=b64(digest))).body["value"])
    assert signed == key.sign(TEXT, padding.PKCS1v15(), hashes.SHA256())
    secret = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    assert not any(secret[40:80] in part for blob in lab.world.backend.blobs.values() for part in blob.data.values())


async def test_a_signature_has_the_form_of_a_web_signature(lab: DoorLab) -> None:
    found = (await create(lab, crv="P-384"))["key"]
    digest = hashlib.sha384(TEXT).digest()
    signature = unb64((await use(lab, "sign", alg="ES384", value=b64(digest))).body["value"])
    r, s = (int.from_bytes(half, "big") for half in (signature[:48], signature[48:]))
    x, y = (int.from_bytes(unb64(found[member]), "big") for member in "xy")
    public = ec.EllipticCurvePublicNumbers(x, y, ec.SECP384R1()).public_key()
    public.verify(utils.encode_dss_signature(r, s), TEXT, ec.ECDSA(hashes.SHA384()))


async def test_rotation_makes_a_version_like_the_one_before(lab: DoorLab) -> None:
    first = await create(
        lab, kty="EC-HSM", crv="P-384", key_ops=["sign"], tags={"a": "b"}, attributes={"exp": NOW + DAY}
    )
    digest = b64(hashlib.sha384(TEXT).digest())
    old = (await use(lab, "sign", alg="ES384", value=digest)).body

    second = (await lab.ask("POST", "/keys/x/rotate")).body
    assert second["key"]["kid"] != first["key"]["kid"]
    assert second["key"]["x"] != first["key"]["x"]
    for member in ("kty", "crv", "key_ops"):
        assert second["key"][member] == first["key"][member]
    assert second["tags"] == {"a": "b"}
    assert "exp" not in second["attributes"]
    assert (await use(lab, "sign", alg="ES384", value=digest)).body["kid"] == second["key"]["kid"]
    assert old["kid"] == first["key"]["kid"]
    versions = (await lab.ask("GET", "/keys/x/versions")).body["value"]
    assert {each["kid"] for each in versions} == {first["key"]["kid"], second["key"]["kid"]}


async def test_a_policy_gives_each_new_version_its_end(lab: DoorLab) -> None:
    await create(lab)
    assert (await lab.ask("GET", "/keys/x/rotationpolicy")).body == {
        "lifetimeActions": [{"trigger": {"timeBeforeExpiry": "P30D"}, "action": {"type": "Notify"}}],
        "attributes": None,
    }
    rotate = {"trigger": {"timeAfterCreate": "P60D"}, "action": {"type": "rotate"}}
    wanted = {"lifetimeActions": [rotate], "attributes": {"expiryTime": "P90D"}}
    found = (await lab.ask("PUT", "/keys/x/rotationpolicy", wanted)).body
    assert found["id"] == f"https://{HOST}/keys/x/rotationpolicy"
    assert [each["action"]["type"] for each in found["lifetimeActions"]] == ["Rotate", "Notify"]
    assert found["attributes"]["expiryTime"] == "P90D"
    assert (await lab.ask("GET", "/keys/x/rotationpolicy")).body == found

    rotated = (await lab.ask("POST", "/keys/x/rotate")).body["attributes"]
    assert rotated["exp"] == rotated["created"] + 90 * DAY


BAD_POLICIES: dict[str, dict[str, Any]] = {
    "two of a kind": {"lifetimeActions": [{"trigger": {"timeAfterCreate": "P60D"}, "action": {"type": "Rotate"}}] * 2},
    "another action": {"lifetimeActions": [{"trigger": {"timeAfterCreate": "P60D"}, "action": {"type": "Dance"}}]},
    "no duration": {"attributes": {"expiryTime": "90 days"}},
    "too short": {"attributes": {"expiryTime": "P27D"}},
    "no list": {"lifetimeActions": {}},
}


@pytest.mark.parametrize("body", BAD_POLICIES.values(), ids=BAD_POLICIES)
async def test_bad_policies(lab: DoorLab, body: dict[str, Any]) -> None:
    await create(lab)
    answer = await lab.ask("PUT", "/keys/x/rotationpolicy", body)
    assert (answer.status, answer.code) == (400, "BadParameter")


async def test_what_can_be_changed(lab: DoorLab) -> None:
    version = (await create(lab))["key"]["kid"].rpartition("/")[2]
    body = {"key_ops": ["verify"], "attributes": {"enabled": False, "nbf": 5}, "tags": {"x": ""}}
    found = (await lab.ask("PATCH", f"/keys/x/{version}", body)).body
    assert found["key"]["key_ops"] == ["verify"]
    assert (found["attributes"]["enabled"], found["attributes"]["nbf"], found["tags"]) == (False, 5, {"x": ""})
    assert (await lab.ask("GET", "/keys/x")).body == found
    assert (await lab.ask("PATCH", "/keys/x", {"key_ops": ["encrypt"]})).status == 400
    assert (await lab.ask("PATCH", "/keys/x", {"attributes": {"exportable": True}})).status == 400


@pytest.mark.parametrize("attributes", [{"exp": NOW}, {"nbf": NOW + DAY}], ids=["expired", "not yet valid"])
@pytest.mark.parametrize("hsm", [False, True], ids=["software", "HSM"])
async def test_out_of_its_time_a_key_opens_and_verifies_and_makes_nothing_new(
    lab: DoorLab, hsm: bool, attributes: dict[str, int]
) -> None:
    await create(lab, kty="RSA-HSM" if hsm else "RSA")
    value = b64(hashlib.sha256(TEXT).digest())
    made = {
        word: (await use(lab, word, alg=algorithm, value=value)).body["value"]
        for word, algorithm in (("encrypt", "RSA-OAEP"), ("wrapkey", "RSA-OAEP"), ("sign", "PS256"))
    }
    assert (await lab.ask("PATCH", "/keys/x", {"attributes": attributes})).status == 200
    for word, algorithm in (("encrypt", "RSA-OAEP"), ("wrapkey", "RSA-OAEP"), ("sign", "PS256")):
        assert (await use(lab, word, alg=algorithm, value=value)).status == 403, word
    for word, text in (("decrypt", made["encrypt"]), ("unwrapkey", made["wrapkey"])):
        assert (await use(lab, word, alg="RSA-OAEP", value=text)).body["value"] == value, word
    verified = await use(lab, "verify", alg="PS256", digest=value, value=made["sign"])
    assert verified.body["value"] is True


async def test_a_key_and_a_secret_of_one_name_live_apart(lab: DoorLab) -> None:
    await create(lab)
    assert (await lab.ask("PUT", "/secrets/x", {"value": "hunter2"})).status == 200
    assert (await lab.ask("DELETE", "/keys/x")).status == 200
    assert (await lab.ask("GET", "/secrets/x")).body["value"] == "hunter2"
    assert [each["kid"] for each in (await lab.ask("GET", "/deletedkeys")).body["value"]] == [f"https://{HOST}/keys/x"]
    assert (await lab.ask("GET", "/deletedsecrets")).body["value"] == []
    assert (await lab.ask("DELETE", "/deletedkeys/x")).status == 204
    assert (await lab.ask("GET", "/secrets/x")).body["value"] == "hunter2"
    await create(lab)
    assert (await lab.ask("DELETE", "/secrets/x")).status == 200
    assert (await lab.ask("GET", "/keys/x")).status == 200


@pytest.mark.parametrize("kty", ["EC", "EC-HSM"])
async def test_a_deleted_key_comes_back_and_a_purged_one_from_its_backup(lab: DoorLab, kty: str) -> None:
    first = await create(lab, kty=kty)
    second = (await lab.ask("POST", "/keys/x/rotate")).body
    digest = b64(hashlib.sha256(TEXT).digest())
    version = first["key"]["kid"].rpartition("/")[2]
    signed = (await use(lab, "sign", version=version, alg="ES256", value=digest)).body["value"]
    wanted = {"attributes": {"expiryTime": "P90D"}}
    policy = (await lab.ask("PUT", "/keys/x/rotationpolicy", wanted)).body

    deleted = (await lab.ask("DELETE", "/keys/x")).body
    assert deleted["recoveryId"] == f"https://{HOST}/deletedkeys/x"
    assert deleted["scheduledPurgeDate"] - deleted["deletedDate"] == 90 * DAY
    assert deleted["key"] == second["key"]
    assert (await lab.ask("POST", "/deletedkeys/x/recover")).body["key"] == second["key"]

    backup = (await lab.ask("POST", "/keys/x/backup")).body
    assert (await lab.ask("POST", "/keys/restore", backup)).code == "Conflict/ObjectAlreadyExists"
    await lab.ask("DELETE", "/keys/x")
    await lab.ask("DELETE", "/deletedkeys/x")
    restored = await lab.ask("POST", "/keys/restore", backup)
    assert (restored.status, restored.body["key"]) == (200, second["key"])
    answer = await use(lab, "verify", version=version, alg="ES256", digest=digest, value=signed)
    assert answer.body == {"value": True}
    assert (await use(lab, "sign", version=version, alg="ES256", value=digest)).status == 200
    assert (await lab.ask("GET", "/keys/x/rotationpolicy")).body == policy


async def test_a_backup_of_a_secret_is_none_of_a_key(lab: DoorLab) -> None:
    await lab.ask("PUT", "/secrets/x", {"value": "hunter2"})
    backup = (await lab.ask("POST", "/secrets/x/backup")).body
    answer = await lab.ask("POST", "/keys/restore", backup)
    assert (answer.status, answer.code) == (400, "Malformed backup blob")


@pytest.mark.parametrize(("count", "status"), [(1, 200), (128, 200), (0, 400), (129, 400), (None, 400), ("8", 400)])
async def test_random_octets(lab: DoorLab, count: Any, status: int) -> None:
    answer = await lab.ask("POST", "/rng", {"count": count})
    assert answer.status == status
    if status == 200:
        assert len(unb64(answer.body["value"])) == count


async def test_a_token_that_is_away_stops_hsm_keys_and_no_others(lab: DoorLab) -> None:
    await create(lab, "soft")
    await create(lab, "hard", kty="EC-HSM")
    digest = b64(hashlib.sha256(TEXT).digest())
    lab.world.keys.down = True
    answer = await use(lab, "sign", "hard", alg="ES256", value=digest)
    assert (answer.status, answer.code) == (503, "ServiceUnavailable/HsmUnavailable")
    assert (await use(lab, "sign", "soft", alg="ES256", value=digest)).status == 200


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("DELETE", "/keys/x", 404), ("GET", "/keys/x", 404), ("PUT", "/keys/x/rotationpolicy", 404)],
)
async def test_what_is_refused_is_journalled_as_of_a_key(lab: DoorLab, method: str, path: str, status: int) -> None:
    body = {"attributes": {"expiryTime": "P90D"}} if method == "PUT" else None
    assert (await lab.ask(method, path, body)).status == status
    assert {event.object_id for event in lab.records.events} == {f"https://{HOST}/keys/x"}


@pytest.mark.parametrize(("kty", "status"), [("EC-HSM", 403), ("EC", 200)])
async def test_a_backup_brings_no_hsm_keys_into_a_standard_vault(lab: DoorLab, kty: str, status: int) -> None:
    await create(lab, kty=kty)
    await lab.ask("POST", "/keys/x/rotate")
    await create(lab, kty="EC")  # the newest version tells nothing of the others
    backup = (await lab.ask("POST", "/keys/x/backup")).body
    await lab.ask("DELETE", "/keys/x")
    await lab.ask("DELETE", "/deletedkeys/x")
    lab.world.apply(vault(accessPolicies=[policy()], tier="Standard"))
    await lab.world.process().reconcile(vault_key())
    lab.replica.hear()

    answer = await lab.ask("POST", "/keys/restore", backup)
    assert answer.status == status
    if status == 403:
        assert answer.code == "Forbidden/TierNotPremium"
        assert (await lab.ask("GET", "/keys/x")).status == 404
