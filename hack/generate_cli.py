"""Writes docs/reference/cli.md from the parsers of the commands for people."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

from strongroom.cli import explaining
from strongroom.entrypoints.main import COMMANDS

NAMES = ("login", "logout", "secrets", "keys", "certificates", "vault", "completion")
PAGE = Path("docs/reference/cli.md")

HEAD = """<!-- generated, do not edit; make generate -->
# Command line

The program is called `strongroom`; as `kubectl strongroom` it is a plugin of kubectl. [Use the command
line](../how-to/use-the-cli.md) has examples. The commands of processes (`controller`, `dataplane`, `hsm`,
`kms`) and `audit` are described where they are used: [data plane](../operations/data-plane.md),
[HSM](../operations/hsm.md), [KMS plugin](../how-to/encrypt-kubernetes-secrets.md), [audit](../how-to/audit.md).

## Exit codes

| code | |
|---|---|
"""

CODES = {
    explaining.OK: "done",
    explaining.ERROR: "it could not be done: no connection, an untrusted certificate, a failure of the vault",
    explaining.USAGE: "wrong command line, or input that cannot be what was asked for",
    explaining.MISSING: "there is no such vault, secret, version or ServiceAccount",
    explaining.DENIED: "the token is not accepted, or its owner may not do this, or not from here",
    explaining.CLASH: "the present state contradicts it: the name is taken, deleted or declared by a custom resource, "
    "or a condition does not hold",
}

ENVIRONMENT = """
## Environment

| variable | instead of |
|---|---|
| `STRONGROOM_VAULT_URL` | `--url`, when neither it nor `--vault` is given |
| `STRONGROOM_CA` | `--ca-file` |
| `STRONGROOM_CONNECT_TO` | `--connect-to` |
| `STRONGROOM_TOKEN_FILE` | `--token-file`, when no identity is given |
| `STRONGROOM_TOKEN_COMMAND` | a program that prints a token, when there is no file; it is run without a shell |
| `KUBECONFIG` | `--kubeconfig` |

Proxy variables are not obeyed.
"""


SHARED = ("vault", "cluster", "server", "identity")
"""Groups of options that many commands have: told once."""


def generate(root: Path) -> dict[Path, bytes]:
    """Return what the page should hold, by its path below the repository's ``root``."""
    codes = "".join(f"| {code} | {text} |\n" for code, text in CODES.items())
    return {PAGE: (HEAD + codes + ENVIRONMENT + _shared() + "".join(_commands())).encode()}


def _shared() -> str:
    groups = {each.title: each for each in _parser("login")._action_groups}
    found = [(title, each) for title in SHARED for each in groups[title]._group_actions]
    rows = [f"| {title} | `{_name(each)}` | {_escaped(each.help or '')} |\n" for title, each in found]
    return "\n## Which vault, and as whom\n\n| | option | |\n|---|---|---|\n" + "".join(rows)


def _parser(name: str) -> argparse.ArgumentParser:
    made: argparse.ArgumentParser = import_module(COMMANDS[name][0]).parser()
    return made


def _commands() -> Iterator[str]:
    for name in NAMES:
        yield from _command(f"strongroom {name}", _parser(name))


def _command(line: str, parser: argparse.ArgumentParser) -> Iterator[str]:
    subcommands = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    for action in subcommands:
        for name, inner in action.choices.items():
            yield from _command(f"{line} {name}", inner)
    if subcommands:
        return
    shared = {id(each) for group in parser._action_groups if group.title in SHARED for each in group._group_actions}
    own = [each for each in parser._actions if id(each) not in shared and each.help != argparse.SUPPRESS]
    yield f"\n## {line}\n\n{parser.description}\n"
    yield f"\nAnd the options [above](#which-vault-and-as-whom){_told(parser)}.\n" if shared else ""
    yield "\n| argument | |\n|---|---|\n"
    yield from (f"| `{_name(each)}` | {_escaped(each.help or '')} |\n" for each in own if each.dest != "help")


def _told(parser: argparse.ArgumentParser) -> str:
    """Say of which groups, where it has not all of them."""
    groups = [str(each.title) for each in parser._action_groups if each.title in SHARED and each._group_actions]
    return "" if len(groups) == len(SHARED) else f" of the groups {' and '.join(groups)}"


def _name(action: argparse.Action) -> str:
    value = " or ".join(map(str, action.choices)) if action.choices else str(action.metavar or action.dest.upper())
    if not action.option_strings:
        return _escaped(value)
    return _escaped(", ".join(action.option_strings) + (f" {value}" if action.nargs != 0 else ""))


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")
