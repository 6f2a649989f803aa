"""Events: said once, never in the way."""

import asyncio
from datetime import UTC, datetime

import pytest

from strongroom.kube import errors
from strongroom.kube.api import Write
from strongroom.kube.events import NOTE_LIMIT, QUEUE_SIZE, QUIET_PERIOD, EventRecorder, EventType, ObjectRef
from tests.helpers.fake_kube import FakeKube

ABOUT = ObjectRef("strongroom.dev/v1alpha1", "Vault", "n", "demo", "uid-1")


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def recorder(kube: FakeKube, clock: Clock) -> EventRecorder:
    wall = lambda: datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)  # noqa: E731
    return EventRecorder(kube, "strongroom.dev/controller", "pod-1", wall=wall, monotonic=clock)


async def sent(recorder: EventRecorder, kube: FakeKube) -> list[dict[str, object]]:
    task = asyncio.create_task(recorder.run())
    for _ in range(QUEUE_SIZE + 10):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    return [body for _, _, _, body in kube.log]


async def test_an_event_has_what_the_api_demands(recorder: EventRecorder, kube: FakeKube) -> None:
    recorder.publish(ABOUT, EventType.WARNING, "HsmUnavailable", "the token is gone", "Rotate")
    (event,) = await sent(recorder, kube)
    assert event["note"] == "the token is gone"
    assert event["eventTime"] == "2026-01-02T03:04:05.000000Z"
    assert event["regarding"] == {
        "apiVersion": "strongroom.dev/v1alpha1",
        "kind": "Vault",
        "namespace": "n",
        "name": "demo",
        "uid": "uid-1",
    }
    assert (event["type"], event["reason"], event["action"]) == ("Warning", "HsmUnavailable", "Rotate")


async def test_the_same_note_is_said_once_per_period(recorder: EventRecorder, kube: FakeKube, clock: Clock) -> None:
    for _ in range(3):
        recorder.publish(ABOUT, EventType.NORMAL, "Rotated", "same")
    recorder.publish(ABOUT, EventType.NORMAL, "Rotated", "other")
    recorder.publish(ABOUT, EventType.NORMAL, "Synced", "same")
    clock.now = QUIET_PERIOD
    recorder.publish(ABOUT, EventType.NORMAL, "Rotated", "other")
    assert [event["note"] for event in await sent(recorder, kube)] == ["same", "other", "same", "other"]


async def test_notes_are_cut(recorder: EventRecorder, kube: FakeKube) -> None:
    recorder.publish(ABOUT, EventType.NORMAL, "Rotated", "ä" * 5000)
    (event,) = await sent(recorder, kube)
    assert NOTE_LIMIT - 2 <= len(str(event["note"]).encode()) <= NOTE_LIMIT


async def test_a_storm_is_dropped_not_queued(recorder: EventRecorder) -> None:
    for number in range(QUEUE_SIZE + 5):
        recorder.publish(ABOUT, EventType.NORMAL, "Rotated", f"number {number}")
    assert recorder.dropped == 5


async def test_what_cannot_be_sent_is_counted_and_forgotten(recorder: EventRecorder, kube: FakeKube) -> None:
    def refuse(change: Write) -> None:
        raise errors.Forbidden(403, "Forbidden", "no")

    kube.before = refuse
    recorder.publish(ABOUT, EventType.NORMAL, "Rotated", "one")
    recorder.publish(ABOUT, EventType.NORMAL, "Rotated", "two")
    assert await sent(recorder, kube) == []
    assert recorder.dropped == 2


def test_a_reference_is_read_from_a_body() -> None:
    meta = {"name": "demo", "namespace": "n", "uid": "uid-1"}
    assert ObjectRef.of({"apiVersion": "strongroom.dev/v1alpha1", "kind": "Vault", "metadata": meta}) == ABOUT
