"""``strongroom certificates import`` and ``download``: whole files, with a private key in them."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from strongroom.cli import certificatecommands, certificatevalues
from strongroom.client.vaultcertificates import Certificates
from strongroom.crypto.certfiles import FILE_OCTETS
from strongroom.domain.errors import InvalidInput
from strongroom.entrypoints import inputs
from strongroom.entrypoints.certificaterequests import add_policy_file, policy_of
from strongroom.entrypoints.commandlines import add_undated, changes
from strongroom.entrypoints.files import write_private
from strongroom.entrypoints.objectcommands import Kind, add_version


def add_files(commands: Any, kind: Kind) -> None:
    """Add the commands."""
    text = "bring a certificate in with its private key, as a new version: PEM or PKCS #12"
    made = kind.add(commands, "import", _import, text)
    made.add_argument("--file", metavar="FILE", type=Path, help="default: standard input")
    made.add_argument("--password-file", metavar="FILE", type=Path, help="with the file's password, on its first line")
    made.add_argument("--preserve-order", action="store_true", help="keep the order of the certificates in the file")
    add_policy_file(made, "JSON of what the policy says beside what the certificate says of itself")
    add_undated(made, "be used")
    _add_download(commands, kind)


def _add_download(commands: Any, kind: Kind) -> None:
    made = kind.add(commands, "download", _download, "print the certificate, as PEM", ("raw",))
    add_version(made)
    what = made.add_mutually_exclusive_group()
    text = "with its issuers; they are in the secret, so it takes the permission get of secrets"
    what.add_argument("--chain", action="store_true", help=text)
    text = "the whole secret: PEM or PKCS #12 as the policy says; not to a terminal"
    what.add_argument("--with-key", action="store_true", help=text)
    text = "write it there; with the key, for its owner alone"
    made.add_argument("--out-file", metavar="FILE", type=Path, help=text)


async def _import(certificates: Certificates, options: argparse.Namespace) -> str:
    found = {
        "value": certificatevalues.to_text(inputs.octets(options.file, FILE_OCTETS)),
        "pwd": inputs.password(options.password_file),
        "policy": policy_of(options),
    }
    file = {name: value for name, value in found.items() if value}
    ordered = {"preserveCertOrder": True} if options.preserve_order else {}
    return await certificatecommands.take(certificates, options, file | ordered, changes(options))


async def _download(certificates: Certificates, options: argparse.Namespace) -> str:
    if options.with_key and not options.out_file and sys.stdout.isatty():
        raise InvalidInput("a private key is not shown on a terminal: name a file for it, --out-file")
    content = await _content(certificates, options)
    if not options.out_file:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
    elif options.with_key:
        write_private(options.out_file, content)
    else:
        options.out_file.write_bytes(content)
    return ""


async def _content(certificates: Certificates, options: argparse.Namespace) -> bytes:
    if not (options.with_key or options.chain):
        return certificatevalues.certificate(await certificates.get(options.name, options.version))
    file = certificatevalues.file_of(await certificates.secret(options.name, options.version))
    return certificatevalues.with_key(file) if options.with_key else certificatevalues.chain(file)
