"""The member ``acme`` of issuers: read, kept, and shown without its secrets."""

from __future__ import annotations

import time
from typing import Any

import orjson
import pytest

from strongroom.crypto import certfiles
from strongroom.dataplane import issuerwire
from strongroom.dataplane.wire import Place
from strongroom.domain.acmesettings import AcmeSettings, Rfc2136, TsigAlgorithm, Webhook
from strongroom.domain.errors import InvalidInput
from strongroom.domain.fields import Fields
from strongroom.domain.issuers import Issuer
from tests.helpers.certificates import self_signed

SECRET, TOKEN = "c2VjcmV0LXNlY3JldA==", "hunter2"
DNS = {"server": "ns1.example", "key_name": "key", "secret": SECRET}
HOOK = {"url": "https://hook.example", "token": TOKEN}
DIRECTORY = "https://acme.example/dir"


def read(acme: Any, before: Issuer | None = None, *, provider: str = "ACME", whole: bool = True) -> Issuer:
    body = {"provider": provider} | ({} if acme is None else {"acme": acme})
    return issuerwire.read_issuer(Fields.of(orjson.dumps(body)), "mine", before, 5, whole=whole)


def shown(issuer: Issuer) -> Any:
    return issuerwire.issuer(Place("https://vault.example"), issuer).get("acme")


def ca() -> str:
    return certfiles.pem(b"", [self_signed(int(time.time()))[1]]).decode()


def test_everything_is_read_and_shown_but_secrets() -> None:
    authority = ca()
    update = DNS | {"port": 5353, "zone": "example", "algorithm": "hmac-sha512"}
    body = {
        "directory": DIRECTORY,
        "ca_bundle": "a comment\n" + authority,
        "contacts": ["a@example.com"],
        "dns01": {"propagation_seconds": 0, "rfc2136": update},
        "preferred_chain": "Root",
        "profile": "short",
        "http01": {},
    }
    found = read(body)
    wanted = Rfc2136("ns1.example", "key", SECRET, 5353, TsigAlgorithm.SHA512, "example")
    contacts = ("a@example.com",)
    assert found.acme == AcmeSettings(DIRECTORY, authority, contacts, wanted, None, 0, "Root", "short", http01=True)
    hidden = {name: value for name, value in update.items() if name != "secret"}
    dns01 = {"propagation_seconds": 0, "rfc2136": hidden}
    assert shown(found) == body | {"ca_bundle": authority, "dns01": dns01}


def test_a_webhook() -> None:
    found = read({"directory": DIRECTORY, "dns01": {"webhook": HOOK}})
    assert found.acme == AcmeSettings(DIRECTORY, webhook=Webhook(HOOK["url"], TOKEN))
    assert shown(found)["dns01"] == {"propagation_seconds": 10, "webhook": {"url": HOOK["url"]}}


def test_an_issuer_of_azures_needs_and_shows_nothing_of_it() -> None:
    found = read(None, provider="DigiCert")
    assert found.acme is None
    assert shown(found) is None
    assert read(None, provider="Test").acme is None


@pytest.mark.parametrize(
    ("kind", "same", "other", "secret"),
    [("rfc2136", DNS, {"server": "ns2.example"}, "secret"), ("webhook", HOOK, {"url": "https://b.example"}, "token")],
)
def test_a_secret_stays_where_it_goes_to_the_same_server(
    kind: str, same: dict[str, str], other: dict[str, str], secret: str
) -> None:
    before = read({"directory": DIRECTORY, "dns01": {kind: same}})
    without = {name: value for name, value in same.items() if name != secret}
    kept = read({"directory": DIRECTORY, "dns01": {kind: without}}, before, whole=False)
    assert kept.acme == before.acme
    moved = {"directory": DIRECTORY, "dns01": {kind: without | other}}
    if kind == "rfc2136":
        with pytest.raises(InvalidInput, match=r"rfc2136\.secret is required"):
            read(moved, before, whole=False)
    else:
        after = read(moved, before, whole=False).acme
        assert after is not None
        assert after.webhook == Webhook("https://b.example")
    untouched = read(None, before, whole=False)
    assert untouched.acme == before.acme


@pytest.mark.parametrize(
    ("acme", "provider", "message"),
    [
        (None, "ACME", "acme.directory: is needed"),
        ({"directory": DIRECTORY}, "Test", "acme: is for issuers whose provider is"),
        ({"directory": 5}, "ACME", "Property acme.directory has invalid value"),
        ({"directory": "https://a.example/" + "x" * 2048}, "ACME", "Property acme.directory has invalid value"),
        ({"directory": DIRECTORY, "contacts": ["a@b.example"] * 11}, "ACME", "Property acme.contacts"),
        ({"directory": DIRECTORY, "ca_bundle": "x"}, "ACME", "acme.ca_bundle: holds certificates"),
        (
            {
                "directory": DIRECTORY,
                "ca_bundle": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----",
            },
            "ACME",
            "acme.ca_bundle: holds a certificate that cannot be read",
        ),
        ({"directory": DIRECTORY, "http01": True}, "ACME", "Property acme.http01 has invalid value"),
        ({"directory": DIRECTORY, "dns01": {"propagation_seconds": 61}}, "ACME", "between 0 and 60"),
        ({"directory": DIRECTORY, "dns01": {"rfc2136": DNS | {"algorithm": "hmac-md5"}}}, "ACME", "is one of hmac-"),
        ({"directory": DIRECTORY, "dns01": {"rfc2136": DNS | {"port": 0}}}, "ACME", "between 1 and 65535"),
        ({"directory": DIRECTORY, "dns01": {"rfc2136": DNS, "webhook": HOOK}}, "ACME", "either rfc2136 or webhook"),
    ],
)
def test_what_is_refused(acme: Any, provider: str, message: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        read(acme, provider=provider)
    assert message in str(refused.value)
    assert TOKEN not in str(refused.value)
