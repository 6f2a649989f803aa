"""Keystores in a target: their passwords, which are secrets of the same vault, and their files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from strongroom.crypto import keystores
from strongroom.domain.errors import InvalidInput, PasswordNotFound
from strongroom.domain.keystores import KeystoreSpec, Password, checked_password
from strongroom.domain.objects import Kind, ObjectHead
from strongroom.domain.ports import Store
from strongroom.domain.targets import TargetSpec
from strongroom.domain.vaults import State, VaultHead


class Passwords:
    """Passwords as they are served now. ``store`` is that of secrets, whose errors pass through."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def settled(self, vault: VaultHead, spec: TargetSpec) -> TargetSpec:
        """Return the target with the version of each password that is served now. ``PasswordNotFound``."""
        if not spec.keystores:
            return spec
        settled = [replace(each, password=await self._settled(vault, each.password)) for each in spec.keystores]
        return replace(spec, keystores=tuple(settled))

    async def read(self, vault: VaultHead, spec: TargetSpec) -> list[str]:
        """Return the passwords of a settled target's keystores, in their order.

        ``PasswordNotFound``; ``InvalidInput`` for what cannot be one, without saying it.
        """
        return [await self._read(vault, each) for each in spec.keystores]

    async def _settled(self, vault: VaultHead, password: Password) -> Password:
        head = await self._head(vault, password.secret)
        return replace(password, version=head.faces[Kind.SECRET].served)

    async def _read(self, vault: VaultHead, keystore: KeystoreSpec) -> str:
        password = keystore.password
        version = await self._store.version(vault, await self._head(vault, password.secret), password.version)
        if not version.attributes.enabled:
            raise PasswordNotFound(f"{_source(password)} is disabled")
        fields = version.content.fields()
        if password.field not in fields:
            raise InvalidInput(f"{_source(password)} has no field {password.field}; it has {', '.join(sorted(fields))}")
        try:
            return checked_password(fields[password.field])
        except InvalidInput as error:
            raise InvalidInput(f"{_source(password)}: {error}") from None

    async def _head(self, vault: VaultHead, name: str) -> ObjectHead:
        """A certificate's own secret is no password."""
        stored = await self._store.object(vault, name)
        head = stored.head if stored else None
        if head is None or head.state is not State.LIVE or Kind.SECRET not in head.faces or head.certificate:
            raise PasswordNotFound(f"target.keystores: the vault has no secret {name}, which is to be the password")
        return head


def files(spec: TargetSpec, fields: Mapping[str, bytes], passwords: Sequence[str]) -> dict[str, bytes]:
    """Return the files of a target's keystores by key of its data; ``fields`` are a certificate's.

    ``InvalidInput`` when the private key is to be in one and may not leave the vault.
    """
    found: dict[str, bytes] = {}
    for keystore, password in zip(spec.keystores, passwords, strict=True):
        if keystore.private:
            if "privateKeyDer" not in fields:
                raise InvalidInput(f"{keystore.keystore}: the private key of this version may not leave the vault")
            chain = keystores.certificates(fields["certificate"])
            found[keystore.keystore] = keystores.keystore(keystore, fields["privateKeyDer"], chain, password)
        if keystore.trust:
            (ca,) = keystores.certificates(fields["ca"])
            found[keystore.truststore] = keystores.truststore(keystore, ca, password)
    return found


def _source(password: Password) -> str:
    return f"target.keystores: the secret {password.secret}"
