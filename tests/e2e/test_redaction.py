"""A value that goes through every path and every error path is found in its synced Secrets, and nowhere else."""

from __future__ import annotations

import asyncio
import itertools
import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from hack.localcluster import KubectlFailed
from tests.helpers.canary import holds
from tests.helpers.proxy import Proxy
from tests.helpers.system import Controller, System, secret

CANARY = b"canary-5f0e92c1-that-is-told-to-nobody"
LARGE = CANARY * 600  # fits into a vault
HUGE = CANARY * 700  # does not
MARK = "strongroom.dev/import-by"

# Name: the spec beside its source, what Ready says, the value.
CASES: dict[str, tuple[dict[str, Any], str, bytes]] = {
    "synced": ({}, "Available", CANARY),
    "templated": ({"target": {"template": {"data": {"url": "db://x:{{ value }}@y"}}}}, "Available", CANARY),
    "unsynced": ({"target": None}, "Available", CANARY),
    "no-json": ({"target": {"template": {"data": {"a": "{{ (value | from_json)['k'] }}"}}}}, "InvalidSpec", CANARY),
    "no-base64": ({"target": {"template": {"data": {"a": "{{ value | b64decode }}"}}}}, "InvalidSpec", CANARY),
    "no-field": ({"target": {"template": {"data": {"a": "{{ fields.nope }}"}}}}, "InvalidSpec", CANARY),
    "no-key": ({"target": {"keys": {"a": "nope"}}}, "InvalidSpec", CANARY),
    "too-long": ({"target": {"template": {"data": {"a": "{{ value }}" * 1000}}}}, "InvalidSpec", LARGE),
    "too-large": ({}, "InvalidSpec", HUGE),
    "no-pair": (
        {"target": {"type": "kubernetes.io/tls", "keys": {"tls.crt": "value", "tls.key": "value"}}},
        "InvalidSpec",
        CANARY,
    ),
    "no-registries": ({"target": {"type": "kubernetes.io/dockerconfigjson"}}, "InvalidSpec", CANARY),
    "foreign": ({}, "TargetConflict", CANARY),
    "unmerged": ({"target": {"creationPolicy": "Merge"}}, "TargetNotFound", CANARY),
    "elsewhere": ({"target": {"namespace": "default"}}, "ReferenceDenied", CANARY),
    "unmarked": ({}, "ReferenceDenied", CANARY),
    "unpinned": ({"pinVersion": "0" * 32}, "VersionNotFound", CANARY),
    "invalid": ({}, "InvalidSpec", CANARY),  # to the API server, which quotes the value
    "forbidden": ({}, "Forbidden", CANARY),  # the same
}
SYNCED = ("synced", "templated", "outage", "cut-off")
TALKATIVE = "redaction-test-talkative-policy"


@pytest.fixture
def talkative(system: System, demo: str) -> Iterator[None]:
    """An admission policy that says the value that it dislikes."""
    validations = [
        {
            "expression": f"object.metadata.name != '{name}'",
            "reason": reason,
            "messageExpression": "'I dislike ' + string(dyn(object).data['value'])",
        }
        for name, reason in (("invalid", "Invalid"), ("forbidden", "Forbidden"))
    ]
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"], "resources": ["secrets"]}
    here = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": demo}}, "resourceRules": [rule]}
    policy = {"failurePolicy": "Fail", "matchConstraints": here, "validations": validations}
    binding = {"policyName": TALKATIVE, "validationActions": ["Deny"]}
    kinds = {"ValidatingAdmissionPolicy": policy, "ValidatingAdmissionPolicyBinding": binding}
    head = {"apiVersion": "admissionregistration.k8s.io/v1", "metadata": {"name": TALKATIVE}}
    system.apply(*({**head, "kind": kind, "spec": spec} for kind, spec in kinds.items()))
    try:
        system.until(lambda: _says_the_value(system, demo), "the policy")
        yield
    finally:
        for kind in kinds:
            system.kubectl("delete", kind, TALKATIVE)


def _says_the_value(system: System, namespace: str) -> bool:
    probe = ("--from-literal=value=a-harmless-probe", "--dry-run=server")
    try:
        system.kubectl("-n", namespace, "create", "secret", "generic", "invalid", *probe)
    except KubectlFailed as error:
        return holds(str(error).encode(), b"a-harmless-probe")
    return False


def test_a_value_is_found_in_its_synced_secrets_and_nowhere_else(system: System, demo: str, talkative: None) -> None:
    _native(system, demo, "foreign", b"of somebody else")
    for name, (spec, _, value) in CASES.items():
        _declare(system, demo, name, spec, value, marked=name != "unmarked")
    for name, (_, reason, _) in CASES.items():
        wanted = ("True" if reason == "Available" else "False", reason)
        system.until(lambda name=name, wanted=wanted: system.condition(demo, name) == wanted, f"{name} {wanted}")  # type: ignore[misc]
    system.until(lambda: not system.get("secret", demo, "synced-source"), "the source to be deleted")
    said = [_answers(system.controller)]
    _without_hsm(system, demo)
    said.append(_with_answers_lost(system, demo))
    system.until(lambda: _synced(system, demo), "the value in its synced Secrets: the search would find it")
    system.kubectl("delete", "secret", "-n", demo, "-l", "source=yes")
    assert _stored(system, demo) == CANARY
    assert [place for place, text in _places(system, demo, said) if holds(text, CANARY)] == []


def _declare(
    system: System, namespace: str, name: str, spec: dict[str, Any], value: bytes, *, marked: bool = True
) -> None:
    """A VaultSecret and the native Secret that it imports."""
    _native(system, namespace, f"{name}-source", value, **({MARK: name} if marked else {}))
    target = spec.get("target", {})
    fields = {**spec, "target": {"name": name, **target} if target is not None else None}
    source = {"name": f"{name}-source", "deleteAfterImport": name == "synced"}
    system.apply(secret(namespace, name, generate=None, fromSecret=source, **fields))


def _native(system: System, namespace: str, name: str, value: bytes, **annotations: str) -> None:
    """Not by ``apply``, which notes the value in an annotation."""
    metadata = {"name": name, "namespace": namespace, "annotations": annotations}
    if name.endswith("-source"):
        metadata["labels"] = {"source": "yes"}
    body = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": {"value": value.decode()}}
    system.kubectl("create", "-f", "-", input=json.dumps(body))


def _without_hsm(system: System, namespace: str) -> None:
    """A controller without keys in memory meets a value."""
    system.sidecar.kill()
    try:
        system.controller.stop()
        system.controller.start()
        system.until_leading()
        _declare(system, namespace, "outage", {}, CANARY)
        system.until_reason(namespace, "outage", "HsmUnavailable")
    finally:
        system.sidecar.start()
    system.until_ready(namespace, "outage")


def _with_answers_lost(system: System, namespace: str) -> bytes:
    """Another replica, whose every fourth answer is lost for a while; it logs in JSON."""
    system.controller.stop()
    try:
        with _relayed(system) as (proxy, twin):
            twin.start()
            try:
                system.until(lambda: twin.metric("strongroom_reconciles_total") > 0, "the twin to lead")
                chunks = itertools.count(1)
                proxy.answers = lambda: next(chunks) % 4 > 0
                _declare(system, namespace, "cut-off", {}, CANARY)
                system.until(lambda: next(chunks) > 40, "answers to be lost")
                proxy.answers = lambda: True
                system.until_ready(namespace, "cut-off")
                return _answers(twin)
            finally:
                twin.stop()
    finally:
        system.controller.start()
        system.until_leading()


@contextmanager
def _relayed(system: System) -> Iterator[tuple[Proxy, Controller]]:
    """A relay before the API server, run by a thread, and a controller that is not started yet behind it."""
    url = urlsplit(system.cluster.url)
    assert url.hostname is not None
    assert url.port is not None
    proxy, ready = Proxy(url.hostname, url.port), threading.Event()
    loop, ended = asyncio.new_event_loop(), asyncio.Event()

    async def serve() -> None:
        async with proxy:
            ready.set()
            await ended.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    try:
        assert ready.wait(10)
        twin = system.controller.twin("relayed")
        original = Path(twin.command[twin.command.index("--kubeconfig") + 1])
        relayed = original.with_name("relayed.kubeconfig")
        relayed.write_text(original.read_text().replace(f"{url.hostname}:{url.port}", f"{url.hostname}:{proxy.port}"))
        relayed.chmod(0o600)
        yield proxy, replace(twin, command=[*twin.command, "--kubeconfig", str(relayed), "--log-format", "json"])
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join()
        loop.close()


def _answers(controller: Controller) -> bytes:
    """What a controller says over HTTP."""
    said = b""
    for page in ("metrics", "healthz", "readyz"):
        try:
            said += urllib.request.urlopen(controller.metrics_url.replace("metrics", page), timeout=5).read()
        except urllib.error.HTTPError as error:
            said += error.read()
    assert b"strongroom_leader 1" in said
    return said


def _synced(system: System, namespace: str) -> bool:
    bodies = [system.get("secret", namespace, name) for name in SYNCED]
    return all(holds(json.dumps(body.get("data")).encode(), CANARY) for body in bodies)


def _stored(system: System, namespace: str) -> bytes:
    [(_, value)] = system.stored_versions(namespace, "demo", "forbidden")
    return value


def _places(system: System, namespace: str, said: list[bytes]) -> Iterator[tuple[str, bytes]]:
    """Everywhere that a value might show, without the data of the Secrets that are to hold it."""
    yield from ((f"HTTP {number}", text) for number, text in enumerate([*said, _answers(system.controller)]))
    logs = [path for path in system.controller.log.parent.rglob("*") if path.is_file()]
    assert {"controller.log", "relayed.log"} <= {path.name for path in logs}
    yield from ((path.name, path.read_bytes()) for path in [*logs, system.sidecar.log])
    kinds = system.kubectl("api-resources", "--verbs=list", "-o", "name").split()
    everything = ",".join(kind for kind in kinds if kind != "componentstatuses")
    shown = json.loads(system.kubectl("get", everything, "-A", "-o", "json", "--show-managed-fields"))["items"]
    assert {"Secret", "VaultSecret", "Event", "Lease"} <= {body["kind"] for body in shown}
    for body in shown:
        where = (body["kind"], body["metadata"].get("namespace"), body["metadata"]["name"])
        if where in {("Secret", namespace, name) for name in SYNCED}:
            del body["data"]
        yield "/".join(map(str, where)), json.dumps(body).encode()
    assert system.cluster.audit_log is not None
    for line in system.cluster.audit_log.read_bytes().splitlines():
        if TALKATIVE.encode() not in line:  # the API server's own record of what that policy said
            yield "audit", line
