"""``strongroom keys release`` against the whole door of the data plane, with an attestation authority."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_private_key

from strongroom.cli import keyvalues
from strongroom.client.errors import VaultError
from strongroom.domain.algorithms import Hash
from strongroom.domain.errors import InvalidInput
from strongroom.service.identity.attestations import Attestations
from tests.component.client.test_key_commands import Person
from tests.component.dataplane.test_release import create, unb64
from tests.helpers import attestation as attesting
from tests.helpers.attestation import Authority
from tests.helpers.door import DoorLab, door_lab, policy
from tests.helpers.objectkeys import released


@pytest.fixture
async def lab(attestations: Attestations) -> AsyncIterator[DoorLab]:
    async with door_lab(policies=[policy(keys=["all", "release"])], tier="Premium", attestations=attestations) as made:
        yield made


@pytest.fixture
def person(lab: DoorLab, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Person:
    return Person(lab, monkeypatch, capsys)


@pytest.mark.parametrize(
    ("options", "used"), [("", Hash.SHA1), (" --algorithm RSA_AES_KEY_WRAP_256 --nonce a-nonce", Hash.SHA256)]
)
async def test_a_key_comes_to_the_environment(
    person: Person, lab: DoorLab, authority: Authority, tmp_path: Path, options: str, used: Hash
) -> None:
    bundle = await create(lab, authority)
    attestation, answer = tmp_path / "attestation", tmp_path / "answer"
    attestation.write_text(authority.token() + "\n")
    assert await person.run(f"release x --file {attestation} --out-file {answer}{options}") == ""
    assert answer.stat().st_mode & 0o777 == 0o600
    said = jwt.decode(answer.read_text().strip(), options={"verify_signature": False})
    assert said["request"].get("nonce") == ("a-nonce" if "nonce" in options else None)
    wrapped = json.loads(unb64(said["response"]["key"]["key"]["key_hsm"]))["ciphertext"]
    key = load_der_private_key(released(authority.environment.key, unb64(wrapped), used), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    assert key.public_key().public_numbers().x == int.from_bytes(unb64(bundle["key"]["x"]))


async def test_a_key_is_made_imported_and_changed_with_a_policy(
    person: Person, authority: Authority, tmp_path: Path
) -> None:
    policy, attestation, jwk = tmp_path / "policy", tmp_path / "attestation", tmp_path / "jwk"
    policy.write_text(attesting.policy(authority.url))
    attestation.write_text(authority.token())
    await person.run(f"create made --type EC-HSM --release-policy {policy}")
    jwk.write_text(json.dumps({"kty": "oct", "k": "AAECAwQFBgcICQoLDA0ODw"}))
    await person.run(f"import taken --file {jwk} --release-policy {policy} --immutable-policy --disable")
    for name, immutable in (("made", False), ("taken", True)):
        shown = json.loads(await person.run(f"show {name} -o json"))
        assert shown["attributes"]["exportable"]
        assert shown["release_policy"]["immutable"] is immutable
    assert (await person.run(f"release made --file {attestation}")).count(".") == 2

    policy.write_text(attesting.policy("https://other.example"))
    await person.run(f"update made --release-policy {policy}")
    with pytest.raises(VaultError, match="does not name"):
        await person.run(f"release made --file {attestation}")
    with pytest.raises(VaultError, match="immutable"):
        await person.run(f"update taken --release-policy {policy}")
    with pytest.raises(InvalidInput, match="takes --release-policy"):
        await person.run("create other --type EC --immutable-policy")


async def test_the_attestation_may_come_by_a_pipe_and_whoever_is_not_attested_gets_nothing(
    person: Person, lab: DoorLab, authority: Authority
) -> None:
    await create(lab, authority)
    assert (await person.run("release x", authority.token().encode())).count(".") == 2
    with pytest.raises(VaultError, match="not what it demands"):
        await person.run("release x", authority.token(**{"sdk-test": False}).encode())


@pytest.mark.parametrize("content", [b"", b"a.b", b"{}", b"a.b.c d", b"\xff.a.b", b"a.b.c\nd.e.f"])
def test_what_is_no_token_is_not_sent(content: bytes) -> None:
    with pytest.raises(InvalidInput, match="no JSON Web Token"):
        keyvalues.attestation(content)


@pytest.mark.parametrize("answer", [{}, {"value": None}, {"value": "a.b"}, {"value": "\x1b[2J.a.b"}])
def test_an_answer_that_is_no_token_is_not_shown(answer: dict[str, object]) -> None:
    with pytest.raises(VaultError, match="cannot be read"):
        keyvalues.token_of(answer)
