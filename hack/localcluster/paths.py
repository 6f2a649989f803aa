"""Where things live outside the repository. The only reader of the XDG variables.

Binaries are cached for good; the state of a cluster (keys, etcd data, logs) lives until `down`. State is not put
under XDG_RUNTIME_DIR: that is often a small tmpfs, and etcd alone preallocates more than 100 MB.
"""

import os
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


def cache_root() -> Path:
    return _xdg("XDG_CACHE_HOME", ".cache") / "strongroom" / "localcluster"


def state_root() -> Path:
    return _xdg("XDG_STATE_HOME", ".local/state") / "strongroom" / "clusters"


def _xdg(variable: str, fallback: str) -> Path:
    value = os.environ.get(variable, "")
    return Path(value) if value.startswith("/") else Path.home() / fallback
