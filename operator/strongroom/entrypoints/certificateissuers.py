"""``strongroom certificates contacts`` and ``issuers``: whom a vault tells, and whom it asks for certificates."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, Final

from strongroom.cli import certificatecommands, issuerviews
from strongroom.client.vaultcertificates import Certificates
from strongroom.entrypoints import inputs
from strongroom.entrypoints.commandlines import add

_OCTETS: Final = 64 * 2**10


def add_contacts(commands: Any) -> None:
    """Add the command on contacts."""
    text = "show whom the vault tells of certificates that near their end, or change it"
    made = add(commands, "contacts", _contacts, text)
    change = made.add_mutually_exclusive_group()
    change.add_argument("--set", dest="emails", metavar="EMAIL", nargs="+", help="replaces all")
    change.add_argument("--clear", action="store_true", help="tell nobody")


def add_issuers(commands: Any) -> None:
    """Add the commands on issuers."""
    text = "the authorities that the vault has accounts with"
    issuers = commands.add_parser("issuers", help=text, description=f"{text[0].upper()}{text[1:]}.")
    inner = issuers.add_subparsers(required=True, metavar="COMMAND")
    add(inner, "list", certificatecommands.issuers, "list the issuers")
    _add(inner, "show", certificatecommands.issuer, "show an issuer, without its password")
    text = "JSON of it, as the reference of the API has it; default: standard input"
    made = _add(inner, "set", _set, "make an issuer, or replace the one of this name")
    made.add_argument("--file", metavar="FILE", type=Path, help=text)
    changed = _add(inner, "update", _update, "change what the file mentions of an issuer; acme and ca as a whole")
    changed.add_argument("--file", metavar="FILE", type=Path, help=text)
    _add(inner, "delete", certificatecommands.delete_issuer, "remove an issuer")


def _add(inner: Any, command: str, action: Any, text: str) -> argparse.ArgumentParser:
    made = add(inner, command, action, text)
    made.add_argument("name", metavar="NAME", help="of the issuer")
    return made


async def _contacts(certificates: Certificates, options: argparse.Namespace) -> str:
    return await certificatecommands.contacts(certificates, options, options.emails, clear=options.clear)


async def _set(certificates: Certificates, options: argparse.Namespace) -> str:
    return await certificatecommands.set_issuer(certificates, options, _read(options))


async def _update(certificates: Certificates, options: argparse.Namespace) -> str:
    return await certificatecommands.update_issuer(certificates, options, _read(options))


def _read(options: argparse.Namespace) -> dict[str, Any]:
    """The file may hold a password, so no refusal repeats it."""
    return issuerviews.read(inputs.octets(options.file, _OCTETS))
