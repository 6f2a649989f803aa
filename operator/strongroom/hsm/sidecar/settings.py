"""What the sidecar must be told. Parsed once, in ``entrypoints/hsm.py``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

DEFAULT_WORKERS = 8
DEFAULT_RECYCLE_AFTER = 200_000
DEFAULT_HUNG_AFTER = 20.0
_SLOW_THREADS = 3

_USUAL_PLACES = (
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib64/pkcs11/libsofthsm2.so",
    "/usr/lib64/softhsm/libsofthsm2.so",
    "/usr/local/lib/softhsm/libsofthsm2.so",
)


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of one sidecar. None of them is secret: the PIN is in a file, and only its path is here."""

    module: Path
    """The PKCS#11 module, a shared library."""

    token_label: str
    """CKA label of the token. It must be the only token with it; slot numbers change, labels do not."""

    pin_file: Path
    """Holds the user PIN. Not accessible by everybody. Read for each login, then forgotten."""

    socket: Path
    """Unix socket to serve on; those for uses of keys are beside it. Their directory must be ours alone; it is made
    with mode 0700 if it does not exist."""

    module_parameters: str = ""
    """The text that some modules take to be initialised, such as NSS softokn."""

    dedicated: bool = False
    """The token stands alone: KEKs live in it, its world goes nowhere, and its owner may do with it what he likes."""

    metrics_port: int | None = None
    """TCP port for Prometheus on all interfaces. None: no metrics."""

    workers: int = DEFAULT_WORKERS
    """Threads that call the token, each with a session of its own, at least three. One of them is for quick uses of
    keys, and half of the others, at most three, for slow ones."""

    recycle_after: int = DEFAULT_RECYCLE_AFTER
    """Session objects after which the worker is replaced: SoftHSM leaks about 256 octets for each (50 MB in all)."""

    hung_after: float = DEFAULT_HUNG_AFTER
    """Seconds after which a call that does not return ends the worker. Longer than opening the token and trying the
    attacks takes, some two hundred calls; too short, and a slow token is never opened."""

    @property
    def slow_threads(self) -> int:
        """How many are for slow uses."""
        return max(1, min(_SLOW_THREADS, (self.workers - 2) // 2))

    @property
    def grpc_threads(self) -> int:
        """How many are left for calls by gRPC. Two may be making RSA keys, which takes seconds."""
        return max(1, self.workers - 1 - self.slow_threads)


def usual_place() -> Path | None:
    """Return where distributions put SoftHSM2, or None when it is in none of these places."""
    return next((path for path in map(Path, _USUAL_PLACES) if path.exists()), None)
