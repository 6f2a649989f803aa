"""May this caller do this, from there? Deny by default; every answer is at most seconds old."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from strongroom.domain.access import Area, Subject
from strongroom.domain.identity import Caller
from strongroom.domain.network import Address, NetworkRules, by_address, by_namespace, parse_address
from strongroom.kinds import names
from strongroom.kube import errors
from strongroom.kube.api import KubeApi, Verb, Write
from strongroom.kube.resources import NAMESPACES, PODS, SUBJECT_ACCESS_REVIEWS
from strongroom.service.recent import Recent
from strongroom.service.vaultviews import VaultView

_RBAC_SECONDS: Final = 5.0
"""For which an answer of Kubernetes RBAC is believed."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a caller is let in. ``policy`` and ``rbac`` say which of the two decided; None: it was not asked."""

    allowed: bool
    policy: bool | None = None
    rbac: bool | None = None


@dataclass(frozen=True, slots=True)
class Admission:
    """Whether an address is let in, and whether that is because the caller is a trusted service."""

    allowed: bool
    trusted: bool = False


@dataclass(frozen=True, slots=True)
class _Question:
    name: str
    groups: tuple[str, ...]
    uid: str
    verb: str
    area: Area
    namespace: str
    vault: str


class Authorizer:
    """Asks policies or RBAC. Raises ``kube.errors`` when RBAC cannot be asked."""

    def __init__(self, kube: KubeApi, monotonic: Callable[[], float]) -> None:
        self._kube = kube
        self._reviews: Recent[_Question, bool] = Recent(
            self._review, monotonic, max_age=_RBAC_SECONDS, refresh=_RBAC_SECONDS - 1
        )

    async def check(self, view: VaultView, caller: Caller, area: Area, permission: str) -> Verdict:
        """Decide on one permission."""
        vault = view.resource
        if not vault.rbac:
            granted = view.granted.allows((caller.subject, *caller.groups), area, permission)
            return Verdict(granted, policy=granted)
        groups = tuple(group.name for group in caller.groups)
        question = _Question(caller.name, groups, caller.uid, permission, area, vault.namespace, vault.name)
        granted = await self._reviews.get(question)
        return Verdict(granted, rbac=granted)

    async def _review(self, question: _Question) -> bool:
        attributes = {
            "group": names.GROUP,
            "resource": "vaults",
            "subresource": question.area.value,
            "namespace": question.namespace,
            "name": question.vault,
            "verb": question.verb,
        }
        spec = {
            "user": question.name,
            "groups": list(question.groups),
            "uid": question.uid,
            "resourceAttributes": attributes,
        }
        answer = await self._kube.write(Write(Verb.CREATE, SUBJECT_ACCESS_REVIEWS, None, "", {"spec": spec}))
        status = answer.get("status") or {}
        return bool(status.get("allowed")) and not status.get("denied")

    async def close(self) -> None:
        """End what is under way."""
        await self._reviews.close()


class Gatekeeper:
    """Applies network rules. Raises ``kube.errors`` when a namespace or pod cannot be looked at."""

    def __init__(self, kube: KubeApi, monotonic: Callable[[], float], trusted: frozenset[Subject]) -> None:
        self._kube = kube
        self._trusted = trusted
        self._labels: Recent[str, dict[str, str]] = Recent(self._read_labels, monotonic)
        self._addresses: Recent[tuple[str, str, str], frozenset[Address]] = Recent(self._read_addresses, monotonic)

    async def check(self, rules: NetworkRules, caller: Caller, address: Address | None) -> Admission:
        """Decide whether a caller may come from this address."""
        if not rules.restricts or by_address(rules, address):
            return Admission(True)
        if rules.bypass and caller.subject in self._trusted:
            return Admission(True, trusted=True)
        return Admission(await self._from_its_pod(rules, caller, address))

    async def _from_its_pod(self, rules: NetworkRules, caller: Caller, address: Address | None) -> bool:
        """Is the peer the pod that the token is bound to, in a namespace that is let in?"""
        if not rules.selectors or not caller.pod or address is None:
            return False
        if not by_namespace(rules, await self._labels.get(caller.namespace)):
            return False
        return address in await self._addresses.get((caller.namespace, caller.pod, caller.pod_uid))

    async def _read_labels(self, namespace: str) -> dict[str, str]:
        try:
            body = await self._kube.get(NAMESPACES, None, namespace)
        except errors.NotFound:
            return {}
        return dict(body["metadata"].get("labels") or {})

    async def _read_addresses(self, pod: tuple[str, str, str]) -> frozenset[Address]:
        namespace, name, uid = pod
        try:
            body = await self._kube.get(PODS, namespace, name)
        except errors.NotFound:
            return frozenset()
        if body["metadata"]["uid"] != uid or (body.get("spec") or {}).get("hostNetwork"):
            return frozenset()  # a pod in the host's network has the address of everything there
        found = (parse_address(str(each.get("ip", ""))) for each in (body.get("status") or {}).get("podIPs") or ())
        return frozenset(address for address in found if address is not None)

    async def close(self) -> None:
        """End what is under way."""
        await self._labels.close()
        await self._addresses.close()
