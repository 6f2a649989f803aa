"""What other namespaces consent to: read when it matters, believed for ten seconds, a refusal never."""

from __future__ import annotations

from dataclasses import dataclass, field

from strongroom.domain.access import Policy, Subject, SubjectKind
from strongroom.service.grants import Grants
from tests.helpers.fake_kube import FakeKube

GRANT = (Policy(Subject(SubjectKind.NAMESPACE, "b"), secrets=("get",)),)


@dataclass
class World:
    """A namespace b, and a clock."""

    kube: FakeKube = field(default_factory=FakeKube)
    now: float = 100.0

    def __post_init__(self) -> None:
        self.grants = Grants(self.kube, lambda: self.now)

    def consent(self, accepts: str | None) -> None:
        annotations = {"strongroom.dev/accept-from": accepts} if accepts is not None else {}
        kind = "MODIFIED" if ("namespaces", "", "b") in self.kube.objects else "ADDED"
        self.kube._commit(
            kind, ("namespaces", "", "b"), {"metadata": {"name": "b", "uid": "u", "annotations": annotations}}
        )

    async def granted(self, wanted: str = "b", policies: tuple[Policy, ...] = GRANT) -> bool:
        return await self.grants.complaint("a", wanted, policies) is None


async def test_the_own_namespace_is_never_asked() -> None:
    assert await World().granted("a", ())


async def test_consent_is_seen_at_once_and_believed_for_ten_seconds() -> None:
    world = World()
    assert not await world.granted(), "there is no such namespace"
    world.consent(None)
    assert not await world.granted()
    world.consent("x, a")
    assert await world.granted()
    world.consent("x")
    world.now += 9
    assert await world.granted()
    world.now += 2
    assert not await world.granted()


async def test_consent_is_nothing_without_the_vaults_grant() -> None:
    world = World()
    world.consent("a")
    assert await world.granted()
    assert not await world.granted(policies=())


async def test_what_was_read_long_ago_is_forgotten() -> None:
    world = World()
    world.consent("a")
    await world.granted()
    world.now += 60
    await world.granted("c")
    assert set(world.grants._accepted) == {"c"}
