"""Declares the certificates that the data plane serves with: a VaultCertificate in strongroom-system for each namespace
that has a vault, and one for the token service. What becomes of them then is as with any other VaultCertificate.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any, Final

from strongroom.controllers.ownership import Ownership
from strongroom.controllers.resources import Resources
from strongroom.controllers.workqueue import Key, Kind
from strongroom.domain.errors import StrongroomError
from strongroom.domain.names import SYSTEM_NAMESPACE, SYSTEM_VAULT
from strongroom.domain.vaults import DAY
from strongroom.kinds import names
from strongroom.kinds.vaultcertificate import VaultCertificateResource, parse_vaultcertificate
from strongroom.kube import errors
from strongroom.kube.api import KubeApi
from strongroom.kube.resources import VAULTCERTIFICATES
from strongroom.service.servingca import SERVING_SECONDS
from strongroom.service.servingleaves import OF_NAMESPACE, SUBJECT, TOKEN_SERVICE, certificate_name, dns_name
from strongroom.service.systemobjects import BOOTSTRAP_CA

_MANAGER: Final = "strongroom-serving"
_BEFORE: Final = 10 * DAY
"""Before its end a certificate is succeeded: the controller, or its HSM, may be away for that long."""


class ServingCertificates:
    """``resources`` are the custom resources as last seen; ``domain`` is that of vaults."""

    def __init__(self, client: KubeApi, resources: Resources, domain: str) -> None:
        self._client = client
        self._resources = resources
        self._domain = domain
        self._ownership = Ownership()
        self._bodies: dict[str, tuple[dict[str, Any], VaultCertificateResource]] = {}  # by name, and what they say
        self._right: dict[str, object] = {}  # by name, what was last seen and is as it should be

    async def keep(self, namespaces: Collection[str]) -> None:
        """Declare what is missing or was changed, and remove what is for no vault any more.

        One that cannot be written keeps none of the others; then raises ``StrongroomError``.
        """
        wanted = {certificate_name(each): each for each in (TOKEN_SERVICE, *namespaces) if each != SYSTEM_NAMESPACE}
        failed: StrongroomError | None = None
        for name in sorted(wanted.keys() | self._there()):
            try:
                await (self._declare(name, wanted[name]) if name in wanted else self._remove(name))
            except (errors.Conflict, errors.NotFound, errors.AlreadyExists):
                continue  # changed meanwhile: the next look sees how
            except StrongroomError as error:
                failed = failed or error
        if failed:
            raise failed

    def _there(self) -> set[str]:
        keys = self._resources.keys(Kind.CERTIFICATE)
        return {key.name for key in keys if key.namespace == SYSTEM_NAMESPACE and key.name.startswith(OF_NAMESPACE)}

    async def _declare(self, name: str, namespace: str) -> None:
        known = self._resources.get(Key(Kind.CERTIFICATE, SYSTEM_NAMESPACE, name))
        if known is not None and known.parsed is self._right.get(name):
            return
        if name not in self._bodies:
            body = self._body(name, namespace)
            self._bodies[name] = body, _spec_of(body)
        body, spec = self._bodies[name]
        if known is None:
            await self._client.create(VAULTCERTIFICATES, SYSTEM_NAMESPACE, body, field_manager=_MANAGER)
        elif isinstance(known.parsed, VaultCertificateResource) and _spec(known.parsed) == spec:
            self._right[name] = known.parsed
        else:
            await self._repair(name, body)

    async def _repair(self, name: str, body: dict[str, Any]) -> None:
        live = await self._client.get(VAULTCERTIFICATES, SYSTEM_NAMESPACE, name)
        if self._ownership.holds(live):
            await self._client.update(VAULTCERTIFICATES, SYSTEM_NAMESPACE, {**live, "spec": body["spec"]})

    async def _remove(self, name: str) -> None:
        live = await self._client.get(VAULTCERTIFICATES, SYSTEM_NAMESPACE, name)
        if self._ownership.holds(live):
            await self._client.delete(VAULTCERTIFICATES, SYSTEM_NAMESPACE, name, uid=live["metadata"]["uid"])
        for remembered in (self._bodies, self._right):
            remembered.pop(name, None)

    def _body(self, name: str, namespace: str) -> dict[str, Any]:
        metadata = {
            "name": name,
            "namespace": SYSTEM_NAMESPACE,
            "labels": dict(names.OURS),
            "annotations": {names.RECOVER: "true"},  # a namespace may have had a vault before
        }
        spec = {
            "vaultRef": {"name": SYSTEM_VAULT},
            "issuerRef": {"name": BOOTSTRAP_CA},
            "subject": SUBJECT,
            "dnsNames": [dns_name(namespace, self._domain)],
            "duration": f"{SERVING_SECONDS // 3600}h",
            "renewBefore": f"{_BEFORE // 3600}h",
            "privateKey": {"algorithm": "ECDSA", "size": 256},
            "exportable": False,
        }
        return {"apiVersion": names.API_VERSION, "kind": "VaultCertificate", "metadata": metadata, "spec": spec}


def _spec_of(body: dict[str, Any]) -> VaultCertificateResource:
    """``InvalidInput`` for names that no certificate can be for."""
    return _spec(parse_vaultcertificate({**body, "metadata": {**body["metadata"], "uid": "", "generation": 0}}))


def _spec(resource: VaultCertificateResource) -> VaultCertificateResource:
    """Leave out what is no part of ``spec``."""
    return replace(resource, uid="", generation=0, deleting=False, renew="", sync="", recover=False, revoke="")
