"""What is shown of certificates, and what is made of files, options and odd answers."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from strongroom.cli import certificatepolicies, certificatevalues, certificateviews, issuerviews
from strongroom.cli.certificatepolicies import Said
from strongroom.cli.issuing import Waiting, ended
from strongroom.client.errors import Unreachable, VaultError
from strongroom.client.vaultcertificates import Certificates
from strongroom.domain.errors import InvalidInput
from strongroom.entrypoints import certificatecommands
from tests.helpers.certificates import pem_file, self_signed
from tests.helpers.stores import NOW
from tests.unit.cli.test_key_views import options_of

URL = "https://demo.default.kv.example:8443"
ID = f"{URL}/certificates/Web/0123456789abcdef0123456789abcdef"
CERTIFICATE: dict[str, Any] = {
    "id": ID,
    "kid": ID.replace("certificates", "keys"),
    "x5t": base64.urlsafe_b64encode(bytes(range(20))).decode().rstrip("="),
    "cer": base64.b64encode(self_signed(NOW)[1]).decode(),
    "contentType": "application/x-pem-file",
    "attributes": {"enabled": True, "nbf": 0, "exp": 60},
    "policy": {"issuer": {"name": "Self"}},
    "tags": {"evil": "\x1b[2J"},
}
FAILED = {"status": "failed", "error": {"code": "a", "message": "no proof"}}


def test_a_certificate_field_by_field() -> None:
    shown = certificateviews.one(CERTIFICATE, "table", FAILED).splitlines()
    found = {name: text.strip() for name, text in (line.split(":", 1) for line in shown)}
    serial = found.pop("serial number")
    assert int(serial, 16) > 0
    assert found == {
        "name": "Web",
        "version": "0123456789abcdef0123456789abcdef",
        "id": ID,
        "subject": "CN=app.example",
        "names": "app.example",
        "issuer": "CN=app.example",
        "key": "EC P-256",
        "thumbprint": "000102030405060708090A0B0C0D0E0F10111213",
        "enabled": "yes",
        "not before": "1970-01-01T00:00:00Z",
        "expires": "1970-01-01T00:01:00Z",
        "key id": ID.replace("certificates", "keys"),
        "content type": "application/x-pem-file",
        "policy's issuer": "Self",
        "operation": "failed: no proof",
        "tags": "evil=\\x1b[2J",
    }
    assert certificateviews.one(CERTIFICATE, "raw") == ID
    assert json.loads(certificateviews.one(CERTIFICATE, "json")) == CERTIFICATE


def test_lists() -> None:
    lists = certificateviews.LISTS
    assert lists.objects([CERTIFICATE], "raw") == "Web"
    assert "000102030405060708090A0B0C0D0E0F10111213" in lists.versions([CERTIFICATE], "table")


def test_an_operation() -> None:
    assert certificateviews.operation(FAILED | {"id": f"{URL}/certificates/a/pending"}, "table").splitlines() == [
        "name:    a",
        "status:  failed",
        "error:   a: no proof",
    ]


_WORDS = """
id cer csr x5t attributes tags policy issuer error status lifetime_actions x509_props sans dns_names key_props contacts
acme value contentType message
"""
words = st.sampled_from(_WORDS.split())
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(words, inner, max_size=3),
)


@given(st.dictionaries(words, anything))
@example({"cer": base64.b64encode(b"no certificate").decode()})
@example({"lifetime_actions": [7, {"trigger": {"lifetime_percentage": "\x1b"}}]})
@example({"contacts": [7, {"email": "\x1b"}]})
def test_an_odd_answer_is_shown_or_refused_and_never_breaks(item: dict[str, Any]) -> None:
    for shown in (
        certificateviews.one(item, "table", item),
        certificateviews.operation(item, "table"),
        certificateviews.LISTS.objects([item], "table"),
        certificatepolicies.show(item, "table"),
        issuerviews.contacts(item, "table"),
        issuerviews.one(item, "table"),
        issuerviews.listed([item], "table"),
    ):
        assert all(character.isprintable() or character == "\n" for character in shown)
    for read in (certificatevalues.certificate, certificatevalues.request, certificatevalues.file_of):
        try:
            read(item)
        except VaultError:
            continue


@given(st.binary(max_size=200))
def test_whatever_stands_in_a_secret_is_read_or_refused(content: bytes) -> None:
    try:
        certificatevalues.chain(content)
    except VaultError:
        return


def test_files() -> None:
    pem = pem_file(NOW).encode()
    assert certificatevalues.to_text(pem) == pem.decode()
    assert certificatevalues.to_text(b"\x30\x00") == "MAA="
    assert b"PRIVATE" not in certificatevalues.chain(pem)
    assert certificatevalues.with_key(pem) == pem
    with pytest.raises(InvalidInput, match="cannot be exported"):
        certificatevalues.with_key(certificatevalues.chain(pem))
    with pytest.raises(InvalidInput, match="empty"):
        certificatevalues.to_text(b" \n")
    with pytest.raises(InvalidInput, match="UTF-8"):
        certificatevalues.to_text(b"\xff" + pem)


def test_a_policy_of_options() -> None:
    assert Said().policy() == {}
    said = Said(issuer="Self", uris=["a:b"], kind="EC", not_exportable=True, ca=True, content_type="pem").policy()
    assert said == {
        "issuer": {"name": "Self"},
        "key_props": {"kty": "EC", "exportable": False},
        "secret_props": {"contentType": "application/x-pem-file"},
        "x509_props": {"sans": {"uris": ["a:b"]}, "basic_constraints": {"ca": True}},
    }
    base = {"x509_props": {"subject": "CN=a", "sans": {"uris": ["c:d"], "dns_names": ["a"]}}, "issuer": None}
    assert certificatepolicies.merged(base, said)["x509_props"] == {
        "subject": "CN=a",
        "sans": {"uris": ["a:b"], "dns_names": ["a"]},
        "basic_constraints": {"ca": True},
    }


class Vault(Certificates):
    """Answers with operations, one after the other."""

    def __init__(self, *answers: dict[str, Any] | Exception) -> None:
        self._answers = list(answers)

    async def pending(self, name: str, request: str = "") -> dict[str, Any]:
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


class Clock:
    """Goes on while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0
        self.told: list[str] = []

    async def sleep(self, seconds: float) -> None:
        self.now += seconds

    def waiting(self, seconds: float) -> Waiting:
        monotonic: Callable[[], float] = lambda: self.now  # noqa: E731
        return Waiting(seconds, self.told.append, self.sleep, monotonic)


async def test_waiting_outlasts_a_moment_without_an_answer() -> None:
    clock, working = Clock(), {"status": "inProgress", "status_details": "order 1"}
    vault = Vault(working, Unreachable("no"), working | {"status_details": "order 2"}, {"status": "completed"})
    await ended(vault, "a", working, clock.waiting(60))
    assert clock.told == ["order 1", "order 2"]


async def test_waiting_ends_in_time_or_when_nothing_comes_of_it() -> None:
    clock, working = Clock(), {"status": "inProgress"}
    with pytest.raises(VaultError, match=r"after 60 seconds.*pending a"):
        await ended(Vault(*[working] * 100), "a", working, clock.waiting(60))
    assert 50 < clock.now <= 60
    with pytest.raises(VaultError, match="not made: failed: no proof"):
        await ended(Vault(FAILED), "a", working, clock.waiting(60))


def test_no_option_takes_what_is_secret() -> None:
    options = options_of(certificatecommands.parser())
    assert {"--file", "--password-file", "--policy", "--out-file"} <= options
    assert not {"--value", "--token", "--password", "--pwd", "--secret"} & options


@pytest.mark.parametrize(
    "line",
    [
        "",
        "create",
        "create a --type oct",
        "create a --curve Ed25519",
        "create a --size 1024",
        "create a --months 0",
        "create a --months 1201",
        "create a --timeout x",
        "create a --timeout 5 --no-wait",
        "merge a",
        "contacts --set",
        "contacts --set a@b --clear",
        "download a --chain --with-key",
        "issuers",
        "update a --expires 90d",
        "import a hunter2",
    ],
)
def test_a_wrong_command_line(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as raised:
        certificatecommands.main(line.split())
    assert raised.value.code == 2
    assert "hunter2" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("acme", "shown"),
    [
        ({"directory": "https://a.example/dir"}, None),
        ({"dns01": {"rfc2136": {"server": "ns"}, "propagation_seconds": 5}}, "dns01 rfc2136"),
        ({"dns01": {"webhook": {"url": "https://b.example"}}, "http01": {}}, "dns01 webhook, http01"),
        ({"http01": {}}, "http01"),
    ],
)
def test_how_an_issuer_proves_names(acme: dict[str, object], shown: str | None) -> None:
    lines = issuerviews.one({"provider": "ACME", "acme": acme}, "table").splitlines()
    found = {name: text.strip() for name, text in (line.split(":", 1) for line in lines)}
    assert found.get("acme proofs") == shown
