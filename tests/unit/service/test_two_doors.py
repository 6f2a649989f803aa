"""The two doors to one object: custom resources and the vault's API, in every order that matters."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest

from strongroom.domain.apiobjects import Wanted
from strongroom.domain.objects import Kind
from strongroom.domain.vaults import DAY
from tests.helpers.api import Replica, outcome
from tests.helpers.controllers import (
    NAMESPACE,
    Process,
    World,
    annotated,
    ready_world,
    secret,
    secret_key,
    vault,
)
from tests.helpers.stores import NOW

KEY = secret_key()
GRANT = [
    {"subject": {"kind": "Namespace", "name": NAMESPACE}, "permissions": {"secrets": ["get", "set"]}},
]
DECLARED = secret(tags={"team": "blue"})
WAITING = secret(generate=None)


@dataclass
class Doors:
    """Both doors, each a process of its own that hears the other before it acts."""

    world: World
    controller: Process
    api: Replica

    async def by_resource(self, act: Callable[[], None]) -> None:
        act()
        await self.controller.settle(seconds=60)
        self.api.hear()

    async def by_api(self, act: Callable[[Replica], Awaitable[Any]]) -> str:
        self.api.hear()
        said = await outcome(lambda: act(self.api))
        await self.controller.settle(seconds=60)
        return said

    async def state(self) -> str:
        head = await self.world.head()
        if head is None or not head.faces:
            return "none"
        return f"{head.state}{' claimed' if head.claim else ''}"


async def doors(*resources: dict[str, Any]) -> Doors:
    world, controller = await ready_world(*resources)
    world.apply(vault(accessPolicies=GRANT))
    await controller.settle(seconds=60)
    return Doors(world, controller, Replica(world))


# What the object is when the API is used


async def _nothing() -> Doors:
    return await doors()


async def _declared() -> Doors:
    return await doors(DECLARED)


async def _waiting() -> Doors:
    return await doors(WAITING)


async def _of_the_api() -> Doors:
    made = await doors()
    assert await made.by_api(lambda api: api.set("first")) == "ok"
    return made


async def _changed() -> Doors:
    made = await doors(DECLARED)
    await made.by_resource(lambda: made.world.apply(secret(tags={"team": "red"})))
    return made


async def _resource_deleted() -> Doors:
    made = await doors(DECLARED)
    await made.by_resource(lambda: made.world.delete(KEY))
    return made


async def _resource_let_go() -> Doors:
    made = await doors(secret(deletionPolicy="Retain"))
    await made.by_resource(lambda: made.world.delete(KEY))
    return made


async def _created_again() -> Doors:
    made = await _resource_deleted()
    await made.by_resource(lambda: made.world.apply(annotated(DECLARED, recover="true")))
    return made


async def _deleted_by_api() -> Doors:
    made = await _of_the_api()
    assert await made.by_api(lambda api: api.delete()) == "ok"
    return made


async def _adopted() -> Doors:
    made = await _of_the_api()
    await made.by_resource(lambda: made.world.apply(WAITING))
    return made


ACTS: dict[str, Callable[[Replica], Awaitable[Any]]] = {
    "set": lambda api: api.set("by the API"),
    "update": lambda api: api.update(Wanted(content_type="text/plain")),
    "contradict": lambda api: api.update(Wanted(tags={"team": "green"})),
    "delete": lambda api: api.delete(),
    "recover": lambda api: api.recover(),
    "purge": lambda api: api.purge(),
}

# situation: (how, then for each act what is said and what the object is afterwards)
LIVE, CLAIMED, DELETED, NONE = "live", "live claimed", "deleted", "none"
_CLAIMED = {
    "set": ("ok", CLAIMED),
    "update": ("ok", CLAIMED),
    "contradict": ("Claimed", CLAIMED),
    "delete": ("Claimed", CLAIMED),
    "recover": ("NotFound", CLAIMED),
    "purge": ("NotFound", CLAIMED),
}
_FREE = {
    "set": ("ok", LIVE),
    "update": ("ok", LIVE),
    "contradict": ("ok", LIVE),
    "delete": ("ok", DELETED),
    "recover": ("NotFound", LIVE),
    "purge": ("NotFound", LIVE),
}
_DELETED = {
    "set": ("ObjectDeleted", DELETED),
    "update": ("NotFound", DELETED),
    "contradict": ("NotFound", DELETED),
    "delete": ("NotFound", DELETED),
    "recover": ("ok", LIVE),
    "purge": ("ok", NONE),
}
_ABSENT = dict.fromkeys(ACTS, ("NotFound", NONE)) | {"set": ("ok", LIVE)}
TABLE: dict[str, tuple[Callable[[], Awaitable[Doors]], dict[str, tuple[str, str]]]] = {
    "nothing": (_nothing, _ABSENT),
    "a resource waits for a value": (_waiting, _ABSENT | {"set": ("ok", CLAIMED)}),
    "declared": (_declared, _CLAIMED),
    "declared, then changed": (_changed, _CLAIMED),
    "made by the API": (_of_the_api, _FREE),
    "made by the API, adopted": (_adopted, _CLAIMED | {"contradict": ("ok", CLAIMED)}),
    "deleted by the API": (_deleted_by_api, _DELETED),
    "its resource was deleted": (_resource_deleted, _DELETED),
    "its resource was deleted, and let it go": (_resource_let_go, _FREE),
    "its resource was made again": (_created_again, _CLAIMED),
}
ROWS = [(name, act) for name, (_, said) in TABLE.items() for act in said]


@pytest.mark.parametrize(("situation", "act"), ROWS)
async def test_what_the_api_may_do(situation: str, act: str) -> None:
    make, expected = TABLE[situation]
    both = await make()
    assert (await both.by_api(ACTS[act]), await both.state()) == expected[act]


async def test_what_the_api_sets_reaches_the_target_of_a_resource() -> None:
    both = await _waiting()
    assert both.world.reason(KEY) == "!WaitingForValue"
    await both.by_api(lambda api: api.set("hunter2"))
    assert (both.world.reason(KEY), both.world.value()) == ("Available", b"hunter2")
    await both.by_api(lambda api: api.set("hunter3"))
    assert both.world.value() == b"hunter3"


async def test_what_is_declared_goes_on_in_a_version_that_the_api_sets() -> None:
    both = await doors(secret(tags={"team": "blue"}, expiresAfter="10d"))
    both.world.now += DAY
    assert await both.by_api(lambda api: api.set("new", wanted=Wanted(content_type="text/plain"))) == "ok"
    newest = (await both.world.versions())[-1]
    assert newest.payload == b"new"
    assert newest.attributes.tags == {"team": "blue"}
    assert newest.attributes.content_type == "text/plain"
    assert newest.attributes.expires == NOW + 11 * DAY  # counted from its own making
    head = await both.world.head()
    assert head is not None
    assert head.faces[Kind.SECRET].expires == NOW + 11 * DAY


async def test_a_pinned_version_goes_on_being_served() -> None:
    both = await doors(DECLARED)
    (first,) = await both.world.versions()
    await both.by_resource(lambda: both.world.apply(secret(tags={"team": "blue"}, pinVersion=first.id)))
    await both.by_api(lambda api: api.set("newer"))
    assert both.world.value() == first.payload
    assert await both.api.get() == first.payload.decode()


async def test_workloads_restart_for_a_version_that_the_api_sets() -> None:
    both = await doors(secret(rolloutRestartTargets=[{"kind": "Deployment", "name": "app"}]))
    template = {"metadata": {}, "spec": {}}
    both.world._put(
        "deployments", {"metadata": {"name": "app", "namespace": NAMESPACE}, "spec": {"template": template}}
    )
    await both.by_api(lambda api: api.set("new"))
    body = both.world.kube.objects[("deployments", NAMESPACE, "app")]
    newest = (await both.world.versions())[-1]
    assert body["spec"]["template"]["metadata"]["annotations"] == {"restart.strongroom.dev/db": newest.id}


async def test_a_resource_does_not_take_what_the_api_made_without_a_grant() -> None:
    both = await _of_the_api()
    await both.by_resource(lambda: both.world.apply(vault()))
    await both.by_resource(lambda: both.world.apply(WAITING))
    assert both.world.reason(KEY) == "!ReferenceDenied"
    assert await both.state() == LIVE


async def test_a_resource_says_that_its_object_was_deleted_and_may_recover_it() -> None:
    both = await _deleted_by_api()
    await both.by_resource(lambda: both.world.apply(WAITING))
    assert both.world.reason(KEY) == "!ObjectDeleted"
    await both.by_resource(lambda: both.world.apply(annotated(WAITING, recover="true")))
    assert (both.world.reason(KEY), both.world.value()) == ("Available", b"first")


async def test_after_a_purge_a_resource_begins_anew() -> None:
    both = await _deleted_by_api()
    assert await both.by_api(lambda api: api.purge()) == "ok"
    await both.by_resource(lambda: both.world.apply(secret()))
    assert both.world.reason(KEY) == "Available"
    assert len(await both.world.versions()) == 1


async def test_what_the_api_made_lives_by_itself() -> None:
    """It gives its notices, and is purged when it was deleted and its time has come."""
    both = await doors()
    expires = NOW + 400 * DAY
    await both.by_api(lambda api: api.set("x", wanted=Wanted(expires=expires)))
    both.world.now = expires - 10 * DAY
    await both.controller.work(await both.world.object_key())
    assert [notice.stage for notice in both.world.notices] == ["near"]
    both.world.now = expires
    await both.controller.work(await both.world.object_key())
    assert [notice.stage for notice in both.world.notices] == ["near", "expired"]
    await both.by_api(lambda api: api.delete())
    both.world.now += 91 * DAY
    await both.controller.work(await both.world.object_key())
    assert await both.state() == NONE
    assert not both.world.records()


async def test_purge_protection_holds_for_the_api() -> None:
    both = await doors()
    await both.by_resource(lambda: both.world.apply(vault(softDelete={"purgeProtection": True})))
    await both.by_api(lambda api: api.set("x"))
    await both.by_api(lambda api: api.delete())
    assert await both.by_api(lambda api: api.purge()) == "PurgeProtected"
    both.world.now += 90 * DAY
    assert await both.by_api(lambda api: api.purge()) == "ok"
