"""What a resource may refer to: the one place where a reference meets its namespace. Pure; nothing by default.

A reference without a namespace of its own stays in that of the resource: the Vault, the native Secret to import, the
workloads to restart. What can lead elsewhere is decided here. Each function returns None when the reference is granted,
else what to tell the user.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from strongroom.domain.access import Area, Policy, Subject, SubjectKind, allowed
from strongroom.domain.names import SYSTEM_NAMESPACE

NEVER: Final = frozenset({SYSTEM_NAMESPACE, "kube-system", "kube-public", "kube-node-lease"})
"""No grant opens these to targets of other namespaces: what is read there runs the cluster."""

_WRITES: Final = {Area.SECRETS: "set", Area.KEYS: "create", Area.CERTIFICATES: "create"}
"""The permission that makes a version."""


def may_adopt(
    origin: str, namespace: str, policies: Iterable[Policy], generates: bool, area: Area = Area.SECRETS
) -> str | None:
    """May resources of ``namespace`` take over an object that nobody claims and that ``origin`` made?

    ``origin`` is empty for one that was made through the API. ``generates``: the resource would also write versions.
    """
    if origin == namespace:
        return None
    needed = ("get", _WRITES[area]) if generates else ("get",)
    policies = tuple(policies)
    lacking = [each for each in needed if not _namespace_may(policies, namespace, each, area)]
    if not lacking:
        return None
    maker = f"the namespace {origin}" if origin else "a user of the vault's API"
    return (
        f"an object of this name exists and was made by {maker}; to take it over, the Vault's spec.accessPolicies must "
        f"grant the subject of kind Namespace named {namespace} the permissions on {area}: {', '.join(lacking)}"
    )


def may_write(namespace: str, wanted: str, policies: Iterable[Policy], accepts: str) -> str | None:
    """May a VaultSecret of ``namespace`` have a target in the namespace ``wanted``?

    ``accepts`` is what that namespace's annotation ``strongroom.dev/accept-from`` says. The vault's grant keeps a value
    from leaving by itself; the other side's consent keeps strangers from planting Secrets.
    """
    if wanted == SYSTEM_NAMESPACE or (wanted != namespace and wanted in NEVER):
        return f"targets in the namespace {wanted} are never written"
    if wanted == namespace:
        return None
    if not _namespace_may(policies, wanted, "get"):
        return (
            f"a target in the namespace {wanted} needs a grant: the Vault's spec.accessPolicies must grant the subject "
            f"of kind Namespace named {wanted} the permission get on secrets"
        )
    if namespace not in (each.strip() for each in accepts.split(",")):
        return (
            f"a target in the namespace {wanted} needs its consent: its Namespace must have the annotation "
            f"strongroom.dev/accept-from with {namespace} in its list"
        )
    return None


def _namespace_may(policies: Iterable[Policy], namespace: str, permission: str, area: Area = Area.SECRETS) -> bool:
    return allowed(policies, Subject(SubjectKind.NAMESPACE, namespace), area, permission)
