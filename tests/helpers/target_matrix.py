"""What is done about a target: creation policy × deletion policy × what happened × what is there.

One table, run against an API server in memory and against a real one.
"""

from __future__ import annotations

import copy
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from strongroom.domain.objects import Kind
from strongroom.domain.targets import CreationPolicy, DeletionPolicy, Owner, TargetAction, TargetSpec
from strongroom.kinds import names
from strongroom.kube.resources import SECRETS
from tests.helpers.target_scenes import Scene, traces

OWNER, ORPHAN, MERGE = CreationPolicy.OWNER, CreationPolicy.ORPHAN, CreationPolicy.MERGE
DELETE, RETAIN = DeletionPolicy.DELETE, DeletionPolicy.RETAIN
NONE, CREATE, UPDATE = TargetAction.NONE, TargetAction.CREATE, TargetAction.UPDATE
REPLACE, WAITING, CONFLICT = TargetAction.REPLACE, TargetAction.WAITING, TargetAction.CONFLICT

LABELLED = (("app", "db"),)
Prepare = Callable[[Scene, TargetSpec], Awaitable[TargetSpec]]

# What is there when a target is looked at


async def absent(scene: Scene, spec: TargetSpec) -> TargetSpec:
    return spec


async def current(scene: Scene, spec: TargetSpec) -> TargetSpec:
    if spec.creation is MERGE:
        await scene.foreign()
    assert await scene.sync(spec) in (CREATE, UPDATE)
    return spec


async def stale(scene: Scene, spec: TargetSpec) -> TargetSpec:
    await current(scene, spec)
    await scene.rotate(b"v2")
    return spec


async def another_spec(scene: Scene, spec: TargetSpec) -> TargetSpec:
    await current(scene, replace(spec, annotations=(("example.org/old", "1"),)))
    return replace(spec, labels=(*spec.labels, ("tier", "back")))


async def drifted(scene: Scene, spec: TargetSpec) -> TargetSpec:
    await current(scene, spec)
    await scene.edit(data={"value": b"spoiled"})
    return spec


async def drifted_label(scene: Scene, spec: TargetSpec) -> TargetSpec:
    await current(scene, spec)
    await scene.edit(labels={"app": "other"})
    return spec


async def stripped(scene: Scene, spec: TargetSpec) -> TargetSpec:
    await current(scene, spec)
    await scene.edit(annotations=dict.fromkeys([names.TARGET_NOTE, names.TARGET_MAC, names.OWNER]))
    return spec


async def deleted(scene: Scene, spec: TargetSpec) -> TargetSpec:
    await current(scene, spec)
    live = await scene.live()
    assert live is not None
    await scene.client.delete(SECRETS, scene.namespace, "t")
    return spec


async def foreign(scene: Scene, spec: TargetSpec) -> TargetSpec:
    await scene.foreign()
    return spec


async def of_another(scene: Scene, spec: TargetSpec) -> TargetSpec:
    await current(scene, spec)
    await scene.edit(annotations={names.OWNER: f"{scene.namespace}/another"}, labels={names.MANAGED_BY: "another"})
    return spec


async def controlled(scene: Scene, spec: TargetSpec) -> TargetSpec:
    """Another operator's: an ownerReference says so. What is merged into may well have one."""
    body = await scene.foreign(name="owner")
    reference = {"apiVersion": "v1", "kind": "Secret", "name": "owner", "uid": body["metadata"]["uid"]}
    await scene.foreign(metadata={"ownerReferences": [{**reference, "controller": True}]})
    return spec


async def copied(scene: Scene, spec: TargetSpec) -> TargetSpec:
    """Somebody copied another target of ours, with everything on it."""
    if spec.creation is MERGE:
        await scene.foreign("original")
    await scene.sync(replace(spec, name="original"))
    original = copy.deepcopy(await scene.live("original"))
    assert original is not None
    kept = {key: original["metadata"][key] for key in ("labels", "annotations")}
    await scene.foreign(metadata=kept, data=original["data"])
    return spec


async def newer(scene: Scene, spec: TargetSpec) -> TargetSpec:
    """We are late: another process made a version and wrote it."""
    before = scene.stored
    await scene.rotate(b"v2")
    await current(scene, spec)
    scene.stored = before
    return spec


async def newer_spec(scene: Scene, spec: TargetSpec) -> TargetSpec:
    """We are late: another process wrote what a later spec says."""
    now = scene.owner
    scene.owner = replace(now, generation=now.generation + 1)
    await current(scene, replace(spec, labels=(("app", "later"),)))
    scene.owner = now
    return spec


async def merged_before(scene: Scene, spec: TargetSpec) -> TargetSpec:
    await current(scene, replace(spec, creation=MERGE))
    return spec


async def owned_before(scene: Scene, spec: TargetSpec) -> TargetSpec:
    await current(scene, replace(spec, creation=OWNER))
    return spec


async def released_before(scene: Scene, spec: TargetSpec) -> TargetSpec:
    """The VaultSecret went, the Secret stayed; the VaultSecret comes again."""
    await current(scene, replace(spec, creation=ORPHAN, deletion=RETAIN))
    await scene.remove_others()
    return spec


async def adopted(scene: Scene, spec: TargetSpec) -> TargetSpec:
    """Somebody hands a Secret over."""
    await scene.foreign(metadata={"annotations": {names.OWNER: f"{scene.namespace}/db"}})
    return spec


# What is there: the action for Owner, Orphan and Merge; the deletion policy makes no difference here
SYNCS: list[tuple[Prepare, TargetAction, TargetAction, TargetAction]] = [
    (absent, CREATE, CREATE, WAITING),
    (current, NONE, NONE, NONE),
    (stale, UPDATE, UPDATE, UPDATE),
    (another_spec, UPDATE, UPDATE, UPDATE),
    (drifted, REPLACE, REPLACE, REPLACE),
    (drifted_label, REPLACE, REPLACE, REPLACE),
    (stripped, REPLACE, REPLACE, REPLACE),
    (deleted, CREATE, CREATE, WAITING),
    (foreign, CONFLICT, CONFLICT, UPDATE),
    (of_another, CONFLICT, CONFLICT, CONFLICT),
    (controlled, CONFLICT, CONFLICT, UPDATE),
    (copied, CONFLICT, CONFLICT, UPDATE),
    (newer, NONE, NONE, NONE),
    (newer_spec, NONE, NONE, NONE),
    (merged_before, CONFLICT, CONFLICT, NONE),
    (owned_before, NONE, UPDATE, UPDATE),
    (released_before, CONFLICT, CONFLICT, UPDATE),
    (adopted, UPDATE, UPDATE, UPDATE),
]


@dataclass(frozen=True)
class SyncCase:
    prepare: Prepare
    creation: CreationPolicy
    deletion: DeletionPolicy
    action: TargetAction

    def __str__(self) -> str:
        return f"{self.prepare.__name__}-{self.creation}-{self.deletion}"


SYNC_CASES = [
    SyncCase(prepare, creation, deletion, action)
    for prepare, *actions in SYNCS
    for creation, action in zip((OWNER, ORPHAN, MERGE), actions, strict=True)
    for deletion in (DELETE, RETAIN)
]


async def run_sync(scene: Scene, case: SyncCase) -> None:
    """Look once: it is done. Look again, and from a new process: nothing is."""
    wished = scene.spec(creation=case.creation, deletion=case.deletion, labels=LABELLED)
    spec = await case.prepare(scene, wished)
    before = await scene.live()
    assert await scene.sync(spec) is case.action
    live = await scene.live()
    if case.action in (NONE, CONFLICT, WAITING):
        assert live == before
        return
    assert live is not None
    await _assert_as_wished(scene, spec)
    for fresh in (False, True):
        assert await scene.sync(spec, fresh=fresh) is NONE
    scene.restart()
    assert await scene.sync(spec) is NONE
    assert await scene.live() == live


async def _assert_as_wished(scene: Scene, spec: TargetSpec) -> None:
    live, data = await scene.live(), await scene.data()
    assert live is not None
    version = scene.stored.head.faces[Kind.SECRET].current
    held = (await scene.store.version(scene.vault, scene.stored.head, version)).payload
    theirs = {key: octets for key, octets in data.items() if key != "value"}
    assert data == {**(theirs if spec.creation is MERGE else {}), "value": held}
    metadata = live["metadata"]
    assert dict(spec.labels).items() <= metadata["labels"].items()
    assert "example.org/old" not in metadata["annotations"]
    assert metadata["labels"][names.MANAGED_BY] == scene.owner.uid
    assert metadata["annotations"][names.OWNER] == str(scene.owner)
    assert bool(metadata.get("ownerReferences")) is (
        not spec.stays or (spec.creation is MERGE and _controlled_by_others(metadata))
    )


def _controlled_by_others(metadata: dict[str, object]) -> bool:
    references = metadata.get("ownerReferences")
    return isinstance(references, list) and any(ref["kind"] != "VaultSecret" for ref in references)


# What becomes of a target when it is not wished any more

End = Callable[[Scene], Awaitable[Owner | None]]


async def renamed(scene: Scene) -> Owner | None:
    return scene.owner


async def gone(scene: Scene) -> Owner | None:
    """Seen by the process that worked for it."""
    await scene.delete_owner()
    return scene.owner


async def gone_unseen(scene: Scene) -> Owner | None:
    """Found by a process that started later."""
    await scene.delete_owner()
    return replace(scene.owner, uid="")


async def orphaned(scene: Scene) -> Owner | None:
    """``kubectl delete --cascade=orphan``."""
    await scene.delete_owner(orphan=True)
    return scene.owner


async def succeeded(scene: Scene) -> Owner | None:
    """The VaultSecret was made anew, and does not ask for the target."""
    return await scene.succeed()


async def late(scene: Scene) -> Owner | None:
    """The target is a successor's, and we act for the resource before it."""
    return replace(scene.owner, uid="earlier", generation=1)


async def taken(scene: Scene) -> Owner | None:
    """Somebody else made it theirs."""
    await scene.edit(annotations={names.OWNER: f"{scene.namespace}/another"})
    return scene.owner


async def drifted_end(scene: Scene) -> Owner | None:
    await scene.edit(data={"value": b"spoiled"})
    return scene.owner


# The word says what there is afterwards: gone, released (as it was, and nobody's), withdrawn (without what was merged
# in), kept (ours as before).
ENDS: list[tuple[End, str, str, str, str, str, str]] = [
    # Owner-Delete, Owner-Retain, Orphan-Delete, Orphan-Retain, Merge-Delete, Merge-Retain
    (renamed, "gone", "released", "gone", "released", "withdrawn", "released"),
    (gone, "gone", "released", "released", "released", "withdrawn", "released"),
    (gone_unseen, "gone", "released", "released", "released", "withdrawn", "released"),
    (orphaned, "released", "released", "released", "released", "withdrawn", "released"),
    (succeeded, "gone", "released", "released", "released", "withdrawn", "released"),
    (late, "kept", "kept", "kept", "kept", "kept", "kept"),
    (taken, "kept", "kept", "kept", "kept", "kept", "kept"),
    (drifted_end, "gone", "released", "gone", "released", "withdrawn", "released"),
]


@dataclass(frozen=True)
class EndCase:
    end: End
    creation: CreationPolicy
    deletion: DeletionPolicy
    left: str

    def __str__(self) -> str:
        return f"{self.end.__name__}-{self.creation}-{self.deletion}"


END_CASES = [
    EndCase(end, creation, deletion, left)
    for end, *words in ENDS
    for (creation, deletion), left in zip(
        [(creation, deletion) for creation in (OWNER, ORPHAN, MERGE) for deletion in (DELETE, RETAIN)],
        words,
        strict=True,
    )
]


async def run_end(scene: Scene, case: EndCase) -> None:
    """Nobody asks for the target any more; asking twice does nothing more."""
    spec = scene.spec(creation=case.creation, deletion=case.deletion, labels=LABELLED)
    await current(scene, spec)
    owner = await case.end(scene)
    before, data = await scene.live(), await scene.data()
    scene.restart()
    for _ in range(2):
        await scene.remove_others(owner=owner)
        await _assert_left(scene, case.left, before, data)


async def _assert_left(scene: Scene, left: str, before: dict[str, object] | None, data: dict[str, bytes]) -> None:
    live = await scene.live()
    if left == "gone":
        assert live is None
        return
    assert live is not None
    if left == "kept":
        assert live == before
        return
    assert traces(live) == set()
    assert not live["metadata"].get("ownerReferences")
    if left == "released":
        assert await scene.data() == data
        assert live["metadata"]["labels"]["app"] == "db"
    else:
        assert await scene.data() == {"theirs": b"x"}
        assert "app" not in (live["metadata"].get("labels") or {})
