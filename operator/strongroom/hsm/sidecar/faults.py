"""What a PKCS#11 error means to us, and the two verdicts that only the sidecar knows."""

from __future__ import annotations

from pkcs11 import exceptions as p11

from strongroom.domain.errors import HsmUnavailable, LoginRefused, Refused


class TokenLost(HsmUnavailable):
    """The token, a session or a resident handle is dead. Nothing in this process heals it: the worker ends."""


class Uninitialised(HsmUnavailable):
    """Token, user PIN, PIN file or world key are not there yet. ``strongroom hsm init`` heals it."""


class TokenUnfit(Refused):
    """The token does not enforce the attributes, or holds an ambiguous world. Somebody must act."""


# No retry inside the process ever cured one of these; finalising and initialising again always did.
_DEAD: tuple[type[p11.PKCS11Error], ...] = (
    p11.DeviceError,
    p11.DeviceMemory,
    p11.DeviceRemoved,
    p11.HostMemory,
    p11.KeyHandleInvalid,
    p11.ObjectHandleInvalid,
    p11.OperationActive,
    p11.SessionClosed,
    p11.SessionHandleInvalid,
    p11.SlotIDInvalid,
    p11.TokenNotPresent,
    p11.TokenNotRecognised,
    p11.UnwrappingKeyHandleInvalid,
    p11.UserNotLoggedIn,
    p11.WrappingKeyHandleInvalid,
)

_LOGIN: tuple[type[p11.PKCS11Error], ...] = (
    p11.PinExpired,
    p11.PinIncorrect,
    p11.PinInvalid,
    p11.PinLenRange,
    p11.PinLocked,
)


def is_dead(error: p11.PKCS11Error) -> bool:
    """Say whether ``error`` alone proves that the token or its handles are gone.

    CKR_CRYPTOKI_NOT_INITIALIZED has no class of its own in python-pkcs11; like CKR_GENERAL_ERROR it is left to the
    probe, which then fails as well.
    """
    return isinstance(error, _DEAD)


def is_surely_dead(error: p11.PKCS11Error) -> bool:
    """Say the same of an error that what was given may have provoked, so that nobody can stop a sidecar by it.

    Kryoptic 1.5 answers CKR_DEVICE_ERROR to a ciphertext with a wrong padding: only the probe can tell then.
    """
    return is_dead(error) and not isinstance(error, p11.DeviceError)


def login_fault(who: str, error: p11.PKCS11Error) -> Exception:
    """Return what to raise after a failed C_Login: ``LoginRefused`` if the token judged the PIN."""
    if isinstance(error, _LOGIN):
        return LoginRefused(f"the token refused the {who} PIN ({name(error)})")
    return TokenLost(f"logging in failed ({name(error)})")


def name(error: p11.PKCS11Error) -> str:
    """Return the public name of an error: its class, never its text."""
    return type(error).__name__
