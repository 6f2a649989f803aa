"""A controller that may write targets in named namespaces only, as Helm installs it, on a real API server.

No node: the process runs beside the cluster, with the environment that the chart gives its container.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterator
from typing import Any

import pytest

from hack.localcluster import Provider, choose, running_cluster
from tests.helpers import hsm
from tests.helpers.hsm import TokenHome
from tests.helpers.installation import helm_installed
from tests.helpers.system import System, secret, vault, vaultkey

ALLOWED, OTHER = "team-a", "team-b"
CONFINED = ("--set", f"targets.allNamespaces=false,targets.namespaces={{{ALLOWED}}},controller.audit.enabled=false")

pytestmark = [
    pytest.mark.timeout(300, func_only=True),
    pytest.mark.skipif(
        choose.provider() is Provider.EXISTING,
        reason="installs cluster-wide guards: never into a developer's own cluster",
    ),
]


@pytest.fixture(scope="module")
def confined(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """The chart installed with targets in one namespace, and its controller, leading."""
    home = TokenHome.make()
    home.create_token()
    assert home.init().returncode == 0
    scratch = tmp_path_factory.mktemp("confined")
    with running_cluster(f"confined-{os.getpid()}") as cluster, hsm.running(home) as sidecar:
        for name in (ALLOWED, OTHER):
            cluster.kubectl_run("create", "namespace", name)
        with helm_installed(cluster, sidecar, scratch, *CONFINED) as system:
            system.controller.start()
            system.until_leading()
            yield system
    home.remove()


def test_what_is_allowed_is_written_and_repaired(confined: System) -> None:
    confined.apply(
        vault(ALLOWED), secret(ALLOWED, "db"), vaultkey(ALLOWED, "sign", publicKeyTarget={"configMapName": "sign"})
    )
    confined.until_ready(ALLOWED, "db")
    confined.until_ready(ALLOWED, "sign", "vaultkey")
    value = confined.value(ALLOWED, "db")
    confined.apply(_overwritten("Secret", "db", "value"), _overwritten("ConfigMap", "sign", "public.pem"))
    confined.until(lambda: confined.value(ALLOWED, "db") == value, "the target is repaired")
    confined.until(
        lambda: "PUBLIC KEY" in confined.get("configmap", ALLOWED, "sign")["data"]["public.pem"], "the public key too"
    )
    assert confined.controller.answers("readyz")


def _overwritten(kind: str, name: str, entry: str) -> dict[str, Any]:
    text = "nonsense" if kind == "ConfigMap" else base64.b64encode(b"nonsense").decode()
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": name, "namespace": ALLOWED}, "data": {entry: text}}


def test_what_is_not_allowed_says_so_and_holds_nothing_up(confined: System) -> None:
    confined.apply(
        vault(OTHER), secret(OTHER, "db"), vaultkey(OTHER, "sign", publicKeyTarget={"configMapName": "sign"})
    )
    assert "forbidden" in confined.until_reason(OTHER, "db", "Forbidden")
    confined.until_reason(OTHER, "sign", "Forbidden", "vaultkey")
    assert not confined.get("secret", OTHER, "db")
    confined.apply(secret(OTHER, "apart", target=None))
    confined.until_ready(OTHER, "apart")


def test_a_permission_that_goes_does_not_keep_a_successor_from_leading(confined: System) -> None:
    bindings = ("rolebinding", "strongroom-controller-targets", "strongroom-controller-publickeys", "-n", ALLOWED)
    kept = confined.kubectl("get", *bindings, "-o", "json")
    confined.kubectl("delete", *bindings)
    confined.controller.stop()
    confined.controller.start()
    confined.until_leading()
    confined.until(lambda: confined.controller.answers("readyz"), "ready")
    confined.apply(secret(ALLOWED, "later"))
    confined.until_reason(ALLOWED, "later", "Forbidden")
    assert "changes go unnoticed" in confined.controller.log.read_text()
    _put_back(confined, kept)


def _put_back(confined: System, kept: str) -> None:
    items = json.loads(kept)["items"]
    for body in items:
        body["metadata"] = {key: body["metadata"][key] for key in ("name", "namespace", "labels")}
    confined.apply(*items)
