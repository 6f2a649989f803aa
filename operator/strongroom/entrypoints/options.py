"""What the command lines of the processes have in common."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from strongroom.domain.errors import InvalidInput
from strongroom.telemetry import logs

_HSM_SOCKET: Final = "/run/strongroom/hsm/hsm.sock"


def environment(option: str, default: str | None = None) -> str | None:
    """Return the option as the environment has it, ``STRONGROOM_<NAME>``, else the default."""
    return os.environ.get("STRONGROOM_" + option.upper().replace("-", "_"), default)


def one_of(words: Sequence[str]) -> Callable[[str], str]:
    """``choices`` of argparse would believe the environment unseen."""

    def parse(text: str) -> str:
        if text not in words:
            raise argparse.ArgumentTypeError(f"{text!r} is not one of {', '.join(words)}")
        return text

    return parse


def add_hsm_sockets(parser: argparse.ArgumentParser) -> None:
    """Add where the HSM sidecars are; ``hsm_sockets`` and ``hsm_classes`` read it."""
    parser.add_argument(
        "--hsm-socket",
        type=Path,
        action="append",
        help="of an HSM sidecar; repeated, or with commas in the environment, for a pool of tokens of one geography; "
        f"default: {_HSM_SOCKET}",
    )
    parser.add_argument(
        "--hsm-class",
        action="append",
        metavar="NAME=SOCKET",
        help="of the sidecar of a dedicated HSM, for Vaults whose spec.hsm.dedicated is NAME; may be repeated, or with "
        "commas in the environment",
    )


def hsm_sockets(options: argparse.Namespace) -> list[Path]:
    """Return the sockets of the HSM sidecars."""
    named: list[Path] | None = options.hsm_socket
    return named or [Path(path.strip()) for path in (environment("hsm-socket") or _HSM_SOCKET).split(",")]


def hsm_classes(options: argparse.Namespace) -> dict[str, list[Path]]:
    """Return the sockets of each class of dedicated HSMs. ``InvalidInput``."""
    named: list[str] | None = options.hsm_class
    classes: dict[str, list[Path]] = {}
    for text in named or (environment("hsm-class") or "").split(","):
        name, equals, socket = text.strip().partition("=")
        if text.strip() and not (equals and socket and re.fullmatch("[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", name)):
            raise InvalidInput("--hsm-class is NAME=SOCKET, the name of lower-case letters, digits and hyphens")
        if name:
            classes.setdefault(name, []).append(Path(socket))
    return classes


def add_logging(parser: argparse.ArgumentParser) -> None:
    """Add the options of what is logged, and how."""
    for option, default, words in (("log-level", "info", logs.LEVELS), ("log-format", "text", logs.FORMATS)):
        parser.add_argument(
            f"--{option}", default=environment(option, default), type=one_of(words), help=", ".join(words)
        )
