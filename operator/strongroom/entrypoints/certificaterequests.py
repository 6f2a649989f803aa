"""``strongroom certificates create`` and what follows: how versions are asked for, and what becomes of an operation."""

from __future__ import annotations

import argparse
import sys
from asyncio import sleep
from pathlib import Path
from typing import Any, Final

from strongroom.cli import certificatecommands, certificatepolicies, certificatevalues
from strongroom.cli.issuing import Waiting
from strongroom.cli.tables import printable
from strongroom.client.vaultcertificates import Certificates
from strongroom.crypto.certfiles import FILE_OCTETS
from strongroom.domain.certificates import MAX_MONTHS
from strongroom.domain.keytypes import RSA_SIZES, Curve
from strongroom.entrypoints import inputs
from strongroom.entrypoints.commandlines import add_undated, changes
from strongroom.entrypoints.objectcommands import Kind

POLICY_OCTETS: Final = 64 * 2**10
_SECONDS: Final = 300
"""That ``create`` waits: an authority proves a domain in minutes."""

_CURVES: Final = tuple(str(each) for each in (Curve.P256, Curve.P384, Curve.P521, Curve.P256K))
_TYPES: Final = ("RSA", "RSA-HSM", "EC", "EC-HSM")


def add_requests(commands: Any, kind: Kind) -> None:
    """Add the commands."""
    _add_create(commands, kind)
    kind.add(commands, "pending", certificatecommands.pending, "show the last operation, by which a version is made")
    csr = kind.add(commands, "csr", _csr, "print the signing request of the last operation, as PEM", ("raw",))
    csr.add_argument("--out-file", metavar="FILE", type=Path, help="write it there")
    kind.add(commands, "cancel", certificatecommands.cancel, "end the operation without a version")
    kind.add(commands, "forget", certificatecommands.forget, "remove the operation; one under way makes no version")
    merge = kind.add(commands, "merge", _merge, "bring in what an authority outside made of the signing request")
    text = "PEM, DER or PKCS #7 of the certificate and its issuers; may be repeated"
    merge.add_argument("--file", dest="files", action="append", metavar="FILE", type=Path, required=True, help=text)
    add_undated(merge, "be used")


def add_policy_file(parser: argparse.ArgumentParser, text: str) -> None:
    """Add the option that names a policy's file; ``policy_of`` reads it."""
    parser.add_argument("--policy", metavar="FILE", type=Path, help=text)


def policy_of(options: argparse.Namespace) -> dict[str, Any]:
    """Return the policy in the file that was named, empty when none was. ``InvalidInput``."""
    return certificatepolicies.read(inputs.octets(options.policy, POLICY_OCTETS)) if options.policy else {}


def _add_create(commands: Any, kind: Kind) -> None:
    text = "make a certificate, or a new version of it: by its present policy unless something is said of it"
    made = kind.add(commands, "create", _create, text)
    _add_policy(made)
    _add_key(made)
    waiting = made.add_argument_group("waiting").add_mutually_exclusive_group()
    waiting.add_argument("--no-wait", action="store_true", help="show the operation and not the certificate")
    text = f"seconds until it must be made; default: {_SECONDS}"
    waiting.add_argument("--timeout", metavar="SECONDS", type=_seconds, default=_SECONDS, help=text)
    add_undated(made, "be used")


def _add_policy(made: argparse.ArgumentParser) -> None:
    group = made.add_argument_group("of the policy")
    add_policy_file(made, "JSON of the policy; the options below say otherwise")
    text = "Self, Unknown (an authority outside), one of the vault's issuers, or certificate/NAME; default: Unknown"
    group.add_argument("--issuer", metavar="NAME", help=text)
    group.add_argument("--subject", metavar="NAME", help="as CN=web.example; needed unless there is another name")
    for option, dest, word, text in (
        ("--dns-name", "dns", "NAME", "that the certificate is for"),
        ("--ip-address", "addresses", "ADDRESS", "that it is for"),
        ("--uri", "uris", "URI", "that it is for"),
    ):
        help_text = f"{text}; may be repeated"
        group.add_argument(option, dest=dest, metavar=word, action="append", default=[], help=help_text)
    group.add_argument("--months", metavar="COUNT", type=_months, help="that it is valid; default: 12")
    group.add_argument("--ca", action="store_true", help="it may sign certificates")


def _add_key(made: argparse.ArgumentParser) -> None:
    group = made.add_argument_group("of the key")
    text = "-HSM: kept in the HSM, and never exportable; default: RSA"
    group.add_argument("--type", choices=_TYPES, help=text)
    group.add_argument("--size", type=int, choices=RSA_SIZES, help="bits of RSA; default: 2048")
    group.add_argument("--curve", choices=_CURVES, help="of EC; default: P-256")
    group.add_argument("--not-exportable", action="store_true", help="the secret is without the private key")
    group.add_argument("--reuse-key", action="store_true", help="versions made later have the same key")
    text = "of the file that the secret is; default: pkcs12"
    group.add_argument("--content-type", choices=tuple(certificatepolicies.CONTENT_TYPES), help=text)


async def _create(certificates: Certificates, options: argparse.Namespace) -> str:
    said = certificatepolicies.Said(
        issuer=options.issuer,
        subject=options.subject,
        dns=options.dns,
        addresses=options.addresses,
        uris=options.uris,
        kind=options.type,
        size=options.size,
        curve=options.curve,
        months=options.months,
        not_exportable=options.not_exportable,
        reuse_key=options.reuse_key,
        ca=options.ca,
        content_type=options.content_type,
    )
    policy = certificatepolicies.merged(policy_of(options), said.policy())
    waiting = Waiting(0 if options.no_wait else options.timeout, _tell, sleep)
    return await certificatecommands.create(certificates, options, policy, changes(options), waiting)


async def _csr(certificates: Certificates, options: argparse.Namespace) -> str:
    request = certificatevalues.request(await certificates.pending(options.name))
    if options.out_file:
        options.out_file.write_bytes(request)
        return ""
    return request.decode().rstrip("\n")


async def _merge(certificates: Certificates, options: argparse.Namespace) -> str:
    chain = [certificatevalues.to_text(inputs.octets(each, FILE_OCTETS)) for each in options.files]
    return await certificatecommands.merge(certificates, options, chain, changes(options))


def _tell(text: str) -> None:
    print(printable(text), file=sys.stderr, flush=True)


def _seconds(text: str) -> int:
    return _number(text, 86_400)


def _months(text: str) -> int:
    return _number(text, MAX_MONTHS)


def _number(text: str, most: int) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= most):
        raise argparse.ArgumentTypeError(f"is a number from 1 to {most}")
    return int(text)
