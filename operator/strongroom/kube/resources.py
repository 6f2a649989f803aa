"""Which resources we talk to, and their paths.

A constant here has a caller; RBAC grants are checked against it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from strongroom.domain.errors import InvalidInput

Body = Mapping[str, Any]
"""A Kubernetes object as JSON gave it."""

ALL_NAMESPACES: Final = "*"
"""Said explicitly where a list or watch spans the cluster: forgetting a namespace must not do so
(GHSA-fcxq-v2r3-cc8h).
"""

_SEGMENT: Final = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9._:~-]{1,253}")
"""What may stand in a path: `..` or an escaped slash in a name would address another object."""


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource type as its URL says it. ``group`` is empty for the core API."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True

    @property
    def api_version(self) -> str:
        """The ``apiVersion`` of its objects."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str | None, name: str | None = None, subresource: str | None = None) -> str:
        """Return the URL path of the collection, or of one object.

        ``namespace`` is None for cluster-scoped resources only, ALL_NAMESPACES for collections only. Raises
        InvalidInput when a part could not be a name, ValueError when the scope does not fit the resource.
        """
        parts = ["/apis", self.group, self.version] if self.group else ["/api", self.version]
        if self.namespaced != (namespace is not None) or (namespace == ALL_NAMESPACES and name is not None):
            raise ValueError(f"{self.plural}: the namespace does not fit the resource or the request")
        if namespace is not None and namespace != ALL_NAMESPACES:
            parts += ["namespaces", _segment(namespace)]
        parts.append(self.plural)
        parts += [_segment(part) for part in (name, subresource) if part is not None]
        return "/".join(parts)


def _segment(part: str) -> str:
    if not _SEGMENT.fullmatch(part):
        raise InvalidInput("not a possible Kubernetes name or namespace")
    return part


SECRETS: Final = Resource("", "v1", "secrets", "Secret")
CONFIG_MAPS: Final = Resource("", "v1", "configmaps", "ConfigMap")
NAMESPACES: Final = Resource("", "v1", "namespaces", "Namespace", namespaced=False)
EVENTS: Final = Resource("events.k8s.io", "v1", "events", "Event")
DEPLOYMENTS: Final = Resource("apps", "v1", "deployments", "Deployment")
STATEFUL_SETS: Final = Resource("apps", "v1", "statefulsets", "StatefulSet")
DAEMON_SETS: Final = Resource("apps", "v1", "daemonsets", "DaemonSet")
LEASES: Final = Resource("coordination.k8s.io", "v1", "leases", "Lease")
ADMISSION_POLICIES: Final = Resource(
    "admissionregistration.k8s.io",
    "v1",
    "validatingadmissionpolicies",
    "ValidatingAdmissionPolicy",
    namespaced=False,
)
ADMISSION_BINDINGS: Final = Resource(
    "admissionregistration.k8s.io",
    "v1",
    "validatingadmissionpolicybindings",
    "ValidatingAdmissionPolicyBinding",
    namespaced=False,
)
TOKEN_REVIEWS: Final = Resource("authentication.k8s.io", "v1", "tokenreviews", "TokenReview", namespaced=False)
VAULTS: Final = Resource("strongroom.dev", "v1alpha1", "vaults", "Vault")
VAULTSECRETS: Final = Resource("strongroom.dev", "v1alpha1", "vaultsecrets", "VaultSecret")
VAULTKEYS: Final = Resource("strongroom.dev", "v1alpha1", "vaultkeys", "VaultKey")
VAULTCERTIFICATES: Final = Resource("strongroom.dev", "v1alpha1", "vaultcertificates", "VaultCertificate")
SUBJECT_ACCESS_REVIEWS: Final = Resource(
    "authorization.k8s.io", "v1", "subjectaccessreviews", "SubjectAccessReview", namespaced=False
)
PODS: Final = Resource("", "v1", "pods", "Pod")
