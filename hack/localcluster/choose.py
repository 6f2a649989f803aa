"""Which kind of cluster to use on this machine: one pure decision and the facts it needs."""

import os
import platform
from collections.abc import Callable, Mapping
from enum import StrEnum

from . import kind
from .errors import LocalClusterError


class Provider(StrEnum):
    EXISTING = "existing"
    KIND = "kind"
    PROCESSES = "processes"


def provider(
    environment: Mapping[str, str] = os.environ,
    kind_usable: Callable[[], bool] = kind.usable,
    system: str = platform.system(),
) -> Provider:
    """Whoever names a cluster or binaries means them; otherwise kind where Docker runs, else local processes."""
    if environment.get("USE_EXISTING_CLUSTER", "").lower() in ("true", "1"):
        if not environment.get("KUBECONFIG"):
            raise LocalClusterError("USE_EXISTING_CLUSTER is set but KUBECONFIG is not: set it to the file to use.")
        return Provider.EXISTING
    if not environment.get("KUBEBUILDER_ASSETS") and kind_usable():
        return Provider.KIND
    if system != "Linux":
        raise LocalClusterError(f"The local control plane needs Linux; on {system} start Docker and install kind.")
    return Provider.PROCESSES
