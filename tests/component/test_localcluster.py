"""The control plane that everything else is tested on: does it enforce, record and encrypt as a real one does?"""

import dataclasses
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from hack.localcluster import Cluster, KubectlFailed, Provider, choose, controlplane, lifecycle, running_cluster
from hack.localcluster.commands import Options
from hack.localcluster.layout import free_ports
from hack.localcluster.paths import REPOSITORY
from tests.helpers.eventually import eventually

CANARY_SECRET = ("create", "secret", "generic", "canary")
OUR_CONTROL_PLANE = pytest.mark.skipif(
    choose.provider() is not Provider.PROCESSES,
    reason="looks at processes and files that only the local control plane has",
)


def test_it_answers_as_an_administrator(cluster: Cluster, namespace: str) -> None:
    assert cluster.kubectl_run("auth", "can-i", "*", "*", "--all-namespaces").strip() == "yes"
    assert cluster.kubectl_run("get", "namespace", namespace, "-o", "name").strip() == f"namespace/{namespace}"


def test_a_service_account_may_do_nothing_until_it_is_allowed(cluster: Cluster, namespace: str, tmp_path: Path) -> None:
    cluster.kubectl_run("wait", "--for=create", "serviceaccount/default", "-n", namespace, "--timeout=30s")
    token = cluster.kubectl_run("create", "token", "default", "-n", namespace).strip()
    kubeconfig = cluster.kubeconfig_for_token(tmp_path / "kubeconfig", token)
    limited = Cluster(cluster.provider, cluster.name, kubeconfig, cluster.url, cluster.ca, cluster.kubectl)
    with pytest.raises(KubectlFailed, match="forbidden"):
        limited.kubectl_run("get", "secrets", "-n", namespace)
    subject = f"--serviceaccount={namespace}:default"
    cluster.kubectl_run("create", "rolebinding", "view", "--clusterrole=edit", subject, "-n", namespace)
    eventually(lambda: _succeeds(limited, "get", "secrets", "-n", namespace))


def test_an_admission_policy_refuses_what_its_rule_forbids(cluster: Cluster, namespace: str) -> None:
    cluster.kubectl_run("apply", "-f", "-", input=_policy(namespace))
    try:
        eventually(lambda: not _succeeds(cluster, "create", "configmap", secrets.token_hex(4), "-n", namespace))
    finally:
        cluster.kubectl_run("delete", "-f", "-", input=_policy(namespace))


@OUR_CONTROL_PLANE
def test_the_audit_log_names_a_write_and_never_its_content(cluster: Cluster, namespace: str) -> None:
    canary = secrets.token_hex(16)
    cluster.kubectl_run(*CANARY_SECRET, f"--from-literal=value={canary}", "-n", namespace)
    assert cluster.audit_log is not None
    log = cluster.audit_log.read_text()
    written = [event["objectRef"] for event in map(json.loads, log.splitlines()) if event["verb"] == "create"]
    assert {"secrets", namespace, "canary"} <= set(next(r for r in written if r.get("name") == "canary").values())
    assert canary not in log
    assert "requestObject" not in log


@OUR_CONTROL_PLANE
def test_secrets_lie_in_etcd_in_the_clear_unless_encryption_is_asked_for(cluster: Cluster, namespace: str) -> None:
    canary = secrets.token_hex(16)
    _write_canary(cluster, namespace, canary)
    assert _on_disk(cluster, canary)
    with running_cluster(encrypt_secrets=True) as encrypted:
        assert encrypted.url != cluster.url
        _write_canary(encrypted, "default", canary)
        assert not _on_disk(encrypted, canary)
        stored = encrypted.kubectl_run("get", "secret", "canary", "-o", "jsonpath={.data.value}")
        assert stored
    assert _succeeds(cluster, "get", "secret", "canary", "-n", namespace)  # the one beside it lives on


@OUR_CONTROL_PLANE
@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_left_however_the_user_of_a_cluster_ends(tmp_path: Path, end: signal.Signals) -> None:
    state = tmp_path / "state"
    with _user_of_a_cluster(state) as user:
        assert user.stdout is not None
        assert user.stdout.readline() == "ready\n"
        assert _processes_of(state) >= 4  # three of the control plane, and the guard
        user.send_signal(end)
        user.wait(20)
    eventually(lambda: not state.exists() and not _processes_of(state))


@OUR_CONTROL_PLANE
def test_nothing_is_left_when_interrupted_while_starting(tmp_path: Path) -> None:
    state = tmp_path / "state"
    with _user_of_a_cluster(state) as user:
        eventually(lambda: _processes_of(state) >= 2)
        os.killpg(user.pid, signal.SIGINT)  # as a terminal does: everybody in the foreground gets it
        user.wait(20)
    eventually(lambda: not state.exists() and not _processes_of(state))


@OUR_CONTROL_PLANE
@pytest.mark.parametrize("taken", ["etcd", "apiserver", "controller_manager"])
def test_a_port_that_somebody_else_was_quicker_to_take_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, taken: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as quicker:
        spoilt = dataclasses.replace(free_ports(), **{taken: quicker.getsockname()[1]})
        offers = iter([spoilt])
        monkeypatch.setattr(controlplane, "free_ports", lambda: next(offers, None) or free_ports())
        try:
            cluster = lifecycle.up("quicker", tmp_path / "state", Options(unsafe_no_fsync=True))
            assert cluster.kubectl_run("get", "--raw", "/readyz") == "ok"
        finally:
            lifecycle.down(tmp_path / "state")


def _user_of_a_cluster(state: Path) -> "subprocess.Popen[str]":
    program = (
        "import sys, time, pathlib; from hack.localcluster import running_cluster\n"
        "with running_cluster(state_dir=pathlib.Path(sys.argv[1])): print('ready', flush=True); time.sleep(600)"
    )
    return subprocess.Popen(
        [sys.executable, "-c", program, str(state)],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )


def _processes_of(state: Path) -> int:
    """How many living processes name `state` on their command line, apart from the program that asked for it."""
    marker = f"{state}".encode()
    lines = [_command_line(process) for process in Path("/proc").glob("[0-9]*")]
    return sum(marker in line and b"running_cluster" not in line for line in lines)


def _command_line(process: Path) -> bytes:
    try:
        return process.joinpath("cmdline").read_bytes()
    except OSError:
        return b""


def _write_canary(cluster: Cluster, namespace: str, canary: str) -> None:
    cluster.kubectl_run(*CANARY_SECRET, f"--from-literal=value={canary}", "-n", namespace)


def _on_disk(cluster: Cluster, canary: str) -> bool:
    """Looked for in the files themselves, write-ahead log included."""
    files = [path for path in cluster.etcd_data_dir.rglob("*") if path.is_file()]
    return any(canary.encode() in path.read_bytes() for path in files)


def _succeeds(cluster: Cluster, *arguments: str) -> bool:
    try:
        cluster.kubectl_run(*arguments)
    except KubectlFailed:
        return False
    return True


def _policy(namespace: str) -> str:
    selector = {"matchLabels": {"kubernetes.io/metadata.name": namespace}}
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["configmaps"]}
    name, version = {"name": f"{namespace}-no-configmaps"}, "admissionregistration.k8s.io/v1"
    match = {"namespaceSelector": selector, "resourceRules": [rule]}
    policy = {"matchConstraints": match, "validations": [{"expression": "false", "message": "none here"}]}
    binding = {"policyName": name["name"], "validationActions": ["Deny"]}
    documents = [
        {"apiVersion": version, "kind": "ValidatingAdmissionPolicy", "metadata": name, "spec": policy},
        {"apiVersion": version, "kind": "ValidatingAdmissionPolicyBinding", "metadata": name, "spec": binding},
    ]
    return "\n---\n".join(json.dumps(each) for each in documents)
