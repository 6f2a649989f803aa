"""Subject alternative names of certificates (RFC 5280, section 4.2.1.6): checked going in, and read back."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

from cryptography import x509

from strongroom.crypto import der
from strongroom.domain.certificates import AlternativeNames
from strongroom.domain.errors import InvalidInput

NAMES: Final = 100

_UPN: Final = x509.ObjectIdentifier("1.3.6.1.4.1.311.20.2.3")  # Microsoft's user principal name
_UTF8_STRING: Final = 0x0C

_DNS_CHARACTERS: Final = 253
_LOCAL_CHARACTERS: Final = 64  # RFC 5321, section 4.5.3.1.1
_EMAIL_CHARACTERS: Final = 254
_URI_CHARACTERS: Final = 2048
_UPN_CHARACTERS: Final = 1024
_LABEL: Final = re.compile("[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_DOT_STRING: Final = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_URI: Final = re.compile(
    r"""(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*):
    (?P<rest>(?://(?P<authority>[A-Za-z0-9._~!$&'()*+,;=:@\[\]%-]*)(?=[/?\#]|$))?
    (?:[A-Za-z0-9._~!$&'()*+,;=:@/?\#-]|%[0-9A-Fa-f]{2})*)""",
    re.VERBOSE,
)
_CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


def alternative_names(names: AlternativeNames) -> x509.SubjectAlternativeName | None:
    """Return the extension, each name once; None without names. ``InvalidInput`` for what is no name of its kind."""
    if names.count > NAMES:
        raise InvalidInput(f"x509_props.sans: has at most {NAMES} names in all")
    found = [
        *_each("emails", names.emails, _email),
        *_each("dns_names", names.dns, _dns),
        *_each("upns", names.upns, _upn),
        *_each("uris", names.uris, _uri),
        *_each("ipAddresses", names.addresses, _address),
    ]
    return x509.SubjectAlternativeName(found) if found else None


def read(extension: x509.SubjectAlternativeName) -> AlternativeNames:
    """Return the names of an extension; those of other kinds are left out. ``ValueError`` for a malformed one."""
    addresses = extension.get_values_for_type(x509.IPAddress)
    if not all(isinstance(each, IPv4Address | IPv6Address) for each in addresses):
        raise ValueError("a network in the place of an address")
    return AlternativeNames(
        emails=tuple(extension.get_values_for_type(x509.RFC822Name)),
        dns=tuple(extension.get_values_for_type(x509.DNSName)),
        upns=tuple(_upn_text(each) for each in extension.get_values_for_type(x509.OtherName) if each.type_id == _UPN),
        uris=tuple(extension.get_values_for_type(x509.UniformResourceIdentifier)),
        addresses=tuple(str(each) for each in addresses),
    )


def _each(word: str, values: Iterable[str], convert: Callable[[str], x509.GeneralName]) -> Iterable[x509.GeneralName]:
    for value in dict.fromkeys(values):
        try:
            yield convert(value)
        except ValueError as error:
            raise InvalidInput(f"x509_props.sans.{word}: {error}") from None


def _dns(value: str) -> x509.DNSName:
    check_dns(value.removeprefix("*."))
    if len(value) > _DNS_CHARACTERS:
        raise ValueError(f"a name has at most {_DNS_CHARACTERS} characters")
    return x509.DNSName(value)


def check_dns(value: str) -> None:
    """Raise ``ValueError`` unless it is a host name (RFC 1034, section 3.5, and RFC 1123) without a dot at its end."""
    labels = value.split(".")
    if not value.isascii():
        raise ValueError("an international name is written as its A-labels, which begin with xn-- (RFC 5890)")
    if len(value) > _DNS_CHARACTERS:
        raise ValueError(f"a name has at most {_DNS_CHARACTERS} characters")
    if not all(_LABEL.fullmatch(label) for label in labels):
        raise ValueError(
            "a name has labels of 1 to 63 letters, digits and inner hyphens, with dots between them; "
            "the first label alone may be *"
        )
    if labels[-1].isdigit():
        raise ValueError("the last label of a name is not all digits; an address goes to ipAddresses")


def _email(value: str) -> x509.RFC822Name:
    local, at, domain = value.rpartition("@")
    if not value.isascii():
        raise ValueError("a mailbox has ASCII characters only; its domain is written as A-labels (xn--)")
    if not at or len(local) > _LOCAL_CHARACTERS or len(value) > _EMAIL_CHARACTERS or not _DOT_STRING.fullmatch(local):
        raise ValueError("a mailbox is written local@domain, without a display name, quotes or comments")
    check_dns(domain)
    return x509.RFC822Name(value)


def _uri(value: str) -> x509.UniformResourceIdentifier:
    if not value.isascii():
        raise ValueError("a URI has ASCII characters only; others are percent-encoded (RFC 3986)")
    found = _URI.fullmatch(value) if len(value) <= _URI_CHARACTERS else None
    if not found or not found["rest"]:
        raise ValueError(f"a URI is absolute, scheme:rest (RFC 3986), and has at most {_URI_CHARACTERS} characters")
    if found["authority"] == "" and found["scheme"].lower() != "file":
        raise ValueError("a URI with // names a host after it")
    return x509.UniformResourceIdentifier(value)


def _address(value: str) -> x509.IPAddress:
    if "%" in value or "/" in value:
        raise ValueError("an address has no zone and no prefix length")
    try:
        return x509.IPAddress(ip_address(value))
    except ValueError:
        raise ValueError("is written like 192.0.2.1 or 2001:db8::1") from None


def _upn(value: str) -> x509.OtherName:
    if not 0 < len(value) <= _UPN_CHARACTERS or "@" not in value or _CONTROL.search(value):
        raise ValueError(f"a user principal name is written user@domain, in at most {_UPN_CHARACTERS} characters")
    return x509.OtherName(_UPN, der.write(_UTF8_STRING, value.encode()))


def _upn_text(name: x509.OtherName) -> str:
    element = der.read(name.value)
    if element.tag != _UTF8_STRING:
        raise ValueError("a user principal name is a UTF8String")
    return element.content.decode()
