"""Loading a PKCS#11 module so that threads may use it.

python-pkcs11 0.10 releases the GIL round each C call but initialises the module with C_Initialize(NULL), which tells it
that there is one thread: SoftHSM then takes no locks and crashes. So the module is finalised and initialised again
with CKF_OS_LOCKING_OK (PKCS#11 v3.0 section 5.4.1), while there still is one thread. ``lib.reinitialize()`` would
undo that and is never called.

Some modules take parameters, and will not be initialised without (NSS softokn): for these C_Initialize is exchanged in
the module's own function list, before python-pkcs11 calls it.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pkcs11
from pkcs11 import Token
from pkcs11.exceptions import PKCS11Error

from strongroom.domain.errors import HsmUnavailable

if TYPE_CHECKING:
    from pkcs11._pkcs11 import lib

_CKR_OK = 0
_CKR_CRYPTOKI_NOT_INITIALIZED = 0x190
_CKF_OS_LOCKING_OK = 2
_LABEL_OCTETS = 32


class _InitializeArgs(ctypes.Structure):
    """CK_C_INITIALIZE_ARGS."""

    _fields_ = (
        ("CreateMutex", ctypes.c_void_p),
        ("DestroyMutex", ctypes.c_void_p),
        ("LockMutex", ctypes.c_void_p),
        ("UnlockMutex", ctypes.c_void_p),
        ("flags", ctypes.c_ulong),
        ("pReserved", ctypes.c_void_p),  # of some modules a text; then this is the true one:
        ("nothing", ctypes.c_void_p),
    )


_Initialise = ctypes.CFUNCTYPE(ctypes.c_ulong, ctypes.c_void_p)


class _FunctionList(ctypes.Structure):
    """The head of CK_FUNCTION_LIST. Not every module exports these by name, so they are taken from here."""

    _fields_ = (
        ("version", ctypes.c_ubyte * 2),
        ("C_Initialize", _Initialise),
        ("C_Finalize", ctypes.CFUNCTYPE(ctypes.c_ulong, ctypes.c_void_p)),
        ("between", ctypes.c_void_p * 7),
        (
            "C_InitToken",
            ctypes.CFUNCTYPE(ctypes.c_ulong, ctypes.c_ulong, ctypes.c_char_p, ctypes.c_ulong, ctypes.c_char_p),
        ),
    )


class ModuleFault(HsmUnavailable):
    """The module could not be loaded or initialised. The message names the CKR code."""


@dataclass(frozen=True, slots=True)
class Module:
    """A loaded and initialised module. One per process."""

    library: lib
    _functions: _FunctionList
    _arguments: _InitializeArgs
    _kept: tuple[object, ...] = ()  # what C points to

    def refresh(self) -> None:
        """C_Finalize and C_Initialize: the only way to see a token that came back. No other thread may be inside.

        Every session and object of the process is gone afterwards. Raises ``ModuleFault``.
        """
        self.finalise()
        _check("C_Initialize", self._functions.C_Initialize(ctypes.addressof(self._arguments)))

    def finalise(self) -> None:
        """C_Finalize. No other thread may be inside the module."""
        code = self._functions.C_Finalize(None)
        if code != _CKR_CRYPTOKI_NOT_INITIALIZED:
            _check("C_Finalize", code)

    def tokens(self) -> list[Token]:
        """Return the tokens that answer. One that fails does not hide the others."""
        found = []
        for slot in self.library.get_slots(token_present=True):
            try:
                found.append(slot.get_token())
            except PKCS11Error:
                continue
        return found

    def initialise_token(self, slot_id: int, so_pin: bytes, label: str) -> None:
        """C_InitToken, which python-pkcs11 lacks. Destroys what the token held. Raises ``ModuleFault``."""
        padded = label.encode().ljust(_LABEL_OCTETS)
        if len(padded) > _LABEL_OCTETS:
            raise ModuleFault(f"a token label has at most {_LABEL_OCTETS} octets")
        _check("C_InitToken", self._functions.C_InitToken(slot_id, so_pin, len(so_pin), padded))


def load(path: Path, parameters: str = "") -> Module:
    """Load the module at ``path`` and initialise it for threads. Call it once, before any other thread exists.

    ``parameters``: the text that some modules take where the standard reserves a pointer. Raises ``ModuleFault``.
    """
    text = ctypes.create_string_buffer(parameters.encode()) if parameters else None
    arguments = _InitializeArgs(flags=_CKF_OS_LOCKING_OK, pReserved=ctypes.addressof(text) if text else None)
    kept = (text, *(_exchanged(_function_list(path), arguments) if parameters else ()))
    try:
        library = pkcs11.lib(str(path))
    except PKCS11Error as error:
        reason = (
            str(error) if type(error) is PKCS11Error else type(error).__name__
        )  # the former is the dynamic linker's
        raise ModuleFault(f"the PKCS#11 module {path} cannot be initialised ({reason}); is its store there?") from error
    module = Module(library, _function_list(path), arguments, kept)
    module.refresh()
    return module


def _exchanged(functions: _FunctionList, arguments: _InitializeArgs) -> tuple[object, ...]:
    """Have C_Initialize called with these arguments, whatever is said; return what must outlive the module."""
    initialise = _Initialise(ctypes.cast(functions.C_Initialize, ctypes.c_void_p).value or 0)
    ours = _Initialise(lambda _: initialise(ctypes.addressof(arguments)))
    functions.C_Initialize = ours
    return functions, initialise, ours


def _function_list(path: Path) -> _FunctionList:
    pointer = ctypes.POINTER(_FunctionList)()
    _check("C_GetFunctionList", ctypes.CDLL(str(path)).C_GetFunctionList(ctypes.byref(pointer)))
    return pointer.contents


def _check(function: str, code: int) -> None:
    if code != _CKR_OK:
        raise ModuleFault(f"{function} failed with CKR {code:#x}")
