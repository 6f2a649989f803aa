"""``strongroom certificates``: work with the certificates of a vault. Nothing secret stands on the command line.

Exit codes: those of ``strongroom.cli.explaining``, listed in docs/reference/cli.md.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, Final

from strongroom.cli import certificatecommands, certificatepolicies, explaining
from strongroom.client.vaultcertificates import Certificates
from strongroom.entrypoints import certificatefiles, certificateissuers, certificaterequests, inputs
from strongroom.entrypoints.access import finish
from strongroom.entrypoints.commandlines import add_undated, changes
from strongroom.entrypoints.connecting import connected
from strongroom.entrypoints.objectcommands import Kind, add_version

_PROGRAM: Final = "strongroom certificates"
_KIND: Final = Kind("certificate", certificatecommands.COMMON)
_SURPLUS: Final = "there are more arguments than this command takes; what is secret is given by a file or a pipe"


def main(arguments: list[str]) -> int:
    """See the module."""
    made = parser()
    options, surplus = made.parse_known_args(arguments)
    if surplus:  # argparse would repeat it, and it may be secret
        made.error(_SURPLUS)
    return finish(_PROGRAM, _run, options)


def parser() -> argparse.ArgumentParser:
    """Return the parser; completion and the reference read it too."""
    made = argparse.ArgumentParser(_PROGRAM, description="Work with the certificates of a vault.")
    commands = made.add_subparsers(required=True, metavar="COMMAND")
    certificaterequests.add_requests(commands, _KIND)
    certificatefiles.add_files(commands, _KIND)
    _KIND.add_show(commands, certificatecommands.show, "show what is known of a certificate", "the one that is served")
    _add_lists(commands)
    _add_update(commands)
    _add_policy(commands)
    _KIND.add_endings(commands)
    certificateissuers.add_contacts(commands)
    certificateissuers.add_issuers(commands)
    return made


def _add_lists(commands: Any) -> None:
    listing = _KIND.add_lists(commands)
    text = "also those whose first version is not made yet"
    listing.add_argument("--include-pending", dest="pending", action="store_true", help=text)
    listing.set_defaults(action=_list)


def _add_update(commands: Any) -> None:
    update = _KIND.add(commands, "update", _update, "change what is said of a version")
    add_version(update)
    add_undated(update, "be used")


def _add_policy(commands: Any) -> None:
    text = "show the policy by which versions are made, or change it"
    made = _KIND.add(commands, "policy", _policy, text, ("table", "json"))
    text = "JSON of what is to change; the next version is made by it"
    made.add_argument("--set", dest="policy", metavar="FILE", type=Path, help=text)


async def _run(options: argparse.Namespace) -> int:
    async with connected(options) as access:
        shown = await options.action(Certificates(access.session), options)
    if shown:
        print(shown)
    return explaining.OK


async def _list(certificates: Certificates, options: argparse.Namespace) -> str:
    return await certificatecommands.listing(certificates, options, pending=options.pending)


async def _update(certificates: Certificates, options: argparse.Namespace) -> str:
    return await certificatecommands.update(certificates, options, changes(options))


async def _policy(certificates: Certificates, options: argparse.Namespace) -> str:
    changed = None
    if options.policy:
        changed = certificatepolicies.read(inputs.octets(options.policy, certificaterequests.POLICY_OCTETS))
    return await certificatecommands.policy(certificates, options, changed)
