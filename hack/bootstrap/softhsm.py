"""SoftHSM 2, the token that trials and tests use: where its PKCS#11 module is, and installing it."""

import os
from collections.abc import Mapping
from pathlib import Path

from . import packages

OVERRIDE = "STRONGROOM_SOFTHSM_MODULE"
PATTERNS = (
    "usr/lib/softhsm/libsofthsm2.so",
    "usr/lib/*/softhsm/libsofthsm2.so",
    "usr/lib64/softhsm/libsofthsm2.so",
    "usr/lib64/pkcs11/libsofthsm2.so",
    "usr/lib/pkcs11/libsofthsm2.so",
    "usr/local/lib/softhsm/libsofthsm2.so",
    "opt/homebrew/lib/softhsm/libsofthsm2.so",
)
PACKAGES = {"apt-get": "softhsm2", "dnf": "softhsm", "zypper": "softhsm", "apk": "softhsm"}


def ensure() -> None:
    if find() is None:
        packages.install("SoftHSM 2 (libsofthsm2.so)", PACKAGES)


def find(root: Path = Path("/"), environment: Mapping[str, str] = os.environ) -> Path | None:
    if chosen := environment.get(OVERRIDE):
        return Path(chosen)
    return next((found for pattern in PATTERNS for found in sorted(root.glob(pattern))), None)
