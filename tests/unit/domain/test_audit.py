"""The record of an audit event."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.domain.audit import (
    LONGEST,
    LONGEST_ADDRESS,
    MOST_PROPERTIES,
    AuditEvent,
    AuditIdentity,
    Phase,
    resource_id,
    to_record,
    utc,
)
from strongroom.domain.names import VaultRef

DEMO = VaultRef("default", "demo")


def test_the_shape_of_the_reference() -> None:
    event = AuditEvent(
        "SecretGet",
        1_700_000_000.25,
        DEMO,
        "0" * 32,
        "acme",
        "https://demo.default.vault.example/secrets/db/1",
        status=200,
        duration_ms=1.5,
        caller_address="10.0.0.7",
        correlation_id="c-1",
        api_version="7.5",
        request_uri="https://demo.default.vault.example/secrets/db?api-version=7.5",
        client_info="azsdk-python",
        identity=AuditIdentity("system:serviceaccount:a:b", "u-1", "https://issuer", "app", "a", "b-0", 3),
        policy_match=True,
        address_authorized=True,
        tls_version="TLSv1.3",
        properties={"attributes": "{}"},
    )

    assert to_record(event) == {
        "time": "2023-11-14T22:13:20.250000Z",
        "resourceId": "/SUBSCRIPTIONS/ACME/RESOURCEGROUPS/DEFAULT/PROVIDERS/MICROSOFT.KEYVAULT/VAULTS/DEMO",
        "operationName": "SecretGet",
        "operationVersion": "7.5",
        "category": "AuditEvent",
        "resultType": "Success",
        "resultSignature": "OK",
        "durationMs": "1.5",
        "callerIpAddress": "10.0.0.7",
        "correlationId": "c-1",
        "identity": {
            "claim": {
                "oid": "u-1",
                "appid": "app",
                "unique_name": "system:serviceaccount:a:b",
                "iss": "https://issuer",
                "xms_k8s_namespace": "a",
                "xms_k8s_pod": "b-0",
                "numgroups": "3",
            }
        },
        "properties": {
            "attributes": "{}",
            "id": "https://demo.default.vault.example/secrets/db/1",
            "vaultId": "0" * 32,
            "phase": "Single",
            "requestUri": "https://demo.default.vault.example/secrets/db?api-version=7.5",
            "httpStatusCode": 200,
            "clientInfo": "azsdk-python",
            "tlsVersion": "TLSv1.3",
            "trustedService": False,
            "isAccessPolicyMatch": True,
            "isAddressAuthorized": True,
        },
    }


@pytest.mark.parametrize(
    ("phase", "status", "kind", "signature"),
    [
        (Phase.INTENT, 0, "Started", None),
        (Phase.RESULT, 200, "Success", "OK"),
        (Phase.RESULT, 409, "Failure", "Conflict"),
        (Phase.SINGLE, 401, "Failure", "Unauthorized"),
        (Phase.SINGLE, 403, "Failure", "Forbidden"),
        (Phase.SINGLE, 404, "Failure", "Not Found"),
        (Phase.SINGLE, 0, "Failure", None),
    ],
)
def test_the_result_is_said_in_the_words_of_the_reference(
    phase: Phase, status: int, kind: str, signature: str | None
) -> None:
    record = to_record(AuditEvent("SecretSet", 0, DEMO, phase=phase, status=status))

    assert (record["resultType"], record.get("resultSignature")) == (kind, signature)


def test_verdicts_that_were_not_asked_for_are_left_out() -> None:
    properties = to_record(AuditEvent("Authentication", 0, status=401, rbac=False))["properties"]

    assert properties["isRbacAuthorized"] is False
    assert "isAccessPolicyMatch" not in properties


def test_a_property_cannot_replace_what_was_established() -> None:
    record = to_record(AuditEvent("SecretGet", 0, status=403, properties={"httpStatusCode": "200", "phase": "x"}))

    assert record["properties"]["httpStatusCode"] == 403
    assert record["properties"]["phase"] == "Single"


@pytest.mark.parametrize(
    ("tenant", "vault", "expected"),
    [
        ("", DEMO, "/SUBSCRIPTIONS/DEFAULT/RESOURCEGROUPS/DEFAULT/PROVIDERS/MICROSOFT.KEYVAULT/VAULTS/DEMO"),
        ("t", None, "/PROVIDERS/STRONGROOM.DEV/INSTALLATIONS/STRONGROOM"),
    ],
)
def test_resource_id(tenant: str, vault: VaultRef | None, expected: str) -> None:
    assert resource_id(tenant, vault) == expected


def test_times_are_utc() -> None:
    assert utc(0) == "1970-01-01T00:00:00.000000Z"


@given(text=st.text(alphabet=st.characters(), max_size=5000))
def test_any_text_is_bounded_and_is_one_line_of_json(text: str) -> None:
    event = AuditEvent(
        text,
        0,
        object_id=text,
        description=text,
        caller_address=text,
        request_uri=text,
        client_info=text,
        identity=AuditIdentity(name=text),
        properties={f"{index}{text}": text for index in range(MOST_PROPERTIES + 5)},
    )

    record = to_record(event)

    line = json.dumps(record, ensure_ascii=False).encode()
    assert b"\n" not in line
    assert b"\r" not in line
    for value in (record.get("resultDescription", ""), record["properties"].get("clientInfo", "")):
        assert len(value) <= LONGEST
    assert len(record["properties"].get("requestUri", "")) <= LONGEST_ADDRESS
    assert len(record["properties"]) <= MOST_PROPERTIES + 6
