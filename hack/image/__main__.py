"""python -m hack.image: build the image's content into the cache; says why not where this machine cannot."""

import sys

from hack.progress import CommandFailed, say

from . import ImageError, built, unsupported


def main() -> int:
    if reason := unsupported():
        say(f"not built: {reason}")
        return 0
    try:
        for layer in built():
            print(layer)
    except (ImageError, CommandFailed) as error:
        say(f"error: {error}")
        return 1
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
