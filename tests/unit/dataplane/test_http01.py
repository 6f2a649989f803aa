"""The door for proofs of names: what it answers, and how little an asker can cost."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from strongroom.dataplane.http01 import ProofDoor
from strongroom.domain.errors import IssuerUnavailable

TOKEN = "DGyRejmCefe7v4NfDGDKfA"
ROOT = "/.well-known/acme-challenge/"


class Shown:
    """What the controller has let be shown; counts readings."""

    def __init__(self, **proofs: str) -> None:
        self.proofs = proofs
        self.readings = 0
        self.fails = False

    async def shown(self) -> Mapping[str, str]:
        self.readings += 1
        await asyncio.sleep(0)
        if self.fails:
            raise IssuerUnavailable("down")
        return dict(self.proofs)


def door(shown: Shown) -> ProofDoor:
    return ProofDoor(shown, asyncio.get_running_loop().time)


async def ask(of: ProofDoor, path: str = ROOT + TOKEN, method: str = "GET") -> web.Response:
    return await of.handle(make_mocked_request(method, path))


async def test_a_proof_is_shown_and_read_once() -> None:
    shown = Shown(**{TOKEN: f"{TOKEN}.thumb"})
    asked = door(shown)
    for _ in range(3):
        answer = await ask(asked)
        assert (answer.status, answer.body) == (200, f"{TOKEN}.thumb".encode())
    assert shown.readings == 1


async def test_one_that_comes_later_is_found_at_once() -> None:
    shown = Shown()
    asked = door(shown)
    assert (await ask(asked)).status == 404
    shown.proofs[TOKEN] = "late"
    assert (await ask(asked)).body == b"late"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", ROOT),
        ("GET", ROOT + "short"),
        ("GET", ROOT + "x" * 129),
        ("GET", ROOT + TOKEN + "/"),
        ("GET", ROOT + "..%2f..%2fsecrets%2fdb0"),
        ("GET", "/secrets/db"),
        ("POST", ROOT + TOKEN),
        ("HEAD", ROOT + TOKEN),
    ],
)
async def test_nothing_else_is_there(method: str, path: str) -> None:
    shown = Shown(**{TOKEN: "proof"})
    assert (await ask(door(shown), path, method)).status == 404
    assert shown.readings == 0


async def test_a_flood_of_unknown_tokens_costs_two_readings() -> None:
    shown = Shown()
    asked = door(shown)
    answers = await asyncio.gather(*(ask(asked, f"{ROOT}{number:032}") for number in range(500)))
    assert {answer.status for answer in answers} == {404}
    assert shown.readings <= 2


async def test_what_cannot_be_read_is_told_and_read_again() -> None:
    shown = Shown(**{TOKEN: "proof"})
    asked = door(shown)
    shown.fails = True
    assert (await ask(asked)).status == 503
    shown.fails = False
    assert (await ask(asked)).status == 200
