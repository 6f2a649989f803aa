"""NSS softokn, the second PKCS#11 module that tests use. Without it those tests skip, and say so."""

from pathlib import Path

from hack.progress import CommandFailed, say

from . import packages

PATTERNS = (
    "usr/lib/*/libsoftokn3.so",
    "usr/lib/*/nss/libsoftokn3.so",
    "usr/lib64/libsoftokn3.so",
)
PACKAGES = {"apt-get": "libnss3", "dnf": "nss-softokn", "zypper": "libsoftokn3"}


def ensure() -> None:
    """Install it where that can be done without asking; never fail."""
    if find() is None:
        try:
            packages.install("NSS softokn (libsoftokn3.so)", PACKAGES)
        except (packages.MissingPackage, CommandFailed) as error:
            say(f"tests on a second PKCS#11 module are skipped: {error}")


def find(root: Path = Path("/")) -> Path | None:
    return next((found for pattern in PATTERNS for found in sorted(root.glob(pattern))), None)
