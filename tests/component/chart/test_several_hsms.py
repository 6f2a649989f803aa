"""Pods with several HSM sidecars: a pool of tokens, and classes of dedicated ones."""

import argparse
from pathlib import Path

import pytest

from hack.helm import CHART
from strongroom.entrypoints import hsm as sidecar_program
from strongroom.entrypoints.options import hsm_classes, hsm_sockets
from tests.component.chart.rendering import VALUES, container, environment, only, pod, rendered

pytestmark = pytest.mark.timeout(300, func_only=True)  # whichever test comes first may have to build Helm

SEVERAL = CHART / "ci/several-hsms.yaml"
BOTH = pytest.mark.parametrize(("name", "kind"), [("controller", "Deployment"), ("dataplane", "StatefulSet")])


@BOTH
def test_each_socket_is_where_one_sidecar_makes_it(name: str, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    objects = rendered("--values", SEVERAL)
    main = container(objects, name, kind)
    for option in ("STRONGROOM_HSM_SOCKET", "STRONGROOM_HSM_CLASS"):
        monkeypatch.setenv(option, environment(main)[option])
    nothing_said = argparse.Namespace(hsm_socket=None, hsm_class=None)
    sockets = {f"pool {number}": [path] for number, path in enumerate(hsm_sockets(nothing_said))}
    sockets |= hsm_classes(nothing_said)
    made = {}
    for sidecar in [each for each in pod(objects, kind)["containers"] if each["name"] != name]:
        volume = next(each["name"] for each in sidecar["volumeMounts"] if each["mountPath"] == "/run/strongroom")
        directory = next(each["mountPath"] for each in main["volumeMounts"] if each["name"] == volume)
        made[sidecar["name"]] = environment(sidecar)["STRONGROOM_HSM_SOCKET"].replace("/run/strongroom", directory, 1)
    names = {"hsm": "pool 0", "hsm-pool-b": "pool 1", "hsm-class-bank": "bank"}
    assert {names[sidecar]: [Path(path)] for sidecar, path in made.items()} == sockets


@BOTH
@pytest.mark.parametrize("values", VALUES, ids=lambda path: path.stem)
def test_sidecars_understand_what_they_are_told_and_share_nothing(
    values: Path, name: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sidecars = [each for each in pod(rendered("--values", values), kind)["containers"] if each["name"] != name]
    known = {f"STRONGROOM_HSM_{action.dest.upper()}" for action in sidecar_program._parser()._actions}
    for sidecar in sidecars:
        given = environment(sidecar)
        assert {option for option in given if option.startswith("STRONGROOM_")} <= known
        with monkeypatch.context() as context:
            for option, value in given.items():
                context.setenv(option, value)
            settings = sidecar_program._settings(sidecar_program._parser().parse_args([]))
        assert settings.dedicated == sidecar["name"].startswith("hsm-class-")
        assert settings.metrics_port == sidecar["ports"][0]["containerPort"]
    for apart in ("run", "pin"):
        used = [
            each["name"] for sidecar in sidecars for each in sidecar["volumeMounts"] if each["name"].startswith(apart)
        ]
        assert len(set(used)) == len(used)
    assert len({each["ports"][0]["containerPort"] for each in sidecars}) == len(sidecars)
    assert len({each["ports"][0]["name"] for each in sidecars}) == len(sidecars)


def test_a_token_of_several_that_is_away_leaves_the_pod_ready() -> None:
    containers = pod(rendered("--values", SEVERAL), "StatefulSet")["containers"]
    assert [each["name"] for each in containers if "readinessProbe" in each] == ["dataplane"]
    assert "readinessProbe" in container(rendered(), "hsm")


def test_what_differs_of_a_further_hsm_is_its_own_and_the_rest_is_the_firsts() -> None:
    objects = rendered("--values", SEVERAL)
    member, bank = container(objects, "hsm-pool-b"), container(objects, "hsm-class-bank")
    assert (member["image"], bank["image"]) == (
        "registry.example/strongroom-vendor:1",
        "registry.example/strongroom-bank:2",
    )
    assert (environment(member)["STRONGROOM_HSM_WORKERS"], environment(bank)["STRONGROOM_HSM_WORKERS"]) == ("8", "2")
    assert (environment(member)["VENDOR_CONF"], "VENDOR_CONF" in environment(bank)) == ("/etc/vendor/b.conf", False)
    assert bank["resources"] == {"limits": {"memory": "256Mi"}, "requests": {"cpu": "50m", "memory": "128Mi"}}


def test_every_sidecar_is_scraped() -> None:
    objects = rendered("--values", SEVERAL)
    names = {each["name"] for body in pod(objects)["containers"] for each in body["ports"]}
    for name in ("strongroom-controller", "strongroom-dataplane"):
        assert {each["port"] for each in only(objects, "ServiceMonitor", name)["spec"]["endpoints"]} == names
        service = only(objects, "Service", f"{name}-metrics")["spec"]["ports"]
        assert {each["targetPort"] for each in service} == names
        ingress = only(objects, "NetworkPolicy", name)["spec"]["ingress"]
        assert {each["port"] for each in ingress[-1]["ports"]} == names
