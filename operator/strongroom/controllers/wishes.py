"""From a resource as it was read to what the use case is asked for."""

from __future__ import annotations

from strongroom.domain.imports import ImportSpec
from strongroom.domain.objects import Claim, Kind
from strongroom.domain.planning import POLICY, Declaration, Source
from strongroom.kinds.vaultcertificate import VaultCertificateResource
from strongroom.kinds.vaultkey import VaultKeyResource
from strongroom.kinds.vaultsecret import VaultSecretResource

_CLAIMED_FIELDS = ("generate", "rotation")


def declaration(resource: VaultSecretResource | VaultKeyResource | VaultCertificateResource) -> Declaration:
    """Return the wish of a resource."""
    if isinstance(resource, VaultCertificateResource):
        return _of_certificate(resource)
    return _of_key(resource) if isinstance(resource, VaultKeyResource) else _of_secret(resource)


def _of_key(resource: VaultKeyResource) -> Declaration:
    fields = (*resource.attributes.fields, *((POLICY,) if resource.policy else ()))
    return Declaration(
        claim=Claim(resource.uid, resource.namespace, resource.name, fields, resource.retain),
        name=resource.object_name,
        trigger=resource.rotate,
        attributes=resource.attributes,
        recover=resource.recover,
        kind=Kind.KEY,
        policy=resource.policy,
    )


def _of_certificate(resource: VaultCertificateResource) -> Declaration:
    fields = (*resource.attributes.fields, POLICY)
    return Declaration(
        claim=Claim(resource.uid, resource.namespace, resource.name, fields, resource.retain),
        name=resource.object_name,
        trigger=resource.renew,
        attributes=resource.attributes,
        restarts=bool(resource.restarts),
        recover=resource.recover,
        kind=Kind.CERTIFICATE,
        certificate=resource.recipe,
    )


def _of_secret(resource: VaultSecretResource) -> Declaration:
    fields = (*_CLAIMED_FIELDS, *resource.attributes.fields)
    return Declaration(
        claim=Claim(resource.uid, resource.namespace, resource.name, fields, resource.retain),
        name=resource.object_name,
        source=_source(resource),
        schedule=resource.schedule,
        keep=resource.keep,
        pin=resource.pin,
        trigger=resource.rotate,
        attributes=resource.attributes,
        restarts=bool(resource.restarts),
        recover=resource.recover,
    )


def _source(resource: VaultSecretResource) -> Source:
    if resource.recipe is None:
        return Source.API
    return Source.IMPORT if isinstance(resource.recipe, ImportSpec) else Source.GENERATE
