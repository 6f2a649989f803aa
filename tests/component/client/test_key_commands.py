"""``strongroom keys`` against the whole door of the data plane, in one process."""

from __future__ import annotations

import hashlib
import io
import json
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_public_key,
)

from strongroom.cli import keyviews
from strongroom.client import errors
from strongroom.client.session import Session
from strongroom.client.vaultkeys import Keys
from strongroom.client.vaultobjects import Objects
from strongroom.domain import base64url
from strongroom.domain.errors import InvalidInput
from strongroom.entrypoints import keycommands
from tests.helpers.door import DoorLab, door_lab, policy


class LabSession(Session):
    """The session's interface, into the laboratory."""

    def __init__(self, lab: DoorLab) -> None:
        self._lab = lab

    async def request(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, Any] | None = None,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        more = "?" + "&".join(f"{name}={value}" for name, value in query.items()) if query else ""
        answer = await self._lab.ask(method, path + more.replace(" ", "%20"), body, **dict(headers or {}))
        if answer.status >= 300:
            raise errors.from_answer(answer.status, json.dumps(answer.body).encode())
        return answer.body or {}

    async def items(self, path: str, query: Mapping[str, str] | None = None) -> AsyncIterator[dict[str, Any]]:
        for item in (await self.request("GET", path, query=query))["value"]:
            yield item


class Person:
    """Runs commands and reads what they print."""

    commands: ModuleType = keycommands
    objects: type[Objects] = Keys

    def __init__(self, lab: DoorLab, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._objects = self.objects(LabSession(lab))
        self._monkeypatch = monkeypatch
        self._capsys = capsys

    async def run(self, line: str, stdin: bytes = b"") -> str:
        self._monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        options = self.commands.parser().parse_args(line.split())
        shown = await options.action(self._objects, options)
        printed = self._capsys.readouterr().out
        return printed + (str(shown) if shown != "" else "")

    async def json(self, line: str, stdin: bytes = b"") -> Any:
        return json.loads(await self.run(f"{line} -o json", stdin))


@pytest.fixture
async def person(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> AsyncIterator[Person]:
    async with door_lab(policies=[policy(keys=["all", "purge"])], tier="Premium") as lab:
        yield Person(lab, monkeypatch, capsys)


async def test_a_key_is_made_shown_and_downloaded(person: Person) -> None:
    line = "create signer --type EC --curve P-256K --operation sign --operation verify --tag team=a --disable"
    shown = await person.run(line)
    fields = dict(line.split(":", 1) for line in shown.splitlines())
    assert (fields["type"].strip(), fields["operations"].strip()) == ("EC", "sign, verify")
    made = await person.json("show signer")
    assert (made["tags"], made["attributes"]["enabled"]) == ({"team": "a"}, False)
    jwk = json.loads(await person.run("download signer -o jwk"))
    assert (jwk["kty"], jwk["crv"], jwk["kid"]) == ("EC", "secp256k1", made["key"]["kid"])
    key = load_pem_public_key((await person.run("download signer")).encode())
    assert isinstance(key, ec.EllipticCurvePublicKey)
    assert base64url.encode(key.public_numbers().x.to_bytes(32, "big")) == jwk["x"]


async def test_a_symmetric_key_has_nothing_to_download(person: Person) -> None:
    await person.run("create seal --type oct-HSM")
    assert "thumbprint" not in await person.run("show seal")
    with pytest.raises(errors.VaultError, match="no public part"):
        await person.run("download seal")


async def test_lists_versions_and_the_life_of_a_key(person: Person) -> None:
    first = await person.json("create a --type EC")
    second = await person.json("rotate a")
    versions = (await person.run("versions a -o raw")).split()
    assert sorted(versions) == sorted(keyviews.LISTS.place(each)[1] for each in (first, second))
    assert await person.run("list -o raw") == "a"
    assert (await person.run("list")).splitlines()[1].split()[:2] == ["a", "yes"]
    assert (await person.json(f"show a --version {keyviews.LISTS.place(first)[1]}"))["key"]["x"] == first["key"]["x"]
    updated = await person.json("update a --operation verify --expires 2100-01-01T00:00:00Z")
    assert (updated["key"]["key_ops"], updated["attributes"]["exp"]) == (["verify"], 4_102_444_800)
    with pytest.raises(InvalidInput, match="say what to change"):
        await person.run("update a")
    backup = await person.run("backup a")
    await person.run("delete a")
    assert await person.run("list --deleted -o raw") == "a"
    assert (await person.json("show a --deleted"))["recoveryId"].endswith("/deletedkeys/a")
    await person.run("recover a")
    await person.run("delete a")
    with pytest.raises(InvalidInput, match="nothing was purged"):
        await person.run("purge a")
    await person.run("purge a --yes")
    assert await person.run("list --deleted -o raw") == ""
    assert keyviews.LISTS.place(await person.json("restore", backup.encode()))[0] == "a"


@pytest.mark.parametrize(
    ("algorithm", "kind"), [("A256GCM", "oct-HSM"), ("A256CBCPAD", "oct"), ("RSA-OAEP-256", "RSA")]
)
async def test_what_was_encrypted_is_decrypted_by_its_own_version(
    person: Person, tmp_path: Path, algorithm: str, kind: str
) -> None:
    await person.run(f"create a --type {kind}")
    sealed = await person.run(f"encrypt a --algorithm {algorithm}", b"plain \xff")
    await person.run("rotate a")
    out = tmp_path / "out"
    assert await person.run(f"decrypt a --out-file {out}", sealed.encode()) == ""
    assert (out.read_bytes(), out.stat().st_mode & 0o777) == (b"plain \xff", 0o600)
    await person.run(f"create b --type {kind}")
    with pytest.raises(InvalidInput, match="another name"):
        await person.run("decrypt b", sealed.encode())
    with pytest.raises(InvalidInput, match="say --algorithm"):
        await person.run("decrypt a", b"\0")


async def test_additional_data_travels_with_the_sealed_text(person: Person, tmp_path: Path) -> None:
    (tmp_path / "aad").write_bytes(b"beside")
    await person.run("create a --type oct")
    sealed = await person.run(f"encrypt a --algorithm A256GCM --aad-file {tmp_path}/aad", b"text")
    assert json.loads(sealed)["aad"] == base64url.encode(b"beside")
    assert await person.run("decrypt a", sealed.encode()) == "text"


async def test_a_ciphertext_alone_is_opened_when_its_algorithm_is_said(person: Person, tmp_path: Path) -> None:
    await person.run("create a --type oct-HSM")
    wrapped = tmp_path / "wrapped"
    await person.run(f"wrap a --algorithm A256KW -o raw --out-file {wrapped}", bytes(range(32, 64)))
    assert len(wrapped.read_bytes()) == 40
    opened = await person.run(f"unwrap a --algorithm A256KW --file {wrapped}")
    assert opened.encode() == bytes(range(32, 64))


async def test_a_signature_is_verified_and_a_wrong_one_is_not_valid(person: Person, tmp_path: Path) -> None:
    await person.run("create a --type EC-HSM")
    text, raw = tmp_path / "text", tmp_path / "raw"
    text.write_text(await person.run("sign a --algorithm ES256", b"message"))
    await person.run(f"sign a --algorithm ES256 -o raw --out-file {raw}", b"message")
    assert len(raw.read_bytes()) == 64
    for file in (text, raw):
        verify = f"verify a --algorithm ES256 --signature-file {file}"
        assert await person.run(verify, b"message") == "valid\n0"
        assert await person.run(verify, b"other") == "not valid\n1"
    digest = hashlib.sha256(b"message").digest()
    assert await person.run(f"verify a --algorithm ES256 --signature-file {text} --digest", digest) == "valid\n0"
    with pytest.raises(InvalidInput, match="--algorithm: is one of"):
        await person.run("sign a --algorithm none", b"message")


async def test_a_private_key_is_imported_from_its_file(person: Person, tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    pem, password = tmp_path / "key.pem", tmp_path / "password"
    pem.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"word")))
    password.write_text("word\n")
    made = await person.json(f"import a --file {pem} --password-file {password} --hsm --operation sign")
    assert (made["key"]["kty"], made["key"]["key_ops"]) == ("EC-HSM", ["sign"])
    signature = tmp_path / "signature"
    await person.run(f"sign a --algorithm ES256 -o raw --out-file {signature}", b"message")
    assert len(signature.read_bytes()) == 64
    with pytest.raises(InvalidInput, match="give its password"):
        await person.run(f"import a --file {pem}")
    jwk = {"kty": "oct", "k": base64url.encode(bytes(32))}
    assert (await person.json("import b", json.dumps(jwk).encode()))["key"]["kty"] == "oct"
    with pytest.raises(InvalidInput, match="no JSON Web Key"):
        await person.run("import b", b"{")
    assert load_pem_public_key((await person.run("download a")).encode()) == key.public_key()


async def test_the_rotation_policy(person: Person) -> None:
    await person.run("create a --type RSA")
    assert await person.run("rotation-policy show a") == "notify:  P30D before a version expires"
    line = "rotation-policy set a --rotate-before-expiry P30D --notify-before-expiry P10D --expires-after P90D"
    assert (await person.run(line)).splitlines() == [
        "rotate:   P30D before a version expires",
        "notify:   P10D before a version expires",
        "expires:  P90D after a version was made by rotation",
    ]
    found = await person.json("rotation-policy show a")
    assert found["attributes"]["expiryTime"] == "P90D"


async def test_random_octets(person: Person) -> None:
    drawn = await person.run("random 16 -o hex")
    assert len(bytes.fromhex(drawn)) == 16
    assert await person.run("random 16 -o hex") != drawn
    assert len(await person.run("random 16")) == 23
