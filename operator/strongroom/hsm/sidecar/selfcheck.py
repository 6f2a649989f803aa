"""Tries every attack on the token before it is trusted with anything.

Some tokens accept all attributes of the ceremony and enforce none of them (NSS softokn is one). No flag or version
tells; only trying does.
"""

from __future__ import annotations

from typing import Any, Final

from pkcs11 import Attribute, GCMParams, KeyType, Mechanism, MechanismFlag, ObjectClass, Session
from pkcs11.exceptions import PKCS11Error

from strongroom.hsm.sidecar import faults
from strongroom.hsm.sidecar.attacks import ATTACKS, Attack, Target
from strongroom.hsm.sidecar.attributes import NEWBORN_KEK, UNWRAPPED_KEK
from strongroom.hsm.sidecar.faults import TokenLost, TokenUnfit
from strongroom.hsm.sidecar.usersattacks import USERS_ATTACKS, users_keys
from strongroom.hsm.sidecar.world import World

ALL_ATTACKS: Final = {**ATTACKS, **USERS_ATTACKS}

_PLAIN = b"an honest message"
_ADVICE = ". Such a token serves as a dedicated one only (strongroom hsm init --dedicated)"


def check(session: Session, world: World) -> None:
    """Raise ``TokenUnfit``, naming the attacks that succeeded; ``TokenLost`` when the token went away meanwhile."""
    if succeeded := weaknesses(session, world):
        raise TokenUnfit(f"the token does not enforce its key attributes: one can {'; '.join(succeeded)}{_ADVICE}")


def weaknesses(session: Session, world: World) -> list[str]:
    """Return the attacks that succeeded. ``TokenUnfit`` when the token cannot do its work, ``TokenLost``.

    ``session`` is thrown away afterwards: closing it destroys every object made here. The honest path runs before and
    after, because a token that refuses everything, or died half-way, would pass for a safe one.
    """
    succeeded = succeeding_attacks(honest_target(session, world))
    honest_target(session, world)
    return succeeded


def succeeding_attacks(target: Target) -> list[str]:
    """Return the names of the attacks that broke through; empty for a token fit for use."""
    return [name for name, attack in ALL_ATTACKS.items() if _succeeds(attack, target)]


def honest_target(session: Session, world: World) -> Target:
    """Generate a KEK, wrap, unwrap and use it. Raises ``TokenUnfit`` when the token cannot, ``TokenLost``."""
    try:
        return _walk(session, world)
    except PKCS11Error as error:
        if faults.is_dead(error):
            raise TokenLost(f"the token went away during its self-check ({faults.name(error)})") from error
        raise TokenUnfit(f"the token cannot generate, wrap and use a KEK ({faults.name(error)})") from error


def _walk(session: Session, world: World) -> Target:
    uses = MechanismFlag.ENCRYPT | MechanismFlag.DECRYPT
    newborn: Any = session.generate_key(KeyType.AES, 256, capabilities=uses, template=NEWBORN_KEK)
    blob = world.wrap(newborn)
    kek = world.unwrap(ObjectClass.SECRET_KEY, KeyType.AES, blob, UNWRAPPED_KEK, uses)
    how = {"mechanism": Mechanism.AES_GCM, "mechanism_param": GCMParams(bytes(12), b"additional data", 128)}
    if kek.decrypt(newborn.encrypt(_PLAIN, **how), **how) != _PLAIN or not kek[Attribute.SENSITIVE]:
        raise TokenUnfit("the token unwrapped another key than it wrapped")
    return Target(session, world, newborn, blob, kek, users_keys(session, world))


def _succeeds(attack: Attack, target: Target) -> bool:
    try:
        attack(target)
    except PKCS11Error:
        return False  # whichever code: vendors differ, and the honest path proves afterwards that the token lives
    return True
