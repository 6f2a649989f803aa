"""Restarting workloads: their Pod template says for which version, so doing it twice is doing it once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from strongroom.domain.rollouts import Workload, WorkloadKind, mark
from strongroom.kinds import names
from strongroom.kube import errors
from strongroom.kube.api import KubeApi
from strongroom.kube.resources import DAEMON_SETS, DEPLOYMENTS, STATEFUL_SETS

_RESOURCES: Final = {
    WorkloadKind.DEPLOYMENT: DEPLOYMENTS,
    WorkloadKind.STATEFUL_SET: STATEFUL_SETS,
    WorkloadKind.DAEMON_SET: DAEMON_SETS,
}


class Rollouts:
    """Raises ``kube.errors``, ``Conflict`` too when somebody changed a workload meanwhile: then try again."""

    def __init__(self, client: KubeApi) -> None:
        self._client = client

    async def restart(self, namespace: str, secret: str, workloads: Sequence[Workload], version: str) -> list[Workload]:
        """Restart those that were not restarted for this version of the VaultSecret yet; return them.

        One that does not exist is left out: it will start with the new value.
        """
        return [each for each in workloads if await self._restart(namespace, secret, each, version)]

    async def _restart(self, namespace: str, secret: str, workload: Workload, version: str) -> bool:
        resource, annotation = _RESOURCES[workload.kind], f"{names.RESTART}/{mark(secret)}"
        try:
            body = await self._client.get(resource, namespace, workload.name)
        except errors.NotFound:
            return False
        template = body["spec"]["template"].get("metadata") or {}
        if (template.get("annotations") or {}).get(annotation) == version:
            return False
        change = {
            "metadata": {key: body["metadata"][key] for key in ("uid", "resourceVersion")},
            "spec": {"template": {"metadata": {"annotations": {annotation: version}}}},
        }
        await self._client.patch(resource, namespace, workload.name, change)
        return True
