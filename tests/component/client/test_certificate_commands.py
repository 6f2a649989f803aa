"""``strongroom certificates`` against the whole door of the data plane, in one process."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    load_der_private_key,
    load_pem_private_key,
)
from cryptography.hazmat.primitives.serialization import pkcs12 as files

from strongroom.cli import certificateviews
from strongroom.client import errors
from strongroom.client.vaultcertificates import Certificates
from strongroom.domain.errors import InvalidInput
from strongroom.entrypoints import certificatecommands, certificaterequests
from tests.component.client.test_key_commands import Person as KeyPerson
from tests.component.dataplane.test_certificates import tend
from tests.helpers.certificates import pem_file, self_signed, signed_outside
from tests.helpers.door import DoorLab, door_lab
from tests.helpers.stores import NOW

WEB = "create web --issuer Self --subject CN=web.example --dns-name web.example --type EC"


class Person(KeyPerson):
    """Runs commands and reads what they print."""

    commands = certificatecommands
    objects = Certificates


@pytest.fixture
async def lab(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[DoorLab]:
    """While somebody waits, the controller works on ``web``."""
    async with door_lab(tier="Premium") as made:

        async def sleep(_: float) -> None:
            await tend(made, "web")

        monkeypatch.setattr(certificaterequests, "sleep", sleep)
        yield made


@pytest.fixture
def person(lab: DoorLab, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Person:
    return Person(lab, monkeypatch, capsys)


async def fields(person: Person, line: str) -> dict[str, str]:
    shown = (line.split(":", 1) for line in (await person.run(line)).splitlines())
    return {name: text.strip() for name, text in shown}


async def test_a_certificate_is_made_and_shown(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr(certificaterequests, "_tell", told.append)
    line = f"{WEB} --ip-address 10.0.0.1 --uri spiffe://a/b --months 3 --curve P-384 --content-type pem --tag team=a"
    made = await fields(person, f"{line} --reuse-key --not-exportable")
    assert (made["name"], made["subject"], made["key"]) == ("web", "CN=web.example", "EC P-384")
    assert made["names"] == "web.example, 10.0.0.1, spiffe://a/b"
    assert "in progress" in told[0]
    shown = await fields(person, "show web")
    assert (shown["operation"], shown["policy's issuer"], shown["tags"]) == ("completed", "Self", "team=a")
    assert len(bytes.fromhex(shown["thumbprint"])) == 20
    policy = await fields(person, "policy web")
    assert (policy["exportable"], policy["reuses key"], policy["validity"]) == ("no", "yes", "3 months")
    assert policy["renewal"] == "after 80 % of its life"
    assert (await person.json("show web"))["policy"]["secret_props"] == {"contentType": "application/x-pem-file"}


async def test_what_is_not_made_yet_is_seen_and_can_be_cancelled(person: Person) -> None:
    assert (await fields(person, f"{WEB} --no-wait"))["status"] == "inProgress"
    assert await person.run("list -o raw") == ""
    assert await person.run("list --include-pending -o raw") == "web"
    with pytest.raises(errors.VaultError, match="no version is made yet"):
        await person.run("download web")
    await person.run("cancel web")
    assert await person.run("pending web -o raw") == "cancelled"
    assert await person.run("forget web -o raw") == "cancelled"
    with pytest.raises(errors.NotFound):
        await person.run("pending web")


async def test_waiting_ends(person: Person, monkeypatch: pytest.MonkeyPatch, lab: DoorLab) -> None:
    async def sleep(_: float) -> None:
        await lab.ask("PATCH", "/certificates/web/pending", {"cancellation_requested": True})

    monkeypatch.setattr(certificaterequests, "sleep", sleep)
    with pytest.raises(errors.VaultError, match="not made: cancelled"):
        await person.run(WEB)


async def test_a_policy_comes_from_a_file_and_options_say_otherwise(person: Person, tmp_path: Path) -> None:
    policy = {"issuer": {"name": "Unknown"}, "x509_props": {"subject": "CN=a", "validity_months": 6}}
    (tmp_path / "policy").write_text(json.dumps(policy))
    await person.run(f"create web --policy {tmp_path}/policy --issuer Self --type EC --subject CN=b")
    found = await person.json("policy web")
    assert (found["issuer"]["name"], found["x509_props"]["subject"]) == ("Self", "CN=b")
    assert found["x509_props"]["validity_months"] == 6
    first = await person.run("show web -o raw")
    (tmp_path / "change").write_text('{"x509_props": {"validity_months": 1}}')
    assert (await fields(person, f"policy web --set {tmp_path}/change"))["validity"] == "1 months"
    again = await fields(person, "create web")
    assert (again["subject"], again["id"] == first) == ("CN=b", False)
    (tmp_path / "odd").write_text("[]")
    with pytest.raises(InvalidInput, match="JSON object"):
        await person.run(f"policy web --set {tmp_path}/odd")


async def test_an_authority_outside_signs(
    person: Person, lab: DoorLab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(certificaterequests, "_tell", told.append)
    line = "create shop --issuer Unknown --type EC-HSM --subject CN=app.example --dns-name app.example"
    assert (await fields(person, line))["issuer"] == "Unknown"
    assert "certificates csr shop" in told[0]
    await person.run(f"csr shop --out-file {tmp_path}/csr")
    assert await person.run("csr shop") + "\n" == (tmp_path / "csr").read_text()
    request = x509.load_pem_x509_csr((tmp_path / "csr").read_bytes())
    signed = signed_outside(request.public_bytes(Encoding.DER), lab.world.now)
    _, other = self_signed(NOW)
    (tmp_path / "der").write_bytes(signed)
    (tmp_path / "pem").write_bytes(x509.load_der_x509_certificate(other).public_bytes(Encoding.PEM))
    with pytest.raises(errors.VaultError, match="none of the certificates"):
        await person.run(f"merge shop --file {tmp_path}/pem")
    merged = await fields(person, f"merge shop --file {tmp_path}/pem --file {tmp_path}/der --tag a=b")
    assert (merged["issuer"], merged["tags"]) == ("CN=An authority", "a=b")
    assert await person.run("pending shop -o raw") == "completed"
    assert len(x509.load_pem_x509_certificates((await person.run("download shop --chain")).encode())) == 2
    with pytest.raises(InvalidInput, match="cannot be exported"):
        await person.run("download shop --with-key")
    with pytest.raises(errors.Denied) as refused:
        await person.run(f"merge shop --file {tmp_path}/der")
    assert refused.value.code == "CertificateNotPending"


async def test_a_file_comes_in_and_goes_out(person: Person, tmp_path: Path) -> None:
    material, certificate = self_signed(NOW)
    key, loaded = load_der_private_key(material.private, None), x509.load_der_x509_certificate(certificate)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    (tmp_path / "pfx").write_bytes(
        files.serialize_key_and_certificates(b"a", key, loaded, None, BestAvailableEncryption(b"hunter2"))
    )
    (tmp_path / "password").write_text("hunter2\n")
    with pytest.raises(errors.VaultError, match="password"):
        await person.run(f"import old --file {tmp_path}/pfx")
    made = await fields(person, f"import old --file {tmp_path}/pfx --password-file {tmp_path}/password --disable")
    assert (made["subject"], made["enabled"]) == ("CN=app.example", "no")
    await person.run("update old --enable")
    out = tmp_path / "out"
    assert await person.run(f"download old --with-key --out-file {out}") == ""
    assert out.stat().st_mode & 0o777 == 0o600
    found, leaf, _ = files.load_key_and_certificates(out.read_bytes(), None)
    assert leaf == loaded
    assert isinstance(found, ec.EllipticCurvePrivateKey)
    assert found.private_numbers() == key.private_numbers()
    for line in ("download old", "download old --chain"):
        shown = await person.run(line)
        assert shown.encode() == loaded.public_bytes(Encoding.PEM)


async def test_an_imported_key_can_be_kept_in_the_hsm(person: Person, tmp_path: Path) -> None:
    (tmp_path / "policy").write_text('{"key_props": {"kty": "EC-HSM", "exportable": false}}')
    made = await person.json(f"import old --policy {tmp_path}/policy --preserve-order", pem_file(NOW).encode())
    assert (made["policy"]["key_props"]["kty"], made["preserveCertOrder"]) == ("EC-HSM", True)
    with pytest.raises(InvalidInput, match="cannot be exported"):
        await person.run("download old --with-key")


async def test_a_private_key_is_not_shown_on_a_terminal(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = await person.json("import old", pem_file(NOW).encode())
    assert shown["contentType"] == "application/x-pem-file"
    pem = await person.run("download old --with-key")
    assert load_pem_private_key(pem.encode(), None)
    monkeypatch.setattr(type(sys.stdout), "isatty", lambda _: True)
    with pytest.raises(InvalidInput, match="--out-file"):
        await person.run("download old --with-key")
    assert "BEGIN CERTIFICATE" in await person.run("download old")


async def test_lists_versions_and_the_life_of_a_certificate(person: Person) -> None:
    first = await person.json(WEB)
    second = await person.json("create web")
    versions = [certificateviews.place(each)[1] for each in (first, second)]
    assert sorted((await person.run("versions web -o raw")).split()) == sorted(versions)
    assert (await person.run("list")).splitlines()[1].split()[:2] == ["web", "yes"]
    assert (await person.json(f"show web --version {versions[0]}"))["cer"] == first["cer"]
    assert (await person.json("update web --tag a=b"))["tags"] == {"a": "b"}
    with pytest.raises(InvalidInput, match="say what to change"):
        await person.run("update web")
    backup = await person.run("backup web")
    await person.run("delete web")
    assert await person.run("list --deleted -o raw") == "web"
    assert (await person.json("show web --deleted"))["recoveryId"].endswith("/deletedcertificates/web")
    await person.run("recover web")
    await person.run("delete web")
    with pytest.raises(InvalidInput, match="nothing was purged"):
        await person.run("purge web")
    await person.run("purge web --yes")
    assert certificateviews.place(await person.json("restore", backup.encode()))[0] == "web"


async def test_contacts(person: Person) -> None:
    with pytest.raises(errors.NotFound):
        await person.run("contacts")
    assert (
        await person.run("contacts --set ada@example.org bob@example.org -o raw") == "ada@example.org\nbob@example.org"
    )
    assert (await person.run("contacts")).splitlines()[1] == "ada@example.org"
    assert await person.run("contacts --clear") == ""


async def test_issuers(person: Person) -> None:
    issuer = {"provider": "Test", "credentials": {"account_id": "me", "pwd": "hunter2"}}
    made = await person.run("issuers set Ours", json.dumps(issuer).encode())
    assert "hunter2" not in made
    assert (await person.run("issuers list")).splitlines()[1].split() == ["Ours", "Test"]
    assert (await fields(person, "issuers show ours"))["account"] == "me"
    with pytest.raises(InvalidInput) as refused:
        await person.run("issuers set Ours", b'"hunter2"')
    assert "hunter2" not in str(refused.value)
    change = json.dumps({"credentials": {"account_id": "us"}}).encode()
    await person.run("issuers update Ours", change)
    shown = await fields(person, "issuers show ours")
    assert (shown["account"], shown["provider"]) == ("us", "Test")
    await person.run("issuers delete Ours")
    with pytest.raises(errors.NotFound):
        await person.run("issuers update Ours", change)
    with pytest.raises(errors.NotFound):
        await person.run("issuers show Ours")


async def test_a_ca_of_the_vault_issues(person: Person, lab: DoorLab) -> None:
    await person.run("create root --issuer Self --type EC --subject CN=Root --ca --no-wait")
    await tend(lab, "root")
    assert (await fields(person, "show root"))["ca"] == "yes"
    made = await fields(person, WEB.replace("Self", "certificate/root"))
    assert made["issuer"] == "CN=Root"
