"""What the types of native Secrets demand of their data.

Kubernetes checks that the keys are there (https://kubernetes.io/docs/concepts/configuration/secret/#secret-types); that
what is under them can be used shows elsewhere only when a Pod or an ingress fails.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from strongroom.crypto.pairs import require_pair
from strongroom.domain.errors import InvalidInput
from strongroom.domain.targets import SecretType


def require_type(kind: SecretType, data: Mapping[str, bytes]) -> None:
    """``InvalidInput`` when the data is not what the type demands."""
    match kind:
        case SecretType.BASIC_AUTH:
            if "username" not in data and "password" not in data:
                raise InvalidInput(f"a Secret of type {kind} needs the key username or password")
        case SecretType.SSH_AUTH:
            _require(kind, data, "ssh-privatekey")
        case SecretType.TLS:
            _require(kind, data, "tls.crt", "tls.key")
            require_pair(data["tls.crt"], data["tls.key"])
        case SecretType.DOCKER_CONFIG:
            _require(kind, data, ".dockerconfigjson")
            _require_registries(data[".dockerconfigjson"])


def _require(kind: SecretType, data: Mapping[str, bytes], *keys: str) -> None:
    if missing := [key for key in keys if not data.get(key)]:
        raise InvalidInput(f"a Secret of type {kind} needs the key {' and '.join(missing)}")


def _require_registries(octets: bytes) -> None:
    try:
        plain = json.loads(octets)
    except (ValueError, RecursionError):
        plain = None
    if not isinstance(plain, dict) or not isinstance(plain.get("auths"), dict):
        raise InvalidInput(".dockerconfigjson must be a JSON object with the object auths")
