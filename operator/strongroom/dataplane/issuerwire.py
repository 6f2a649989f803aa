"""Bodies about issuers and contacts of certificates as Azure Key Vault's REST API has them."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any, Final

from strongroom.dataplane import acmewire, cawire
from strongroom.dataplane.wire import Place
from strongroom.domain.errors import InvalidInput, IssuerNotFound
from strongroom.domain.fields import Fields
from strongroom.domain.issuers import Contacts, Issuer, Person

PROVIDER_LENGTH: Final = 64
TEXT_LENGTH: Final = 1024
PEOPLE: Final = 100
EMAIL: Final = "[!-;=?A-Z\\[-~]{1,64}@[A-Za-z0-9.\\[\\]:-]{1,253}"
"""What a mail can be sent to: ASCII, no spaces, no angle brackets, one last @."""


def read_contacts(fields: Fields) -> Contacts:
    """Return whom to tell; ``InvalidInput`` for nobody."""
    people = tuple(_read_person(each) for each in fields.items("contacts", PEOPLE))
    if not people:
        raise InvalidInput("Property contacts is required: whom to tell, each with an email")
    return Contacts(people)


def contacts(place: Place, of: Contacts) -> dict[str, Any]:
    """Return Contacts."""
    people = [{"email": each.email} | _without_empty({"name": each.name, "phone": each.phone}) for each in of.people]
    return {"id": place.of("certificates", "contacts"), "contacts": people}


def read_issuer(fields: Fields, name: str, present: Issuer | None, now: int, *, whole: bool) -> Issuer:
    """Return the issuer that a request describes: the ``whole`` of it, or changes of the present one."""
    if present is None and not whole:
        raise IssuerNotFound(f"Issuer not found: {name}")
    base = Issuer(name, "") if whole or present is None else present
    named = fields.text("provider", PROVIDER_LENGTH)
    provider = base.provider if named is None else named
    if not provider:
        raise InvalidInput("Property provider is required: what kind of authority the issuer is")
    credentials, organization = fields.inner("credentials"), fields.inner("org_details")
    enabled = fields.inner("attributes").flag("enabled")
    people = organization.items("admin_details", PEOPLE)
    return replace(
        base,
        provider=provider,
        account=_or(credentials.text("account_id", TEXT_LENGTH), base.account),
        password=_or(credentials.text("pwd", TEXT_LENGTH), base.password),
        organization=_or(organization.text("id", TEXT_LENGTH), base.organization),
        administrators=tuple(map(_read_administrator, people)) or base.administrators,
        enabled=base.enabled if enabled is None else enabled,
        created=present.created if present else now,
        updated=now,
        acme=acmewire.read_acme(fields, provider, base.acme),
        ca=cawire.read(fields, provider, base.ca),
    )


def issuer(place: Place, of: Issuer) -> dict[str, Any]:
    """Return an IssuerBundle. The password is never shown."""
    people = [_administrator(each) for each in of.administrators]
    details = _without_empty({"id": of.organization}) | {"zip": 0, "admin_details": people}
    return {
        "id": _id(place, of),
        "provider": of.provider,
        "credentials": _without_empty({"account_id": of.account}),
        "org_details": details,
        "attributes": {"enabled": of.enabled, "created": of.created, "updated": of.updated},
        **acmewire.shown(of.acme),
    } | cawire.shown(of.ca)


def item(place: Place, of: Issuer) -> dict[str, Any]:
    """Return a CertificateIssuerItem, as lists have it."""
    return {"id": _id(place, of), "provider": of.provider}


def _id(place: Place, of: Issuer) -> str:
    return place.of("certificates", "issuers", of.name)


def _read_person(each: Fields) -> Person:
    email = each.required_text("email", TEXT_LENGTH)
    if not re.fullmatch(EMAIL, email):
        raise InvalidInput("Property contacts: an email is an address like ada@example.org")
    return Person(
        email=email,
        name=each.text("name", TEXT_LENGTH) or "",
        phone=each.text("phone", TEXT_LENGTH) or "",
    )


def _read_administrator(each: Fields) -> Person:
    texts = (each.text(name, TEXT_LENGTH) or "" for name in ("email", "first_name", "last_name", "phone"))
    email, first, last, phone = texts
    return Person(email=email, first_name=first, last_name=last, phone=phone)


def _administrator(of: Person) -> dict[str, str]:
    return _without_empty(
        {"first_name": of.first_name, "last_name": of.last_name, "email": of.email, "phone": of.phone}
    )


def _without_empty(texts: dict[str, str]) -> dict[str, Any]:
    return {name: text for name, text in texts.items() if text}


def _or(text: str | None, default: str) -> str:
    return default if text is None else text
