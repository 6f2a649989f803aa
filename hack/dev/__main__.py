"""python -m hack.dev up|down|demo: the whole system on this machine.

up starts it in the background and writes .run/env; down stops it; demo starts one of its own, shows what it can do,
and stops it.
"""

import argparse
import os
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from hack.localcluster import LocalClusterError
from hack.localcluster.processes import identify
from hack.progress import say

from . import story, system
from .errors import DevError
from .rundir import DEFAULT, RunDir


def main(arguments: Sequence[str] | None = None) -> int:
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    parser = argparse.ArgumentParser(prog="python -m hack.dev", description=__doc__)
    parser.add_argument("command", choices=("up", "down", "demo"))
    parser.add_argument(
        "--run-dir",
        type=Path,
        default=DEFAULT.root,
        help="of up and down; another one is another system (default: .run)",
    )
    asked = parser.parse_args(arguments)
    command = {"up": _up, "down": _down, "demo": _demo}[asked.command]
    try:
        return command(RunDir(asked.run_dir.absolute()))
    except (DevError, LocalClusterError) as error:
        say(f"error: {error}")
        return 1
    except KeyboardInterrupt:
        say("interrupted: everything started so far was stopped")
        return 130


def _up(run: RunDir) -> int:
    try:
        system.up(run)
    except Exception:
        say(system.log_tails(run))
        raise
    print("\nReady. Next:")
    print(f"  source {run.env}")
    print("  kubectl apply -f examples/quickstart")
    print("  kubectl get strongroom")
    print('  curl --cacert "$STRONGROOM_CA" --oauth2-bearer "$($STRONGROOM_TOKEN_COMMAND)" \\')
    print('    "$STRONGROOM_VAULT_URL/secrets/db-password?api-version=7.4"')
    print(
        f"Logs are in {run.logs}. The processes' credentials last {system.CREDENTIALS_LIFETIME}. Stop with: make down"
    )
    return 0


def _down(run: RunDir) -> int:
    say("Stopped." if system.down(run) else "Nothing was running.")
    return 0


def _demo(_: RunDir) -> int:
    """In a directory of its own, so that it disturbs no `make up`; owned by this process, so that it ends with it."""
    with tempfile.TemporaryDirectory(prefix="strongroom-", ignore_cleanup_errors=True) as directory:
        run = RunDir(Path(directory))
        try:
            running = system.up(run, identify(os.getpid()), throwaway=True)
            story.tell(running.cluster)
        except Exception:
            say(system.log_tails(run))
            raise
        finally:
            system.down(run)
    print("\nDone: everything was stopped and removed. `make up` starts a system to stay.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
