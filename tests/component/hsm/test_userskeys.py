"""Users' keys through the sockets. Whatever uses a key does so by either of them, with the same outcome."""

import asyncio
import random
from collections.abc import AsyncIterator
from dataclasses import replace

import grpc
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from google.protobuf.message import Message

from strongroom.domain.algorithms import ALGORITHMS, DOES_NOT_OPEN, Given, Hash
from strongroom.domain.errors import HsmUnavailable, InvalidInput, KeyRefused
from strongroom.domain.keymaterial import KeyMaterial
from strongroom.domain.keytypes import Curve, KeySpec, KeyType, Operation
from strongroom.hsm.client import HsmClient
from strongroom.wire.hsm import hsm_pb2 as pb
from strongroom.wire.hsm import hsm_pb2_grpc as stubs
from tests.helpers import hsm
from tests.helpers import objectkeys as outside
from tests.helpers.hsm import Sidecar
from tests.helpers.usesocket import as_with_an_older_sidecar, goes_by_the_socket

OWNER, OTHER_OWNER = "ab" * 16, "cd" * 16
RSA = KeySpec(KeyType.RSA, 2048, hsm=True)
EC = KeySpec(KeyType.EC, curve=Curve.P256, hsm=True)
OCT = KeySpec(KeyType.OCT, 256, hsm=True)


@pytest.fixture(params=["by the socket for uses", "by calls"])
async def client(request: pytest.FixtureRequest, shared_sidecar: Sidecar) -> AsyncIterator[HsmClient]:
    """A client of the shared sidecar, which serves."""
    async with HsmClient(shared_sidecar.socket) as client:
        await hsm.until_serving(client)
        if request.param == "by calls":
            as_with_an_older_sidecar(client)
        yield client
        assert not (goes_by_the_socket(client) and request.param == "by calls")


@pytest.mark.parametrize(("spec", "name"), [(RSA, "PS256"), (RSA, "RS256"), (EC, "ES256")])
async def test_a_made_key_signs(client: HsmClient, spec: KeySpec, name: str) -> None:
    key = await client.make_key(spec, OWNER)
    assert key == KeyMaterial.unpack(key.pack())
    digest = outside.digest(ALGORITHMS[name])
    made = await client.use_key(key, OWNER, name, Operation.SIGN, Given(digest))
    assert outside.verifies(key.public, ALGORITHMS[name], digest, made.value)


async def test_everything_that_an_operation_is_given_and_yields_survives_the_socket(client: HsmClient) -> None:
    private = outside.private_of(OCT)
    key = await client.take_key(OCT, OWNER, private)
    made = await client.use_key(key, OWNER, "A256GCM", Operation.ENCRYPT, Given(b"text", aad=b"more"))
    assert outside.opened(private, ALGORITHMS["A256GCM"], made, b"more") == b"text"
    given = Given(made.value, iv=made.iv, tag=made.tag, aad=b"more")
    assert (await client.use_key(key, OWNER, "A256GCM", Operation.DECRYPT, given)).value == b"text"
    mac = await client.use_key(key, OWNER, "HS256", Operation.SIGN, Given(bytes(32)))
    verified = Given(bytes(32), signature=mac.value)
    assert (await client.use_key(key, OWNER, "HS256", Operation.VERIFY, verified)).valid


async def test_a_long_value_with_long_additional_data_fits(client: HsmClient) -> None:
    key = await client.make_key(OCT, OWNER)
    given = Given(bytes(65536), aad=bytes(65536))
    many = [client.use_key(key, OWNER, "A256GCM", Operation.ENCRYPT, given) for _ in range(12)]
    assert {len(made.value) for made in await asyncio.gather(*many)} == {65536}


async def test_a_release_opens_at_its_target_alone(client: HsmClient) -> None:
    target = rsa.generate_private_key(65537, 2048)
    private = outside.private_of(OCT)
    key = await client.take_key(OCT, OWNER, private, exportable=True)
    info = outside.info_of(outside.pkcs8(target))
    assert outside.released(target, await client.release_key(key, OWNER, info, "SHA-1"), Hash.SHA1) == private


async def test_each_use_has_an_answer_of_its_own(client: HsmClient) -> None:
    """Good and bad ones at the same time, so that they share messages."""
    key = await client.make_key(OCT, OWNER)
    sealed = await client.use_key(key, OWNER, "A256GCM", Operation.ENCRYPT, Given(b"text"))
    opens = Given(sealed.value, iv=sealed.iv, tag=sealed.tag)
    broken = replace(opens, tag=bytes(16))
    assert key.wrapped is not None
    forged = replace(key, wrapped=replace(key.wrapped, mac=bytes(32)))
    decrypt = Operation.DECRYPT
    answers = await asyncio.gather(
        *(
            call
            for _ in range(20)
            for call in (
                client.use_key(key, OWNER, "A256GCM", decrypt, opens),
                client.use_key(key, OWNER, "A256GCM", decrypt, broken),
                client.use_key(forged, OWNER, "A256GCM", decrypt, opens),
            )
        ),
        return_exceptions=True,
    )
    assert [answer.value for answer in answers[::3] if not isinstance(answer, BaseException)] == [b"text"] * 20
    assert {(type(answer), str(answer)) for answer in answers[1::3]} == {(InvalidInput, DOES_NOT_OPEN)}
    assert {(type(answer), str(answer)) for answer in answers[2::3]} == {(KeyRefused, "the wrapped key failed its MAC")}


async def test_a_key_is_its_owners(client: HsmClient) -> None:
    key = await client.make_key(EC, OWNER)
    with pytest.raises(KeyRefused, match="owner"):
        await client.use_key(key, OTHER_OWNER, "ES256", Operation.SIGN, Given(bytes(32)))


async def test_a_software_key_is_not_for_the_token(client: HsmClient) -> None:
    with pytest.raises(InvalidInput, match="not in a token"):
        await client.use_key(KeyMaterial(EC), OWNER, "ES256", Operation.SIGN, Given(bytes(32)))


async def test_keys_are_used_while_others_are_made(client: HsmClient) -> None:
    """Making an RSA key of 4096 bits takes seconds; who only uses a key must not wait for it."""
    key = await client.make_key(EC, OWNER)
    making = [asyncio.create_task(client.make_key(replace(RSA, size=4096), OWNER)) for _ in range(3)]
    while not all(task.done() for task in making):
        made = await client.use_key(key, OWNER, "ES256", Operation.SIGN, Given(bytes(32)))
        assert len(made.value) == 64
    assert len({task.result().public for task in making}) == 3


async def test_after_a_crash_the_same_key_goes_on(sidecar: Sidecar) -> None:
    async with HsmClient(sidecar.socket) as client:
        await hsm.until_serving(client)
        key = await client.make_key(EC, OWNER)
        sidecar.kill_worker()
        await hsm.until(client, hsm.State.SERVING, restarts=1)
        made = await client.use_key(key, OWNER, "ES256", Operation.SIGN, Given(bytes(32)))
        assert outside.verifies(key.public, ALGORITHMS["ES256"], bytes(32), made.value)


async def test_without_a_sidecar_a_use_fails_as_retryable(sidecar: Sidecar) -> None:
    async with HsmClient(sidecar.socket) as client:
        await hsm.until_serving(client)
        key = await client.make_key(EC, OWNER)
        sidecar.stop()
        with pytest.raises(HsmUnavailable):
            await client.use_key(key, OWNER, "ES256", Operation.SIGN, Given(bytes(32)))


async def test_many_callers_use_many_keys(client: HsmClient) -> None:
    """More keys than are good for the peace of a token that does not lock."""
    keys = [await client.make_key(spec, OWNER) for spec in (RSA, EC, EC, OCT, OCT)]
    choose = random.Random(7)

    async def caller() -> None:
        for _ in range(60):
            key = choose.choice(keys)
            if key.spec == OCT:
                made = await client.use_key(key, OWNER, "A256KW", Operation.WRAP, Given(bytes(32)))
                opened = await client.use_key(key, OWNER, "A256KW", Operation.UNWRAP, Given(made.value))
                assert opened.value == bytes(32)
            else:
                name = "RS256" if key.spec == RSA else "ES256"
                made = await client.use_key(key, OWNER, name, Operation.SIGN, Given(bytes(32)))
                assert outside.verifies(key.public, ALGORITHMS[name], bytes(32), made.value)
            if choose.random() < 0.05:
                await client.make_key(EC, OWNER)

    before = await client.status()
    await asyncio.gather(*(caller() for _ in range(16)))
    after = await client.status()
    assert (after.serving, after.restarts) == (True, before.restarts)


REFUSED_BY_THE_SIDECAR: dict[str, tuple[str, Message]] = {
    "no uses": ("UseKeys", pb.UseKeysRequest()),
    "too many uses": ("UseKeys", pb.UseKeysRequest(uses=[pb.Use()] * 65)),
    "no such kind": ("MakeKey", pb.MakeKeyRequest(spec=pb.KeySpec(type="DSA", size=2048), owner=OWNER)),
    "no such size": ("MakeKey", pb.MakeKeyRequest(spec=pb.KeySpec(type="RSA", size=1024), owner=OWNER)),
    "no such curve": ("MakeKey", pb.MakeKeyRequest(spec=pb.KeySpec(type="EC", curve="P-224"), owner=OWNER)),
    "no owner": ("MakeKey", pb.MakeKeyRequest(spec=pb.KeySpec(type="oct", size=256))),
    "no key": ("TakeKey", pb.TakeKeyRequest(spec=pb.KeySpec(type="RSA", size=2048), owner=OWNER)),
    "no target": ("ReleaseKey", pb.ReleaseKeyRequest(spec=pb.KeySpec(type="oct", size=256), owner=OWNER)),
}


@pytest.mark.parametrize("wrong", REFUSED_BY_THE_SIDECAR)
async def test_the_sidecar_trusts_no_client(client: HsmClient, shared_sidecar: Sidecar, wrong: str) -> None:
    method, request = REFUSED_BY_THE_SIDECAR[wrong]
    credentials = grpc.local_channel_credentials(grpc.LocalConnectionType.UDS)
    async with grpc.aio.secure_channel(f"unix:{shared_sidecar.socket}", credentials) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as refusal:
            await getattr(stubs.HsmStub(channel), method)(request)
    assert refusal.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert (await client.status()).serving


async def test_a_use_that_means_nothing_is_refused_alone(client: HsmClient, shared_sidecar: Sidecar) -> None:
    credentials = grpc.local_channel_credentials(grpc.LocalConnectionType.UDS)
    async with grpc.aio.secure_channel(f"unix:{shared_sidecar.socket}", credentials) as channel:
        nothing = pb.Use(spec=pb.KeySpec(type="oct", size=256), operation="sing", algorithm="HS256")
        answer = await stubs.HsmStub(channel).UseKeys(pb.UseKeysRequest(uses=[pb.Use(), nothing]))
    assert [used.refusal for used in answer.used] == [pb.REFUSAL_INVALID] * 2
    assert (await client.status()).serving
