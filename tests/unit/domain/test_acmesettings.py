"""What an issuer may be told of ACME, and that its secrets are not shown."""

from __future__ import annotations

from dataclasses import replace

import pytest

from strongroom.domain import acmesettings
from strongroom.domain.acmesettings import AcmeAccount, AcmeSettings, Rfc2136, Webhook
from strongroom.domain.errors import InvalidInput
from strongroom.domain.names import account_name

SECRET = "c2VjcmV0LXNlY3JldA=="
DNS = Rfc2136("ns1.example", "key.example.", SECRET)
HOOK = Webhook("https://hook.example/dns", "hunter2")
GOOD = AcmeSettings("https://acme.example/dir", rfc2136=DNS)


@pytest.mark.parametrize(
    "good",
    [
        GOOD,
        replace(GOOD, directory="http://127.0.0.1:14000/dir"),
        replace(GOOD, directory="http://[::1]:14000/dir"),
        replace(GOOD, directory="http://localhost/dir"),
        replace(GOOD, contacts=("a.b+c@example.com",), profile="short-lived"),
        replace(GOOD, rfc2136=replace(DNS, server="2001:db8::1", zone="example.com.")),
        replace(GOOD, rfc2136=None, webhook=HOOK),
        replace(GOOD, rfc2136=None),
    ],
)
def test_what_is_taken(good: AcmeSettings) -> None:
    acmesettings.check(good, "ACME")


@pytest.mark.parametrize(
    ("wrong", "where"),
    [
        (replace(GOOD, directory=""), "acme.directory"),
        (replace(GOOD, directory="http://acme.example/dir"), "acme.directory"),
        (replace(GOOD, directory="http://127.0.0.1.acme.example/"), "acme.directory"),
        (replace(GOOD, directory="ftp://acme.example/"), "acme.directory"),
        (replace(GOOD, directory="https://user:password@acme.example/"), "acme.directory"),
        (replace(GOOD, directory="https://acme.example:x/"), "acme.directory"),
        (replace(GOOD, directory="https://"), "acme.directory"),
        (replace(GOOD, directory="https://acme.example/a b"), "acme.directory"),
        (replace(GOOD, ca="nothing"), "acme.ca_bundle"),
        (replace(GOOD, contacts=("mailto:a",)), "acme.contacts"),
        (replace(GOOD, contacts=("a@example.com,b@example.com",)), "acme.contacts"),
        (replace(GOOD, contacts=("a@example.com?cc=b",)), "acme.contacts"),
        (replace(GOOD, profile="a b"), "acme.profile"),
        (replace(GOOD, webhook=HOOK), "acme.dns01"),
        (replace(GOOD, rfc2136=replace(DNS, server="-x")), "acme.dns01.rfc2136.server"),
        (replace(GOOD, rfc2136=replace(DNS, key_name="")), "acme.dns01.rfc2136.key_name"),
        (replace(GOOD, rfc2136=replace(DNS, zone="a..b")), "acme.dns01.rfc2136.zone"),
        (replace(GOOD, rfc2136=replace(DNS, secret="")), "acme.dns01.rfc2136.secret"),
        (replace(GOOD, rfc2136=replace(DNS, secret="hunter2!")), "acme.dns01.rfc2136.secret"),
        (replace(GOOD, rfc2136=None, webhook=replace(HOOK, url="http://hook.example")), "acme.dns01.webhook.url"),
        (replace(GOOD, rfc2136=None, webhook=replace(HOOK, url="https://h.example?a=b")), "acme.dns01.webhook.url"),
        (replace(GOOD, rfc2136=None, webhook=replace(HOOK, token="a\nb")), "acme.dns01.webhook.token"),
        (replace(GOOD, rfc2136=None, webhook=replace(HOOK, ca="x")), "acme.dns01.webhook.ca_bundle"),
    ],
)
def test_what_is_refused_and_that_the_message_holds_no_value(wrong: AcmeSettings, where: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        acmesettings.check(wrong, "ACME")
    assert str(refused.value).startswith(f"{where}: ")
    assert "hunter2" not in str(refused.value)
    assert "password@" not in str(refused.value)


def test_azures_providers_have_directories() -> None:
    for provider in ("DigiCert", "GlobalSign"):
        acmesettings.check(AcmeSettings(), provider)
        assert acmesettings.directory_of(provider, None).startswith("https://")
        assert acmesettings.directory_of(provider, GOOD) == GOOD.directory
    assert acmesettings.directory_of("ACME", None) == ""


def test_secrets_hide() -> None:
    account = AcmeAccount("https://acme.example", "-----BEGIN PRIVATE KEY-----")
    shown = repr((GOOD, replace(GOOD, webhook=HOOK), account))
    assert SECRET not in shown
    assert "hunter2" not in shown
    assert "PRIVATE" not in shown


def test_the_account_of_an_issuer_has_one_name() -> None:
    assert account_name("LetsEncrypt") == account_name("letsencrypt") == "certificates/accounts/letsencrypt"
