"""python -m hack.localcluster up|down|status|list|build: a real Kubernetes control plane on this machine.

Results go to stdout, everything else to stderr. KUBEBUILDER_ASSETS names a directory of binaries to use;
USE_EXISTING_CLUSTER=true with KUBECONFIG uses a cluster that is there already.
"""

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from hack.progress import say

from . import binaries, choose, lifecycle
from .choose import Provider
from .commands import Options
from .errors import LocalClusterError
from .paths import state_root
from .processes import identify


def main(arguments: Sequence[str] | None = None) -> int:
    signal.signal(signal.SIGTERM, _terminate)
    asked = parser().parse_args(arguments)
    try:
        return int(asked.run(asked))
    except LocalClusterError as error:
        say(f"error: {error}")
        return 1
    except KeyboardInterrupt:
        say("interrupted: everything started so far was stopped")
        return 130


def parser() -> argparse.ArgumentParser:
    root = argparse.ArgumentParser(prog="python -m hack.localcluster", description=__doc__)
    commands = root.add_subparsers(required=True, metavar="COMMAND")
    up = _command(commands, "up", _up, "start a cluster in the background, or find it running")
    up.add_argument("--encrypt-secrets", action="store_true", help="encrypt Secrets in etcd")
    up.add_argument(
        "--encryption-config",
        type=Path,
        metavar="FILE",
        help="an EncryptionConfiguration of your own, for a KMS plugin",
    )
    up.add_argument(
        "--unsafe-no-fsync",
        action="store_true",
        help="etcd answers before the disk has the data: throw-away clusters only",
    )
    up.add_argument("--owner", type=int, metavar="PID", help="stop the cluster when this process ends")
    up.add_argument("--quiet", action="store_true", help="print nothing but errors and the progress of builds")
    _command(commands, "down", _down, "stop a cluster and remove its state")
    _command(commands, "status", _status, "show processes, address and health; exit 1 unless healthy")
    for name, run, text in (
        ("list", _list, "show the clusters of this user"),
        ("build", _build, "build what `up` will need, and print the directory of kubectl"),
    ):
        commands.add_parser(name, help=text, description=text).set_defaults(run=run)
    return root


def _command(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, run: object, text: str
) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=text, description=text)
    command.add_argument("--name", default="dev", help="several clusters run side by side by name (default: dev)")
    command.add_argument("--state-dir", type=Path, help=f"where its state lives (default: {state_root()}/NAME)")
    command.set_defaults(run=run)
    return command


def _up(asked: argparse.Namespace) -> int:
    owner = identify(asked.owner) if asked.owner else None
    config = asked.encryption_config.absolute() if asked.encryption_config else None
    options = Options(asked.encrypt_secrets, asked.unsafe_no_fsync, config)
    cluster = lifecycle.up(asked.name, _state(asked), options, owner)
    if not asked.quiet:
        print(f"export KUBECONFIG={cluster.kubeconfig}")
        print(f"export PATH={cluster.kubectl.parent}:$PATH")
    return 0


def _down(asked: argparse.Namespace) -> int:
    if not lifecycle.down(_state(asked)):
        say(f"No cluster {asked.name}.")
    return 0


def _status(asked: argparse.Namespace) -> int:
    seen = lifecycle.status(_state(asked))
    if seen is None:
        say(f"No cluster {asked.name}.")
        return 1
    print(f"{seen.name}  {'healthy' if seen.healthy else 'NOT healthy'}  {seen.provider}  {seen.url}")
    print(f"  kubeconfig  {seen.kubeconfig}")
    for name, (pid, alive) in seen.processes.items():
        print(f"  {name:<24}  pid {pid}{'' if alive else '  ENDED'}")
    return 0 if seen.healthy else 1


def _list(asked: argparse.Namespace) -> int:
    for state in sorted(state_root().glob("*/")):
        if seen := lifecycle.status(state):
            print(f"{seen.name:<20}  {'healthy' if seen.healthy else 'NOT healthy':<12}  {seen.provider}  {seen.url}")
    return 0


def _build(asked: argparse.Namespace) -> int:
    if choose.provider() is Provider.PROCESSES:
        print(binaries.ensure()["kubectl"].parent)
    return 0


def _state(asked: argparse.Namespace) -> Path:
    directory: Path = asked.state_dir or state_root() / asked.name
    return directory.absolute()


def _terminate(number: int, frame: FrameType | None) -> None:
    """SIGTERM runs the same cleanup as Ctrl-C."""
    raise SystemExit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
