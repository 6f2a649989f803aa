"""Drawing values from the operating system's random generator."""

from __future__ import annotations

import base64
import secrets
import uuid
from typing import Final

from strongroom.crypto.keypairs import make_key_pair, make_ssh_key_pair
from strongroom.crypto.passwords import htpasswd_line
from strongroom.domain.content import Content
from strongroom.domain.generation import (
    Encoding,
    FieldPolicy,
    Fields,
    Generate,
    Htpasswd,
    KeyPair,
    Literal,
    Passphrase,
    Password,
    RandomBytes,
    SshKeyPair,
    Uuid,
)
from strongroom.service.passphrases import words

_SYSTEM: Final = secrets.SystemRandom()  # keeps no state, so threads may share it


def draw(policy: Generate) -> Content:
    """Return a fresh value, or fresh fields.

    May be called in any thread, and takes a second or more for a large RSA key. ``Refused`` when the installed word
    list is not the one that passphrases are drawn from.
    """
    match policy:
        case RandomBytes():
            return Content(_random_bytes(policy))
        case Password() | Passphrase() | Uuid():
            return Content(_text(policy).encode("ascii"))
        case SshKeyPair():
            return Content.of_fields(make_ssh_key_pair(policy))
        case KeyPair():
            return Content.of_fields(make_key_pair(policy))
        case Htpasswd():
            return Content.of_fields(_htpasswd(policy))
        case Fields():
            return Content.of_fields({name: _text(each) for name, each in policy.policies})


def _text(policy: FieldPolicy) -> str:
    match policy:
        case Password():
            return _password(policy)
        case Passphrase():
            return _passphrase(policy)
        case Uuid():
            return str(uuid.uuid4())
        case RandomBytes():
            return _random_bytes(policy).decode("ascii")
        case Literal():
            return policy.text


def _password(policy: Password) -> str:
    """Draw until every class is met: so each password that meets the policy is equally likely.

    Placing one character per class first and filling up would favour some passwords over others. The worst policy,
    three classes of one character each beside 91 others at length 8, is met by one draw in 2500: some 20 ms.
    """
    alphabets, characters = policy.alphabets, policy.characters
    while True:
        if policy.no_repeat:
            password = "".join(_SYSTEM.sample(characters, policy.length))
        else:
            password = "".join(secrets.choice(characters) for _ in range(policy.length))
        if all(any(c in alphabet for c in password) for alphabet in alphabets):
            return password


def _passphrase(policy: Passphrase) -> str:
    chosen = [secrets.choice(words()) for _ in range(policy.words)]
    if policy.capitalize:
        chosen = [word[0].upper() + word[1:] for word in chosen]
    if policy.number:
        chosen[secrets.randbelow(policy.words)] += str(secrets.randbelow(10))
    return policy.separator.join(chosen)


def _htpasswd(policy: Htpasswd) -> dict[str, str]:
    password = _password(policy.password)
    line = htpasswd_line(policy.username, password, policy.cost)
    return {"username": policy.username, "password": password, "auth": line}


def _random_bytes(policy: RandomBytes) -> bytes:
    octets = secrets.token_bytes(policy.length)
    match policy.encoding:
        case Encoding.RAW:
            return octets
        case Encoding.HEX:
            return octets.hex().encode("ascii")
        case Encoding.BASE64:
            return base64.b64encode(octets)
        case Encoding.BASE64URL:
            return base64.urlsafe_b64encode(octets).rstrip(b"=")
