"""``spec.rolloutRestartTargets``: workloads that are restarted for a new version."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from strongroom.domain import rollouts as domain
from strongroom.kinds import names
from strongroom.kinds.shapes import Shape


class RolloutTarget(Shape):
    """A workload in the same namespace."""

    kind: Annotated[domain.WorkloadKind, Field(description="What it is.")]
    name: Annotated[
        str,
        Field(
            description="Its name. One that does not exist is no trouble: it starts with the new value.",
            min_length=1,
            max_length=253,
            pattern=names.SUBDOMAIN,
        ),
    ]

    def to_domain(self) -> domain.Workload:
        """Return the same in domain words."""
        return domain.Workload(self.kind, self.name)
