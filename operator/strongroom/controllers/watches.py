"""What the controller watches of the core API: the store, and what it has published, where it may."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from strongroom.domain.errors import InvalidInput
from strongroom.domain.names import SYSTEM_NAMESPACE
from strongroom.kinds import names
from strongroom.kube.api import KubeApi
from strongroom.kube.informer import Informer, OnEvent
from strongroom.kube.resources import ALL_NAMESPACES, CONFIG_MAPS, SECRETS
from strongroom.store.kubernetes import HEADS_SELECTOR, RECORDS_SELECTOR

EVERYWHERE: Final = (ALL_NAMESPACES,)
_MOST: Final = 256  # each namespace is two connections
_NAMESPACE: Final = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


def checked(namespaces: Sequence[str]) -> tuple[str, ...]:
    """Return the namespaces, each once; ``EVERYWHERE`` is taken too. ``InvalidInput``."""
    found = tuple(dict.fromkeys(namespaces))
    if found == EVERYWHERE:
        return found
    if len(found) > _MOST:
        raise InvalidInput(f"at most {_MOST} namespaces can be named; beyond that, watch all of them")
    if not all(_NAMESPACE.fullmatch(name) for name in found):
        raise InvalidInput(
            "namespaces are named by at most 63 lower-case letters, digits and hyphens, or all by * alone"
        )
    return found


def make_watches(
    client: KubeApi, *, store: OnEvent, targets: OnEvent, public_keys: OnEvent, namespaces: Sequence[str]
) -> dict[str, Informer]:
    """Return the watches by name. Those of ``namespaces`` may be forbidden: then they are not waited for."""
    watches = {
        "heads": Informer(client, SECRETS, SYSTEM_NAMESPACE, store, label_selector=HEADS_SELECTOR),
        "records": Informer(
            client, SECRETS, SYSTEM_NAMESPACE, store, label_selector=RECORDS_SELECTOR, metadata_only=True
        ),
    }
    for namespace in namespaces:
        suffix = "" if namespace == ALL_NAMESPACES else f"/{namespace}"
        for name, resource, take in (("targets", SECRETS, targets), ("public-keys", CONFIG_MAPS, public_keys)):
            watches[name + suffix] = Informer(
                client, resource, namespace, take, label_selector=names.MANAGED_BY, may_be_forbidden=True
            )
    return watches
