"""``spec.target`` and ``spec.targets``: native Secrets that hold the served version."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from strongroom.domain import targets as domain
from strongroom.kinds import names
from strongroom.kinds.shapes import Shape


class Target(Shape):
    """A native Secret that holds the current value."""

    name: Annotated[
        str,
        Field(
            description="Name of the Secret. It is made and kept up to date by Strongroom and deleted with this "
            "object; the value is under the key `value`. A Secret that exists already and was not made by this object "
            "is never touched: then `Synced` is False with the reason `TargetConflict`. When the name changes, the "
            "Secret of the old name is deleted.",
            min_length=1,
            max_length=253,
            pattern=names.SUBDOMAIN,
        ),
    ]
    namespace: Annotated[
        str | None,
        Field(
            description="Namespace of the Secret. Default: that of this resource. Another one needs a grant of the "
            f"Vault (`spec.accessPolicies`) and the other namespace's consent (its annotation `{names.ACCEPT_FROM}`).",
            min_length=1,
            max_length=63,
            pattern="^[a-z0-9]([-a-z0-9]*[a-z0-9])?$",
        ),
    ] = None

    def to_domain(self, namespace: str) -> domain.TargetSpec:
        """Return the same in domain words. ``namespace`` is that of the resource."""
        return domain.TargetSpec(self.namespace or namespace, self.name)
