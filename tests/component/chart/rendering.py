"""What Helm renders of the chart, and finding things in it."""

from pathlib import Path
from typing import Any

import yaml

from hack import helm
from hack.helm import CHART

VALUES = sorted((CHART / "ci").glob("*.yaml"))
NAMESPACE = ("--namespace", "strongroom-system")
Objects = list[dict[str, Any]]


def rendered(*options: str | Path) -> Objects:
    """Return the objects of an installation with these options."""
    text = helm.run("template", "strongroom", CHART, *NAMESPACE, *options)
    return [body for body in yaml.safe_load_all(text) if body]


def only(objects: Objects, kind: str, name: str = "") -> dict[str, Any]:
    """Return the one object of this kind and name."""
    (found,) = [body for body in objects if body["kind"] == kind and name in ("", body["metadata"]["name"])]
    return found


def pod(objects: Objects, kind: str = "Deployment") -> dict[str, Any]:
    """Return the spec of the pods of the one workload of this kind."""
    spec: dict[str, Any] = only(objects, kind)["spec"]["template"]["spec"]
    return spec


def container(objects: Objects, name: str, kind: str = "Deployment") -> dict[str, Any]:
    """Return a container of it by its name."""
    spec = pod(objects, kind)
    (found,) = [each for each in spec.get("initContainers", []) + spec["containers"] if each["name"] == name]
    return dict(found)


def environment(container: dict[str, Any]) -> dict[str, str]:
    """Return its environment; empty where the value is a field of the pod."""
    return {each["name"]: each.get("value", "") for each in container["env"]}
