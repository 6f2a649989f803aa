"""``strongroom keys encrypt``, ``sign`` and their like: what is done with a key."""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path
from typing import Any, Final

from strongroom.cli import explaining, keyvalues, tables
from strongroom.client.vaultkeys import Keys
from strongroom.domain import base64url
from strongroom.domain.algorithms import VALUE_OCTETS
from strongroom.entrypoints.commandlines import add
from strongroom.entrypoints.files import write_private
from strongroom.entrypoints.inputs import octets

_ATTESTATION: Final = 64 * 2**10  # octets; the vault takes less
_ENC: Final = ("CKM_RSA_AES_KEY_WRAP", "RSA_AES_KEY_WRAP_256", "RSA_AES_KEY_WRAP_384")
_SEALED: Final = 4 * VALUE_OCTETS  # characters of a sealed text
_MESSAGE: Final = 64 * 2**20
"""Octets of what is signed: only its digest leaves the machine."""


def add_uses(commands: Any) -> None:
    """Add the commands."""
    for command, text in (("encrypt", "encrypt a short text"), ("wrap", "encrypt a key, as of a file's encryption")):
        made = _add_use(commands, command, partial(_seal, word=_WORDS[command]), text, ("json", "raw"))
        made.add_argument("--algorithm", required=True, metavar="NAME", help="as RSA-OAEP-256, A256GCM or A256KW")
        made.add_argument("--aad-file", metavar="FILE", type=Path, help="is authenticated with it, of AES-GCM")
    for command, text in (("decrypt", "what encrypt made"), ("unwrap", "what wrap made")):
        made = _add_use(commands, command, partial(_open, word=_WORDS[command]), f"open {text}", ("raw",))
        made.add_argument("--algorithm", metavar="NAME", help="what is read is a ciphertext and nothing beside it")
    for command, text in (
        ("sign", "sign a message or file"),
        ("verify", "verify a signature; exit code 1 if it is not valid"),
    ):
        action = _sign if command == "sign" else _verify
        made = _add_use(commands, command, action, text, ("text", "raw") if command == "sign" else ("text",))
        made.add_argument("--algorithm", required=True, metavar="NAME", help="as ES256, PS256 or HS256")
        made.add_argument("--digest", action="store_true", help="what is read is the digest, and not the message")
        if command == "verify":
            text = "as sign wrote it"
            made.add_argument("--signature-file", metavar="FILE", type=Path, required=True, help=text)
    text = "hand an exportable key to the environment of an attestation, which is read: the token of its authority"
    made = _add_use(commands, "release", _release, text, ("raw",))
    made.add_argument("--algorithm", choices=_ENC, default=_ENC[0], help=f"default: {_ENC[0]}, which is with SHA-1")
    made.add_argument("--nonce", default="", metavar="TEXT", help="comes back in the answer")
    drawn = add(commands, "random", _random, "draw octets from the HSM", ("text", "hex", "raw"))
    drawn.add_argument("count", type=int, metavar="COUNT", help="octets, 1 to 128")
    drawn.add_argument("--out-file", metavar="FILE", type=Path, help="write them there, for its owner alone")


_WORDS: Final = {"encrypt": "encrypt", "decrypt": "decrypt", "wrap": "wrapkey", "unwrap": "unwrapkey"}


def _add_use(commands: Any, command: str, action: Any, text: str, outputs: tuple[str, ...]) -> argparse.ArgumentParser:
    made = add(commands, command, action, text, outputs)
    made.add_argument("name", metavar="NAME", help="of the key")
    made.add_argument("--version", default="", metavar="ID", help="default: the one that is served, or that is named")
    made.add_argument("--file", metavar="FILE", type=Path, help="what to read; default: standard input")
    if command != "verify":
        made.add_argument("--out-file", metavar="FILE", type=Path, help="write it there, for its owner alone")
    return made


async def _seal(keys: Keys, options: argparse.Namespace, *, word: str) -> str:
    body = {"alg": options.algorithm, "value": base64url.encode(octets(options.file, VALUE_OCTETS))}
    if options.aad_file:
        body["aad"] = base64url.encode(octets(options.aad_file, VALUE_OCTETS))
    answer = await keys.use(options.name, options.version, word, body)
    raw = options.output == "raw"
    return _put(options, keyvalues.octets_of(answer) if raw else keyvalues.sealed(answer, options.algorithm))


async def _open(keys: Keys, options: argparse.Namespace, *, word: str) -> str:
    content = octets(options.file, _SEALED)
    if options.algorithm:
        version, body = "", {"alg": options.algorithm, "value": base64url.encode(content)}
    else:
        version, body = keyvalues.opening(content, options.name)
    return _put(options, keyvalues.octets_of(await keys.use(options.name, options.version or version, word, body)))


async def _sign(keys: Keys, options: argparse.Namespace) -> str:
    digest = keyvalues.digest(options.algorithm, octets(options.file, _MESSAGE), hashed=options.digest)
    body = {"alg": options.algorithm, "value": base64url.encode(digest)}
    made = keyvalues.octets_of(await keys.use(options.name, options.version, "sign", body))
    return _put(options, made if options.output == "raw" else base64url.encode(made).encode() + b"\n")


async def _verify(keys: Keys, options: argparse.Namespace) -> int:
    digest = keyvalues.digest(options.algorithm, octets(options.file, _MESSAGE), hashed=options.digest)
    signature = keyvalues.signature(octets(options.signature_file, VALUE_OCTETS))
    body = {
        "alg": options.algorithm,
        "digest": base64url.encode(digest),
        "value": base64url.encode(signature),
    }
    valid = (await keys.use(options.name, options.version, "verify", body)).get("value") is True
    print("valid" if valid else "not valid")
    return explaining.OK if valid else explaining.ERROR


async def _release(keys: Keys, options: argparse.Namespace) -> str:
    """The answer is a signed JSON Web Token: who asked checks it, and opens the key in it."""
    attestation = keyvalues.attestation(octets(options.file, _ATTESTATION))
    body = {"target": attestation, "enc": options.algorithm, "nonce": options.nonce}
    answer = await keys.use(options.name, options.version, "release", body)
    return _put(options, keyvalues.token_of(answer) + b"\n")


async def _random(keys: Keys, options: argparse.Namespace) -> str:
    drawn = keyvalues.octets_of(await keys.random(options.count))
    forms = {"raw": drawn, "hex": drawn.hex().encode() + b"\n", "text": base64url.encode(drawn).encode() + b"\n"}
    return _put(options, forms[options.output])


def _put(options: argparse.Namespace, content: bytes) -> str:
    """Write octets as they are to the file that was named, or to standard output; return what a terminal may show."""
    if options.out_file:
        write_private(options.out_file, content)
        return ""
    if sys.stdout.isatty():
        return tables.printable(content.decode(errors="backslashreplace"), but="\n\t").rstrip("\n")
    sys.stdout.buffer.write(content)
    sys.stdout.buffer.flush()
    return ""
