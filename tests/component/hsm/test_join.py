"""Joining a geography: two real tokens in stores of their own, in one step and by files, whole and interrupted."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from strongroom.hsm.client import HsmClient
from tests.helpers import hsm
from tests.helpers.hsm import TokenHome

OWNER = "ab" * 16
SEED = bytes(range(32))

# One step of a join, killed for good before announcement N: no destructor, no C_Finalize, as by a power cut.
KILLED_BEFORE = """
import os, signal, sys
from pathlib import Path
from strongroom.hsm.sidecar import initialise
from strongroom.hsm.sidecar.initialise import Place
from strongroom.hsm.sidecar.joinfiles import parse_answer, parse_request
name, module, label, root, step, *rest = sys.argv[1:]
seen = []
def announce(what):
    if len(seen) == int(step):
        os.kill(os.getpid(), signal.SIGKILL)
    seen.append(what)
place = Place(Path(module), label, Path(root, "so-pin"), Path(root, "pin"))
if name == "request":
    initialise.request(place, announce)
elif name == "approve":
    initialise.approve(place, parse_request(Path(rest[0]).read_bytes()), rest[1], announce)
else:
    initialise.accept(place, parse_answer(Path(rest[0]).read_bytes()), rest[1], announce)
print("whole")
"""

OBJECTS = """
import json, sys
from pathlib import Path
from pkcs11 import Attribute as A, ObjectClass as C
from strongroom.hsm.sidecar import attributes, module
token = next(t for t in module.load(Path(sys.argv[1])).tokens() if t.label == sys.argv[2])
with token.open(user_pin=sys.argv[3], attribute_mapper=attributes.Mapper()) as session:
    kinds = (C.SECRET_KEY, C.PUBLIC_KEY, C.PRIVATE_KEY, C.DATA)
    keys = [key for kind in kinds for key in list(session.get_objects({A.CLASS: kind}))]
    print(json.dumps(sorted((key[A.CLASS].name, key[A.LABEL], key[A.PRIVATE]) for key in keys)))
"""
WORLD = [["SECRET_KEY", "strongroom:world-mac:test-1", True], ["SECRET_KEY", "strongroom:world:test-1", True]]


def objects_of(home: TokenHome) -> list[list[Any]]:
    shown = home.python(OBJECTS, str(home.module), hsm.LABEL, hsm.USER_PIN)
    assert shown.returncode == 0, shown.stderr
    found: list[list[Any]] = json.loads(shown.stdout)
    return found


def place(home: TokenHome) -> tuple[str, ...]:
    pins = ("--pin-file", str(home.pin_file), "--so-pin-file", str(home.so_pin_file))
    return ("--module", str(home.module), "--token-label", hsm.LABEL, *pins)


def sponsored_by(home: TokenHome) -> tuple[str, ...]:
    settings = dict(home.environment.items() - os.environ.items())
    return (
        "--sponsor-module", str(home.module), "--sponsor-token-label", hsm.LABEL,
        "--sponsor-pin-file", str(home.pin_file), "--sponsor-so-pin-file", str(home.so_pin_file),
        *(f"--sponsor-environment={name}={value}" for name, value in settings.items()),
    )  # fmt: skip


class Pair:
    """A sponsor, a token that wants to join, and the files between them."""

    def __init__(self, sponsor: TokenHome, joining: TokenHome, folder: Path) -> None:
        self.sponsor, self.joining = sponsor, joining
        self.request_file, self.answer_file = folder / "request", folder / "answer"

    def request(self) -> str:
        ran = self.joining.strongroom("hsm", "join", "request", *place(self.joining), "--request-file", self._asked)
        assert ran.returncode == 0, ran.stderr
        return fingerprint_in(ran.stdout)

    def approve(self, told: str) -> str:
        ran = self.try_approve(told)
        assert ran.returncode == 0, ran.stderr
        return fingerprint_in(ran.stdout)

    def try_approve(self, told: str) -> Any:
        files = ("--request-file", self._asked, "--answer-file", str(self.answer_file), "--fingerprint", told)
        return self.sponsor.strongroom("hsm", "join", "approve", *place(self.sponsor), *files)

    def accept(self, told: str) -> Any:
        files = ("--answer-file", str(self.answer_file), "--fingerprint", told)
        return self.joining.strongroom("hsm", "join", "accept", *place(self.joining), *files)

    def killed(self, name: str, step: int, *rest: str) -> Any:
        home = self.sponsor if name == "approve" else self.joining
        return home.python(KILLED_BEFORE, name, str(hsm.module_path()), hsm.LABEL, str(home.root), str(step), *rest)

    @property
    def _asked(self) -> str:
        return str(self.request_file)


def fingerprint_in(said: str) -> str:
    return next(line for line in said.splitlines() if "fingerprint" in line and "written" in line).rsplit(" ", 1)[1]


@pytest.fixture
def pair(token: TokenHome, blank_token: TokenHome, tmp_path: Path) -> Pair:
    return Pair(token, blank_token, tmp_path)


async def assert_shared(one: TokenHome, other: TokenHome) -> None:
    """A KEK of either serves in the other."""
    with hsm.running(one) as here, hsm.running(other) as there:
        async with HsmClient(here.socket) as first, HsmClient(there.socket) as second:
            await hsm.until_serving(first)
            await hsm.until_serving(second)
            for make, use in ((first, second), (second, first)):
                kek = await make.generate_kek(OWNER, 1)
                wrapped = await make.wrap_dek(kek, "dek-1", SEED)
                assert await use.unwrap_dek(kek, "dek-1", wrapped) == SEED


async def test_joins_in_one_step_and_both_serve_each_others_keys(pair: Pair) -> None:
    joined = pair.joining.strongroom("hsm", "join", *place(pair.joining), *sponsored_by(pair.sponsor))
    assert joined.returncode == 0, joined.stderr
    assert "joined, geography test-1 id " in joined.stdout
    assert "versions 1" in joined.stdout
    assert objects_of(pair.joining) == objects_of(pair.sponsor) == WORLD
    await assert_shared(pair.sponsor, pair.joining)


async def test_one_that_joined_can_sponsor_the_next(pair: Pair, blank_home: TokenHome) -> None:
    assert pair.joining.strongroom("hsm", "join", *place(pair.joining), *sponsored_by(pair.sponsor)).returncode == 0
    third = blank_home.copy()
    try:
        joined = third.strongroom("hsm", "join", *place(third), *sponsored_by(pair.joining))
        assert joined.returncode == 0, joined.stderr
        await assert_shared(pair.sponsor, third)
    finally:
        third.remove()


def test_joins_from_nothing(token: TokenHome) -> None:
    home = TokenHome.make()
    try:
        home.pin_file.unlink()
        home.so_pin_file.unlink()
        joined = home.strongroom("hsm", "join", *place(home), *sponsored_by(token), "--create-token")
        assert joined.returncode == 0, joined.stderr
        assert home.pin_file.read_text().strip() not in joined.stdout + joined.stderr
    finally:
        home.remove()


def test_joining_again_brings_nothing_and_says_so(pair: Pair) -> None:
    for expected in ("versions 1", "no new version"):
        joined = pair.joining.strongroom("hsm", "join", *place(pair.joining), *sponsored_by(pair.sponsor))
        assert expected in joined.stdout, joined.stderr
    assert objects_of(pair.joining) == WORLD


def test_joins_by_files_that_hold_no_key(pair: Pair) -> None:
    told = pair.approve(pair.request())
    joined = pair.accept(told)
    assert joined.returncode == 0, joined.stderr
    assert objects_of(pair.joining) == objects_of(pair.sponsor) == WORLD


def test_a_substituted_request_is_refused_and_its_true_fingerprint_not_told(pair: Pair, blank_home: TokenHome) -> None:
    told = pair.request()
    thief = Pair(pair.sponsor, blank_home.copy(), pair.request_file.parent)
    try:
        his = thief.request()  # over the same file
        refused = pair.try_approve(told)
        assert refused.returncode == 1
        assert "does not have this fingerprint" in refused.stderr
        assert his not in refused.stdout + refused.stderr
        assert not pair.answer_file.exists()
        assert objects_of(pair.sponsor) == WORLD
    finally:
        thief.joining.remove()


def test_a_substituted_answer_is_refused(pair: Pair, ready_home: TokenHome) -> None:
    """Anybody can wrap a key that he knows under the public keys of the request."""
    asked = pair.request()
    told = pair.approve(asked)
    his = TokenHome.make()
    try:
        his.create_token()
        assert his.init().returncode == 0  # a world of the same name
        Pair(his, pair.joining, pair.request_file.parent).approve(asked)
        refused = pair.accept(told)
        assert refused.returncode == 1
        assert "does not have this fingerprint" in refused.stderr
        assert not [each for each in objects_of(pair.joining) if each[0] == "SECRET_KEY"]
    finally:
        his.remove()


def test_a_token_of_another_geography_is_refused(pair: Pair) -> None:
    assert pair.joining.init(geography="test-2").returncode == 0
    before = objects_of(pair.joining)
    joined = pair.joining.strongroom("hsm", "join", *place(pair.joining), *sponsored_by(pair.sponsor))
    assert joined.returncode == 1
    assert "the joining token belongs to another geography" in joined.stderr
    assert [each for each in objects_of(pair.joining) if each[0] == "SECRET_KEY"] == before
    assert objects_of(pair.sponsor) == WORLD


def test_a_token_that_got_another_world_meanwhile_refuses_the_answer(pair: Pair) -> None:
    told = pair.approve(pair.request())
    assert pair.joining.init(geography="test-2").returncode == 0
    refused = pair.accept(told)
    assert refused.returncode == 1
    assert "this token belongs to another geography" in refused.stderr


def test_an_answer_to_an_earlier_request_is_refused(pair: Pair) -> None:
    told = pair.approve(pair.request())
    pair.request()
    refused = pair.accept(told)
    assert refused.returncode == 1
    assert "does not open under this token's transport keys" in refused.stderr


REQUEST_STEPS = 7  # trial: two generated, the attacks, two removed; two transport pairs


@pytest.mark.parametrize("step", range(REQUEST_STEPS))
def test_a_request_killed_at_any_step_is_made_anew(pair: Pair, step: int) -> None:
    assert pair.killed("request", step).returncode == -9
    assert pair.accept(pair.approve(pair.request())).returncode == 0
    assert objects_of(pair.joining) == WORLD


APPROVE_STEPS = 4  # trusting, wrapping, two removed


@pytest.mark.parametrize("step", range(APPROVE_STEPS))
def test_an_approval_killed_at_any_step_is_repaired_by_running_it_again(pair: Pair, step: int) -> None:
    told = pair.request()
    killed = pair.killed("approve", step, str(pair.request_file), told)
    assert killed.returncode == -9, killed.stderr
    assert pair.accept(pair.approve(told)).returncode == 0
    assert objects_of(pair.joining) == objects_of(pair.sponsor) == WORLD


ACCEPT_STEPS = 10  # unwrapping, two finished, two staged removed, two pairs removed, the attacks


@pytest.mark.parametrize("step", range(ACCEPT_STEPS))
def test_an_acceptance_killed_at_any_step_is_repaired_by_running_it_again(pair: Pair, step: int) -> None:
    told = pair.approve(pair.request())
    killed = pair.killed("accept", step, str(pair.answer_file), told)
    assert killed.returncode == -9, killed.stderr
    again = pair.accept(told)
    assert again.returncode == 0, again.stderr
    assert objects_of(pair.joining) == WORLD


def test_there_are_no_more_steps_than_are_killed(pair: Pair) -> None:
    requested = pair.killed("request", REQUEST_STEPS)
    assert "whole" in requested.stdout, requested.stderr
    told = pair.request()
    approved = pair.killed("approve", APPROVE_STEPS, str(pair.request_file), told)
    assert "whole" in approved.stdout, approved.stderr
    told = pair.approve(told)
    accepted = pair.killed("accept", ACCEPT_STEPS, str(pair.answer_file), told)
    assert "whole" in accepted.stdout, accepted.stderr


def test_a_missing_sponsor_is_asked_for(blank_token: TokenHome) -> None:
    refused = blank_token.strongroom("hsm", "join", *place(blank_token))
    assert refused.returncode == 1
    assert "strongroom hsm join request" in refused.stderr


def test_a_wrong_pin_of_the_sponsor_ends_the_join_with_its_reason(pair: Pair) -> None:
    pair.sponsor.so_pin_file.write_text("canary-wrong-0000\n")
    refused = pair.joining.strongroom("hsm", "join", *place(pair.joining), *sponsored_by(pair.sponsor))
    assert refused.returncode == 1
    assert "the token refused the security officer PIN" in refused.stderr
    assert "the step approve failed" in refused.stderr
    assert "canary" not in refused.stdout + refused.stderr
