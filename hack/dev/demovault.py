"""The vault ``demo`` of `make up`: that of examples/quickstart, and a ServiceAccount that may do everything in it."""

import json
import shlex

from hack.localcluster import Cluster
from hack.localcluster.errors import KubectlFailed
from hack.localcluster.paths import REPOSITORY

from . import ready

NAMESPACE, VAULT, ACCOUNT = "default", "demo", "strongroom-demo"
_MANIFEST = REPOSITORY / "examples" / "quickstart" / "vault.yaml"
_CONFIG_MAP = ("get", "configmap", "strongroom-ca", "-n", "strongroom-system", "-o", "jsonpath={.data.ca\\.crt}")


def url(domain: str, port: int) -> str:
    return f"https://{VAULT}.{NAMESPACE}.{domain}:{port}"


def declare(cluster: Cluster) -> None:
    """The policy comes by a patch of its own: applying the quickstart later, which has none, leaves it alone."""
    cluster.kubectl_run("apply", "-f", str(_MANIFEST))
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": ACCOUNT, "namespace": NAMESPACE}}
    cluster.kubectl_run("apply", "--server-side", "-f", "-", input=json.dumps(account))
    subject = {"kind": "ServiceAccount", "namespace": NAMESPACE, "name": ACCOUNT}
    granted = {area: ["all"] for area in ("secrets", "keys", "certificates", "storage")}
    patch = {"spec": {"accessPolicies": [{"subject": subject, "permissions": granted}]}}
    cluster.kubectl_run("patch", "vault", VAULT, "-n", NAMESPACE, "--type=merge", "-p", json.dumps(patch))


def trust_bundle(cluster: Cluster) -> str:
    """The certificates to trust, once the controller has published them."""
    ready.until("the trust bundle is published", lambda: bool(_published(cluster)))
    return _published(cluster)


def token_command(cluster: Cluster, vault_url: str, domain: str) -> str:
    """Prints a bearer token of the ServiceAccount, for the audience of the challenge."""
    audience = f"https://{domain}:{vault_url.rpartition(':')[2]}"
    command = [str(cluster.kubectl), "--kubeconfig", str(cluster.kubeconfig), "-n", NAMESPACE]
    return shlex.join([*command, "create", "token", ACCOUNT, "--audience", audience, "--duration", "1h"])


def _published(cluster: Cluster) -> str:
    try:
        return cluster.kubectl_run(*_CONFIG_MAP)
    except KubectlFailed:
        return ""
