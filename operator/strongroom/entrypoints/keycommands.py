"""``strongroom keys``: work with the keys of a vault. Nothing secret stands on the command line.

Exit codes: those of ``strongroom.cli.explaining``, listed in docs/reference/cli.md.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any, Final

from strongroom.cli import explaining, keycommands, keyvalues, keyviews
from strongroom.client.vaultkeys import KeyChanges, Keys
from strongroom.crypto.keyfiles import FILE_OCTETS
from strongroom.domain.errors import InvalidInput
from strongroom.domain.keytypes import OCT_SIZES, RSA_SIZES, Curve, Operation
from strongroom.domain.releasepolicies import POLICY_OCTETS
from strongroom.entrypoints import inputs, keyuses
from strongroom.entrypoints.access import finish
from strongroom.entrypoints.commandlines import add_changes, changes
from strongroom.entrypoints.connecting import connected
from strongroom.entrypoints.objectcommands import Kind, add_version

_PROGRAM: Final = "strongroom keys"
_KIND: Final = Kind("key", keycommands.COMMON)
_TYPES: Final = ("RSA", "RSA-HSM", "EC", "EC-HSM", "oct", "oct-HSM", "OKP")
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
    made = argparse.ArgumentParser(_PROGRAM, description="Work with the keys of a vault.")
    commands = made.add_subparsers(required=True, metavar="COMMAND")
    _add_create(commands)
    _add_import(commands)
    _KIND.add_show(commands, keycommands.show, "show what is known of a key", "the one that is served")
    add_version(_KIND.add(commands, "download", _download, "print the public key", ("pem", "jwk")))
    _KIND.add_lists(commands)
    _KIND.add(commands, "rotate", keycommands.rotate, "make a new version like the one that is served")
    update = _KIND.add(commands, "update", _update, "change what is said of a version")
    add_version(update)
    _add_key_changes(update)
    _add_policy(commands)
    _KIND.add_endings(commands)
    keyuses.add_uses(commands)
    return made


def _add_create(commands: Any) -> None:
    made = _KIND.add(commands, "create", _create, "generate a key, or a new version of it")
    made.add_argument("--type", required=True, choices=_TYPES, help="-HSM: kept in the HSM and used inside it alone")
    sizes = sorted({*RSA_SIZES, *OCT_SIZES})
    made.add_argument("--size", type=int, choices=sizes, help="bits; default: 2048 of RSA, 256 of oct")
    made.add_argument("--curve", choices=[str(curve) for curve in Curve], help="default: P-256 of EC")
    _add_key_changes(made)


def _add_import(commands: Any) -> None:
    text = "bring a private key in, as a new version: a JSON Web Key, PEM or PKCS #12"
    made = _KIND.add(commands, "import", _import, text)
    made.add_argument("--file", metavar="FILE", type=Path, help="default: standard input")
    made.add_argument("--password-file", metavar="FILE", type=Path, help="with the file's password, on its first line")
    made.add_argument("--hsm", action="store_true", help="keep it in the HSM from now on")
    _add_key_changes(made)


def _add_policy(commands: Any) -> None:
    text = "when the key is rotated by itself"
    policy = commands.add_parser("rotation-policy", help=text, description=f"{text[0].upper()}{text[1:]}.")
    inner = policy.add_subparsers(required=True, metavar="COMMAND")
    _KIND.add(inner, "show", keycommands.show_policy, "show the rotation policy", ("table", "json"))
    made = _KIND.add(inner, "set", _set_policy, "replace the rotation policy", ("table", "json"))
    rotate, notify = made.add_mutually_exclusive_group(), made.add_mutually_exclusive_group()
    for group, action in ((rotate, "rotate"), (notify, "notify")):
        group.add_argument(f"--{action}-after", metavar="DURATION", help="from when a version was made, as P90D")
        group.add_argument(f"--{action}-before-expiry", metavar="DURATION", help="before a version expires, as P30D")
    made.add_argument("--expires-after", metavar="DURATION", help="sets the end of each version made by rotation")


def _add_key_changes(parser: argparse.ArgumentParser) -> None:
    group = add_changes(parser, "be used")
    words = [str(each) for each in Operation]
    text = "what it may be used for; may be repeated"
    group.add_argument("--operation", dest="operations", action="append", choices=words, help=text)
    text = "JSON of whom it may be released to; a new version is then exportable"
    group.add_argument("--release-policy", metavar="FILE", type=Path, help=text)
    group.add_argument("--immutable-policy", action="store_true", help="nobody can change the release policy any more")


async def _run(options: argparse.Namespace) -> int:
    async with connected(options) as access:
        shown = await options.action(Keys(access.session), options)
    if isinstance(shown, int):
        return shown
    if shown:
        print(shown)
    return explaining.OK


async def _create(keys: Keys, options: argparse.Namespace) -> str:
    kind = {"kty": options.type, "key_size": options.size, "crv": options.curve}
    return await keycommands.create(keys, options, kind, _changes(options))


async def _import(keys: Keys, options: argparse.Namespace) -> str:
    password, content = inputs.password(options.password_file), inputs.octets(options.file, FILE_OCTETS)
    jwk = keyvalues.read_key(content, password)
    return await keycommands.take(keys, options, jwk, _changes(options), hsm=options.hsm)


async def _download(keys: Keys, options: argparse.Namespace) -> str:
    sys.stdout.write(keyviews.public(await keys.get(options.name, options.version), options.output))
    return ""


async def _update(keys: Keys, options: argparse.Namespace) -> str:
    return await keycommands.update(keys, options, _changes(options))


async def _set_policy(keys: Keys, options: argparse.Namespace) -> str:
    triggers = [
        ("Rotate", "timeAfterCreate", options.rotate_after),
        ("Rotate", "timeBeforeExpiry", options.rotate_before_expiry),
        ("Notify", "timeAfterCreate", options.notify_after),
        ("Notify", "timeBeforeExpiry", options.notify_before_expiry),
    ]
    return await keycommands.set_policy(keys, options, triggers, options.expires_after)


def _changes(options: argparse.Namespace) -> KeyChanges:
    if options.immutable_policy and not options.release_policy:
        raise InvalidInput("--immutable-policy: takes --release-policy")
    policy = inputs.octets(options.release_policy, POLICY_OCTETS) if options.release_policy else None
    return KeyChanges(changes(options), options.operations, policy, options.immutable_policy)
