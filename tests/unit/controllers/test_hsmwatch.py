"""What the controller says of the HSM while it watches it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from strongroom.controllers.hsmwatch import HsmWatch
from strongroom.controllers.verdicts import Verdict
from strongroom.domain.errors import HsmUnavailable
from strongroom.hsm.client import Health
from strongroom.hsm.states import State
from strongroom.kinds.conditions import Reason


@dataclass
class Said:
    """An HSM that is healthy or not, in this order."""

    healths: list[Health]
    gone: bool = False
    firmware: str = "1.2"
    seen: list[tuple[bool, Any]] = field(default_factory=list)

    async def watch_health(self) -> AsyncIterator[Health]:
        for health in self.healths:
            yield health

    async def status(self) -> Any:
        if self.gone:
            raise HsmUnavailable("gone")
        return SimpleNamespace(token=SimpleNamespace(model="Soft", firmware_version=self.firmware))


WELL = Health(serving=True, state=State.SERVING, detail="")


async def watched(said: Said) -> tuple[HsmWatch, list[tuple[bool, Verdict | None]]]:
    changes: list[tuple[bool, Verdict | None]] = []
    watch = HsmWatch(said, lambda serving: changes.append((serving, watch.complaint())))
    await watch.run()
    return watch, changes


async def test_each_change_is_told_with_its_reason() -> None:
    lost = Health(serving=False, state=State.TOKEN_LOST, detail="the token is gone")
    refused = Health(serving=False, state=State.LOGIN_REFUSED, detail="the token refused the PIN")
    _, changes = await watched(Said([lost, refused, WELL]))
    assert changes == [
        (False, Verdict(Reason.HSM_UNAVAILABLE, "the token is gone")),
        (False, Verdict(Reason.LOGIN_REFUSED, "the token refused the PIN")),
        (True, None),
    ]


async def test_a_health_without_words_gets_some() -> None:
    watch, _ = await watched(Said([Health(serving=False, state=State.UNSPECIFIED, detail="")]))
    complaint = watch.complaint()
    assert complaint is not None
    assert complaint.message


async def test_nothing_is_complained_of_before_anything_is_known() -> None:
    watch, _ = await watched(Said([]))
    assert watch.complaint() is None
    assert watch.model() == {}


async def test_the_model_is_shown_as_far_as_the_token_tells() -> None:
    watch, _ = await watched(Said([WELL]))
    assert watch.model() == {"model": "Soft", "firmware": "1.2"}
    watch, _ = await watched(Said([WELL], firmware=""))
    assert watch.model() == {"model": "Soft"}


async def test_a_token_that_goes_while_it_is_asked_for_its_model_stops_no_watch() -> None:
    watch, changes = await watched(Said([WELL], gone=True))
    assert watch.model() == {}
    assert [serving for serving, _ in changes] == [True]
