"""How targets are written: in how few requests, over exactly what was read, and through every failure."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from strongroom.domain.content import Content
from strongroom.domain.errors import InvalidInput
from strongroom.domain.objects import Kind
from strongroom.domain.targets import CreationPolicy, DeletionPolicy, Owner, SecretType, TargetAction, TargetSpec
from strongroom.kinds import names
from strongroom.kube import errors
from strongroom.kube.api import Write
from strongroom.kube.resources import SECRETS
from tests.helpers.fake_kube import FakeKube
from tests.helpers.pairs import certificate, new_key, pem
from tests.helpers.target_scenes import Scene, fields, traces

NONE, CREATE, UPDATE = TargetAction.NONE, TargetAction.CREATE, TargetAction.UPDATE
REPLACE, CONFLICT = TargetAction.REPLACE, TargetAction.CONFLICT
MERGE, ORPHAN = CreationPolicy.MERGE, CreationPolicy.ORPHAN


@pytest.fixture
def kube() -> FakeKube:
    return FakeKube()


@pytest.fixture
async def scene(kube: FakeKube) -> Scene:
    return await Scene.make(kube, "apps")


def logged(kube: FakeKube) -> list[str]:
    """The verbs of all writes from now on."""
    verbs: list[str] = []
    kube.before = lambda change: verbs.append(change.verb.value)
    return verbs


def opened(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The versions opened from now on."""
    found: list[str] = []
    honest = scene.store.version

    async def version(vault: Any, head: Any, version: str) -> Any:
        found.append(version)
        return await honest(vault, head, version)

    monkeypatch.setattr(scene.store, "version", version)
    return found


# Few requests


async def test_a_creation_and_a_rotation_are_one_request_each(scene: Scene, kube: FakeKube) -> None:
    verbs = logged(kube)
    assert await scene.sync(scene.spec()) is CREATE
    await scene.rotate(b"v2")
    assert await scene.sync(scene.spec()) is UPDATE
    assert verbs == ["create", "patch"]


async def test_a_restart_writes_nothing_and_opens_nothing(
    scene: Scene, kube: FakeKube, monkeypatch: pytest.MonkeyPatch
) -> None:
    specs = [
        scene.spec(template=(("url", "x://{{ value }}"),), labels=(("a", "b"),), annotations=(("c", "d"),)),
        scene.spec(name="orphan", creation=ORPHAN, immutable=True),
        scene.spec(name="merged", creation=MERGE, keys=(("ours", "value"),)),
    ]
    await scene.foreign("merged")
    for spec in specs:
        await scene.sync(spec)
    verbs, versions = logged(kube), opened(scene, monkeypatch)
    scene.restart()
    assert [await scene.sync(spec) for spec in specs] == [NONE, NONE, NONE]
    await scene.remove_others(*specs)
    assert (verbs, versions) == ([], [])


async def test_another_template_writes_and_the_same_does_not(scene: Scene) -> None:
    spec = scene.spec(template=(("url", "x://{{ value }}"),))
    await scene.sync(spec)
    assert await scene.sync(replace(spec, template=(("url", "y://{{ value }}"),))) is UPDATE
    assert await scene.data() == {"url": b"y://v1"}


async def test_the_content_that_is_known_is_not_read_again(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    versions = opened(scene, monkeypatch)
    await scene.targets.sync(scene.owner, scene.spec(), scene.vault, scene.stored.head, Content(b"v1"))
    assert versions == []
    assert await scene.sync(scene.spec(), fresh=True) is NONE


async def test_a_pinned_version_is_what_is_held(scene: Scene) -> None:
    head = scene.stored.head
    first = head.faces[Kind.SECRET].current
    await scene.rotate(b"v2")
    await scene.sync(scene.spec())
    face = replace(scene.stored.head.faces[Kind.SECRET], pin=first)
    pinned = scene.stored.head.changed(faces={Kind.SECRET: face})
    scene.stored = await scene.store.commit(scene.vault, scene.stored, pinned)
    assert await scene.sync(scene.spec()) is UPDATE
    assert await scene.data() == {"value": b"v1"}


# Earlier releases, earlier resources, backups


async def test_a_target_of_an_earlier_release_is_written_once(scene: Scene, kube: FakeKube) -> None:
    owner = scene.owner
    reference = {"apiVersion": names.API_VERSION, "kind": "VaultSecret", "name": "db", "uid": owner.uid}
    annotations = {names.TARGET_VERSION: "0" * 32, names.TARGET_STAMP: "1.1", names.TARGET_MAC: "v1.x.y"}
    metadata = {
        "name": "t",
        "labels": {names.MANAGED_BY: owner.uid},
        "annotations": annotations,
        "ownerReferences": [{**reference, "controller": True, "blockOwnerDeletion": False}],
    }
    await kube.create(SECRETS, "apps", {"metadata": metadata, "type": "Opaque", "data": {"value": "djE="}})
    verbs = logged(kube)
    assert [await scene.sync(scene.spec()) for _ in range(2)] == [UPDATE, NONE]
    assert verbs == ["patch"]
    assert await scene.data() == {"value": b"v1"}
    await scene.delete_owner()
    await scene.remove_others()
    assert await scene.live() is None


async def test_a_target_of_an_earlier_resource_is_taken_over(scene: Scene) -> None:
    await scene.sync(scene.spec())
    scene.owner = await scene.succeed()
    assert [await scene.sync(scene.spec()) for _ in range(2)] == [UPDATE, NONE]
    metadata = (await scene.live() or {})["metadata"]
    assert [ref["uid"] for ref in metadata["ownerReferences"]] == [scene.owner.uid]


async def test_a_restored_backup_is_taken_over(scene: Scene, kube: FakeKube) -> None:
    """Everything on it belongs to the tool that restored it, and the VaultSecret has another UID."""
    await scene.sync(scene.spec(labels=(("old", "1"),)))
    body = await scene.live() or {}
    await kube.delete(SECRETS, "apps", "t")
    kept = {key: body["metadata"][key] for key in ("name", "labels", "annotations", "ownerReferences")}
    await kube.create(SECRETS, "apps", {**body, "metadata": kept}, field_manager="backup-tool")
    scene.owner = await scene.succeed()
    assert await scene.sync(scene.spec()) is UPDATE
    metadata = (await scene.live() or {})["metadata"]
    assert [ref["uid"] for ref in metadata["ownerReferences"]] == [scene.owner.uid]
    assert "old" not in metadata["labels"]


# Over exactly what was read


async def test_a_secret_made_at_the_same_moment_is_left_alone(scene: Scene, kube: FakeKube) -> None:
    await scene.hear()

    def race(change: Write) -> None:
        kube.before = lambda change: None
        kube._commit("ADDED", ("secrets", "apps", "t"), {"metadata": {"name": "t", "namespace": "apps", "uid": "x"}})

    kube.before = race
    spec = scene.spec()
    assert await scene.targets.sync(scene.owner, spec, scene.vault, scene.stored.head, None) is CONFLICT
    assert (await scene.live() or {}).get("data") is None


PREPARED: dict[str, dict[str, Any]] = {
    "apply": {},
    "claim": {"template": (("other", "{{ value }}"),)},
    "made anew": {"type": SecretType.BASIC_AUTH},
}


@pytest.mark.parametrize("change", PREPARED.values(), ids=PREPARED.keys())
async def test_what_changes_meanwhile_is_not_written_over(scene: Scene, kube: FakeKube, change: dict[str, Any]) -> None:
    await scene.sync(scene.spec())
    await scene.rotate(b"v2")

    def race(write: Write) -> None:
        kube.before = lambda change: None
        live = kube.objects["secrets", "apps", "t"]
        kube._commit("MODIFIED", ("secrets", "apps", "t"), {**live, "data": {"value": "bWluZQ=="}})

    kube.before = race
    with pytest.raises(errors.Conflict):
        await scene.sync(scene.spec(**change))
    assert await scene.data() == {"value": b"mine"}


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("failing", range(1, 3))
@pytest.mark.parametrize("change", PREPARED.values(), ids=PREPARED.keys())
async def test_a_write_that_fails_is_made_up_for(
    scene: Scene, kube: FakeKube, change: dict[str, Any], failing: int, after: bool
) -> None:
    await scene.sync(scene.spec(labels=(("old", "1"),)))
    await scene.rotate(b"v2")
    count = 0

    def fail(write: Write) -> None:
        nonlocal count
        count += 1
        if count == failing:
            raise errors.OutcomeUnknown(0, "AnswerLost", "lost")

    if after:
        kube.after = fail
    else:
        kube.before = fail
    spec = scene.spec(**change)
    try:
        await scene.sync(spec)
    except errors.OutcomeUnknown:
        kube.before = kube.after = lambda write: None
        scene.restart()
        await scene.sync(spec)
    assert await scene.sync(spec) is NONE
    assert list((await scene.data()).values()) == [b"v2"]
    assert "old" not in (await scene.live() or {})["metadata"]["labels"]


# Places


async def test_nothing_is_written_into_the_system_namespace(scene: Scene, kube: FakeKube) -> None:
    verbs = logged(kube)
    with pytest.raises(InvalidInput, match="no target may be in the namespace strongroom-system"):
        await scene.sync(scene.spec(namespace="strongroom-system"))
    assert verbs == []


async def test_a_target_elsewhere_belongs_to_its_owner_at_home(scene: Scene, kube: FakeKube) -> None:
    spec = scene.spec(namespace="away")
    assert await scene.sync(spec) is CREATE
    body = kube.objects["secrets", "away", "t"]
    assert "ownerReferences" not in body["metadata"]
    scene.restart()
    scene.index.take("ADDED", body)
    scene.index.take("DELETED", body)
    assert scene.heard == [("apps", "db"), ("apps", "db")]
    scene.index.take("ADDED", body)
    await scene.remove_others()
    assert ("secrets", "away", "t") not in kube.objects


async def test_a_namesake_elsewhere_has_no_claim(scene: Scene, kube: FakeKube) -> None:
    await scene.sync(scene.spec(namespace="away"))
    namesake = Owner("away", "db", "another-uid", 1)
    assert await scene.sync(TargetSpec("away", "t"), owner=namesake) is CONFLICT
    await scene.remove_others(owner=namesake)
    assert ("secrets", "away", "t") in kube.objects


async def test_only_what_is_not_wished_goes(scene: Scene) -> None:
    first, second = scene.spec(name="first"), scene.spec(name="second")
    await scene.sync(first)
    await scene.sync(second)
    await scene.remove_others(second)
    assert await scene.live("first") is None
    assert await scene.live("second") is not None


async def test_a_target_that_changed_since_it_was_seen_is_not_deleted_yet(scene: Scene) -> None:
    await scene.sync(scene.spec())
    await scene.hear()
    await scene.edit(annotations={names.OWNER: "apps/another"})
    with pytest.raises(errors.Conflict):
        await scene.targets.remove_others(scene.owner, ())
    await scene.remove_others()
    assert await scene.live() is not None


# Types and kinds of Secrets


@pytest.mark.parametrize("kind", ["kubernetes.io/service-account-token", "bootstrap.kubernetes.io/token"])
async def test_nothing_is_merged_into_credentials_of_the_cluster(scene: Scene, kind: str) -> None:
    await scene.foreign(type=kind)
    before = await scene.live()
    assert await scene.sync(scene.spec(creation=MERGE)) is CONFLICT
    assert await scene.live() == before


async def test_nothing_is_merged_into_an_immutable_secret(scene: Scene) -> None:
    await scene.foreign(immutable=True)
    with pytest.raises(InvalidInput, match="the Secret is immutable"):
        await scene.sync(scene.spec(creation=MERGE))


async def test_an_immutable_target_is_made_anew(scene: Scene, kube: FakeKube) -> None:
    spec = scene.spec(immutable=True)
    await scene.sync(spec)
    await scene.rotate(b"v2")
    verbs = logged(kube)
    assert await scene.sync(spec) is UPDATE
    assert await scene.sync(scene.spec()) is UPDATE
    assert await scene.sync(spec) is UPDATE
    assert verbs == ["delete", "create", "delete", "create", "patch"]
    assert (await scene.live() or {})["immutable"] is True


async def test_a_tls_target(scene: Scene) -> None:
    key = new_key("ec")
    await scene.rotate(fields(certificate=certificate(key).decode(), privateKey=pem(key).decode()))
    spec = scene.spec(type=SecretType.TLS)
    assert await scene.sync(spec) is CREATE
    await scene.rotate(fields(certificate=certificate(key).decode(), privateKey=pem(new_key("ec")).decode()))
    with pytest.raises(InvalidInput, match="is not for the private key"):
        await scene.sync(spec)
    assert (await scene.data())["tls.key"] == pem(key)


async def test_a_merge_keeps_what_is_not_ours(scene: Scene) -> None:
    await scene.foreign(type="kubernetes.io/tls", metadata={"labels": {"their": "1"}}, data={"theirs": "eA=="})
    spec = scene.spec(creation=MERGE, keys=(("ours", "value"),), labels=(("our", "1"),))
    assert await scene.sync(spec) is UPDATE
    assert await scene.data() == {"theirs": b"x", "ours": b"v1"}
    await scene.edit(data={"theirs": b"y"})
    assert await scene.sync(spec) is NONE
    assert await scene.sync(replace(spec, keys=(("renamed", "value"),))) is UPDATE
    assert await scene.data() == {"theirs": b"y", "renamed": b"v1"}
    await scene.remove_others()
    live = await scene.live() or {}
    assert await scene.data() == {"theirs": b"y"}
    assert (live["metadata"]["labels"], live["type"], traces(live)) == ({"their": "1"}, "kubernetes.io/tls", set())


async def test_foreign_keys_in_a_target_go(scene: Scene) -> None:
    await scene.sync(scene.spec())
    await scene.edit(data={"foreign": b"x"}, labels={"their": "1"})
    assert await scene.sync(scene.spec()) is REPLACE
    assert await scene.data() == {"value": b"v1"}
    assert (await scene.live() or {})["metadata"]["labels"]["their"] == "1"


# Forgeries


Forge = Callable[[Scene], Awaitable[Any]]


async def _policy(scene: Scene) -> None:
    live = await scene.live() or {}
    note = live["metadata"]["annotations"][names.TARGET_NOTE].replace("Delete", "Retain")
    await scene.edit(annotations={names.TARGET_NOTE: note})


async def _version(scene: Scene) -> None:
    await scene.edit(annotations={names.TARGET_VERSION: "f" * 32})


async def _stamp(scene: Scene) -> None:
    await scene.edit(annotations={names.TARGET_STAMP: "9" * 5000})


async def _mac(scene: Scene) -> None:
    await scene.edit(annotations={names.TARGET_MAC: "x"})


async def _note(scene: Scene) -> None:
    await scene.edit(annotations={names.TARGET_NOTE: "null"})


async def _reference(scene: Scene) -> None:
    await scene.edit(ownerReferences=None)


@pytest.mark.parametrize("forge", [_policy, _version, _stamp, _mac, _note, _reference])
async def test_what_is_edited_is_put_right(scene: Scene, forge: Forge) -> None:
    await scene.sync(scene.spec())
    before = (await scene.live() or {})["metadata"]
    await forge(scene)
    assert await scene.sync(scene.spec()) in (REPLACE, UPDATE)
    after = (await scene.live() or {})["metadata"]
    assert (after["annotations"], after["ownerReferences"]) == (before["annotations"], before["ownerReferences"])


async def test_a_note_that_names_foreign_keys_takes_none_but_those(scene: Scene) -> None:
    """Who can edit the note can remove the keys as well."""
    await scene.foreign()
    await scene.sync(scene.spec(creation=MERGE, deletion=DeletionPolicy.RETAIN))
    await scene.remove_others()
    assert await scene.data() == {"theirs": b"x", "value": b"v1"}


# The index


async def test_an_event_of_before_is_no_news(scene: Scene) -> None:
    await scene.sync(scene.spec())
    body = await scene.live() or {}
    await scene.hear()
    scene.heard.clear()
    scene.index.take("MODIFIED", body)
    scene.index.take("DELETED", {**body, "metadata": {**body["metadata"], "uid": "of an earlier one"}})
    assert scene.heard == []
    assert scene.index.get("apps", "t") is not None


async def test_the_owner_that_a_target_lost_is_told(scene: Scene) -> None:
    await scene.sync(scene.spec(creation=ORPHAN))
    await scene.edit(annotations={names.OWNER: None})
    await scene.hear()
    assert scene.heard == [("apps", "db")]
    assert await scene.sync(scene.spec(creation=ORPHAN)) is REPLACE


async def test_nothing_is_left_in_memory(scene: Scene) -> None:
    await scene.sync(scene.spec())
    await scene.delete_owner()
    await scene.remove_others()
    assert (scene.index._seen, dict(scene.index._owned)) == ({}, {})
