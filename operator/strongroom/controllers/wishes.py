"""From a VaultSecret as it was read to what the use case is asked for."""

from __future__ import annotations

from strongroom.domain.imports import ImportSpec
from strongroom.domain.objects import Claim
from strongroom.domain.planning import Declaration, Source
from strongroom.kinds.vaultsecret import VaultSecretResource

_CLAIMED_FIELDS = ("generate", "rotation")


def declaration(resource: VaultSecretResource) -> Declaration:
    """Return the wish of a resource."""
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
