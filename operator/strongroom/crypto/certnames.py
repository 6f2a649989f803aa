"""Distinguished names in certificates as text (RFC 4514), as clients of Azure Key Vault write them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from cryptography import x509
from cryptography.x509.oid import NameOID

from strongroom.domain.errors import InvalidInput

SUBJECT_CHARACTERS: Final = 1024

_FIELD: Final = "x509_props.subject"
_WORDS: Final = {
    "CN": NameOID.COMMON_NAME,
    "OU": NameOID.ORGANIZATIONAL_UNIT_NAME,
    "O": NameOID.ORGANIZATION_NAME,
    "L": NameOID.LOCALITY_NAME,
    "ST": NameOID.STATE_OR_PROVINCE_NAME,
    "S": NameOID.STATE_OR_PROVINCE_NAME,
    "C": NameOID.COUNTRY_NAME,
    "DC": NameOID.DOMAIN_COMPONENT,
    "UID": NameOID.USER_ID,
    "STREET": NameOID.STREET_ADDRESS,
    "SERIALNUMBER": NameOID.SERIAL_NUMBER,
    "T": NameOID.TITLE,
    "TITLE": NameOID.TITLE,
    "GN": NameOID.GIVEN_NAME,
    "G": NameOID.GIVEN_NAME,
    "GIVENNAME": NameOID.GIVEN_NAME,
    "SN": NameOID.SURNAME,
    "SURNAME": NameOID.SURNAME,
    "I": NameOID.INITIALS,
    "INITIALS": NameOID.INITIALS,
    "DNQ": NameOID.DN_QUALIFIER,
    "DNQUALIFIER": NameOID.DN_QUALIFIER,
    "E": NameOID.EMAIL_ADDRESS,
    "EMAIL": NameOID.EMAIL_ADDRESS,
    "EMAILADDRESS": NameOID.EMAIL_ADDRESS,
}
"""What may be written, in capitals; of several words for one attribute, the first is what is shown."""

_SHOWN: Final = {oid: word for word, oid in reversed(_WORDS.items())}
_BOUNDS: Final = {
    NameOID.COMMON_NAME: 64,
    NameOID.ORGANIZATION_NAME: 64,
    NameOID.ORGANIZATIONAL_UNIT_NAME: 64,
    NameOID.LOCALITY_NAME: 128,
    NameOID.STATE_OR_PROVINCE_NAME: 128,
    NameOID.STREET_ADDRESS: 128,
    NameOID.TITLE: 64,
    NameOID.SERIAL_NUMBER: 64,
    NameOID.DN_QUALIFIER: 64,
    NameOID.GIVEN_NAME: 64,
    NameOID.SURNAME: 64,
    NameOID.INITIALS: 64,
    NameOID.DOMAIN_COMPONENT: 63,
    NameOID.EMAIL_ADDRESS: 255,
}
"""In octets of UTF-8, though RFC 5280 (appendix A.1) and X.520 (annex C) count characters: so do not all readers."""

_BOUND: Final = 256
_COUNTRY: Final = re.compile("[A-Za-z]{2}")
_PRINTABLE: Final = re.compile("[A-Za-z0-9 '()+,./:=?-]+")  # X.680, section 41.4
_ASCII: Final = re.compile("[!-~]+")
_ALPHABETS: Final = {
    NameOID.COUNTRY_NAME: (_COUNTRY, "is two letters"),
    NameOID.SERIAL_NUMBER: (_PRINTABLE, "has letters and digits of ASCII, spaces and '()+,-./:=?"),
    NameOID.DN_QUALIFIER: (_PRINTABLE, "has letters and digits of ASCII, spaces and '()+,-./:=?"),
    NameOID.EMAIL_ADDRESS: (_ASCII, "has ASCII characters only, and no spaces"),
    NameOID.DOMAIN_COMPONENT: (_ASCII, "has ASCII characters only; write an international name as its A-label (xn--)"),
}
_CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_OID: Final = re.compile(r"(?:OID\.)?([0-9]+(?:\.[0-9]+)+)")
_TOKEN: Final = re.compile(
    r"""(?P<hex>(?:\\[0-9A-Fa-f]{2})+) | \\(?P<special>[ "#+,;<=>\\])
    | "(?P<quoted>(?:[^"\\]|\\.)*)" | (?P<plain>[^\\"])""",
    re.VERBOSE | re.DOTALL,
)

_Token = tuple[str, bool]
"""A character or more, and whether it is meant literally: it was quoted or escaped."""


def subject(text: str) -> x509.Name:
    """Return the name that a text means, as RFC 4514 has it: the last part comes first in the certificate.

    Beyond it, spaces after a comma, semicolons, quotes (RFC 2253) and .NET's words are understood. ``InvalidInput``.
    """
    if len(text) > SUBJECT_CHARACTERS:
        raise _invalid(f"has more than {SUBJECT_CHARACTERS} characters")
    if _CONTROL.search(text):
        raise _invalid("has control characters")
    if not text.strip():
        return x509.Name([])
    parts = _split(list(_tokens(text)), ",;")
    return x509.Name([_relative(part) for part in reversed(parts)])


def text(name: x509.Name) -> str:
    """Return a name as text (RFC 4514), with a space after each comma as Azure has it."""
    return ", ".join(each.rfc4514_string(_SHOWN) for each in reversed(name.rdns))


def _relative(tokens: list[_Token]) -> x509.RelativeDistinguishedName:
    try:
        return x509.RelativeDistinguishedName([_attribute(each) for each in _split(tokens, "+")])
    except ValueError:
        raise _invalid("has the same attribute and value twice in one part") from None


def _attribute(tokens: list[_Token]) -> x509.NameAttribute[str]:
    if ("=", False) not in tokens:
        raise _invalid("has parts like CN=name, with commas between them; a comma in a name is written \\,")
    equals = tokens.index(("=", False))
    word = "".join(character for character, _ in tokens[:equals]).strip()
    oid, literal = _oid(word), _stripped(tokens[equals + 1 :])
    if literal and literal[0] == ("#", False):
        raise _invalid(f"{_shown(oid)} has a value in hexadecimal, which is not taken; write \\# for the character")
    value = "".join(character for character, _ in literal)
    _check(oid, value)
    return x509.NameAttribute(oid, value)


def _check(oid: x509.ObjectIdentifier, value: str) -> None:
    alphabet, demand = _ALPHABETS.get(oid, (None, ""))
    if not value:
        raise _invalid(f"{_shown(oid)} is empty")
    if alphabet and not alphabet.fullmatch(value):
        raise _invalid(f"{_shown(oid)} {demand}")
    if _CONTROL.search(value):
        raise _invalid(f"{_shown(oid)} has control characters")
    if len(value.encode()) > _BOUNDS.get(oid, _BOUND):
        raise _invalid(f"{_shown(oid)} has more than {_BOUNDS.get(oid, _BOUND)} octets in UTF-8")


def _oid(word: str) -> x509.ObjectIdentifier:
    if word.upper() in _WORDS:
        return _WORDS[word.upper()]
    dotted = _OID.fullmatch(word.upper())
    if not dotted:
        raise _invalid("has an attribute that is not known here; write it as a dotted OID, like 2.5.4.15=name")
    try:
        return x509.ObjectIdentifier(dotted[1])
    except ValueError:
        raise _invalid("has an attribute that is no OID") from None


def _shown(oid: x509.ObjectIdentifier) -> str:
    return _SHOWN.get(oid, oid.dotted_string)


def _tokens(text: str) -> Iterator[_Token]:
    at = 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if not found:
            raise _invalid(
                'has a quote that does not end, or a \\ before what needs none; they are written \\" and \\\\'
            )
        yield _token(found), found["plain"] is None
        at = found.end()


def _token(found: re.Match[str]) -> str:
    if found["hex"]:
        try:
            return bytes.fromhex(found["hex"].replace("\\", "")).decode()
        except ValueError:
            raise _invalid("has escaped octets that are not UTF-8") from None
    if found["quoted"] is not None:
        return "".join(character for character, _ in _tokens(found["quoted"]))
    return found["special"] or found["plain"]


def _split(tokens: list[_Token], separators: str) -> list[list[_Token]]:
    parts: list[list[_Token]] = [[]]
    for token in tokens:
        if token[1] or token[0] not in separators:
            parts[-1].append(token)
        else:
            parts.append([])
    return parts


def _stripped(tokens: list[_Token]) -> list[_Token]:
    while tokens and tokens[0] == (" ", False):
        tokens = tokens[1:]
    while tokens and tokens[-1] == (" ", False):
        tokens = tokens[:-1]
    return tokens


def _invalid(what: str) -> InvalidInput:
    return InvalidInput(f"{_FIELD}: {what}")
