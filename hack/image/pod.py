"""Runs the containers of a pod as a kubelet would, in the image's layers: the same commands, environment, mounts.

Each container has a read-only root, no capabilities, no way to new privileges, and the user that the pod names.
Network and process table are the machine's own, so ports have to be free ones.
"""

import signal
import subprocess
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .layers import PRIVATELY, ImageError, recipe

GRACE = 20.0

# $1: layers, $2: the root, $3: user, $4: number of mounts, then for each: source, target, "rw" or "ro"; the command.
_START = """
layers="$1" root="$2" user="$3" count="$4"; shift 4
mount -t overlay overlay -o "ro,lowerdir=$layers" "$root"
mount --bind /dev "$root/dev"
mount -t proc proc "$root/proc"
while [ "$count" -gt 0 ]; do
  mount --bind "$1" "$root$2"
  [ "$3" = rw ] || mount -o remount,bind,ro "$root$2"
  shift 3; count=$((count - 1))
done
exec chroot "$root" setpriv --reuid "$user" --regid "$user" --clear-groups --pdeathsig KILL --no-new-privs \\
  --bounding-set=-all --inh-caps=-all "$@"
"""


@dataclass
class Pod:
    """`spec` is the pod's; `volumes` are directories by name; `environment` replaces or adds variables."""

    spec: Mapping[str, Any]
    layers: list[Path]
    volumes: Mapping[str, Path]
    scratch: Path
    hosts: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    uid: str = field(default_factory=lambda: str(uuid.uuid4()))
    processes: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)

    def log(self, name: str) -> Path:
        return self.scratch / f"{name}.log"

    def initialise(self) -> None:
        """The init containers, one after another."""
        for container in self.spec.get("initContainers", []):
            if self._launch(container, _command(container)).wait() != 0:
                raise ImageError(f"init container {container['name']}:\n{self.log(container['name']).read_text()}")

    def start(self) -> None:
        for container in self.spec["containers"]:
            self.processes[container["name"]] = self._launch(container, _command(container))

    def stop(self) -> dict[str, int]:
        """SIGTERM to all at once, as for a pod; SIGKILL after the grace. Exit codes by container."""
        for process in self.processes.values():
            process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + GRACE
        codes = {name: _ended(process, deadline) for name, process in self.processes.items()}
        self.processes.clear()
        return codes

    def execute(self, name: str, *command: str) -> "subprocess.CompletedProcess[str]":
        """A command in a container of its own that is like the container `name`."""
        container = self._container(name)
        arguments = self._arguments(container, list(command))
        environment = self._environment(container)
        return subprocess.run(arguments, env=environment, capture_output=True, text=True, check=False)

    def is_ready(self, name: str) -> bool:
        """By the exec probe of the container."""
        return self.execute(name, *self._container(name)["readinessProbe"]["exec"]["command"]).returncode == 0

    def _container(self, name: str) -> Mapping[str, Any]:
        every: list[Mapping[str, Any]] = [*self.spec.get("initContainers", []), *self.spec["containers"]]
        return next(each for each in every if each["name"] == name)

    def _launch(self, container: Mapping[str, Any], command: list[str]) -> "subprocess.Popen[bytes]":
        with self.log(container["name"]).open("ab") as log:
            arguments, environment = self._arguments(container, command), self._environment(container)
            return subprocess.Popen(arguments, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def _arguments(self, container: Mapping[str, Any], command: list[str]) -> list[str]:
        user = self.spec["securityContext"]["runAsUser"]
        if not container["securityContext"]["readOnlyRootFilesystem"]:
            raise ImageError(f"the root of {container['name']} is writable")
        points, root = self.scratch / f"{container['name']}-mounts", self.scratch / f"{container['name']}-root"
        root.mkdir(exist_ok=True)
        (points / "etc").mkdir(parents=True, exist_ok=True)
        (points / "etc/hosts").touch()
        (self.scratch / "hosts").write_text(f"127.0.0.1 localhost\n{self.hosts}")
        mounts = [str(self.scratch / "hosts"), "/etc/hosts", "ro"]
        for mount in container["volumeMounts"]:
            target = Path(mount["mountPath"].replace("/var/run/", "/run/"))
            (points / target.relative_to("/")).mkdir(parents=True, exist_ok=True)
            mounts += [str(self.volumes[mount["name"]]), str(target), "ro" if mount.get("readOnly") else "rw"]
        layers = ":".join(str(layer) for layer in (points, *self.layers))
        script = [*PRIVATELY, "sh", "-ec", _START, "sh", layers, str(root), str(user), str(len(mounts) // 3)]
        return [*script, *mounts, *command]

    def _environment(self, container: Mapping[str, Any]) -> dict[str, str]:
        own = {each["name"]: each.get("value", self.uid) for each in container.get("env", [])}
        replaced = {name: value for name, value in self.environment.items() if name in own}
        added = {name: value for name, value in self.environment.items() if not name.startswith("STRONGROOM_")}
        image = recipe().environment
        return image | {"PATH": f"{image['PATH']}:/usr/sbin:/sbin"} | added | own | replaced  # sbin: chroot and mount


def _command(container: Mapping[str, Any]) -> list[str]:
    """`command` replaces the image's entry point, `args` follow it."""
    return [*container.get("command", ["strongroom"]), *container.get("args", [])]


def _ended(process: "subprocess.Popen[bytes]", deadline: float) -> int:
    try:
        return process.wait(max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()
