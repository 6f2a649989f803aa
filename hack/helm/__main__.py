"""python -m hack.helm [arguments of helm]: the Helm that the tests use; without arguments, build it."""

import os
import sys

from hack.localcluster.binaries import built
from hack.localcluster.errors import LocalClusterError
from hack.progress import say


def main(arguments: list[str]) -> int:
    try:
        helm = built("helm")
    except LocalClusterError as error:
        say(f"error: {error}")
        return 1
    if not arguments:
        return 0
    os.execv(helm, [str(helm), *arguments])  # noqa: S606 - a command line of the developer's own


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
