"""The ceremonies of ``strongroom hsm`` from end to end: token, PINs, steps, attacks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from strongroom.domain.errors import InvalidInput
from strongroom.hsm.sidecar import module, process, provisioning, selfcheck, world
from strongroom.hsm.sidecar.ceremony import Ceremony, Outcome
from strongroom.hsm.sidecar.join import Joining, Sponsor
from strongroom.hsm.sidecar.joinfiles import JoinAnswer, JoinRequest
from strongroom.hsm.sidecar.logins import Announce, Logins
from strongroom.hsm.sidecar.pins import PinFile
from strongroom.hsm.sidecar.world import WorldId, check_geography

LoginsT = TypeVar("LoginsT", bound=Logins)


@dataclass(frozen=True, slots=True)
class Place:
    """A token and where its PINs are. Only paths: the PINs are read when they are needed."""

    module: Path
    token_label: str
    so_pin_file: Path
    pin_file: Path
    create_token: bool = False  # in a blank slot, if there is none with the label
    module_parameters: str = ""


def initialise(place: Place, geography: str, announce: Announce, *, dedicated: bool = False) -> Outcome:
    """Make the token's world, or find that it has one; safe to run again after any interruption.

    A dedicated token may let attacks through; they are announced.

    Raises ``InvalidInput`` for an impossible name or a token that belongs to another geography, ``TokenUnfit`` when an
    attack succeeds, ``LoginRefused`` (each PIN is tried once), ``Uninitialised`` for missing PIN files, ``TokenLost``,
    ``ModuleFault``.
    """
    check_geography(geography)
    ceremony = _open(place, announce, Ceremony)
    outcome = ceremony.perform(geography, dedicated=dedicated)
    if outcome.world.geography != geography:
        raise InvalidInput(f"the token belongs to geography {outcome.world.geography} already")
    _try_attacks(ceremony)
    return outcome


def rotate(place: Place, announce: Announce) -> Outcome:
    """Make the next version of the token's world. Raises what ``initialise`` raises."""
    ceremony = _open(place, announce, Ceremony)
    outcome = ceremony.rotate()
    _try_attacks(ceremony)
    return outcome


def activate(place: Place, announce: Announce) -> Outcome:
    """Put the newest version in force. Raises what ``initialise`` raises."""
    return _open(place, announce, Ceremony).activate()


def request(place: Place, announce: Announce) -> JoinRequest:
    """Ask for the world of another token. Raises what ``initialise`` raises."""
    return _open(place, announce, Joining).request()


def approve(place: Place, asked: JoinRequest, told: str, announce: Announce) -> JoinAnswer:
    """Wrap the token's world for who asks. Raises what ``initialise`` raises."""
    return _open(place, announce, Sponsor).approve(asked, told)


def accept(place: Place, answer: JoinAnswer, told: str, announce: Announce) -> tuple[WorldId, ...]:
    """Take the world in; return the versions that are new here. Raises what ``initialise`` raises."""
    joining = _open(place, announce, Joining)
    arrived = joining.accept(answer, told)
    _try_attacks(joining)
    return arrived


def _open(place: Place, announce: Announce, kind: type[LoginsT]) -> LoginsT:
    process.harden()
    loaded = module.load(place.module, place.module_parameters)
    so_pin, user_pin = PinFile(place.so_pin_file), PinFile(place.pin_file)
    if place.create_token:
        token = provisioning.ensure_token(loaded, place.token_label, so_pin, user_pin)
    else:
        token = provisioning.find_token(loaded, place.token_label)
    return kind(token, so_pin.read, user_pin.read, announce)


def _try_attacks(logins: Logins) -> None:
    logins.announce("trying the attacks")
    with logins.user() as session:
        for each in world.find_worlds(session).values():
            if world.is_dedicated(each):
                for name in selfcheck.weaknesses(session, each):
                    logins.announce(f"beware, one can {name}")
            else:
                selfcheck.check(session, each)
