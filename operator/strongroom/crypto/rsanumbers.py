"""An RSA private key from its numbers, and the numbers that were left out from those that were given."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from math import isqrt
from typing import Final

from cryptography.hazmat.primitives.asymmetric.rsa import (
    RSAPrivateNumbers,
    RSAPublicNumbers,
    rsa_crt_dmp1,
    rsa_crt_dmq1,
    rsa_crt_iqmp,
)
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from strongroom.crypto.rsakeys import EXPONENTS
from strongroom.domain.errors import InvalidInput
from strongroom.domain.keytypes import RSA_SIZES

_COMMON_DIVISORS: Final = range(2, 1 << 12, 2)
_LONGEST_SUM: Final = 3 / 4
"""Of the primes, in parts of the bits of the modulus; that of two primes of one length has half of them."""

_ROOTS: Final = 8
"""That are drawn at most. The first is right for nearly every key; made-up numbers ask for one for each divisor."""

_DISAGREE: Final = "key: n, e, d, p, q, dp, dq and qi are not the numbers of one RSA key"


def encode(numbers: Mapping[str, int]) -> bytes:
    """Return PKCS #8 in DER. ``numbers`` by their names in a JWK (RFC 7518, section 6.3); n, e and d must be there.

    ``InvalidInput`` when they cannot belong together. Whoever takes the key in checks the rest, primes included.
    """
    n, e, d = numbers["n"], numbers["e"], numbers["d"]
    _check_public(n, e)
    if not 1 < d < n:
        raise InvalidInput(_DISAGREE)
    p, q = (numbers["p"], numbers["q"]) if {"p", "q"} <= numbers.keys() else _factors(n, e, d)
    try:
        key = RSAPrivateNumbers(
            p,
            q,
            d,
            dmp1=numbers.get("dp") or rsa_crt_dmp1(d, p),
            dmq1=numbers.get("dq") or rsa_crt_dmq1(d, q),
            iqmp=numbers.get("qi") or rsa_crt_iqmp(p, q),
            public_numbers=RSAPublicNumbers(e, n),
        ).private_key(unsafe_skip_rsa_key_validation=True)  # it is only written down here
        return key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    except (ValueError, ZeroDivisionError, OverflowError):
        raise InvalidInput(_DISAGREE) from None


def encode_public(n: int, e: int) -> bytes:
    """Return SubjectPublicKeyInfo in DER; ``InvalidInput``."""
    _check_public(n, e)
    return RSAPublicNumbers(e, n).public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _check_public(n: int, e: int) -> None:
    if n.bit_length() not in RSA_SIZES or n % 2 == 0:
        raise InvalidInput("key.n: the modulus of an RSA key is odd and has 2048, 3072 or 4096 bits")
    if e not in EXPONENTS:
        raise InvalidInput("key.e: is an odd number from 65537 to 2^32 - 1")


def _factors(n: int, e: int, d: int) -> tuple[int, int]:
    """Find the primes. ``e d - 1`` is a multiple of ``phi / g``, where g divides both ``p - 1`` and ``q - 1``.

    The search of NIST SP 800-56B (appendix C.1) takes seconds with no other thread running when somebody
    makes up ``n``. So the g of all but one key in some thousands are tried instead, in milliseconds; with d modulo phi
    the first always fits.
    """
    for total in islice(_sums(n, e * d - 1), _ROOTS):
        root = isqrt(max(total * total - 4 * n, 0))
        p, q = (total + root) // 2, (total - root) // 2
        if p * q == n:
            return p, q
    raise InvalidInput("key.p and key.q: cannot be found from n, e and d; give them, if n, e and d are right")


def _sums(n: int, multiple: int) -> Iterator[int]:
    """Return what the sum of the primes may be, for each common divisor that fits."""
    for divisor in _COMMON_DIVISORS:
        phi, rest = divmod(divisor * multiple, divisor * multiple // n + 1)  # it is less than n by a part in 2^1000
        total = n - phi + 1
        if not rest and total.bit_length() <= _LONGEST_SUM * n.bit_length():
            yield total
