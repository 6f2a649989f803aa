"""Creating a token for trials: C_InitToken and C_InitPIN, so that no vendor tool is needed for SoftHSM."""

from __future__ import annotations

from pkcs11 import Token, TokenFlag
from pkcs11.exceptions import PKCS11Error

from strongroom.hsm.sidecar import faults
from strongroom.hsm.sidecar.faults import TokenLost, TokenUnfit
from strongroom.hsm.sidecar.module import Module
from strongroom.hsm.sidecar.pins import Pin, PinFile


def find_token(module: Module, label: str) -> Token:
    """Return the one token named ``label``. Raises ``TokenLost`` if there is none, ``TokenUnfit`` if several."""
    try:
        found = [token for token in module.tokens() if token.label == label]
    except PKCS11Error as error:
        raise TokenLost(f"the module does not answer ({faults.name(error)})") from error
    if not found:
        raise TokenLost(f"no token with label {label!r} is present")
    if len(found) > 1:
        raise TokenUnfit(f"{len(found)} tokens have the label {label!r}")
    return found[0]


def ensure_token(module: Module, label: str, so_pin: PinFile, user_pin: PinFile) -> Token:
    """Return the token named ``label``, initialised in a blank slot if there is none, with its user PIN set.

    An initialised token is never initialised again, so a run that was killed half-way only sets the missing user PIN;
    and a random PIN is only ever written for what does not have one yet. Raises ``TokenUnfit`` when no slot is blank,
    ``LoginRefused``, ``ModuleFault``, and what reading a PIN file raises.
    """
    try:
        token = find_token(module, label)
    except TokenLost:
        module.initialise_token(_blank_slot(module), so_pin.ensure().reveal().encode(), label)
        module.refresh()  # SoftHSM gives the new token another slot
        token = find_token(module, label)
    if not token.flags & TokenFlag.USER_PIN_INITIALIZED:
        _set_user_pin(token, so_pin.read(), user_pin.ensure())
        module.refresh()
        token = find_token(module, label)
    return token


def _blank_slot(module: Module) -> int:
    for token in module.tokens():
        if not token.flags & TokenFlag.TOKEN_INITIALIZED:
            return token.slot.slot_id
    raise TokenUnfit("the module offers no slot with an uninitialised token")


def _set_user_pin(token: Token, so_pin: Pin, user_pin: Pin) -> None:
    try:
        with token.open(rw=True, so_pin=so_pin.reveal()) as session:
            session.init_pin(user_pin.reveal())
    except PKCS11Error as error:
        raise faults.login_fault("security officer", error) from error
