"""``strongroom <subcommand>``: finds the subcommand's module and hands over the rest of the arguments.

Modules are imported only when called: a process loads no more than it needs, and the HSM's supervisor no PKCS#11.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module

# Subcommand -> (module with ``main(arguments) -> exit code``, one line of help).
COMMANDS: dict[str, tuple[str, str]] = {
    "login": ("strongroom.entrypoints.login", "get a token for the vaults of an installation"),
    "logout": ("strongroom.entrypoints.logout", "forget the logins that were kept"),
    "secrets": ("strongroom.entrypoints.secretcommands", "work with the secrets of a vault"),
    "keys": ("strongroom.entrypoints.keycommands", "work with the keys of a vault"),
    "certificates": ("strongroom.entrypoints.certificatecommands", "work with the certificates of a vault"),
    "vault": ("strongroom.entrypoints.vault", "look at a vault"),
    "audit": ("strongroom.entrypoints.audit", "verify audit records and ask them questions"),
    "completion": ("strongroom.entrypoints.completion", "complete command lines in a shell"),
    "controller": ("strongroom.entrypoints.controller", "reconcile Vaults, VaultSecrets and VaultKeys"),
    "dataplane": ("strongroom.entrypoints.dataplane", "serve the vaults' API over HTTPS"),
    "kms": ("strongroom.entrypoints.kms", "serve an API server's encryption at rest"),
    "hsm": ("strongroom.entrypoints.hsm", "serve the HSM to this pod; initialise a token; show its status"),
}


def main(arguments: list[str] | None = None) -> int:
    """Run one subcommand and return its exit code: 2 for a wrong command line."""
    if "_ARGCOMPLETE" in os.environ:
        import_module("strongroom.entrypoints.completion").answer(COMMANDS)
    command, *rest = (sys.argv[1:] if arguments is None else arguments) or ["--help"]
    if command in ("-h", "--help"):
        print(_usage())
        return 0
    if command not in COMMANDS:
        print(f"strongroom: unknown subcommand {command!r}\n{_usage()}", file=sys.stderr)
        return 2
    module, _ = COMMANDS[command]
    code: int = import_module(module).main(rest)
    return code


def _usage() -> str:
    lines = [f"  {name:<14}{summary}" for name, (_, summary) in COMMANDS.items()]
    return "\n".join(["usage: strongroom <subcommand> [options]", "", *lines])


if __name__ == "__main__":
    sys.exit(main())
