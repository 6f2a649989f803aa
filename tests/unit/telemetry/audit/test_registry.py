"""The registry of chains: compare-and-swap, never backwards."""

from __future__ import annotations

from dataclasses import replace

import pytest

from strongroom.domain.errors import Conflict, InvalidInput
from strongroom.kube import errors
from strongroom.kube.api import Write
from strongroom.kube.resources import NAMESPACES, SECRETS
from strongroom.telemetry.audit import checkpoints
from strongroom.telemetry.audit.checkpoints import Checkpoint, Mark, SetBack
from strongroom.telemetry.audit.lines import Position
from strongroom.telemetry.audit.registry import AUDIT_TYPE, CHAIN_LABEL, KubernetesRegistry
from tests.helpers.fake_kube import FakeKube

CHAIN = "c" * 32
SYSTEM = "strongroom-system"


def at(sequence: int, digit: str = "a", mark: Mark = Mark.CHECKPOINT, chain: str = CHAIN) -> Checkpoint:
    return Checkpoint(mark, Position(chain, sequence, digit * 64), 1_764_000_000, "r", "k" * 64, b"\x30\x00signature")


@pytest.fixture
async def kube() -> FakeKube:
    fake = FakeKube()
    await fake.create(NAMESPACES, None, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SYSTEM}})
    return fake


@pytest.fixture
def registry(kube: FakeKube) -> KubernetesRegistry:
    return KubernetesRegistry(kube, SYSTEM)


async def test_the_latest_of_each_chain_is_remembered(kube: FakeKube, registry: KubernetesRegistry) -> None:
    other = at(7, chain="d" * 32)
    for checkpoint in (at(1, mark=Mark.START), at(5), at(9, mark=Mark.END), other):
        await registry.register(checkpoint)

    assert await registry.latest(CHAIN) == at(9, mark=Mark.END)
    assert await registry.latest("e" * 32) is None
    assert sorted(known.position.sequence for known in await registry.all()) == [7, 9]
    stored = await kube.get(SECRETS, SYSTEM, f"audit-chain-{CHAIN}")
    assert stored["type"] == AUDIT_TYPE
    assert stored["metadata"]["labels"] == {CHAIN_LABEL: CHAIN}  # no selector of the sealed store sees it


@pytest.mark.parametrize("late", [at(4), at(5, "b")])
async def test_it_never_goes_back(registry: KubernetesRegistry, late: Checkpoint) -> None:
    await registry.register(at(5))

    with pytest.raises(SetBack):
        await registry.register(late)

    assert await registry.latest(CHAIN) == at(5)


async def test_registering_can_be_repeated_after_a_lost_answer(kube: FakeKube, registry: KubernetesRegistry) -> None:
    await registry.register(at(1))

    def lose(change: Write) -> None:
        raise errors.OutcomeUnknown(0, "", "lost")

    kube.after = lose
    with pytest.raises(errors.OutcomeUnknown):
        await registry.register(at(2))
    kube.after = lambda change: None
    await registry.register(at(2))

    assert await registry.latest(CHAIN) == at(2)


async def test_a_faster_writer_wins(kube: FakeKube, registry: KubernetesRegistry) -> None:
    await registry.register(at(1))
    stored = await kube.get(SECRETS, SYSTEM, f"audit-chain-{CHAIN}")
    original = kube.get

    async def stale(*_: object) -> dict[str, object]:
        return stored

    await registry.register(at(9))
    kube.get = stale  # type: ignore[method-assign]
    with pytest.raises(Conflict):
        await registry.register(at(2))
    kube.get = original  # type: ignore[method-assign]

    assert await registry.latest(CHAIN) == at(9)


def test_every_fact_is_signed() -> None:
    first = at(5)
    others = [
        at(6),
        at(5, "b"),
        at(5, mark=Mark.END),
        at(5, chain="d" * 32),
        replace(first, time=first.time + 1),
        replace(first, replica="s"),
    ]

    assert len({checkpoint.statement() for checkpoint in (first, *others)}) == 7


@pytest.mark.parametrize("change", [{"mark": "x"}, {"sequence": "x"}, {"signature": "§"}, {"time": None}])
def test_what_is_no_checkpoint(change: dict[str, object]) -> None:
    assert checkpoints.from_text(at(5).to_text()) == at(5)
    with pytest.raises(InvalidInput):
        checkpoints.from_text(at(5).to_text() | change)
