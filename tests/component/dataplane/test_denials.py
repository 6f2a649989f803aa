"""Every operation against every way in which a caller may not: status, code, a record, and no other effect."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from strongroom.dataplane import certpaths, keypaths, operations, paths, secretpaths
from strongroom.domain.audit import Phase
from tests.helpers.certificates import pem_file
from tests.helpers.controllers import NAMESPACE, vault
from tests.helpers.door import DoorLab, door_lab, policy
from tests.helpers.identity import CLUSTER_ISSUER, Signer, encode
from tests.helpers.stores import NOW

VALUE = {"value": "hunter2"}
EC = {"kty": "EC", "crv": "P-256"}
AES = {"kty": "oct", "k": "AAECAwQFBgcICQoLDA0ODw"}  # RFC 3394, section 4.1
WRAPPED = "uJiR837Xm6NDOZ7QzLnsEURnKVo21cnZ"  # the wrapping of 16 zero octets under it
OWN = {"issuer": {"name": "Self"}, "x509_props": {"subject": "CN=a.example"}, "key_props": {"kty": "EC"}}
OUTSIDE = OWN | {"issuer": {"name": "Unknown"}}
ISSUER = {"provider": "Test"}
REQUESTS: dict[operations.Operation, tuple[str, str, Any]] = {
    secretpaths.SET: ("PUT", "/secrets/live", VALUE),
    secretpaths.GET: ("GET", "/secrets/live", None),
    secretpaths.UPDATE: ("PATCH", "/secrets/live", {"tags": {"a": "b"}}),
    secretpaths.DELETE: ("DELETE", "/secrets/live", None),
    secretpaths.LIST: ("GET", "/secrets", None),
    secretpaths.LIST_VERSIONS: ("GET", "/secrets/live/versions", None),
    secretpaths.LIST_DELETED: ("GET", "/deletedsecrets", None),
    secretpaths.GET_DELETED: ("GET", "/deletedsecrets/gone", None),
    secretpaths.RECOVER: ("POST", "/deletedsecrets/gone/recover", None),
    secretpaths.PURGE: ("DELETE", "/deletedsecrets/gone", None),
    secretpaths.BACKUP: ("POST", "/secrets/live/backup", None),
    secretpaths.RESTORE: ("POST", "/secrets/restore", {"value": "AAAA"}),
    keypaths.CREATE: ("POST", "/keys/live/create", EC),
    keypaths.IMPORT: ("PUT", "/keys/live", {"key": {"kty": "oct", "k": "A" * 43}}),
    keypaths.ROTATE: ("POST", "/keys/live/rotate", None),
    keypaths.GET: ("GET", "/keys/live", None),
    keypaths.UPDATE: ("PATCH", "/keys/live", {"tags": {"a": "b"}}),
    keypaths.DELETE: ("DELETE", "/keys/live", None),
    keypaths.LIST: ("GET", "/keys", None),
    keypaths.LIST_VERSIONS: ("GET", "/keys/live/versions", None),
    keypaths.LIST_DELETED: ("GET", "/deletedkeys", None),
    keypaths.GET_DELETED: ("GET", "/deletedkeys/gone", None),
    keypaths.RECOVER: ("POST", "/deletedkeys/gone/recover", None),
    keypaths.PURGE: ("DELETE", "/deletedkeys/gone", None),
    keypaths.BACKUP: ("POST", "/keys/live/backup", None),
    keypaths.RESTORE: ("POST", "/keys/restore", {"value": "AAAA"}),
    keypaths.ENCRYPT: ("POST", "/keys/aes/encrypt", {"alg": "A128CBC", "value": "A" * 22}),
    keypaths.DECRYPT: ("POST", "/keys/aes/decrypt", {"alg": "A128CBC", "value": "A" * 22, "iv": "A" * 22}),
    keypaths.WRAP: ("POST", "/keys/aes/wrapkey", {"alg": "A128KW", "value": "A" * 22}),
    keypaths.UNWRAP: ("POST", "/keys/aes/unwrapkey", {"alg": "A128KW", "value": WRAPPED}),
    keypaths.SIGN: ("POST", "/keys/live/sign", {"alg": "ES256", "value": "A" * 43}),
    keypaths.VERIFY: ("POST", "/keys/live/verify", {"alg": "ES256", "digest": "A" * 43, "value": "A" * 86}),
    keypaths.RELEASE: ("POST", "/keys/live/release", {"target": "hunter2"}),
    keypaths.GET_POLICY: ("GET", "/keys/live/rotationpolicy", None),
    keypaths.SET_POLICY: ("PUT", "/keys/live/rotationpolicy", {"attributes": {"expiryTime": "P90D"}}),
    keypaths.RANDOM: ("POST", "/rng", {"count": 8}),
    certpaths.CREATE: ("POST", "/certificates/cert/create", {"policy": OWN}),
    certpaths.IMPORT: ("POST", "/certificates/cert/import", {"value": pem_file(NOW)}),
    certpaths.GET: ("GET", "/certificates/cert", None),
    certpaths.UPDATE: ("PATCH", "/certificates/cert", {"tags": {"a": "b"}}),
    certpaths.DELETE: ("DELETE", "/certificates/cert", None),
    certpaths.LIST: ("GET", "/certificates", None),
    certpaths.LIST_VERSIONS: ("GET", "/certificates/cert/versions", None),
    certpaths.LIST_DELETED: ("GET", "/deletedcertificates", None),
    certpaths.GET_DELETED: ("GET", "/deletedcertificates/certgone", None),
    certpaths.RECOVER: ("POST", "/deletedcertificates/certgone/recover", None),
    certpaths.PURGE: ("DELETE", "/deletedcertificates/certgone", None),
    certpaths.BACKUP: ("POST", "/certificates/cert/backup", None),
    certpaths.RESTORE: ("POST", "/certificates/restore", {"value": "AAAA"}),
    certpaths.GET_POLICY: ("GET", "/certificates/cert/policy", None),
    certpaths.UPDATE_POLICY: ("PATCH", "/certificates/cert/policy", {"x509_props": {"validity_months": 3}}),
    certpaths.GET_PENDING: ("GET", "/certificates/waiting/pending", None),
    certpaths.UPDATE_PENDING: ("PATCH", "/certificates/waiting/pending", {"cancellation_requested": True}),
    certpaths.DELETE_PENDING: ("DELETE", "/certificates/waiting/pending", None),
    certpaths.MERGE: ("POST", "/certificates/waiting/pending/merge", {"x5c": ["hunter2"]}),
    certpaths.GET_CONTACTS: ("GET", "/certificates/contacts", None),
    certpaths.SET_CONTACTS: ("PUT", "/certificates/contacts", {"contacts": [{"email": "a@kv.example"}]}),
    certpaths.DELETE_CONTACTS: ("DELETE", "/certificates/contacts", None),
    certpaths.LIST_ISSUERS: ("GET", "/certificates/issuers", None),
    certpaths.GET_ISSUER: ("GET", "/certificates/issuers/live", None),
    certpaths.SET_ISSUER: ("PUT", "/certificates/issuers/live", ISSUER | {"credentials": {"pwd": "hunter2"}}),
    certpaths.UPDATE_ISSUER: ("PATCH", "/certificates/issuers/live", {"attributes": {"enabled": False}}),
    certpaths.DELETE_ISSUER: ("DELETE", "/certificates/issuers/live", None),
}
STATUSES = {secretpaths.PURGE: 204, keypaths.PURGE: 204, certpaths.PURGE: 204, certpaths.CREATE: 202}


def test_the_table_has_every_operation() -> None:
    assert set(REQUESTS) == set(paths.OPERATIONS)


async def prepared(lab: DoorLab) -> DoorLab:
    """One secret, key and certificate that live, and one of each that was deleted; an issuer and contacts."""
    for name in ("live", "gone"):
        assert (await lab.ask("PUT", f"/secrets/{name}", VALUE)).status == 200
        assert (await lab.ask("POST", f"/keys/{name}/create", EC)).status == 200
    assert (await lab.ask("PUT", "/keys/aes", {"key": AES})).status == 200
    for collection in ("secrets", "keys"):
        assert (await lab.ask("DELETE", f"/{collection}/gone")).status == 200
    await prepare_certificates(lab)
    lab.records.events.clear()
    return lab


async def prepare_certificates(lab: DoorLab) -> None:
    """Of names of their own: that of a secret or a key is no certificate's."""
    for name in ("cert", "certgone"):
        assert (await lab.ask("POST", f"/certificates/{name}/import", {"value": pem_file(lab.world.now)})).status == 200
    assert (await lab.ask("DELETE", "/certificates/certgone")).status == 200
    assert (await lab.ask("POST", "/certificates/waiting/create", {"policy": OUTSIDE})).status == 202
    for operation in (certpaths.SET_ISSUER, certpaths.SET_CONTACTS):
        assert (await lab.ask(*REQUESTS[operation])).status == 200


@pytest.fixture
async def lab() -> AsyncIterator[DoorLab]:
    async with door_lab() as made:
        yield await prepared(made)


def _claims(lab: DoorLab, **changes: Any) -> dict[str, Any]:
    uid = lab.kube.accounts[(NAMESPACE, "app")]
    facts = {"namespace": NAMESPACE, "serviceaccount": {"name": "app", "uid": uid}}
    claims = {"iss": CLUSTER_ISSUER, "aud": ["https://kv.example"], "iat": NOW, "exp": NOW + 3600}
    return {**claims, "sub": f"system:serviceaccount:{NAMESPACE}:app", "kubernetes.io": facts, **changes}


def _none(lab: DoorLab) -> str:
    return f"{encode({'alg': 'none', 'kid': 'cluster'})}.{encode(_claims(lab))}."


UNAUTHENTICATED = {
    "no token": lambda lab: "",
    "not a token": lambda lab: "hunter2",
    "expired": lambda lab: lab.token(seconds=-1),
    "of another audience": lambda lab: lab.token(audience="https://vault.azure.net"),
    "of another issuer": lambda lab: Signer("cluster").sign(_claims(lab, iss="https://issuer.example")),
    "of another issuer, with the name of a ServiceAccount": lambda lab: Signer("x").sign(
        {"iss": "https://issuer.example", "aud": "https://kv.example", "exp": NOW + 60, "sub": _claims(lab)["sub"]}
    ),
    "system: claimed": lambda lab: Signer("x").sign(_claims(lab, sub="system:admin")),
    "a forged signature": lambda lab: Signer("cluster").sign(_claims(lab)),
    "alg none": _none,
}


@pytest.mark.parametrize("operation", REQUESTS, ids=lambda each: each.name)
@pytest.mark.parametrize("token", UNAUTHENTICATED.values(), ids=UNAUTHENTICATED)
async def test_nobody_gets_in_without_a_good_token(lab: DoorLab, operation: operations.Operation, token: Any) -> None:
    before = dict(lab.world.backend.blobs)
    answer = await lab.ask(*REQUESTS[operation], token=token(lab))
    assert (answer.status, answer.code) == (401, "Unauthorized")
    assert answer.headers["WWW-Authenticate"] == (
        'Bearer authorization="https://sts.kv.example/adfs", resource="https://kv.example"'
    )
    assert lab.world.backend.blobs == before
    (record,) = lab.records.events
    assert (record.operation, record.status, record.identity.name) == ("Authentication", 401, "")


@pytest.mark.parametrize("operation", REQUESTS, ids=lambda each: each.name)
async def test_nothing_is_allowed_that_no_policy_grants(operation: operations.Operation) -> None:
    """Everything but this one permission is granted."""
    mine = {each.permission for each in REQUESTS if each.area is operation.area}
    async with door_lab() as lab:
        await prepared(lab)
        areas = {"secrets": ["all"], "keys": ["all"], "certificates": ["all"]}
        areas[operation.area] = sorted(mine - {operation.permission})
        lab.world.apply(vault(accessPolicies=[policy(**areas)]))
        lab.time.passes(1)
        before = dict(lab.world.backend.blobs)
        answer = await lab.ask(*REQUESTS[operation])
        assert (answer.status, answer.code) == (403, "Forbidden/ForbiddenByPolicy")
        assert f"does not have {operation.area} {operation.permission} permission" in answer.body["error"]["message"]
        assert lab.world.backend.blobs == before
        (record,) = lab.records.events
        assert (record.operation, record.status, record.policy_match) == (operation.name, 403, False)
        assert record.identity.name == f"system:serviceaccount:{NAMESPACE}:app"


@pytest.mark.parametrize("operation", REQUESTS, ids=lambda each: each.name)
async def test_nobody_gets_in_from_elsewhere(operation: operations.Operation) -> None:
    async with door_lab() as lab:
        await prepared(lab)
        rules = {"defaultAction": "Deny", "ipRules": ["192.0.2.0/24"]}
        lab.world.apply(vault(accessPolicies=[policy()], networkRules=rules))
        lab.time.passes(1)
        before = dict(lab.world.backend.blobs)
        answer = await lab.ask(*REQUESTS[operation])
        assert (answer.status, answer.code) == (403, "Forbidden/ForbiddenByFirewall")
        assert lab.world.backend.blobs == before
        (record,) = lab.records.events
        assert (record.operation, record.status, record.address_authorized) == (operation.name, 403, False)


@pytest.mark.parametrize("operation", REQUESTS, ids=lambda each: each.name)
async def test_whoever_may_does(lab: DoorLab, operation: operations.Operation) -> None:
    """The control: the same requests with everything in place."""
    answer = await lab.ask(*REQUESTS[operation])
    if operation in (secretpaths.RESTORE, keypaths.RESTORE, certpaths.RESTORE):
        assert (answer.status, answer.code) == (400, "Malformed backup blob")
    elif operation is keypaths.RELEASE:
        assert (answer.status, answer.code) == (403, "Forbidden/KeyNotReleasable")
    elif operation is certpaths.MERGE:
        assert (answer.status, answer.code) == (400, "BadParameter")
    else:
        assert answer.status == STATUSES.get(operation, 200)
    phases = [Phase.INTENT, Phase.RESULT] if operation.mutation else [Phase.SINGLE]
    assert [event.phase for event in lab.records.events] == phases
    assert {event.operation for event in lab.records.events} == {operation.name}


@pytest.mark.parametrize("operation", REQUESTS, ids=lambda each: each.name)
async def test_what_cannot_be_journalled_does_not_happen(lab: DoorLab, operation: operations.Operation) -> None:
    lab.records.full = True
    before = dict(lab.world.backend.blobs)
    answer = await lab.ask(*REQUESTS[operation])
    assert (answer.status, answer.code) == (503, "ServiceUnavailable")
    assert "hunter2" not in str(answer.body)
    assert lab.world.backend.blobs == before


DISABLED = {"attributes": {"enabled": False}}
SIGN, VERIFY = REQUESTS[keypaths.SIGN][2], REQUESTS[keypaths.VERIFY][2]
STATES: dict[str, tuple[str, str, Any, int, str]] = {
    "a disabled secret is not read": ("GET", "/secrets/off", None, 403, "Forbidden/SecretDisabled"),
    "a deleted secret is not read": ("GET", "/secrets/gone", None, 404, "SecretNotFound"),
    "nor changed": ("PATCH", "/secrets/gone", {"tags": {}}, 404, "SecretNotFound"),
    "nor deleted again": ("DELETE", "/secrets/gone", None, 404, "SecretNotFound"),
    "nor set": ("PUT", "/secrets/gone", VALUE, 409, "Conflict/ObjectIsDeletedButRecoverable"),
    "nor backed up": ("POST", "/secrets/gone/backup", None, 404, "SecretNotFound"),
    "what lives is not among the deleted": ("GET", "/deletedsecrets/live", None, 404, "SecretNotFound"),
    "nor recovered": ("POST", "/deletedsecrets/live/recover", None, 404, "SecretNotFound"),
    "nor purged": ("DELETE", "/deletedsecrets/live", None, 404, "SecretNotFound"),
    "a disabled key does not sign": ("POST", "/keys/off/sign", SIGN, 403, "Forbidden/KeyDisabled"),
    "a deleted key is not read": ("GET", "/keys/gone", None, 404, "KeyNotFound"),
    "nor used": ("POST", "/keys/gone/sign", SIGN, 404, "KeyNotFound"),
    "nor made": ("POST", "/keys/gone/create", EC, 409, "Conflict/ObjectIsDeletedButRecoverable"),
    "nor rotated": ("POST", "/keys/gone/rotate", None, 404, "KeyNotFound"),
    "nor given a policy": ("PUT", "/keys/gone/rotationpolicy", {}, 404, "KeyNotFound"),
    "a live key is not among the deleted": ("GET", "/deletedkeys/live", None, 404, "KeyNotFound"),
    "what is not in key_ops is not done": ("POST", "/keys/odd/sign", SIGN, 403, "Forbidden/KeyOperationForbidden"),
    "an expired key does not sign": ("POST", "/keys/old/sign", SIGN, 403, "Forbidden/KeyExpired"),
    "nor one of the future": ("POST", "/keys/new/sign", SIGN, 403, "Forbidden/KeyNotYetValid"),
    "an expired key verifies": ("POST", "/keys/old/verify", VERIFY, 200, ""),
    "an HSM key needs a Premium vault": ("POST", "/keys/x/create", {"kty": "EC-HSM"}, 403, "Forbidden/TierNotPremium"),
}
SIGN_KEYS = {
    "off": DISABLED,
    "odd": {"key_ops": ["verify"]},
    "old": {"attributes": {"exp": NOW}},
    "new": {"attributes": {"nbf": NOW + 1}},
}


@pytest.mark.parametrize(("method", "path", "body", "status", "code"), STATES.values(), ids=STATES)
async def test_states(lab: DoorLab, method: str, path: str, body: Any, status: int, code: str) -> None:
    await lab.ask("PUT", "/secrets/off", {**VALUE, **DISABLED})
    for name, more in SIGN_KEYS.items():
        assert (await lab.ask("POST", f"/keys/{name}/create", {**EC, **more})).status == 200
    lab.records.events.clear()
    answer = await lab.ask(method, path, body)
    assert (answer.status, answer.code if code else "") == (status, code)
    last = lab.records.events[-1]
    assert (last.status, last.code) == (status, code.rpartition("/")[2])


async def test_a_disabled_secret_can_be_listed_changed_and_enabled(lab: DoorLab) -> None:
    await lab.ask("PUT", "/secrets/off", {**VALUE, **DISABLED})
    listed = [item for item in (await lab.ask("GET", "/secrets")).body["value"] if "managed" not in item]
    assert [item["attributes"]["enabled"] for item in listed] == [True, False]
    assert (await lab.ask("PATCH", "/secrets/off", {"attributes": {"enabled": True}})).status == 200
    assert (await lab.ask("GET", "/secrets/off")).body["value"] == "hunter2"


async def test_the_system_vault_is_not_served(lab: DoorLab) -> None:
    answer = await lab.ask("GET", "/secrets/token-signing", host="system.strongroom-system.kv.example")
    assert (answer.status, answer.code) == (404, "VaultNotFound")


async def test_a_revoked_token_is_challenged_to_be_replaced(lab: DoorLab) -> None:
    token = lab.token()
    assert (await lab.ask("GET", "/secrets/live", token=token)).status == 200
    del lab.kube.accounts[(NAMESPACE, "app")]
    lab.time.passes(10)
    answer = await lab.ask("GET", "/secrets/live", token=token)
    assert answer.status == 401
    assert 'error="insufficient_claims"' in answer.headers["WWW-Authenticate"]


async def test_who_is_on_the_deny_list_is_cut_off_within_a_second(lab: DoorLab) -> None:
    assert (await lab.ask("GET", "/secrets/live")).status == 200
    lab.kube.deny(f"ServiceAccount {NAMESPACE}/app")
    lab.time.passes(1)
    assert (await lab.ask("GET", "/secrets/live")).status == 401


async def test_a_policy_that_is_taken_back_holds_within_a_second(lab: DoorLab) -> None:
    lab.world.apply(vault(accessPolicies=[]))
    lab.time.passes(1)
    assert (await lab.ask("GET", "/secrets/live")).code == "Forbidden/ForbiddenByPolicy"


async def test_no_record_holds_a_value(lab: DoorLab) -> None:
    for request in REQUESTS.values():
        await lab.ask(*request)
    assert lab.records.events
    assert "hunter2" not in "".join(repr(replace(event)) for event in lab.records.events)
