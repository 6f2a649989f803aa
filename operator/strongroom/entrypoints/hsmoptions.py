"""What the command lines of ``strongroom hsm`` have in common.

Every option may come from the environment as ``STRONGROOM_HSM_<NAME>``. A PIN never does: it is in a file.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from strongroom.domain.errors import InvalidInput
from strongroom.hsm.sidecar.settings import usual_place

_DEFAULT_PIN_FILE = "/etc/strongroom/hsm/pin"
_DEFAULT_SO_PIN_FILE = "/etc/strongroom/hsm/so-pin"


def environment(option: str, default: str | None = None) -> str | None:
    """Return the option as the environment has it, else the default."""
    return os.environ.get("STRONGROOM_HSM_" + option.upper().replace("-", "_"), default)


def add_token(parser: argparse.ArgumentParser) -> None:
    """Add what names a token and its user."""
    parser.add_argument(
        "--module",
        type=Path,
        default=environment("module"),
        help="PKCS#11 module; default: SoftHSM2, where it is found",
    )
    parser.add_argument(
        "--module-parameters",
        default=environment("module-parameters", ""),
        help="what the module takes to be initialised, where it takes anything, as NSS softokn does",
    )
    parser.add_argument("--token-label", default=environment("token-label", "strongroom"))
    parser.add_argument("--pin-file", type=Path, default=environment("pin-file", _DEFAULT_PIN_FILE))


def add_officer(parser: argparse.ArgumentParser, *, may_create: bool = False) -> None:
    """Add what names a token, its user and its security officer."""
    add_token(parser)
    parser.add_argument("--so-pin-file", type=Path, default=environment("so-pin-file", _DEFAULT_SO_PIN_FILE))
    if may_create:
        parser.add_argument(
            "--create-token",
            action="store_true",
            help="initialise a blank slot as the token first; PIN files that do not exist are written with random PINs",
        )


def module_of(options: argparse.Namespace) -> Path:
    """Return the PKCS#11 module; ``InvalidInput`` when none is named or found."""
    module: Path | None = options.module or usual_place()
    if module is None:
        raise InvalidInput("SoftHSM2 is in none of its usual places; name a PKCS#11 module with --module")
    return module
