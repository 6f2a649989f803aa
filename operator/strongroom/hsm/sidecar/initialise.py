"""``strongroom hsm init`` from end to end: token, PINs, ceremony, attacks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pkcs11 import Token
from pkcs11.exceptions import PKCS11Error

from strongroom.domain.errors import InvalidInput
from strongroom.hsm.sidecar import attributes, faults, module, process, provisioning, selfcheck, world
from strongroom.hsm.sidecar.ceremony import Announce, Ceremony, Outcome
from strongroom.hsm.sidecar.pins import Pin, PinFile
from strongroom.hsm.sidecar.world import check_geography


@dataclass(frozen=True, slots=True)
class Plan:
    """What to initialise. Only paths: the PINs are read when they are needed."""

    module: Path
    token_label: str
    geography: str
    so_pin_file: Path
    pin_file: Path
    create_token: bool


def initialise(plan: Plan, announce: Announce) -> Outcome:
    """Make the token's world, or find that it has one; safe to run again after any interruption.

    Raises ``InvalidInput`` for an impossible name or a token that belongs to another geography, ``TokenUnfit`` when an
    attack succeeds, ``LoginRefused`` (each PIN is tried once), ``Uninitialised`` for missing PIN files, ``TokenLost``,
    ``ModuleFault``.
    """
    check_geography(plan.geography)
    process.harden()
    loaded = module.load(plan.module)
    so_pin, user_pin = PinFile(plan.so_pin_file), PinFile(plan.pin_file)
    if plan.create_token:
        token = provisioning.ensure_token(loaded, plan.token_label, so_pin, user_pin)
    else:
        token = provisioning.find_token(loaded, plan.token_label)
    outcome = Ceremony(token, so_pin.read, user_pin.read, announce).perform(plan.geography)
    if outcome.world.geography != plan.geography:
        raise InvalidInput(f"the token belongs to geography {outcome.world.geography} already")
    _try_attacks(token, user_pin.read(), announce)
    return outcome


def _try_attacks(token: Token, user_pin: Pin, announce: Announce) -> None:
    announce("trying the attacks")
    try:
        with token.open(rw=True, user_pin=user_pin.reveal(), attribute_mapper=attributes.Mapper()) as session:
            selfcheck.check(session, world.current(world.find_worlds(session)))
    except PKCS11Error as error:
        raise faults.TokenLost(f"the self-check was interrupted ({faults.name(error)}); run it again") from error
