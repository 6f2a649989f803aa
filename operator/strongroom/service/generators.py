"""Drawing values from the operating system's random generator."""

from __future__ import annotations

import base64
import secrets

from strongroom.domain.content import Content
from strongroom.domain.generation import Encoding, Generate, Password, RandomBytes


def draw(policy: Generate) -> Content:
    """Return a fresh value."""
    return Content(_password(policy).encode("ascii") if isinstance(policy, Password) else _random_bytes(policy))


def _password(policy: Password) -> str:
    """Draw until every class is met: so each password that meets the policy is equally likely.

    Placing one character per class first and filling up would favour some passwords over others.
    """
    alphabets = policy.alphabets
    union = "".join(dict.fromkeys("".join(alphabets)))
    while True:
        password = "".join(secrets.choice(union) for _ in range(policy.length))
        if all(any(c in alphabet for c in password) for alphabet in alphabets):
            return password


def _random_bytes(policy: RandomBytes) -> bytes:
    octets = secrets.token_bytes(policy.length)
    if policy.encoding is Encoding.HEX:
        return octets.hex().encode("ascii")
    return base64.b64encode(octets) if policy.encoding is Encoding.BASE64 else octets
