"""What a real API server makes of our requests, where it decides: field ownership, preconditions, types."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from hack.localcluster import Cluster
from strongroom.domain.targets import CreationPolicy, SecretType, TargetAction
from strongroom.kinds import names
from strongroom.kube import errors, transport
from strongroom.kube.api import Verb, Write
from strongroom.kube.client import KubeClient
from strongroom.kube.resources import SECRETS
from tests.helpers.pairs import certificate, new_key, pem
from tests.helpers.target_scenes import Scene, fields, traces

NONE, CREATE, UPDATE = TargetAction.NONE, TargetAction.CREATE, TargetAction.UPDATE
MERGE, ORPHAN = CreationPolicy.MERGE, CreationPolicy.ORPHAN


async def _nothing() -> None:
    return None


@dataclass
class Client(KubeClient):
    """Counts the writes to Secrets, and lets somebody else write just before one."""

    connection: Any
    verbs: list[Verb] = field(default_factory=list)
    just_before: Callable[[], Awaitable[Any]] = _nothing

    def __post_init__(self) -> None:
        super().__init__(self.connection)

    async def write(self, change: Write) -> dict[str, Any]:
        if change.resource is SECRETS and change.field_manager != "kubectl-edit":
            self.verbs.append(change.verb)
            step, self.just_before = self.just_before, _nothing
            await step()
        return await super().write(change)


@pytest.fixture
async def scene(cluster: Cluster, crds: None, namespace: str) -> Any:
    async with Client(await transport.from_kubeconfig(cluster.kubeconfig)) as client:
        yield await Scene.make(client, namespace)


def verbs(scene: Scene) -> list[Verb]:
    assert isinstance(scene.client, Client)
    return scene.client.verbs


async def test_a_creation_and_a_rotation_are_one_request_each(scene: Scene) -> None:
    await scene.sync(scene.spec())
    await scene.rotate(b"v2")
    await scene.sync(scene.spec())
    assert verbs(scene) == [Verb.CREATE, Verb.PATCH]


async def test_what_is_not_wished_any_more_goes_and_what_others_put_there_stays(scene: Scene) -> None:
    spec = scene.spec(
        template=(("a", "{{ value }}"), ("b", "x")), labels=(("l", "1"), ("m", "1")), annotations=(("n", "1"),)
    )
    await scene.sync(spec)
    await scene.edit(labels={"their": "1", "m": "2"}, annotations={"their": "1"}, data={"foreign": b"x"})
    fewer = replace(spec, template=(("a", "{{ value }}"),), labels=(("l", "1"),), annotations=())
    assert [await scene.sync(fewer) for _ in range(2)] == [TargetAction.REPLACE, NONE]
    metadata = (await scene.live() or {})["metadata"]
    assert await scene.data() == {"a": b"v1"}
    assert metadata["labels"] == {"l": "1", "their": "1", names.MANAGED_BY: scene.owner.uid}
    assert {key for key in metadata["annotations"] if "strongroom.dev" not in key} == {"their"}
    assert verbs(scene) == [Verb.CREATE, Verb.PATCH, Verb.PATCH]
    assert [await scene.sync(replace(fewer, labels=())) for _ in range(2)] == [UPDATE, NONE]
    assert verbs(scene)[3:] == [Verb.PATCH], "what an apply of ours put there needs no claim"


async def test_a_merge_keeps_what_is_not_ours(scene: Scene) -> None:
    key = new_key("ec")
    pair = {"tls.crt": certificate(key), "tls.key": pem(key)}
    await scene.foreign(type="kubernetes.io/tls", data={}, stringData={k: text.decode() for k, text in pair.items()})
    spec = scene.spec(creation=MERGE, keys=(("ours", "value"),), labels=(("our", "1"),))
    assert [await scene.sync(spec) for _ in range(2)] == [UPDATE, NONE]
    assert await scene.data() == {**pair, "ours": b"v1"}
    assert await scene.sync(replace(spec, keys=(("renamed", "value"),))) is UPDATE
    assert await scene.data() == {**pair, "renamed": b"v1"}
    await scene.remove_others()
    live = await scene.live() or {}
    assert (await scene.data(), live["type"], traces(live)) == (pair, "kubernetes.io/tls", set())


async def test_a_change_meanwhile_is_not_written_over(scene: Scene) -> None:
    await scene.sync(scene.spec())
    await scene.rotate(b"v2")
    assert isinstance(scene.client, Client)
    scene.client.just_before = lambda: scene.edit(data={"value": b"mine"})
    with pytest.raises(errors.Conflict):
        await scene.sync(scene.spec())
    assert await scene.data() == {"value": b"mine"}
    assert await scene.sync(scene.spec()) in (UPDATE, TargetAction.REPLACE)


@pytest.mark.parametrize("again", [False, True], ids=["gone", "another one"])
async def test_an_apply_makes_nothing_and_flows_into_nothing_else(scene: Scene, again: bool) -> None:
    await scene.sync(scene.spec())
    await scene.rotate(b"v2")

    async def replaced() -> None:
        assert isinstance(scene.client, Client)
        await KubeClient.write(scene.client, Write(Verb.DELETE, SECRETS, scene.namespace, "t"))
        if again:
            await scene.foreign()

    assert isinstance(scene.client, Client)
    scene.client.just_before = replaced
    with pytest.raises((errors.Conflict, errors.NotFound)):
        await scene.sync(scene.spec())
    assert await scene.data() == ({"theirs": b"x"} if again else {})
    assert (await scene.live() is not None) is again


async def test_a_restored_backup_is_taken_over(scene: Scene) -> None:
    """Everything on it belongs to the tool that restored it. (Another UID: see the test in memory; here the garbage
    collector would be faster.)"""
    spec = scene.spec(creation=ORPHAN, labels=(("old", "1"),))
    await scene.sync(spec)
    body = await scene.live() or {}
    await scene.client.delete(SECRETS, scene.namespace, "t")
    kept = {key: body["metadata"][key] for key in ("name", "labels", "annotations")}
    await scene.client.create(SECRETS, scene.namespace, {**body, "metadata": kept}, field_manager="backup-tool")
    assert await scene.sync(spec) is NONE, "the fingerprint is still right"
    await scene.rotate(b"v2")
    assert [await scene.sync(replace(spec, labels=())) for _ in range(2)] == [UPDATE, NONE]
    metadata = (await scene.live() or {})["metadata"]
    assert "old" not in metadata["labels"]
    assert await scene.data() == {"value": b"v2"}


async def test_an_immutable_target_is_made_anew(scene: Scene) -> None:
    spec = scene.spec(immutable=True)
    await scene.sync(spec)
    await scene.rotate(b"v2")
    assert [await scene.sync(spec) for _ in range(2)] == [UPDATE, NONE]
    assert await scene.data() == {"value": b"v2"}
    assert verbs(scene) == [Verb.CREATE, Verb.DELETE, Verb.CREATE]
    assert [await scene.sync(scene.spec()), await scene.sync(spec), await scene.sync(spec)] == [UPDATE, UPDATE, NONE]


async def test_an_immutable_target_is_released(scene: Scene) -> None:
    await scene.sync(scene.spec(immutable=True, creation=ORPHAN))
    await scene.delete_owner()
    await scene.remove_others()
    assert traces(await scene.live() or {}) == set()


TYPES = {
    SecretType.BASIC_AUTH: fields(username="u", password="p"),
    SecretType.SSH_AUTH: fields(privateKey="k", publicKey="p"),
    SecretType.TLS: fields(certificate=certificate(KEY := new_key("ec")).decode(), privateKey=pem(KEY).decode()),
    SecretType.DOCKER_CONFIG: fields(a="b"),
}
DOCKER = '{"auths": {"r.example": {"auth": {{ fields.a | b64encode | json }}}}}'


@pytest.mark.parametrize("kind", TYPES)
async def test_the_types(scene: Scene, kind: SecretType) -> None:
    await scene.rotate(TYPES[kind])
    template = ((".dockerconfigjson", DOCKER),) if kind is SecretType.DOCKER_CONFIG else ()
    spec = scene.spec(type=kind, template=template)
    assert [await scene.sync(spec) for _ in range(2)] == [CREATE, NONE]
    assert (await scene.live() or {})["type"] == kind
    assert await scene.sync(scene.spec()) is UPDATE
    assert (await scene.live() or {})["type"] == "Opaque"
