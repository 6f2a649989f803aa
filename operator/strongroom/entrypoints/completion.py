"""``strongroom completion``: what a shell must read to complete our command lines.

A shell asks by running us with ``_ARGCOMPLETE`` set; ``strongroom.entrypoints.main`` then calls ``answer``.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from importlib import import_module
from typing import Final

from argcomplete import autocomplete
from argcomplete.shell_integration import shellcode

from strongroom.cli import explaining
from strongroom.entrypoints.access import finish

_PROGRAM: Final = "strongroom completion"
_COMPLETED: Final = ("strongroom", "kubectl-strongroom")


def main(arguments: list[str]) -> int:
    """Print the code."""
    return finish(_PROGRAM, _show, parser().parse_args(arguments))


def parser() -> argparse.ArgumentParser:
    """Return the parser; completion and the reference read it too."""
    made = argparse.ArgumentParser(
        _PROGRAM,
        description="Print what a shell must read to complete command lines: source <(strongroom completion bash)",
    )
    made.add_argument("shell", choices=("bash", "zsh", "fish"))
    return made


async def _show(options: argparse.Namespace) -> int:
    print(shellcode(list(_COMPLETED), shell=options.shell))
    return explaining.OK


def answer(commands: Mapping[str, tuple[str, str]]) -> None:
    """Tell the shell what may come next, and end the process. ``commands``: as ``main`` has them.

    The parser of a subcommand is asked as a program of its own, from the second word on: the others are not loaded.
    """
    line = os.environ.get("COMP_LINE", "")[: int(os.environ.get("COMP_POINT", "0"))]
    words = line.split()[1:]
    typed = words[0] if words and (len(words) > 1 or line.endswith(" ")) else ""
    module = import_module(commands[typed][0]) if typed in commands else None
    made = getattr(module, "parser", None)
    if made is not None:
        os.environ["_ARGCOMPLETE"] = "2"
        autocomplete(made())
    top = argparse.ArgumentParser("strongroom")
    top.add_argument("command", choices=[name for name in commands if not typed])
    autocomplete(top)
