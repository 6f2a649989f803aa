"""Who may issue a vault's certificates, and whom to tell of their end. Pure. The words are Azure Key Vault's."""

from __future__ import annotations

from dataclasses import dataclass, field

from strongroom.domain.acmesettings import AcmeSettings
from strongroom.domain.casettings import CaSettings


@dataclass(frozen=True, slots=True)
class Person:
    """An administrator of an organization, or somebody to be told. All but the address may be empty."""

    email: str = ""
    name: str = ""
    first_name: str = ""
    last_name: str = ""
    phone: str = ""


@dataclass(frozen=True, slots=True)
class Issuer:
    """An account with an authority. A persistent format: fields are only ever added. The password hides in ``repr``.

    ``provider`` says what kind of authority it is. Times in Unix seconds.
    """

    name: str
    provider: str
    account: str = ""
    password: str = field(default="", repr=False)
    organization: str = ""
    administrators: tuple[Person, ...] = ()
    enabled: bool = True
    created: int = 0
    updated: int = 0
    acme: AcmeSettings | None = None
    ca: CaSettings | None = None  # of the provider VaultCA


@dataclass(frozen=True, slots=True)
class Contacts:
    """Whom to tell of all certificates of a vault. A persistent format. Nobody: there is no list."""

    people: tuple[Person, ...] = ()
