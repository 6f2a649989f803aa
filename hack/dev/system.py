"""Starting and stopping everything: cluster, token, HSM sidecar, controller, data plane."""

import json
import os
import shlex
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from urllib.parse import urlsplit

from hack.localcluster import Cluster, KubectlFailed, lifecycle, processes, record
from hack.localcluster.cluster import open_cluster
from hack.localcluster.commands import Options
from hack.localcluster.files import locked, write_private
from hack.localcluster.layout import free_port
from hack.localcluster.paths import REPOSITORY
from hack.localcluster.processes import Process
from hack.localcluster.record import Record
from hack.progress import say

from . import demovault, hosts, ready, softhsm
from .errors import DevError
from .programs import DOMAIN, HOST, STRONGROOM, Ports, programs
from .rundir import KEPT, RunDir

NAMESPACE = "strongroom-system"
CONTROLLER, DATAPLANE = "strongroom-controller", "strongroom-dataplane"
CREDENTIALS_LIFETIME = "24h"
SUPERVISOR_GRACE = 30.0


@dataclass(frozen=True)
class System:
    cluster: Cluster
    metrics_url: str
    vault_url: str  # of the demo vault


def up(run: RunDir, owner: Process | None = None, *, throwaway: bool = False, alone: bool = False) -> System:
    """Start everything, unless it runs already, and return when it serves.

    ``alone``: without data plane, and without the controller's journal, to measure the controller. On any failure what
    was started is stopped, and the logs are left.
    """
    run.create()
    with locked(run.root):
        if found := _running(run):
            say("  ✓ running already")
            return found
        _stop(run)
        run.create()
        try:
            return _start(run, owner, Options(unsafe_no_fsync=throwaway), alone=alone)
        except BaseException:
            _stop(run)
            raise


def down(run: RunDir) -> bool:
    """Stop everything and remove all but the logs; False where there was nothing."""
    if not run.root.exists():
        return False
    with locked(run.root):
        return _stop(run)


def _running(run: RunDir) -> System | None:
    """The system that lives here, once it serves; None where its supervisor or cluster is gone.

    `env` is written last. A process that is just being started again is waited for: starting afresh would throw the
    vaults away.
    """
    known, seen = record.load(run.root), lifecycle.status(run.cluster)
    if known is None or seen is None or not run.env.exists() or not run.ports.exists():
        return None
    if not (seen.healthy and processes.is_alive(known.processes["supervisor"])):
        return None
    ports = Ports(**json.loads(run.ports.read_text()))
    _await_serving(run, ports)
    return System(open_cluster(run.cluster), metrics_url(ports.metrics), demovault.url(DOMAIN, ports.vaults))


def metrics_url(port: int) -> str:
    return f"http://{HOST}:{port}/metrics"


def _await_serving(run: RunDir, ports: Ports, *, alone: bool = False) -> None:
    ready.until("the HSM sidecar serves", lambda: ready.sidecar_serves(run.socket))
    ready.until("the controller leads", lambda: ready.controller_leads(metrics_url(ports.metrics)))
    if not alone:
        ready.until("the data plane serves", lambda: ready.dataplane_serves(metrics_url(ports.vaults_metrics)))


def _start(run: RunDir, owner: Process | None, options: Options, *, alone: bool) -> System:
    library = softhsm.module()
    with step("Kubernetes control plane"):
        cluster = lifecycle.up(run.name, run.cluster, options, owner)
    with step("Custom resource definitions, namespace, permissions"):
        _apply(cluster, "crds")
        cluster.kubectl_run("wait", "--for=condition=Established", "-f", str(REPOSITORY / "crds"), "--timeout=60s")
        _apply(cluster, "hack/manifests")
        _kubeconfig(cluster, CONTROLLER, run.controller_kubeconfig)
        _kubeconfig(cluster, DATAPLANE, run.dataplane_kubeconfig)
    with step("HSM token and world key"):
        softhsm.prepare(run, library)
    ports = _free_ports()
    with step("HSM sidecar, controller and data plane"):
        _supervise(run, library, ports, owner, alone=alone)
        _await_serving(run, ports, alone=alone)
    url = demovault.url(DOMAIN, ports.vaults)
    if not (alone or options.unsafe_no_fsync):  # the demo declares its vault itself, and is looked at from inside only
        with step("The vault demo"):
            _open_demo_vault(run, cluster, url)
    write_private(run.ports, json.dumps(asdict(ports)))
    write_private(run.env, env(run, cluster, metrics_url(ports.metrics), url))
    return System(cluster, metrics_url(ports.metrics), url)


def _free_ports() -> Ports:
    found: set[int] = set()
    while len(found) < len(fields(Ports)):
        found.add(free_port())
    return Ports(*found)


def _open_demo_vault(run: RunDir, cluster: Cluster, url: str) -> None:
    demovault.declare(cluster)
    run.ca.write_text(demovault.trust_bundle(cluster))
    ready.until("the vault demo answers", lambda: ready.vault_answers(url, HOST, run.ca))
    names = [str(urlsplit(url).hostname), f"sts.{DOMAIN}"]
    try:
        hosts.add(run.root, HOST, names)
    except DevError as error:
        say(f"      {error}")


def env(run: RunDir, cluster: Cluster, metrics: str, url: str) -> str:
    """To be sourced by a shell."""
    path = ":".join([str(Path(STRONGROOM).parent), str(cluster.kubectl.parent)])
    values = {
        "KUBECONFIG": str(cluster.kubeconfig),
        "STRONGROOM_METRICS_URL": metrics,
        "STRONGROOM_VAULT_URL": url,
        "STRONGROOM_CA": str(run.ca),
        "STRONGROOM_TOKEN_COMMAND": demovault.token_command(cluster, url, DOMAIN),
    }
    lines = [f"export {name}={shlex.quote(value)}" for name, value in values.items()]
    return "\n".join([*lines, f'export PATH={shlex.quote(path)}:"$PATH"', ""])


@contextmanager
def step(title: str) -> Iterator[None]:
    say(f"  … {title}")
    began = time.monotonic()
    yield
    say(f"  ✓ {title} ({time.monotonic() - began:.1f} s)")


def log_tails(run: RunDir, lines: int = 20) -> str:
    tails = [(log, log.read_text(errors="replace").splitlines()[-lines:]) for log in sorted(run.logs.glob("*.log"))]
    return "\n".join("\n".join([f"--- {log.name}", *tail]) for log, tail in tails)


def _apply(cluster: Cluster, directory: str) -> None:
    try:
        cluster.kubectl_run("apply", "--server-side", "--force-conflicts", "-f", str(REPOSITORY / directory))
    except KubectlFailed as error:
        raise DevError(f"{directory}/ could not be applied; is it generated (`make generate`)?\n{error}") from error


def _kubeconfig(cluster: Cluster, account: str, path: Path) -> None:
    """A process acts as its own ServiceAccount here too: a missing permission must show."""
    duration = f"--duration={CREDENTIALS_LIFETIME}"
    token = cluster.kubectl_run("create", "token", account, "-n", NAMESPACE, duration).strip()
    cluster.kubeconfig_for_token(path, token)


def _supervise(run: RunDir, library: Path, ports: Ports, owner: Process | None, *, alone: bool) -> None:
    write_private(run.programs, json.dumps([asdict(each) for each in programs(run, library, ports, alone=alone)]))
    command = [sys.executable, "-m", "hack.dev.supervisor", str(run.root), *([str(owner.pid)] if owner else [])]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    process = processes.launch(command, run.logs / "supervisor.log", environment)
    url = metrics_url(ports.metrics)
    Record("supervisor", "dev", url, processes={"supervisor": process}).save(run.root)


def _stop(run: RunDir) -> bool:
    known = record.load(run.root)
    for name, process in known.processes.items() if known else ():
        processes.stop(process, SUPERVISOR_GRACE if name == "supervisor" else 0)
    had_cluster = lifecycle.down(run.cluster)
    hosts.clean(run.root)
    for entry in run.root.iterdir():
        if entry.name not in KEPT:
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
    return bool(known) or had_cluster
