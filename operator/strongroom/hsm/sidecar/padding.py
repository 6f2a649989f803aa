"""Encodings round an RSA or AES operation, for tokens that lack the mechanism that has them built in. Pure.

RFC 8017 (EME-OAEP, EMSA-PSS, EMSA-PKCS1-v1_5) and RFC 5652, section 6.3 (the padding of PKCS #7).
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

from strongroom.domain.algorithms import BLOCK_OCTETS, DOES_NOT_OPEN, Hash
from strongroom.domain.errors import InvalidInput

# DER of DigestInfo up to the digest (RFC 8017, section 9.2, note 1).
_DIGEST_INFO: Final = {
    Hash.SHA256: bytes.fromhex("3031300d060960864801650304020105000420"),
    Hash.SHA384: bytes.fromhex("3041300d060960864801650304020205000430"),
    Hash.SHA512: bytes.fromhex("3051300d060960864801650304020305000440"),
}
_NAMES: Final = {Hash.SHA1: "sha1", Hash.SHA256: "sha256", Hash.SHA384: "sha384", Hash.SHA512: "sha512"}
_PSS_TRAILER: Final = b"\xbc"
_PSS_ZEROS: Final = bytes(8)


def digest_info(hash_: Hash, digest: bytes) -> bytes:
    """Return what RSASSA-PKCS1-v1_5 signs."""
    return _DIGEST_INFO[hash_] + digest


def oaep_decode(encoded: bytes, hash_: Hash) -> bytes:
    """Return the message of EME-OAEP with an empty label. ``InvalidInput``, with one text for every reason.

    Manger's attack needs to know whether the first octet was zero. So every check is computed and none reported alone;
    what still varies with the content is a scan of some hundred octets in C, beside an RSA operation of milliseconds.
    """
    name = _NAMES[hash_]
    empty = hashlib.new(name).digest()
    size = len(empty)
    masked_seed, masked = encoded[1 : 1 + size], encoded[1 + size :]
    seed = _xor(masked_seed, _mgf1(masked, size, name))
    block = _xor(masked, _mgf1(seed, len(masked), name))
    message = block[size:].lstrip(b"\0")
    label = hmac.compare_digest(block[:size], empty)
    if not label & (encoded[0] == 0) & (message[:1] == b"\x01"):
        raise InvalidInput(DOES_NOT_OPEN)
    return message[1:]


def pss_encode(digest: bytes, bits: int, hash_: Hash, salt: bytes) -> bytes:
    """Return EMSA-PSS of a digest, for a key of ``bits``, as many octets as the key has."""
    name, octets = _NAMES[hash_], bits // 8
    hashed = hashlib.new(name, _PSS_ZEROS + digest + salt).digest()
    block = (b"\x01" + salt).rjust(octets - len(hashed) - 1, b"\0")
    masked = _xor(block, _mgf1(hashed, len(block), name))
    top = bytes([masked[0] & 0x7F])  # the encoding has one bit less than the modulus
    return top + masked[1:] + hashed + _PSS_TRAILER


def pad(text: bytes) -> bytes:
    """Fill up the last block; a full one gets a block of its own."""
    missing = BLOCK_OCTETS - len(text) % BLOCK_OCTETS
    return text + bytes([missing]) * missing


def unpad(padded: bytes) -> bytes:
    """Take the padding off. ``InvalidInput``, with one text for every reason."""
    count = padded[-1]
    if not 1 <= count <= BLOCK_OCTETS or not hmac.compare_digest(padded[-count:], bytes([count]) * count):
        raise InvalidInput(DOES_NOT_OPEN)
    return padded[:-count]


def _mgf1(seed: bytes, size: int, name: str) -> bytes:
    rounds = -(-size // hashlib.new(name).digest_size)
    made = b"".join(hashlib.new(name, seed + counter.to_bytes(4, "big")).digest() for counter in range(rounds))
    return made[:size]


def _xor(left: bytes, right: bytes) -> bytes:
    return (int.from_bytes(left, "big") ^ int.from_bytes(right, "big")).to_bytes(len(left), "big")
