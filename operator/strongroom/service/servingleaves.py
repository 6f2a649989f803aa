"""The certificates that the data plane serves with: certificates of the system vault, by what they are for."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Final

from strongroom.crypto.certificates import Leaf, leaf_of
from strongroom.domain.certificatematerial import CertificateMaterial
from strongroom.domain.certificates import AlternativeNames, CertificatePolicy
from strongroom.domain.errors import Refused
from strongroom.domain.objects import Kind
from strongroom.domain.ports import Store
from strongroom.domain.vaults import State, VaultHead
from strongroom.service import systemobjects
from strongroom.service.servingca import Authorities

TOKEN_SERVICE: Final = ""
"""In place of a namespace: the token service."""

OF_TOKEN_SERVICE: Final = "token-service"  # noqa: S105 - a name
OF_NAMESPACE: Final = "vaults-in-"
"""Names of the certificates in the system vault: this one, and this before a namespace."""

SUBJECT: Final = "CN=Strongroom"
"""Of all of them. Clients look at the other name."""


def certificate_name(namespace: str) -> str:
    """Return the name that the certificate of a namespace, or of the token service, has in the system vault."""
    return OF_NAMESPACE + namespace if namespace else OF_TOKEN_SERVICE


def dns_name(namespace: str, domain: str) -> str:
    """Return the name that it is for."""
    return f"*.{namespace}.{domain}" if namespace else f"sts.{domain}"


def is_servable(name: str, policy: CertificatePolicy, domain: str) -> bool:
    """Say whether a certificate of the system vault is for the name that it is called by, and its key stays inside."""
    ours = name == OF_TOKEN_SERVICE or name.startswith(OF_NAMESPACE)
    namespace = name.removeprefix(OF_NAMESPACE) if name.startswith(OF_NAMESPACE) else TOKEN_SERVICE
    names = AlternativeNames(dns=(dns_name(namespace, domain),))
    return ours and (policy.subject, policy.names) == (SUBJECT, names) and not (policy.exportable or policy.ca)


@dataclass(frozen=True, slots=True)
class _Opened:
    token: str  # of the head that it was read by
    leaf: Leaf | None = field(repr=False)


class ServingLeaves:
    """``store`` is that of certificates; ``domain`` that of vaults."""

    def __init__(self, store: Store, domain: str) -> None:
        self._store = store
        self._domain = domain
        self._opened: dict[str, _Opened] = {}
        self._seen: tuple[object, ...] = ()  # of what this is the outcome

    async def read(self, namespaces: Collection[str], authorities: Authorities, now: int) -> dict[str, Leaf]:
        """Return the certificates as the watches show them, by namespace. Of one that clients would refuse, of one that
        is withdrawn and of one that cannot be opened there is none. Raises what ``Store`` raises.
        """
        stored = await self._store.vault(systemobjects.REF)
        if stored is None or stored.head.state is not State.LIVE:
            return {}
        seen = (stored.head.id, self._store.changes(stored.head), authorities.bundle, frozenset(namespaces))
        if seen != self._seen:
            await self._read_all(stored.head, namespaces, authorities, now)
            self._seen = seen
        return {namespace: each.leaf for namespace, each in self._opened.items() if each.leaf and each.leaf.ends > now}

    async def _read_all(
        self, vault: VaultHead, namespaces: Collection[str], authorities: Authorities, now: int
    ) -> None:
        known = self._opened if self._seen[2:3] == (authorities.bundle,) else {}
        found: dict[str, _Opened] = {}
        for namespace in namespaces:
            opened = await self._read(vault, namespace, known.get(namespace), authorities, now)
            if opened is not None:
                found[namespace] = opened
            await asyncio.sleep(0)  # there may be thousands, and requests wait meanwhile
        self._opened = found

    async def _read(
        self, vault: VaultHead, namespace: str, known: _Opened | None, authorities: Authorities, now: int
    ) -> _Opened | None:
        stored = await self._store.object(vault, certificate_name(namespace))
        face = stored.head.faces.get(Kind.CERTIFICATE) if stored else None
        if stored is None or face is None or stored.head.state is not State.LIVE:
            return None
        if known is not None and known.token == stored.token:
            return known
        leaf = None
        try:
            version = await self._store.version(vault, stored.head, face.served, fresh=False)
            if version.attributes.enabled:
                material = CertificateMaterial.unpack(version.payload)
                leaf = leaf_of(material, dns_name(namespace, self._domain), authorities.trusted, now)
        except Refused:
            pass  # it cannot be opened or read: the next version takes its place
        return _Opened(stored.token, leaf)
