"""What the cluster says about vaults: where one is, whom to trust, and tokens for its ServiceAccounts."""

from __future__ import annotations

from typing import Any, Final

import orjson

from strongroom.client.addresses import VaultAddress
from strongroom.client.tokens import Token
from strongroom.domain.errors import InvalidInput, StoreUnavailable
from strongroom.domain.errors import NotFound as Missing
from strongroom.kube import errors
from strongroom.kube.client import KubeClient
from strongroom.kube.resources import CONFIG_MAPS, VAULTS, Resource
from strongroom.kube.transport import Transport

BUNDLE: Final = "strongroom-ca"
_ACCOUNTS: Final = Resource("", "v1", "serviceaccounts", "ServiceAccount")


class Cluster:
    """Reads as whoever the kubeconfig says. Raises the tree of ``kube.errors``."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._client = KubeClient(transport)

    async def vault(self, namespace: str, name: str) -> dict[str, Any]:
        """Return the Vault. Raises NotFound."""
        try:
            return await self._client.get(VAULTS, namespace, name)
        except errors.NotFound:
            raise Missing(f"there is no Vault {name} in namespace {namespace}") from None

    async def address(self, namespace: str, name: str) -> VaultAddress:
        """Return where a Vault is served. Raises NotFound, StoreUnavailable when it is not served yet."""
        url = ((await self.vault(namespace, name)).get("status") or {}).get("url")
        if not url:
            raise StoreUnavailable(f"the Vault {namespace}/{name} is not served yet: see `strongroom vault status`")
        return VaultAddress.of(url)

    async def trust_bundle(self, namespace: str) -> str:
        """Return the certificates to trust, PEM. Raises NotFound."""
        try:
            body = await self._client.get(CONFIG_MAPS, namespace, BUNDLE)
        except errors.NotFound:
            raise Missing(f"there is no ConfigMap {BUNDLE} in namespace {namespace}; give --ca-file") from None
        return str((body.get("data") or {}).get("ca.crt", ""))

    async def mint(self, namespace: str, account: str, audience: str, seconds: int) -> Token:
        """Return a token of a ServiceAccount (TokenRequest, authentication.k8s.io/v1). Raises NotFound."""
        request = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"audiences": [audience], "expirationSeconds": seconds},
        }
        path = _ACCOUNTS.path(namespace, account, "token")
        headers = {"Content-Type": "application/json"}
        try:
            octets = await self._transport.request("POST", path, body=request, headers=headers)
        except errors.NotFound:
            raise Missing(f"there is no ServiceAccount {account} in namespace {namespace}") from None
        try:
            return Token.of(orjson.loads(octets)["status"]["token"])
        except (ValueError, KeyError, TypeError):
            raise StoreUnavailable("the API server's answer cannot be read") from None


def read_account(text: str, namespace: str) -> tuple[str, str]:
    """Read ``name`` or ``namespace/name``. Raises InvalidInput."""
    first, slash, second = text.partition("/")
    found = (first, second) if slash else (namespace, first)
    if not all(found) or "/" in second:
        raise InvalidInput("a ServiceAccount is written as name or namespace/name")
    return found
