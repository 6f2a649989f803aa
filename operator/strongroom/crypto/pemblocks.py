"""The blocks of a PEM file (RFC 7468), and the private key in one."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from strongroom.crypto import der, pfx
from strongroom.crypto.certfacts import UNREADABLE
from strongroom.domain.errors import InvalidInput

CERTIFICATES: Final = ("CERTIFICATE", "X509 CERTIFICATE")
PKCS7: Final = ("PKCS7", "PKCS #7 SIGNED DATA", "CMS")

_BLOCKS: Final = 128
_BEGIN: Final = re.compile(rb"-----BEGIN ([A-Z0-9 #]{1,40})-----")


@dataclass(frozen=True, slots=True)
class Block:
    """One block: what it says it is, and all its text."""

    label: str
    text: bytes = field(repr=False)

    @property
    def private(self) -> bool:
        """Does it say that it is a private key?"""
        return self.label.endswith("PRIVATE KEY")

    @property
    def octets(self) -> bytes:
        """What it holds; ``ValueError`` when it is not base64."""
        return base64.b64decode(b"".join(self.text.splitlines()[1:-1]), validate=True)


def split(content: bytes, name: str) -> Iterator[Block]:
    """Yield the blocks in the order of the file; what is between them is passed over. ``InvalidInput``, which begins
    with the name of what was given.
    """
    at, count = 0, 0
    while begin := _BEGIN.search(content, at):
        label, count = begin[1], count + 1
        end = content.find(b"-----END " + label + b"-----", begin.end())
        if end < 0 or count > _BLOCKS:
            raise InvalidInput(f"{name}: has a PEM block without its end, or more than {_BLOCKS} blocks")
        yield Block(label.decode("ascii"), content[begin.start() : end] + b"-----END " + label + b"-----\n")
        at = end


def private_key(block: Block, password: str) -> PrivateKeyTypes:
    """Return the key in a block: PKCS #8, also encrypted, PKCS #1 or SEC 1. ``InvalidInput``.

    Whoever takes the key in checks its numbers.
    """
    encrypted = b"ENCRYPTED" in block.text
    if encrypted and not password:
        raise InvalidInput("the certificate file: its private key is encrypted; give its password")
    try:
        if block.label == "ENCRYPTED PRIVATE KEY":
            pfx.check_work(block.octets, [der.read(block.octets)])
        secret = password.encode() if encrypted else None
        return load_pem_private_key(block.text, secret, unsafe_skip_rsa_key_validation=True)
    except UNREADABLE:
        raise InvalidInput(pfx.WRONG_PASSWORD if encrypted else pfx.DAMAGED_KEY) from None
