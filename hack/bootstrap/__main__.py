"""python -m hack.bootstrap: run by hack/bootstrap.sh before every make target."""

import sys

from hack.progress import CommandFailed, say

from . import environment, softhsm
from .packages import MissingPackage


def main() -> int:
    try:
        environment.ensure()
        softhsm.ensure()
    except (MissingPackage, CommandFailed) as error:
        say(f"error: {error}")
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
