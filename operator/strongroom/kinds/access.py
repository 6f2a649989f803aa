"""``spec.accessPolicies`` of a Vault: who may do what. The permissions are Azure Key Vault's words."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import ConfigDict, Field

from strongroom.domain import access as domain
from strongroom.kinds.shapes import Shape, rules

POLICIES: Final = 256
"""Of one vault. Azure takes 1024; the head that keeps them has room for these."""

_LIST: Final = {"x-kubernetes-list-type": "set"}

SecretPermission = Literal["all", "get", "list", "set", "delete", "backup", "restore", "recover", "purge"]
KeyPermission = Literal[
    "all",
    "get",
    "list",
    "create",
    "update",
    "import",
    "delete",
    "backup",
    "restore",
    "recover",
    "purge",
    "encrypt",
    "decrypt",
    "wrapKey",
    "unwrapKey",
    "sign",
    "verify",
    "release",
    "rotate",
    "getrotationpolicy",
    "setrotationpolicy",
]
CertificatePermission = Literal[
    "all",
    "get",
    "list",
    "create",
    "import",
    "update",
    "delete",
    "backup",
    "restore",
    "recover",
    "purge",
    "managecontacts",
    "manageissuers",
    "getissuers",
    "listissuers",
    "setissuers",
    "deleteissuers",
]
StoragePermission = Literal[
    "all",
    "get",
    "list",
    "set",
    "update",
    "delete",
    "regeneratekey",
    "backup",
    "restore",
    "recover",
    "purge",
    "getsas",
    "listsas",
    "setsas",
    "deletesas",
]


class Subject(Shape):
    """Whom a policy grants something."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            (
                "has(self.namespace) == (self.kind == 'ServiceAccount')",
                "namespace is required for a ServiceAccount, and means nothing for others",
            )
        )
    )

    kind: Annotated[
        domain.SubjectKind,
        Field(
            description="`ServiceAccount`, `User`, `Group`: callers of the vault's API; people as the identity "
            "provider names them, with the issuer's prefix. `Namespace`: the custom resources of a namespace, which "
            "act as it."
        ),
    ]
    name: Annotated[
        str,
        Field(
            description="Its name, as the API server or the identity provider knows it.", min_length=1, max_length=253
        ),
    ]
    namespace: Annotated[
        str | None, Field(description="Of a ServiceAccount: its namespace.", min_length=1, max_length=63)
    ] = None

    def to_domain(self) -> domain.Subject:
        """Return the same in domain words."""
        return domain.Subject(self.kind, self.name, self.namespace or "")


class Permissions(Shape):
    """What a subject may do, by area. What is not named is denied."""

    secrets: Annotated[
        tuple[SecretPermission, ...],
        Field(description="What it may do with secrets.", max_length=9, json_schema_extra=_LIST),
    ] = ()
    keys: Annotated[
        tuple[KeyPermission, ...],
        Field(description="What it may do with keys.", max_length=21, json_schema_extra=_LIST),
    ] = ()
    certificates: Annotated[
        tuple[CertificatePermission, ...],
        Field(description="What it may do with certificates.", max_length=17, json_schema_extra=_LIST),
    ] = ()
    storage: Annotated[
        tuple[StoragePermission, ...],
        Field(
            description="What it may do with storage accounts. Accepted for compatibility; there is nothing to act on.",
            max_length=15,
            json_schema_extra=_LIST,
        ),
    ] = ()


class AccessPolicy(Shape):
    """What one subject is granted."""

    subject: Annotated[Subject, Field(description="Whom it grants something.")]
    permissions: Annotated[Permissions, Field(description="What it grants. Grants add up; there is no denial.")]

    def to_domain(self) -> domain.Policy:
        """Return the same in domain words."""
        granted = self.permissions
        return domain.Policy(
            self.subject.to_domain(), granted.secrets, granted.keys, granted.certificates, granted.storage
        )
