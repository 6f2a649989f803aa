"""The manifests of hack/manifests on the real API server: what is allowed, and what is denied to whom.

The cluster is shared, and the guards would bind other tests: here they run under names of the test's own, with its
namespace in the place of strongroom-system, and look at that namespace only.
"""

import json
import secrets
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from hack.localcluster import Cluster
from hack.localcluster.errors import KubectlFailed

ROOT = Path(__file__).resolve().parents[3]
MANIFESTS = sorted((ROOT / "hack/manifests").glob("*.yaml"))
CLUSTER_WIDE = ("ClusterRole", "ClusterRoleBinding", "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding")

Run = Callable[..., str]


def moved(namespace: str) -> list[dict[str, Any]]:
    """All objects, moved from strongroom-system to ``namespace`` and renamed where they belong to the cluster."""
    text = "\n---\n".join(path.read_text() for path in MANIFESTS).replace("strongroom-system", namespace)
    objects = [body for body in yaml.safe_load_all(text) if body["kind"] != "Namespace"]
    for body in objects:
        if body["kind"] in CLUSTER_WIDE:
            body["metadata"]["name"] = f"{namespace}-{body['metadata']['name']}"
        if body.get("roleRef", {}).get("kind") == "ClusterRole":
            body["roleRef"]["name"] = f"{namespace}-{body['roleRef']['name']}"
        if body["kind"] == "ValidatingAdmissionPolicyBinding":
            body["spec"]["policyName"] = f"{namespace}-{body['spec']['policyName']}"
            label = {"kubernetes.io/metadata.name": namespace}
            body["spec"]["matchResources"] = {"namespaceSelector": {"matchLabels": label}}
    return objects


@pytest.fixture
def guarded(cluster: Cluster, namespace: str) -> Iterator[str]:
    """A namespace that stands for strongroom-system, with all guards in force."""
    cluster.kubectl_run("apply", "--server-side", "--force-conflicts", "-f", str(ROOT / "crds"))
    bodies = moved(namespace)
    manifest = json.dumps({"apiVersion": "v1", "kind": "List", "items": bodies})
    cluster.kubectl_run("apply", "-f", "-", input=manifest)
    try:
        _until_denied(cluster, "-n", namespace, *SEALED, "probe", "--dry-run=server")
        _until_denied(cluster, "delete", "namespace", namespace, "--dry-run=server")
        yield namespace
    finally:
        cluster_wide = [body for body in bodies if body["kind"] in CLUSTER_WIDE]
        manifest = json.dumps({"apiVersion": "v1", "kind": "List", "items": cluster_wide})
        cluster.kubectl_run("delete", "--ignore-not-found", "-f", "-", input=manifest)
        _until_allowed(cluster, "delete", "namespace", namespace, "--dry-run=server", "--ignore-not-found")


SEALED = ("create", "secret", "generic", "--type=strongroom.dev/sealed")


def _until_denied(cluster: Cluster, *arguments: str) -> None:
    """Policies take effect a moment after they are stored."""
    _until(lambda: _fails(cluster, *arguments))


def _until_allowed(cluster: Cluster, *arguments: str) -> None:
    _until(lambda: not _fails(cluster, *arguments))


def _fails(cluster: Cluster, *arguments: str) -> bool:
    try:
        cluster.kubectl_run(*arguments)
    except KubectlFailed:
        return True
    return False


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.2)


@pytest.fixture
def run(cluster: Cluster, guarded: str) -> Run:
    """kubectl in the guarded namespace, as the administrator or ``as_user``."""

    def run(*arguments: str, as_user: str = "", input: str | None = None) -> str:
        return cluster.kubectl_run("-n", guarded, *arguments, *([f"--as={as_user}"] if as_user else []), input=input)

    return run


@pytest.fixture
def controller(guarded: str) -> str:
    """The user that the controller is."""
    return f"system:serviceaccount:{guarded}:strongroom-controller"


def test_sealed_secrets_are_ours_alone(run: Run, controller: str) -> None:
    run(*SEALED, "record", as_user=controller)
    for change in (("delete", "secret", "record"), ("label", "secret", "record", "a=b"), (*SEALED, "other")):
        with pytest.raises(KubectlFailed, match="the store of Strongroom's vaults"):
            run(*change)
    run("label", "secret", "record", "a=b", as_user=controller)
    run("delete", "secret", "record", as_user=controller)


def test_other_serviceaccounts_of_the_namespace_are_not_ours(run: Run, guarded: str) -> None:
    run("create", "rolebinding", "default", "--clusterrole=admin", f"--serviceaccount={guarded}:default")
    with pytest.raises(KubectlFailed, match="the store of Strongroom's vaults"):
        run(*SEALED, "record", as_user=f"system:serviceaccount:{guarded}:default")


def test_other_secrets_are_nobodys_business(run: Run) -> None:
    run("create", "secret", "generic", "plain", "--from-literal=a=b")
    run("delete", "secret", "plain")


def test_the_data_plane_writes_sealed_secrets_and_no_others(run: Run, guarded: str) -> None:
    data_plane = f"system:serviceaccount:{guarded}:strongroom-dataplane"
    run("create", "secret", "generic", "pin", "--from-literal=pin=1234")
    with pytest.raises(KubectlFailed, match="the data plane writes Secrets"):
        run("create", "secret", "generic", "plain", as_user=data_plane)
    with pytest.raises(KubectlFailed, match="the data plane writes Secrets"):
        run("delete", "secret", "pin", as_user=data_plane)
    run(*SEALED, "record", as_user=data_plane)
    run("delete", "secret", "record", as_user=data_plane)


def test_asking_for_a_former_namespaces_vault_needs_the_verb(run: Run, guarded: str) -> None:
    run("create", "rolebinding", "joe", f"--clusterrole={guarded}-strongroom-contributor", "--user=joe")
    vault = {"apiVersion": "strongroom.dev/v1alpha1", "kind": "Vault", "metadata": {"name": "demo"}}
    run("create", "-f", "-", input=json.dumps(vault), as_user="joe")
    ask = ("annotate", "--overwrite", "vault", "demo", "strongroom.dev/recover-from-namespace=u-1")
    with pytest.raises(KubectlFailed, match='the cluster-wide verb "recover"'):
        run(*ask, as_user="joe")
    asking = {**vault, "metadata": {"name": "demo2", "annotations": {"strongroom.dev/recover-from-namespace": "u"}}}
    with pytest.raises(KubectlFailed, match='the cluster-wide verb "recover"'):
        run("create", "-f", "-", input=json.dumps(asking), as_user="joe")

    run("create", "rolebinding", "joe-recovers", f"--clusterrole={guarded}-strongroom-recoverer", "--user=joe")
    with pytest.raises(KubectlFailed, match='the cluster-wide verb "recover"'):
        run(*ask, as_user="joe")

    name = f"{guarded}-joe"
    run("create", "clusterrolebinding", name, f"--clusterrole={guarded}-strongroom-recoverer", "--user=joe")
    try:
        _until(lambda: run("auth", "can-i", "recover", "vaults.strongroom.dev", "-A", as_user="joe").strip() == "yes")
        run(*ask, as_user="joe")
    finally:
        run("delete", "clusterrolebinding", name)
    run("annotate", "vault", "demo", "other=1", as_user="joe")
    with pytest.raises(KubectlFailed, match='the cluster-wide verb "recover"'):
        run(*ask[:-1], "strongroom.dev/recover-from-namespace=u-2", as_user="joe")
    run("annotate", "vault", "demo", "strongroom.dev/recover-from-namespace-", as_user="joe")


def test_the_system_namespace_is_deleted_only_on_purpose(run: Run, guarded: str, controller: str) -> None:
    run(*SEALED, "record", as_user=controller)
    with pytest.raises(KubectlFailed, match="destroys every vault of this cluster"):
        run("delete", "namespace", guarded)
    run("annotate", "namespace", guarded, "strongroom.dev/allow-deletion=true")
    run("delete", "namespace", guarded, "--wait=true", "--timeout=60s")


@pytest.mark.parametrize(
    ("verb", "resource", "where", "allowed"),
    [
        ("create", "secrets", "own", True),
        ("delete", "secrets", "own", True),
        ("update", "leases.coordination.k8s.io", "own", True),
        ("create", "vaults.strongroom.dev", "own", True),
        ("patch", "vaults.strongroom.dev", "other", True),
        ("watch", "vaultsecrets.strongroom.dev", "other", True),
        ("create", "events.events.k8s.io", "other", True),
        ("update", "secrets", "other", True),
        ("watch", "namespaces", "other", True),
        ("create", "vaults.strongroom.dev", "other", False),
        ("delete", "vaults.strongroom.dev", "other", False),
        ("recover", "vaults.strongroom.dev", "other", False),
        ("delete", "vaultsecrets.strongroom.dev", "other", False),
        ("update", "leases.coordination.k8s.io", "other", False),
        ("delete", "leases.coordination.k8s.io", "own", False),
        ("get", "pods", "own", False),
        ("create", "configmaps", "other", True),
        ("patch", "configmaps/strongroom-ca", "other", True),
        ("watch", "configmaps", "other", True),
        ("patch", "configmaps/other", "other", True),
        ("delete", "configmaps/other", "other", True),
        ("update", "configmaps/other", "other", False),
        ("patch", "vaultkeys.strongroom.dev", "other", True),
        ("patch", "vaultkeys.strongroom.dev/status", "other", True),
        ("create", "vaultkeys.strongroom.dev", "other", False),
        ("delete", "vaultkeys.strongroom.dev", "other", False),
        ("create", "tokenreviews.authentication.k8s.io", "other", False),
        ("create", "serviceaccounts/token", "own", False),
        ("patch", "namespaces", "other", False),
        ("list", "customresourcedefinitions.apiextensions.k8s.io", "other", False),
        ("update", "validatingadmissionpolicies.admissionregistration.k8s.io", "other", False),
        ("list", "validatingadmissionpolicies.admissionregistration.k8s.io", "other", False),
        ("create", "clusterrolebindings.rbac.authorization.k8s.io", "other", False),
    ],
)
def test_the_controller_may_do_this_and_no_more(
    cluster: Cluster, rbac_only: str, verb: str, resource: str, where: str, allowed: bool
) -> None:
    assert _may(cluster, rbac_only, "strongroom-controller", verb, resource, where) == allowed


@pytest.mark.parametrize(
    ("verb", "resource", "where", "allowed"),
    [
        ("watch", "secrets", "own", True),
        ("create", "secrets", "own", True),
        ("update", "secrets", "own", True),
        ("delete", "secrets", "own", True),
        ("get", "configmaps/strongroom-deny-list", "own", True),
        ("watch", "vaults.strongroom.dev", "other", True),
        ("watch", "namespaces", "other", True),
        ("get", "pods", "other", True),
        ("create", "tokenreviews.authentication.k8s.io", "other", True),
        ("create", "subjectaccessreviews.authorization.k8s.io", "other", True),
        ("get", "secrets", "other", False),
        ("list", "secrets", "other", False),
        ("patch", "secrets", "own", True),
        ("patch", "secrets", "other", False),
        ("get", "configmaps/other", "own", False),
        ("create", "configmaps", "own", False),
        ("update", "configmaps/strongroom-deny-list", "own", False),
        ("list", "pods", "other", False),
        ("create", "vaults.strongroom.dev", "own", False),
        ("patch", "vaults.strongroom.dev", "other", False),
        ("get", "vaultsecrets.strongroom.dev", "other", False),
        ("recover", "vaults.strongroom.dev", "other", False),
        ("create", "serviceaccounts/token", "own", False),
        ("create", "events.events.k8s.io", "other", False),
        ("get", "leases.coordination.k8s.io", "own", False),
        ("create", "pods", "own", False),
    ],
)
def test_the_data_plane_may_do_this_and_no_more(
    cluster: Cluster, rbac_only: str, verb: str, resource: str, where: str, allowed: bool
) -> None:
    assert _may(cluster, rbac_only, "strongroom-dataplane", verb, resource, where) == allowed


def _may(cluster: Cluster, own: str, account: str, verb: str, resource: str, where: str) -> bool:
    namespace = own if where == "own" else "default"
    user = f"--as=system:serviceaccount:{own}:{account}"
    command = [str(cluster.kubectl), f"--kubeconfig={cluster.kubeconfig}", "auth", "can-i", verb, resource]
    done = subprocess.run([*command, "-n", namespace, user], capture_output=True, text=True, check=False)
    assert done.stdout.strip() in ("yes", "no")
    return done.stdout.strip() == "yes"


@pytest.fixture(scope="module")
def rbac_only(cluster: Cluster) -> Iterator[str]:
    """Only the roles and bindings, once for the whole table."""
    name = f"rbac-{secrets.token_hex(5)}"
    bodies = [body for body in moved(name) if "Policy" not in body["kind"]]
    manifest = json.dumps({"apiVersion": "v1", "kind": "List", "items": bodies})
    user = f"--as=system:serviceaccount:{name}:strongroom-controller"
    cluster.kubectl_run("apply", "--server-side", "--force-conflicts", "-f", str(ROOT / "crds"))
    cluster.kubectl_run("create", "namespace", name)
    try:
        cluster.kubectl_run("apply", "-f", "-", input=manifest)
        for right in ("create vaults.strongroom.dev", "watch namespaces", "update secrets"):
            _until_allowed(cluster, "auth", "can-i", *right.split(), "-n", name, user)
        data_plane = f"--as=system:serviceaccount:{name}:strongroom-dataplane"
        for right in ("create secrets", "watch namespaces"):
            _until_allowed(cluster, "auth", "can-i", *right.split(), "-n", name, data_plane)
        yield name
    finally:
        cluster.kubectl_run("delete", "--ignore-not-found", "--wait=false", "-f", "-", input=manifest)
        cluster.kubectl_run("delete", "namespace", name, "--wait=false")


def test_the_namespace_runs_restricted_pods_only() -> None:
    (body,) = yaml.safe_load_all((ROOT / "hack/manifests/00-namespace.yaml").read_text())
    assert body["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
