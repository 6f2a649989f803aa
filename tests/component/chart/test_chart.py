"""The chart: what it renders, what it refuses, and its life on a real API server (no node: no pod ever runs here).

The system namespace and the guards belong to the whole cluster, so these tests have clusters of their own.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from hack import helm
from hack.helm import CHART, HelmFailed
from hack.localcluster import Cluster, KubectlFailed, Provider, choose, running_cluster
from hack.localcluster.paths import REPOSITORY
from strongroom.domain.http01 import NameGrant
from strongroom.entrypoints import controller, dataplane
from strongroom.entrypoints.attestations import read_authorities
from strongroom.entrypoints.issuers import read_issuers
from strongroom.entrypoints.namegrants import read_grants
from tests.component.chart.rendering import NAMESPACE, VALUES, Objects, container, environment, only, pod, rendered
from tests.helpers.eventually import eventually

CONTROLLER = "--as=system:serviceaccount:strongroom-system:strongroom-controller"
SEALED = ("create", "secret", "generic", "--type=strongroom.dev/sealed", "-n", "strongroom-system")
DATA_PLANE = "--as=system:serviceaccount:strongroom-system:strongroom-dataplane"
MONITORING = ("ServiceMonitor", "PrometheusRule")  # the Prometheus operator's
GUARDS = ("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding")

pytestmark = pytest.mark.timeout(300, func_only=True)  # whichever test comes first may have to build Helm
own_cluster_only = pytest.mark.skipif(
    choose.provider() is Provider.EXISTING, reason="installs cluster-wide guards: never into a developer's own cluster"
)

# What it renders


@pytest.mark.parametrize("values", VALUES, ids=lambda path: path.stem)
def test_lint_finds_nothing(values: Path) -> None:
    helm.run("lint", "--strict", CHART, *NAMESPACE, "--values", values)


def test_permissions_guards_and_definitions_are_those_of_the_repository() -> None:
    sources = [*sorted((REPOSITORY / "hack/manifests").glob("*.yaml")), *sorted((REPOSITORY / "crds").glob("*.yaml"))]
    expected = {_key(body): body for path in sources for body in yaml.safe_load_all(path.read_text())}
    del expected["Namespace", "strongroom-system"]
    found = {_key(body): _bare(body) for body in rendered()}
    assert {key: found.get(key) for key in expected} == expected
    rbac = {
        key for key in found if key[0].startswith(("Role", "ClusterRole", "ServiceAccount", "Validating", "Custom"))
    }
    assert rbac == set(expected)


def _key(body: dict[str, Any]) -> tuple[str, str]:
    return body["kind"], body["metadata"]["name"]


def _bare(body: dict[str, Any]) -> dict[str, Any]:
    metadata = {key: value for key, value in body["metadata"].items() if key != "labels"}
    notes = {key: value for key, value in metadata.pop("annotations", {}).items() if not key.startswith("helm.sh/")}
    return {**body, "metadata": {**metadata, **({"annotations": notes} if notes else {})}}


def test_what_loses_data_when_deleted_is_kept() -> None:
    kept = {_key(body) for body in rendered() if "helm.sh/resource-policy" in body["metadata"].get("annotations", {})}
    kinds = {"CustomResourceDefinition", "PersistentVolumeClaim", *GUARDS}
    assert kept == {_key(body) for body in rendered() if body["kind"] in kinds}
    without = rendered("--set=crds.keep=false,admission.keep=false")
    assert {body["kind"] for body in without if "helm.sh/resource-policy" in str(body["metadata"])} == {
        "PersistentVolumeClaim"
    }
    definitions = [body for body in rendered("--set=crds.install=false") if body["kind"] == "CustomResourceDefinition"]
    assert definitions == []


@pytest.mark.parametrize("values", VALUES, ids=lambda path: path.stem)
def test_only_the_sidecar_sees_token_and_pin_and_only_the_controller_the_api(values: Path) -> None:
    objects = rendered("--values", values)
    mounts = {
        each["name"]: {mount["name"] for mount in each["volumeMounts"]}
        for each in [*pod(objects).get("initContainers", []), *pod(objects)["containers"]]
    }
    sockets = {volume for volume in mounts["controller"] if volume.startswith("run")}
    assert mounts["controller"] - sockets - {"http01"} == {"api-token", "audit"}
    for sidecar in mounts.keys() - {"controller", "hsm-init"}:
        assert mounts[sidecar].isdisjoint({"api-token", "so-pin"})
    assert mounts.get("hsm-init", set()).isdisjoint({"run", "api-token"})
    assert pod(objects)["automountServiceAccountToken"] is False
    assert {each["emptyDir"]["medium"] for each in pod(objects)["volumes"] if each["name"] in sockets} == {"Memory"}


def test_the_identity_is_the_pods_uid() -> None:
    (identity,) = [each for each in container(rendered(), "controller")["env"] if each["name"] == "STRONGROOM_IDENTITY"]
    assert identity["valueFrom"] == {"fieldRef": {"fieldPath": "metadata.uid"}}


def test_a_network_hsm_comes_with_the_vendors_module_image_and_configuration() -> None:
    objects = rendered("--values", CHART / "ci/network-hsm.yaml")
    sidecar = container(objects, "hsm")
    environment = {each["name"]: each.get("value") for each in sidecar["env"]}
    assert environment["STRONGROOM_HSM_MODULE"] == "/opt/vendor/lib/libpkcs11.so"
    assert environment["VENDOR_CONF"] == "/etc/vendor/client.conf"
    assert "SOFTHSM2_CONF" not in environment
    assert sidecar["image"] == "registry.example/strongroom-vendor:1"
    assert "@sha256:" in container(objects, "controller")["image"]
    assert "initContainers" not in pod(objects)
    assert only(objects, "PodDisruptionBudget", "strongroom-controller")["spec"]["maxUnavailable"] == 1
    assert "strategy" not in only(objects, "Deployment")["spec"]


def test_standbys_of_a_softhsm_token_are_bound_to_its_node() -> None:
    objects = rendered("--values", CHART / "ci/local.yaml")
    assert only(objects, "Deployment")["spec"]["replicas"] == 2
    (term,) = only(objects, "PersistentVolume")["spec"]["nodeAffinity"]["required"]["nodeSelectorTerms"]
    assert term["matchExpressions"][0]["values"] == ["node-1"]
    assert only(objects, "PersistentVolumeClaim")["spec"]["volumeName"] == "strongroom-hsm-token"


def test_targets_in_named_namespaces_only() -> None:
    objects = rendered("--values", CHART / "ci/local.yaml")
    bindings = [(b["kind"], b["metadata"].get("namespace")) for b in objects if "targets" in b["metadata"]["name"]]
    assert bindings == [("ClusterRole", None), ("RoleBinding", "default")]
    assert environment(container(objects, "controller"))["STRONGROOM_TARGET_NAMESPACES"] == "default"
    nowhere = container(rendered("--set=targets.allNamespaces=false"), "controller")
    assert environment(nowhere)["STRONGROOM_TARGET_NAMESPACES"] == ""
    assert "STRONGROOM_TARGET_NAMESPACES" not in environment(container(rendered(), "controller"))


@pytest.mark.parametrize("values", VALUES, ids=lambda path: path.stem)
def test_the_controller_understands_every_option_it_is_given(values: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = environment(container(rendered("--values", values), "controller"))
    known = {f"STRONGROOM_{action.dest.upper()}" for action in controller._parser()._actions if action.option_strings}
    assert set(told) <= known
    for name, value in told.items():
        if not name.endswith("_GRANTS"):  # a file of the pod
            monkeypatch.setenv(name, value)
    assert controller._settings(controller._parser().parse_args([])).authority


def test_each_shard_is_a_deployment_that_no_other_takes_for_its_own() -> None:
    objects = rendered("--values", CHART / "ci/network-hsm.yaml", "--set", "controller.shards={east,west}")
    found = {body["metadata"]["name"]: body["spec"] for body in objects if body["kind"] == "Deployment"}
    assert set(found) == {f"strongroom-controller{suffix}" for suffix in ("", "-east", "-west")}
    told, selected = {}, set()
    for name, spec in found.items():
        selector, template = spec["selector"]["matchLabels"], spec["template"]
        assert selector.items() <= template["metadata"]["labels"].items()
        selected.add(tuple(sorted(selector.items())))
        controller = next(each for each in template["spec"]["containers"] if each["name"] == "controller")
        told[name] = {each["name"]: each.get("value") for each in controller["env"]}.get("STRONGROOM_SHARD")
    assert len(selected) == 3
    assert list(told.values()) == [None, "east", "west"]


def test_workloads_are_left_alone_where_that_is_wanted() -> None:
    bound = {
        body["metadata"]["name"]
        for body in rendered("--set", "rolloutRestart.enabled=false")
        if body["kind"] == "ClusterRoleBinding"
    }
    assert bound == {
        "strongroom-controller",
        "strongroom-controller-publickeys",
        "strongroom-controller-targets",
        "strongroom-dataplane",
    }


def test_notices_go_where_the_installation_says() -> None:
    values = ["eventSink.url=https://events.example/in", "eventSink.tokenSecret=t", "eventSink.caConfigMap=c"]
    objects = rendered(*(part for value in values for part in ("--set", value)))
    controller = container(objects, "controller")
    told = {each["name"]: each.get("value") for each in controller["env"]}
    assert told["STRONGROOM_EVENT_SINK"] == "https://events.example/in"
    mounts = {each["mountPath"] for each in controller["volumeMounts"]}
    for file in (told["STRONGROOM_EVENT_SINK_TOKEN_FILE"], told["STRONGROOM_EVENT_SINK_CA_FILE"]):
        assert any(file.startswith(f"{mount}/") for mount in mounts)


def test_nothing_is_mounted_for_a_token_that_is_already_made() -> None:
    assert "initContainers" not in pod(rendered("--set=hsm.softhsm.create=false"))


def test_alerts_and_dashboard_are_those_of_the_chart() -> None:
    objects = rendered("--values", CHART / "ci/monitored.yaml")
    alerts = yaml.safe_load((CHART / "files/alerts.yaml").read_text())
    assert only(objects, "PrometheusRule")["spec"] == alerts
    assert only(objects, "PrometheusRule")["metadata"]["labels"]["release"] == "prometheus"
    (dashboard,) = [body for body in objects if body["metadata"]["name"] == "strongroom-dashboard"]
    assert json.loads(dashboard["data"]["strongroom.json"]) == json.loads((CHART / "files/dashboard.json").read_text())
    assert dashboard["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert not [body for body in rendered() if body["kind"] in MONITORING or "dashboard" in body["metadata"]["name"]]


# The data plane


@pytest.mark.parametrize("values", VALUES, ids=lambda path: path.stem)
def test_of_the_data_planes_containers_one_sees_the_token_and_the_other_the_api(values: Path) -> None:
    spec = pod(rendered("--values", values), "StatefulSet")
    mounts = {each["name"]: {mount["name"] for mount in each["volumeMounts"]} for each in spec["containers"]}
    sidecars = mounts.keys() - {"dataplane"}
    assert "hsm" in sidecars
    sockets = {volume for volume in mounts["dataplane"] if volume.startswith("run")}
    of_settings = {
        "oidc",
        "oidc-ca",
        "attestation",
        "attestation-ca",
        "audit-otlp",
        "audit-otlp-ca",
        "audit-s3",
        "audit-s3-ca",
    }
    assert mounts["dataplane"] - of_settings - sockets == {"api-token", "audit"}
    for sidecar in sidecars:
        assert mounts[sidecar].isdisjoint({"api-token", "audit", "so-pin"})
    assert (spec["automountServiceAccountToken"], spec["serviceAccountName"]) == (False, "strongroom-dataplane")
    assert "initContainers" not in spec
    claimed = {
        claim["metadata"]["name"]
        for claim in only(rendered("--values", values), "StatefulSet")["spec"].get("volumeClaimTemplates", [])
    }
    assert {name for names in mounts.values() for name in names} <= claimed | {each["name"] for each in spec["volumes"]}


def test_controller_and_data_plane_give_out_the_same_urls() -> None:
    objects = rendered("--values", CHART / "ci/local.yaml")
    told = [
        {each["name"]: each.get("value") for each in container(objects, name, kind)["env"]}
        for name, kind in (("controller", "Deployment"), ("dataplane", "StatefulSet"))
    ]
    for option in ("STRONGROOM_DOMAIN", "STRONGROOM_EXTERNAL_PORT", "STRONGROOM_TOTAL_BYTES"):
        assert told[0][option] == told[1][option]
    assert told[0]["STRONGROOM_EXTERNAL_PORT"] == "8443"
    (port,) = only(objects, "Service")["spec"]["ports"]
    assert (port["port"], port["targetPort"]) == (8443, "https")


@pytest.mark.parametrize("values", VALUES, ids=lambda path: path.stem)
def test_the_data_plane_understands_every_option_it_is_given(values: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    environment = container(rendered("--values", values), "dataplane", "StatefulSet")["env"]
    known = {f"STRONGROOM_{action.dest.upper()}" for action in dataplane._parser()._actions if action.option_strings}
    assert {each["name"] for each in environment} <= known
    for each in environment:
        monkeypatch.setenv(each["name"], each.get("value", "strongroom-dataplane-0"))
        if each["name"].endswith(("_FILE", "_ISSUERS", "_AUTHORITIES")):
            monkeypatch.delenv(each["name"])  # files of the pod
    settings = dataplane._settings(dataplane._parser().parse_args([]))
    assert settings.api.replica == "strongroom-dataplane-0"


def test_issuers_reach_the_data_plane_as_they_are_written(tmp_path: Path) -> None:
    objects = rendered("--values", CHART / "ci/network-hsm.yaml")
    (tmp_path / "issuers.json").write_text(
        only(objects, "ConfigMap", "strongroom-oidc-issuers")["data"]["issuers.json"]
    )
    (issuer,) = read_issuers(tmp_path / "issuers.json")
    assert (issuer.url, issuer.prefix) == ("https://login.example/realm", "corp:")
    mount = next(
        each for each in container(objects, "dataplane", "StatefulSet")["volumeMounts"] if each["name"] == "oidc-ca"
    )
    assert issuer.ca_file.startswith(f"{mount['mountPath']}/")


def test_attestation_authorities_reach_the_data_plane_as_they_are_written(tmp_path: Path) -> None:
    objects = rendered("--values", CHART / "ci/network-hsm.yaml")
    file = tmp_path / "authorities.json"
    file.write_text(only(objects, "ConfigMap", "strongroom-attestation-authorities")["data"]["authorities.json"])
    (authority,) = read_authorities(file)
    assert (authority.url, authority.max_lifetime) == ("https://attest.example", 3600)
    of_container = container(objects, "dataplane", "StatefulSet")
    mounts = {each["name"]: each["mountPath"] for each in of_container["volumeMounts"]}
    assert authority.ca_file.startswith(f"{mounts['attestation-ca']}/")
    told = {each["name"]: each.get("value", "") for each in of_container["env"]}
    assert told["STRONGROOM_ATTESTATION_AUTHORITIES"] == f"{mounts['attestation']}/authorities.json"
    assert "STRONGROOM_ATTESTATION_AUTHORITIES" not in str(rendered())


def test_where_issuers_may_be_reaches_the_controller() -> None:
    told = environment(container(rendered("--set", "controller.issuerNetworks={10.0.0.0/8,::1}"), "controller"))
    assert told["STRONGROOM_ISSUER_NETWORKS"] == "10.0.0.0/8,::1"
    assert "STRONGROOM_ISSUER_NETWORKS" not in environment(container(rendered(), "controller"))


def test_grants_of_names_reach_the_controller_and_open_the_data_planes_door(tmp_path: Path) -> None:
    objects = rendered("--values", CHART / "ci/network-hsm.yaml", "--set", "networkPolicy.enabled=true")
    file = tmp_path / "grants.json"
    file.write_text(only(objects, "ConfigMap", "strongroom-http01-grants")["data"]["grants.json"])
    assert read_grants(file) == (
        NameGrant("team-a/main", ("*.a.example", "192.0.2.0/24")),
        NameGrant("team-b/*", ("b.example",)),
    )
    of_controller = container(objects, "controller")
    mounts = {each["name"]: each["mountPath"] for each in of_controller["volumeMounts"]}
    told = {each["name"]: each.get("value", "") for each in of_controller["env"]}
    assert told["STRONGROOM_HTTP01_GRANTS"] == f"{mounts['http01']}/grants.json"
    of_dataplane = container(objects, "dataplane", "StatefulSet")
    told = {each["name"]: each.get("value", "") for each in of_dataplane["env"]}
    ports = {each["name"]: each["containerPort"] for each in of_dataplane["ports"]}
    assert int(told["STRONGROOM_HTTP01_PORT"]) == ports["http01"]
    (port,) = only(objects, "Service", "strongroom-http01")["spec"]["ports"]
    assert (port["port"], port["targetPort"]) == (80, "http01")


def test_without_grants_nothing_listens_for_authorities() -> None:
    assert "HTTP01" not in str(rendered("--set", "networkPolicy.enabled=true"))


def test_audit_records_go_where_the_installation_says() -> None:
    def told(objects: Objects) -> dict[str, str]:
        environment = container(objects, "dataplane", "StatefulSet")["env"]
        return {each["name"]: each.get("value", "") for each in environment if "_AUDIT_" in each["name"]}

    assert told(rendered())["STRONGROOM_AUDIT_STDOUT"] == "true"
    objects = rendered("--values", CHART / "ci/network-hsm.yaml")
    found = told(objects)
    assert "STRONGROOM_AUDIT_STDOUT" not in found
    assert found["STRONGROOM_AUDIT_OTLP"] == "https://collector.example:4318/v1/logs"
    assert (found["STRONGROOM_AUDIT_S3_BUCKET"], found["STRONGROOM_AUDIT_S3_ENCRYPTION"]) == ("audit", "AES256")
    mounts = {each["mountPath"] for each in container(objects, "dataplane", "StatefulSet")["volumeMounts"]}
    files = [value for name, value in found.items() if name.endswith("_FILE")]
    assert len(files) == 5
    for file in files:
        assert any(file.startswith(f"{mount}/") for mount in mounts)


def test_journals_outlive_their_pods_unless_that_is_not_wanted() -> None:
    spec = only(rendered(), "StatefulSet")["spec"]
    assert spec["persistentVolumeClaimRetentionPolicy"] == {"whenDeleted": "Retain", "whenScaled": "Retain"}
    (claim,) = spec["volumeClaimTemplates"]
    assert claim["metadata"]["name"] == "audit"
    spec = only(rendered("--values", CHART / "ci/local.yaml"), "StatefulSet")["spec"]
    assert "volumeClaimTemplates" not in spec
    assert any(each["name"] == "audit" and "emptyDir" in each for each in spec["template"]["spec"]["volumes"])


def test_a_softhsm_data_plane_runs_where_the_token_is() -> None:
    (term,) = pod(rendered(), "StatefulSet")["affinity"]["podAffinity"][
        "requiredDuringSchedulingIgnoredDuringExecution"
    ]
    assert (
        term["labelSelector"]["matchLabels"].items()
        <= only(rendered(), "Deployment")["spec"]["template"]["metadata"]["labels"].items()
    )
    assert "affinity" not in pod(rendered("--values", CHART / "ci/network-hsm.yaml"), "StatefulSet")


def test_clients_are_let_in_and_nobody_else_where_that_is_wanted() -> None:
    (https, _) = only(rendered(), "NetworkPolicy", "strongroom-dataplane")["spec"]["ingress"]
    assert https == {"ports": [{"protocol": "TCP", "port": "https"}]}
    objects = rendered("--values", CHART / "ci/network-hsm.yaml")
    (https, http01, _) = only(objects, "NetworkPolicy", "strongroom-dataplane")["spec"]["ingress"]
    assert http01 == {"ports": [{"protocol": "TCP", "port": "http01"}]}  # authorities ask from anywhere
    assert https["from"] == [{"namespaceSelector": {"matchLabels": {"example.com/uses-vaults": "true"}}}]
    service = only(objects, "Service", "strongroom-dataplane")["spec"]
    assert (service["type"], service["externalTrafficPolicy"]) == ("LoadBalancer", "Local")
    assert service["loadBalancerSourceRanges"] == ["192.0.2.0/24"]


def test_without_the_data_plane_nothing_of_it_is_there() -> None:
    found = rendered("--set=dataplane.enabled=false", "--values", CHART / "ci/monitored.yaml")
    assert not [body for body in found if "dataplane" in body["metadata"]["name"]]


# What it refuses

GRANTS = '[{"vault": "a/main", "names": ["b.example"]}]'
SIDECAR = '{"name": "b", "module": "/lib/b.so", "tokenLabel": "b", "pinSecret": "pin-b"}'


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--set=controller.replicas=2"], "a SoftHSM token is on one node only"),
        (["--set=dataplane.replicas=2"], "a SoftHSM token is on one node only"),
        (["--set=dataplane.service.type=NodePort"], "type"),
        (["--set=dataplane.trustedServices={backup}"], "trustedServices"),
        (["--set=controller.shards={east}"], "a SoftHSM token is on one node only"),
        (["--set=controller.replicas=2,hsm.softhsm.volume.existingClaim=shared"], "a SoftHSM token is on one node"),
        (["--set=hsm.kind=pkcs11,hsm.pinSecret=pin"], "set hsm.pkcs11.module"),
        (["--set=hsm.kind=pkcs11,hsm.pkcs11.module=/lib/a.so"], "set hsm.pinSecret"),
        (["--set=hsm.softhsm.local.node=a,hsm.softhsm.volume.existingClaim=b"], "not both"),
        (["--set=hsm.image.repository=vendor"], "name its hsm.image.tag"),
        (["--namespace=vault"], "install with --namespace strongroom-system --create-namespace"),
        (["--set-json", f"hsm.pool=[{SIDECAR}, {SIDECAR}]"], "hsm.pool names b twice"),
        (["--set-json", f"hsm.classes=[{SIDECAR}]", "--set=hsm.classes[0].name=Bank"], "name"),
        (["--set-json", f"hsm.classes=[{SIDECAR}]", "--set=hsm.classes[0].pin=1234"], "pin"),
        (["--set-json", f"hsm.pool=[{SIDECAR}]", "--set=hsm.pool[0].image.repository=vendor"], "its tag or digest"),
        (["--set-json", 'hsm.pool=[{"name": "b"}]'], "module"),
        (["--set=controller.replica=2"], "replica"),
        (["--set=targets.namespaces={a.b}"], "namespaces"),
        (["--set=hsm.kind=yubihsm"], "kind"),
        (["--set-json", f"http01.grants={GRANTS}", "--set=dataplane.enabled=false"], "set dataplane.enabled"),
        (["--set-json", 'http01.grants=[{"vault": "a", "names": ["b.example"]}]'], "vault"),
        (["--set-json", 'http01.grants=[{"vault": "a/*", "names": []}]'], "names"),
        (["--set=image.digest=sha256:1"], "digest"),
        (["--set=hsm.softhsm.geography=Eu 1"], "geography"),
    ],
)
def test_impossible_values_are_refused_with_the_remedy(options: list[str], message: str) -> None:
    with pytest.raises(HelmFailed, match=message):
        rendered(*options)


# On a real API server


@pytest.fixture(scope="module")
def installed() -> Iterator[Cluster]:
    """A cluster with the chart in it, in a namespace that takes restricted pods only."""
    with running_cluster() as cluster:
        assert "is installed in strongroom-system" in install(cluster)
        restricted = "pod-security.kubernetes.io/enforce=restricted"
        cluster.kubectl_run("label", "namespace", "strongroom-system", restricted)
        _until_guarded(cluster)
        yield cluster


def install(cluster: Cluster, *options: str | Path) -> str:
    return helm.run(
        "install", "strongroom", CHART, *NAMESPACE, "--create-namespace", *options, kubeconfig=cluster.kubeconfig
    )


def _until_guarded(cluster: Cluster) -> None:
    """Policies take effect a moment after they are stored."""
    eventually(lambda: _guarded(cluster, *SEALED, "probe", "--dry-run=server"))


def _guarded(cluster: Cluster, *arguments: str) -> bool:
    """Whether the guard of the store, and not a missing permission, refuses."""
    try:
        cluster.kubectl_run(*arguments)
    except KubectlFailed as error:
        return "the store of Strongroom's vaults" in str(error)
    return False


@own_cluster_only
@pytest.mark.parametrize("values", VALUES, ids=lambda path: path.stem)
def test_the_api_server_accepts_everything(installed: Cluster, values: Path) -> None:
    objects = [body for body in rendered("--values", values) if body["kind"] not in MONITORING]
    for kind in ("StatefulSet", "Service"):  # of one that is there, claims and a port's number cannot be changed so
        only(objects, kind, "strongroom-dataplane")["metadata"]["name"] = "another"
    apply = ("apply", "--server-side", "--force-conflicts", "--dry-run=server", "-f", "-")
    installed.kubectl_run(*apply, input="\n---\n".join(map(json.dumps, objects)))


@own_cluster_only
@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet"])
@pytest.mark.parametrize("values", VALUES, ids=lambda path: path.stem)
def test_the_pods_pass_as_restricted(installed: Cluster, values: Path, kind: str) -> None:
    template = only(rendered("--values", values), kind)["spec"]["template"]
    template["spec"].pop("priorityClassName", None)
    if kind == "StatefulSet" and "audit" not in {each["name"] for each in template["spec"]["volumes"]}:
        template["spec"]["volumes"].append({"name": "audit", "emptyDir": {}})  # in the place of its claim
    create = ("create", "--dry-run=server", *NAMESPACE, "-f", "-")
    body = {"apiVersion": "v1", "kind": "Pod", **template}
    body["metadata"] = {**body["metadata"], "name": "probe"}
    installed.kubectl_run(*create, input=json.dumps(body))

    body["spec"]["containers"][0]["securityContext"]["allowPrivilegeEscalation"] = True
    with pytest.raises(KubectlFailed, match="violates PodSecurity"):
        installed.kubectl_run(*create, input=json.dumps(body))


@own_cluster_only
def test_the_guards_hold(installed: Cluster) -> None:
    installed.kubectl_run("create", "rolebinding", "joe", "--clusterrole=admin", "--user=joe", *NAMESPACE)
    installed.kubectl_run(*SEALED, "record", CONTROLLER)
    installed.kubectl_run("delete", "secret", "record", *NAMESPACE, DATA_PLANE)
    installed.kubectl_run(*SEALED, "record", DATA_PLANE)
    with pytest.raises(KubectlFailed, match="the data plane writes Secrets"):
        installed.kubectl_run("create", "secret", "generic", "plain", *NAMESPACE, DATA_PLANE)
    for who in (["--as=joe"], ["--as=root", "--as-group=system:masters"]):
        assert _guarded(installed, *SEALED, "other", *who)
        assert _guarded(installed, "delete", "secret", "record", *NAMESPACE, *who)
    with pytest.raises(KubectlFailed, match="destroys every vault of this cluster"):
        installed.kubectl_run("delete", "namespace", "strongroom-system")


@own_cluster_only
def test_upgrading_and_uninstalling_lose_nothing() -> None:
    with running_cluster(f"chart-{os.getpid()}") as cluster:
        install(cluster)
        _until_guarded(cluster)
        cluster.kubectl_run("wait", "--for=condition=Established", "-f", str(REPOSITORY / "crds"), "--timeout=60s")
        cluster.kubectl_run("apply", "-f", str(REPOSITORY / "examples/quickstart"))
        cluster.kubectl_run(*SEALED, "record", CONTROLLER)
        cluster.kubectl_run("create", "secret", "generic", "db-credentials", "-n", "default")
        before = _survivors(cluster)

        upgrade = ("upgrade", "strongroom", CHART, *NAMESPACE)
        helm.run(*upgrade, "--set=controller.concurrency=64", kubeconfig=cluster.kubeconfig)
        assert "64" in cluster.kubectl_run("get", "deployment", "strongroom-controller", "-o", "yaml", *NAMESPACE)
        assert _survivors(cluster) == before

        helm.run("uninstall", "strongroom", *NAMESPACE, kubeconfig=cluster.kubeconfig)
        everything = (
            "deployments,statefulsets,services,poddisruptionbudgets,networkpolicies,serviceaccounts,"
            "roles,rolebindings,clusterroles,clusterrolebindings"
        )
        assert "strongroom" not in cluster.kubectl_run("get", everything, "-o", "name", "-A")
        assert _survivors(cluster) == before
        assert _guarded(cluster, "delete", "secret", "record", *NAMESPACE)

        install(cluster)
        assert _survivors(cluster) == before

        helm.run("uninstall", "strongroom", *NAMESPACE, kubeconfig=cluster.kubeconfig)
        for command in _removing_for_good():
            cluster.kubectl_run(*command)
        everything = "crd,namespaces,validatingadmissionpolicies,validatingadmissionpolicybindings"
        assert "strongroom" not in cluster.kubectl_run("get", everything, "-o", "name")


def _removing_for_good() -> list[list[str]]:
    """The commands that the documentation gives."""
    page = (REPOSITORY / "docs/how-to/install-with-helm.md").read_text()
    block = page.partition("## Remove everything for good")[2].partition("```sh\n")[2].partition("```")[0]
    commands = [line.split() for line in block.splitlines()]
    assert {command[0] for command in commands} == {"kubectl"}
    return [command[1:] for command in commands]


def _survivors(cluster: Cluster) -> dict[str, str]:
    """UID and generation of everything that must outlive the chart."""
    kinds = "customresourcedefinitions,vaults,vaultsecrets,secrets,persistentvolumeclaims,validatingadmissionpolicies"
    items = json.loads(cluster.kubectl_run("get", kinds, "-A", "-o", "json"))["items"]
    found = {
        f"{body['kind']}/{body['metadata']['name']}": (
            f"{body['metadata']['uid']} {body['metadata'].get('generation', 1)}"
        )
        for body in items
        if body.get("type") != "helm.sh/release.v1"
    }
    assert {"Vault/demo", "VaultSecret/db-password", "Secret/record", "Secret/db-credentials"} <= set(found)
    assert {"PersistentVolumeClaim/strongroom-hsm-token", "CustomResourceDefinition/vaults.strongroom.dev"} <= set(
        found
    )
    return found
