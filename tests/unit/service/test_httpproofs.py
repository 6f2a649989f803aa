"""Proofs of names on their way to the data plane: a ConfigMap, and what crashes and others leave in it."""

from __future__ import annotations

import pytest

from strongroom.domain.errors import IssuerUnavailable
from strongroom.kube import errors
from strongroom.kube.api import Verb, Write
from strongroom.kube.resources import CONFIG_MAPS
from strongroom.service.httpproofs import NAME, SECONDS, HttpProofs
from tests.helpers.fake_kube import FakeKube

NOW = 1_800_000_000
TOKEN, OTHER = "DGyRejmCefe7v4NfDGDKfA", "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ"


class Lab:
    def __init__(self) -> None:
        self.kube = FakeKube()
        self.now = NOW
        self.proofs = HttpProofs(self.kube, lambda: self.now)

    async def keys(self) -> set[str]:
        body = await self.kube.get(CONFIG_MAPS, "strongroom-system", NAME)
        return set(body.get("data") or {})


@pytest.fixture
def lab() -> Lab:
    return Lab()


async def test_what_is_shown_is_there_until_it_is_hidden(lab: Lab) -> None:
    assert await lab.proofs.shown() == {}
    await lab.proofs.hide(TOKEN)
    await lab.proofs.show(TOKEN, f"{TOKEN}.thumb")
    await lab.proofs.show(OTHER, "two words")
    await lab.proofs.show(TOKEN, f"{TOKEN}.thumb")
    assert await lab.proofs.shown() == {TOKEN: f"{TOKEN}.thumb", OTHER: "two words"}
    await lab.proofs.hide(TOKEN)
    assert await lab.proofs.shown() == {OTHER: "two words"}


async def test_what_a_crash_left_runs_out_and_goes_with_the_next(lab: Lab) -> None:
    await lab.proofs.show(TOKEN, "left")
    lab.now += SECONDS
    assert await lab.proofs.shown() == {}
    assert await lab.keys() == {TOKEN}
    await lab.proofs.show(OTHER, "next")
    assert await lab.keys() == {OTHER}


async def test_what_somebody_else_wrote_there_is_not_shown(lab: Lab) -> None:
    await lab.proofs.show(TOKEN, "ours")
    await lab.kube.patch(CONFIG_MAPS, "strongroom-system", NAME, {"data": {OTHER: "no time", "x": ""}})
    assert await lab.proofs.shown() == {TOKEN: "ours"}


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("verb", [Verb.CREATE, Verb.PATCH])
async def test_a_write_that_fails_is_said_and_may_be_repeated(lab: Lab, verb: Verb, after: bool) -> None:
    def fail(change: Write) -> None:
        if change.verb is verb and not failed:
            failed.append(change)
            raise errors.OutcomeUnknown(0, "AnswerLost", "lost")

    failed: list[Write] = []
    if after:
        lab.kube.after = fail
    else:
        lab.kube.before = fail
    with pytest.raises(IssuerUnavailable, match="OutcomeUnknown"):
        await lab.proofs.show(TOKEN, "value")
    await lab.proofs.show(TOKEN, "value")
    assert await lab.proofs.shown() == {TOKEN: "value"}


async def test_two_controllers_begin_at_once(lab: Lab) -> None:
    """The other one makes the ConfigMap between our look and our creation."""

    async def meanwhile() -> None:
        await HttpProofs(lab.kube, lambda: NOW).show(OTHER, "theirs")

    class Late(HttpProofs):
        async def _create(self) -> None:
            await meanwhile()
            await super()._create()

    await Late(lab.kube, lambda: NOW).show(TOKEN, "ours")
    assert await lab.proofs.shown() == {TOKEN: "ours", OTHER: "theirs"}
