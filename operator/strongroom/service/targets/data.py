"""From what a version holds to the data of a native Secret."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from strongroom.domain.content import VALUE, Content, Layout
from strongroom.domain.errors import InvalidInput
from strongroom.domain.targets import SecretType, TargetSpec
from strongroom.service import templates
from strongroom.service.targets import keystores
from strongroom.service.targets.secrettypes import require_type

TOTAL: Final = 512 * 1024
"""Octets of all keys and values; Kubernetes takes 1 MiB with everything round them."""

_KEYS_OF_FIELDS: Final[dict[SecretType, dict[str, str]]] = {
    SecretType.SSH_AUTH: {"privateKey": "ssh-privatekey"},
    SecretType.TLS: {"certificate": "tls.crt", "privateKey": "tls.key", "ca": "ca.crt"},
}
_KEYS_OF_VALUES: Final[dict[SecretType, str]] = {
    SecretType.OPAQUE: VALUE,
    SecretType.BASIC_AUTH: "password",
    SecretType.SSH_AUTH: "ssh-privatekey",
    SecretType.DOCKER_CONFIG: ".dockerconfigjson",
}


def data_of(spec: TargetSpec, content: Content, version: str, passwords: Sequence[str] = ()) -> dict[str, bytes]:
    """Return the data of a target. ``InvalidInput`` names the target and the key, never a value.

    ``passwords``: of the target's keystores, in their order.
    """
    named = spec.keys or spec.template or spec.keystores
    try:
        data = _mapped(spec, content, version) if named else _plain(spec, content)
        data |= keystores.files(spec, content.fields(), passwords) if spec.keystores else {}
        if sum(len(key) + len(octets) for key, octets in data.items()) > TOTAL:
            raise InvalidInput(f"it would have more than {TOTAL} bytes")
        require_type(spec.type, data)
    except InvalidInput as error:
        raise InvalidInput(f"target {spec.name}: {error}") from None
    return data


def _plain(spec: TargetSpec, content: Content) -> dict[str, bytes]:
    """Fields under their own names, and under those that the type wants."""
    if content.layout is not Layout.VALUE:
        renamed = _KEYS_OF_FIELDS.get(spec.type, {})
        return {renamed.get(name, name): octets for name, octets in content.fields().items()}
    if spec.type not in _KEYS_OF_VALUES:
        raise InvalidInput(
            "a single value cannot be a kubernetes.io/tls Secret: it needs a certificate and a private key, from two "
            "fields (keys) or by a template for tls.crt and tls.key"
        )
    return {_KEYS_OF_VALUES[spec.type]: content.payload}


def _mapped(spec: TargetSpec, content: Content, version: str) -> dict[str, bytes]:
    fields = content.fields()
    data = {key: _field(fields, key, name) for key, name in spec.keys}
    context = templates.Context(
        value=content.payload if content.layout is Layout.VALUE else None,
        fields=fields,
        names={"name": spec.name, "namespace": spec.namespace, "version": version},
    )
    return data | {key: _rendered(key, source, context) for key, source in spec.template}


def _field(fields: Mapping[str, bytes], key: str, name: str) -> bytes:
    if name not in fields:
        raise InvalidInput(f"keys[{key}]: the secret has no field {name}; it has {', '.join(sorted(fields))}")
    return fields[name]


def _rendered(key: str, source: str, context: templates.Context) -> bytes:
    try:
        return templates.render(source, context)
    except InvalidInput as error:
        raise InvalidInput(f"template.data[{key}], {error}") from None
