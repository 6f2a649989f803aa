"""What the command lines of the processes have in common."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Sequence

from strongroom.telemetry import logs


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


def add_logging(parser: argparse.ArgumentParser) -> None:
    """Add the options of what is logged, and how."""
    for option, default, words in (("log-level", "info", logs.LEVELS), ("log-format", "text", logs.FORMATS)):
        parser.add_argument(
            f"--{option}", default=environment(option, default), type=one_of(words), help=", ".join(words)
        )
