"""Who gets in, and how soon somebody who left does not: two replicas of the data plane on a real API server.

What must be in force everywhere within about a second is given three, and what may take ten is given fifteen: the
machine may be slow, and whatever is never in force is found all the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from strongroom.dataplane import operations, secretpaths
from strongroom.domain.access import Area
from tests.component.dataplane.test_denials import REQUESTS as EVERY_REQUEST
from tests.helpers.apirelay import ApiRelay, relayed
from tests.helpers.cluster import new_namespace
from tests.helpers.dataplane import Answer, DataPlane, grant, serving
from tests.helpers.system import System, vault

SOON = 3.0
LATER = 15.0
ALL = ["all"]
VERSION = "?api-version=7.4"
PATH = f"/secrets/db{VERSION}"
SYSTEM = "strongroom-system"
DENY_LIST = "strongroom-deny-list"


@pytest.fixture(scope="module")
def replicas(system: System, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[DataPlane]]:
    """Two processes that share nothing but the store and a port's number in URLs."""
    one, two = tmp_path_factory.mktemp("one"), tmp_path_factory.mktemp("two")
    with serving(system, one) as first, serving(system, two, "--external-port", str(first.port)) as second:
        yield [first, second]


@pytest.fixture
def one(replicas: list[DataPlane]) -> DataPlane:
    return replicas[0]


@dataclass
class Tenant:
    """A namespace with the vault ``demo``, and what is asked of it on every replica."""

    system: System
    replicas: list[DataPlane]
    namespace: str

    def serve(self, *policies: dict[str, Any], **spec: Any) -> None:
        self.system.apply(vault(self.namespace, accessPolicies=list(policies), **spec))
        self.system.until_ready(self.namespace, "demo", "vault")

    def account(self, name: str) -> str:
        """Make a ServiceAccount; return a token of it."""
        self.system.kubectl("create", "serviceaccount", name, "-n", self.namespace)
        return self.replicas[0].token(self.namespace, name)

    def answers(self, token: str, method: str = "GET", path: str = PATH, body: Any = None) -> list[Answer]:
        return [each.ask(self.namespace, method, path, token=token, body=body) for each in self.replicas]

    def until_refused(self, token: str, status: int, seconds: float) -> list[Answer]:
        self.system.until(lambda: {each.status for each in self.answers(token)} == {status}, f"{status}", seconds)
        return self.answers(token)

    def until_served(self, token: str, seconds: float = SOON) -> None:
        self.until_refused(token, 200, seconds)


@pytest.fixture
def tenant(system: System, replicas: list[DataPlane], namespace: str) -> Tenant:
    return Tenant(system, replicas, namespace)


@pytest.fixture
def staff(tenant: Tenant) -> dict[str, str]:
    """Tokens of one who leaves and one who stays, both of whom read the secret on both replicas."""
    tokens = {name: tenant.account(name) for name in ("leaver", "stayer")}
    tenant.serve(*(grant(name, tenant.namespace, secrets=ALL) for name in tokens))
    tenant.answers(tokens["stayer"], "PUT", body={"value": "hunter2"})
    for token in tokens.values():
        tenant.until_served(token)
    return tokens


def code(answer: Answer) -> str:
    return str(answer.body["error"].get("innererror", answer.body["error"])["code"])


# The leaver


def test_who_is_in_no_policy_any_more_is_cut_off(tenant: Tenant, staff: dict[str, str]) -> None:
    tenant.serve(grant("stayer", tenant.namespace, secrets=ALL))
    refused = tenant.until_refused(staff["leaver"], 403, SOON)
    assert [code(each) for each in refused] == ["ForbiddenByPolicy"] * 2
    tenant.until_served(staff["stayer"])


def test_whose_policy_says_less_may_do_less(tenant: Tenant, staff: dict[str, str]) -> None:
    less = [grant("leaver", tenant.namespace, secrets=["list"]), grant("stayer", tenant.namespace, secrets=ALL)]
    tenant.serve(*less)
    tenant.until_refused(staff["leaver"], 403, SOON)
    assert [each.status for each in tenant.answers(staff["leaver"], path=f"/secrets{VERSION}")] == [200, 200]


def test_a_group_without_a_policy_is_cut_off(tenant: Tenant, staff: dict[str, str]) -> None:
    """Whoever is only in the group; the others have policies of their own."""
    member = tenant.account("member")
    group = {"kind": "Group", "name": f"system:serviceaccounts:{tenant.namespace}"}
    stayer = grant("stayer", tenant.namespace, secrets=ALL)
    tenant.serve({"subject": group, "permissions": {"secrets": ["get"]}}, stayer)
    tenant.until_served(member)
    tenant.serve(stayer)
    tenant.until_refused(member, 403, SOON)
    tenant.until_served(staff["stayer"])


def test_a_deleted_service_account_is_cut_off_and_its_namesake_is_somebody_else(
    tenant: Tenant, staff: dict[str, str]
) -> None:
    tenant.system.kubectl("delete", "serviceaccount", "leaver", "-n", tenant.namespace)
    tenant.until_refused(staff["leaver"], 401, LATER)
    tenant.until_served(tenant.account("leaver"), LATER)
    assert {each.status for each in tenant.answers(staff["leaver"])} == {401}


@contextmanager
def denied(system: System, entry: str) -> Iterator[None]:
    """The deny list with one entry; without a list afterwards."""
    metadata = {"name": DENY_LIST, "namespace": SYSTEM}
    system.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"subjects": entry}})
    try:
        yield
    finally:
        system.kubectl("delete", "configmap", DENY_LIST, "-n", SYSTEM)


@pytest.mark.parametrize("entry", ["ServiceAccount {namespace}/leaver", "uid {uid}"])
def test_who_is_on_the_deny_list_is_cut_off_until_he_is_not(tenant: Tenant, staff: dict[str, str], entry: str) -> None:
    uid = tenant.system.get("serviceaccount", tenant.namespace, "leaver")["metadata"]["uid"]
    with denied(tenant.system, entry.format(namespace=tenant.namespace, uid=uid)):
        refused = tenant.until_refused(staff["leaver"], 401, SOON)
        assert all("insufficient_claims" in each.headers["WWW-Authenticate"] for each in refused)
        tenant.until_served(staff["stayer"])
    tenant.until_served(staff["leaver"])


def test_a_deny_list_that_nobody_can_read_lets_nobody_in(tenant: Tenant, staff: dict[str, str]) -> None:
    with denied(tenant.system, "ServiceAcount typing/error"):
        refused = tenant.until_refused(staff["stayer"], 503, SOON)
        assert all("line 1" in each.body["error"]["message"] for each in refused)
    tenant.until_served(staff["stayer"])


# Kubernetes RBAC instead of policies

VERBS = ("get", "list", "set", "delete", "backup", "restore", "recover", "purge")
REQUESTS: dict[operations.Operation, tuple[str, str, Any]] = {
    secretpaths.SET: ("PUT", "/secrets/x", {"value": "1"}),
    secretpaths.GET: ("GET", "/secrets/x", None),
    secretpaths.UPDATE: ("PATCH", "/secrets/x", {"tags": {"a": "b"}}),
    secretpaths.DELETE: ("DELETE", "/secrets/x", None),
    secretpaths.LIST: ("GET", "/secrets", None),
    secretpaths.LIST_VERSIONS: ("GET", "/secrets/x/versions", None),
    secretpaths.LIST_DELETED: ("GET", "/deletedsecrets", None),
    secretpaths.GET_DELETED: ("GET", "/deletedsecrets/x", None),
    secretpaths.RECOVER: ("POST", "/deletedsecrets/x/recover", None),
    secretpaths.PURGE: ("DELETE", "/deletedsecrets/x", None),
    secretpaths.BACKUP: ("POST", "/secrets/x/backup", None),
    secretpaths.RESTORE: ("POST", "/secrets/restore", {"value": "AAAA"}),
}


KEY_REQUESTS, CERTIFICATE_REQUESTS = (
    {each: request for each, request in EVERY_REQUEST.items() if each.area is area}
    for area in (Area.KEYS, Area.CERTIFICATES)
)


def role(namespace: str, account: str, verb: str, *names: str) -> list[dict[str, Any]]:
    """A Role with one verb on ``vaults/secrets``, bound to a ServiceAccount."""
    group = "rbac.authorization.k8s.io"
    metadata = {"name": account, "namespace": namespace}
    rule: dict[str, Any] = {"apiGroups": ["strongroom.dev"], "resources": ["vaults/secrets"], "verbs": [verb]}
    rule |= {"resourceNames": list(names)} if names else {}
    return [
        {"apiVersion": f"{group}/v1", "kind": "Role", "metadata": metadata, "rules": [rule]},
        binding(namespace, account, "Role", account),
    ]


def binding(namespace: str, account: str, kind: str, name: str) -> dict[str, Any]:
    group = "rbac.authorization.k8s.io"
    return {
        "apiVersion": f"{group}/v1",
        "kind": "RoleBinding",
        "metadata": {"name": account, "namespace": namespace},
        "roleRef": {"apiGroup": group, "kind": kind, "name": name},
        "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": namespace}],
    }


def test_each_verb_of_a_role_lets_in_to_its_operations_and_no_other(tenant: Tenant, one: DataPlane) -> None:
    assert {operation.permission for operation in REQUESTS} == set(VERBS)
    assert set(REQUESTS) == set(secretpaths.OPERATIONS)
    tenant.serve(authorization="RBAC")
    for verb in VERBS:
        tenant.system.apply(*role(tenant.namespace, verb, verb))
        token = tenant.account(verb)
        for operation, (method, path, body) in REQUESTS.items():
            answer = one.ask(tenant.namespace, method, path + VERSION, token=token, body=body)
            refused = answer.status == 403 and code(answer) == "ForbiddenByRbac"
            assert refused == (operation.permission != verb), (verb, operation.name, answer)


def test_policies_grant_nothing_where_rbac_decides(tenant: Tenant) -> None:
    token = tenant.account("app")
    tenant.serve(grant("app", tenant.namespace, secrets=ALL), authorization="RBAC")
    assert [code(each) for each in tenant.answers(token)] == ["ForbiddenByRbac"] * 2


def test_a_role_for_one_vault_is_one_for_no_other(tenant: Tenant, one: DataPlane) -> None:
    tenant.serve(authorization="RBAC")
    tenant.system.apply(vault(tenant.namespace, "other", authorization="RBAC"))
    tenant.system.until_ready(tenant.namespace, "other", "vault")
    tenant.system.apply(*role(tenant.namespace, "app", "list", "demo"))
    token = tenant.account("app")
    found = {
        name: one.ask(tenant.namespace, "GET", f"/secrets{VERSION}", token=token, vault=name).status
        for name in ("demo", "other")
    }
    assert found == {"demo": 200, "other": 403}


@pytest.mark.parametrize(
    ("cluster_role", "may"),
    {
        "strongroom-administrator": set(VERBS),
        "strongroom-secrets-officer": set(VERBS),
        "strongroom-secrets-user": {"get", "list"},
        "strongroom-certificates-user": {"get", "list"},
        "strongroom-purge-operator": {"list", "purge"},
        "strongroom-reader": {"list"},
        "strongroom-contributor": set(),
        "strongroom-crypto-officer": set(),
        "strongroom-crypto-user": set(),
        "strongroom-certificates-officer": set(),
    }.items(),
)
def test_the_shipped_roles_let_in_to_what_their_names_say(
    tenant: Tenant, one: DataPlane, cluster_role: str, may: set[str]
) -> None:
    tenant.serve(authorization="RBAC")
    tenant.system.apply(binding(tenant.namespace, "app", "ClusterRole", cluster_role))
    token = tenant.account("app")
    found = set()
    for operation, (method, path, body) in REQUESTS.items():
        if one.ask(tenant.namespace, method, path + VERSION, token=token, body=body).status != 403:
            found.add(operation.permission)
    assert found == may


def test_who_loses_his_role_is_cut_off(tenant: Tenant) -> None:
    tenant.serve(authorization="RBAC")
    tenant.system.apply(*role(tenant.namespace, "app", "get"))
    token = tenant.account("app")
    tenant.until_refused(token, 404, SOON)  # he may look, and there is nothing
    tenant.system.kubectl("delete", "rolebinding", "app", "-n", tenant.namespace)
    tenant.until_refused(token, 403, LATER)


# Other namespaces


def test_another_namespace_gets_in_by_a_policy_and_by_nothing_else(
    tenant: Tenant, staff: dict[str, str], system: System, one: DataPlane
) -> None:
    with new_namespace(system.cluster) as guest:
        for name in ("app", "stayer"):
            system.kubectl("create", "serviceaccount", name, "-n", guest)
        app, namesake = one.token(guest, "app"), one.token(guest, "stayer")
        assert {each.status for token in (app, namesake) for each in tenant.answers(token)} == {403}
        tenant.serve(grant("stayer", tenant.namespace, secrets=ALL), grant("app", guest, secrets=["get"]))
        tenant.until_served(app)
        assert {each.status for each in tenant.answers(app, "PUT", body={"value": "2"})} == {403}
        assert {each.status for each in tenant.answers(namesake)} == {403}
        tenant.until_served(staff["stayer"])


# A network that does not deliver


@pytest.fixture
def behind(system: System, tmp_path: Path, replicas: list[DataPlane]) -> Iterator[tuple[DataPlane, ApiRelay]]:
    """A third replica, behind a relay."""
    made = tmp_path / "dataplane.kubeconfig"
    token = system.kubectl("create", "token", "strongroom-dataplane", "-n", SYSTEM).strip()
    with relayed(system.cluster, system.cluster.kubeconfig_for_token(made, token), tmp_path) as (relay, kubeconfig):
        options = ["--kubeconfig", str(kubeconfig), "--external-port", str(replicas[0].port)]
        with serving(system, tmp_path, *options) as running:
            yield running, relay


def test_watches_that_show_nothing_serve_nothing_old(
    tenant: Tenant, staff: dict[str, str], one: DataPlane, behind: tuple[DataPlane, ApiRelay]
) -> None:
    third, relay = behind
    stalled = Tenant(tenant.system, [third], tenant.namespace)
    for token in staff.values():
        stalled.until_served(token)
    relay.hold_watches()
    one.ask(tenant.namespace, "PUT", PATH, token=staff["stayer"], body={"value": "new"})

    def value() -> Any:
        return third.ask(tenant.namespace, "GET", PATH, token=staff["stayer"]).body["value"]

    tenant.system.until(lambda: value() == "new", "the new version", SOON)
    tenant.serve(grant("stayer", tenant.namespace, secrets=ALL))
    stalled.until_refused(staff["leaver"], 403, SOON)
    third.until_unready()
    assert set(third.wrong()) == {"freshness"}
    assert value() == "new"
    relay.let_go()
    third.until_ready()


def test_who_is_cut_off_from_the_api_server_serves_nothing(
    tenant: Tenant, staff: dict[str, str], behind: tuple[DataPlane, ApiRelay]
) -> None:
    third, relay = behind
    cut_off = Tenant(tenant.system, [third], tenant.namespace)
    cut_off.until_served(staff["stayer"])
    relay.hold_everything()
    third.until_unready()
    assert "freshness" in third.wrong()
    (answer,) = cut_off.answers(staff["stayer"])
    assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
    relay.let_go()
    third.until_ready()
    cut_off.until_served(staff["stayer"], LATER)


# Backups


def test_a_backup_is_restored_in_vaults_of_its_tenant_only(system: System, one: DataPlane) -> None:
    with (
        new_namespace(system.cluster) as here,
        new_namespace(system.cluster) as there,
        new_namespace(system.cluster) as foreign,
    ):
        system.kubectl("label", "namespace", here, there, "strongroom.dev/tenant=red")
        system.kubectl("label", "namespace", foreign, "strongroom.dev/tenant=blue")
        everybody = [grant("default", here, secrets=ALL)]
        for namespace in (here, there, foreign):
            system.apply(vault(namespace, accessPolicies=everybody))
            system.until_ready(namespace, "demo", "vault")
        token = one.token(here)
        one.ask(here, "PUT", PATH, token=token, body={"value": "old"})
        one.ask(here, "PUT", PATH, token=token, body={"value": "new"})
        blob = one.ask(here, "POST", f"/secrets/db/backup{VERSION}", token=token).body

        def restored(namespace: str) -> Answer:
            return one.ask(namespace, "POST", f"/secrets/restore{VERSION}", token=token, body=blob)

        assert restored(there).status == 200
        assert one.ask(there, "GET", PATH, token=token).body["value"] == "new"
        assert len(one.ask(there, "GET", f"/secrets/db/versions{VERSION}", token=token).body["value"]) == 2
        refused = restored(foreign)
        assert (refused.status, code(refused)) == (400, "Malformed backup blob")
        assert one.ask(foreign, "GET", PATH, token=token).status == 404
        assert code(restored(here)) == "ObjectAlreadyExists"


KEY_VERBS = sorted({operation.permission for operation in KEY_REQUESTS})
CERTIFICATE_VERBS = {operation.permission for operation in CERTIFICATE_REQUESTS}
OFFICER, CRYPTO_USER = set(KEY_VERBS), {
    "get", "list", "update", "backup", "encrypt", "decrypt", "wrapKey", "unwrapKey", "sign", "verify"
}  # fmt: skip


@pytest.mark.parametrize(
    ("cluster_role", "may"),
    {
        "strongroom-administrator": OFFICER,
        "strongroom-crypto-officer": OFFICER,
        "strongroom-crypto-user": CRYPTO_USER,
        "strongroom-purge-operator": {"list", "purge"},
        "strongroom-reader": {"get", "list", "getrotationpolicy"},
        "strongroom-contributor": set(),
        "strongroom-secrets-officer": set(),
        "strongroom-secrets-user": set(),
    }.items(),
)
def test_the_shipped_roles_let_in_to_the_operations_on_keys(
    tenant: Tenant, one: DataPlane, cluster_role: str, may: set[str]
) -> None:
    assert let_in(tenant, one, cluster_role, KEY_REQUESTS) == may


@pytest.mark.parametrize(
    ("cluster_role", "may"),
    {
        "strongroom-administrator": CERTIFICATE_VERBS,
        "strongroom-certificates-officer": CERTIFICATE_VERBS,
        "strongroom-certificates-user": {"get", "list"},
        "strongroom-purge-operator": {"list", "purge"},
        "strongroom-reader": {"get", "list", "getissuers", "listissuers"},
        "strongroom-contributor": set(),
        "strongroom-crypto-officer": set(),
        "strongroom-secrets-officer": set(),
    }.items(),
)
def test_the_shipped_roles_let_in_to_the_operations_on_certificates(
    tenant: Tenant, one: DataPlane, cluster_role: str, may: set[str]
) -> None:
    assert let_in(tenant, one, cluster_role, CERTIFICATE_REQUESTS) == may


def let_in(
    tenant: Tenant, one: DataPlane, cluster_role: str, requests: Mapping[operations.Operation, tuple[str, str, Any]]
) -> set[str]:
    """The permissions of those requests that one who has a role is let in with."""
    tenant.serve(authorization="RBAC")
    tenant.system.apply(binding(tenant.namespace, "app", "ClusterRole", cluster_role))
    token = tenant.account("app")
    found = set()
    for operation, (method, path, body) in requests.items():
        if one.ask(tenant.namespace, method, path + VERSION, token=token, body=body).status != 403:
            found.add(operation.permission)
    return found
