"""The CustomResourceDefinitions: names, columns, selectable fields, and the schemas of the models."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel

from strongroom.kinds import names
from strongroom.kinds.schema import structural
from strongroom.kinds.vault import VaultSpec, VaultStatus
from strongroom.kinds.vaultcertificate import VaultCertificateSpec
from strongroom.kinds.vaultcertificatestatus import VaultCertificateStatus
from strongroom.kinds.vaultkey import VaultKeySpec
from strongroom.kinds.vaultkeystatus import VaultKeyStatus
from strongroom.kinds.vaultsecret import VaultSecretSpec
from strongroom.kinds.vaultsecretstatus import VaultSecretStatus


@dataclass(frozen=True, slots=True)
class Column:
    """A column of ``kubectl get``. ``wide``: only with ``-o wide``."""

    name: str
    path: str
    type: str = "string"
    wide: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return the entry of ``additionalPrinterColumns``."""
        return {"name": self.name, "type": self.type, "jsonPath": self.path} | ({"priority": 1} if self.wide else {})


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind with everything that its CRD says. ``rule``: CEL on the whole object, and its message."""

    kind: str
    plural: str
    short_name: str
    description: str
    spec: type[BaseModel]
    status: type[BaseModel]
    rule: tuple[str, str]
    columns: tuple[Column, ...]
    selectable: tuple[str, ...] = ()
    spec_required: bool = True

    @property
    def singular(self) -> str:
        """The kind in lower case."""
        return self.kind.lower()

    def definition(self) -> dict[str, Any]:
        """Return the CustomResourceDefinition."""
        version: dict[str, Any] = {
            "name": names.VERSION,
            "served": True,
            "storage": True,
            "subresources": {"status": {}},
            "additionalPrinterColumns": [column.to_json() for column in self.columns],
            "schema": {"openAPIV3Schema": self.schema()},
        }
        if self.selectable:
            version["selectableFields"] = [{"jsonPath": path} for path in self.selectable]
        return {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": f"{self.plural}.{names.GROUP}"},
            "spec": {
                "group": names.GROUP,
                "scope": "Namespaced",
                "names": {
                    "kind": self.kind,
                    "listKind": f"{self.kind}List",
                    "plural": self.plural,
                    "singular": self.singular,
                    "shortNames": [self.short_name],
                    "categories": [names.CATEGORY],
                },
                "versions": [version],
            },
        }

    def schema(self) -> dict[str, Any]:
        """Return the schema of the whole object."""
        spec = structural(self.spec)
        return {
            "description": self.description,
            "type": "object",
            "properties": {
                "apiVersion": {"type": "string"},
                "kind": {"type": "string"},
                "metadata": {"type": "object"},
                "spec": spec if self.spec_required else {**spec, "default": {}},
                "status": structural(self.status),
            },
            "x-kubernetes-validations": [{"rule": self.rule[0], "message": self.rule[1]}],
        } | ({"required": ["spec"]} if self.spec_required else {})


_READY: Final = '.status.conditions[?(@.type=="Ready")]'
_AGE: Final = Column("Age", ".metadata.creationTimestamp", "date")
_NAMED: Final = (
    f"has(self.spec.objectName) || self.metadata.name.matches('{names.OBJECT_NAME}')",
    "spec.objectName is required when metadata.name is not 1 to 127 letters, digits and hyphens",
)

VAULT: Final = Kind(
    kind="Vault",
    plural="vaults",
    short_name="vlt",
    description="A vault: a place for secrets with a key of its own in the HSM. Deleting it, or its namespace, keeps "
    "its content recoverable for `spec.softDelete.retentionDays`.",
    spec=VaultSpec,
    status=VaultStatus,
    spec_required=False,
    rule=(
        f"self.metadata.name.matches('{names.VAULT_NAME}')",
        "a vault's name has 3 to 24 lower-case letters, digits and hyphens, begins with a letter and does not end with "
        "a hyphen",
    ),
    columns=(
        Column("Tier", ".spec.tier"),
        Column("Ready", f"{_READY}.status"),
        Column("Reason", f"{_READY}.reason", wide=True),
        Column("Objects", ".status.objectCount", "integer"),
        Column("URL", ".status.url", wide=True),
        _AGE,
    ),
)

VAULT_SECRET: Final = Kind(
    kind="VaultSecret",
    plural="vaultsecrets",
    short_name="vsec",
    description="A secret in a vault: how its values are made, when they are rotated, and which native Secret holds "
    "the current one. Deleting it deletes the secret softly; it stays recoverable in the vault.",
    spec=VaultSecretSpec,
    status=VaultSecretStatus,
    rule=_NAMED,
    columns=(
        Column("Vault", ".spec.vaultRef.name"),
        Column("Target", ".spec.target.name"),
        Column("Ready", f"{_READY}.status"),
        Column("Reason", f"{_READY}.reason", wide=True),
        Column("Version", ".status.currentVersion", wide=True),
        Column("Last Rotation", ".status.lastRotationTime", "date"),
        # kubectl shows a "date" as the time since; for a time to come that is "<invalid>", so it stays a
        # string.
        Column("Next Rotation", ".status.nextRotationTime"),
        _AGE,
    ),
    selectable=(".spec.vaultRef.name", ".spec.target.name"),
)

VAULT_KEY: Final = Kind(
    kind="VaultKey",
    plural="vaultkeys",
    short_name="vkey",
    description="A key in a vault: its type, what it may do, when it is rotated, and where its public part is "
    "published. The private part stays in the vault. Deleting it deletes the key softly; it stays recoverable.",
    spec=VaultKeySpec,
    status=VaultKeyStatus,
    rule=_NAMED,
    columns=(
        Column("Vault", ".spec.vaultRef.name"),
        Column("Type", ".spec.kty"),
        Column("Ready", f"{_READY}.status"),
        Column("Reason", f"{_READY}.reason", wide=True),
        Column("Version", ".status.currentVersion", wide=True),
        Column("Last Rotation", ".status.lastRotationTime", "date"),
        Column("Next Rotation", ".status.nextRotationTime"),
        _AGE,
    ),
    selectable=(".spec.vaultRef.name",),
)

VAULT_CERTIFICATE: Final = Kind(
    kind="VaultCertificate",
    plural="vaultcertificates",
    short_name="vcert",
    description="A certificate in a vault: for which names, by which issuer, when it is renewed, and which native "
    "Secret holds it with its key. Deleting it deletes the certificate softly; it stays recoverable.",
    spec=VaultCertificateSpec,
    status=VaultCertificateStatus,
    rule=_NAMED,
    columns=(
        Column("Vault", ".spec.vaultRef.name"),
        Column("Issuer", ".status.issuerName"),
        Column("Target", ".spec.target.name"),
        Column("Ready", f"{_READY}.status"),
        Column("Reason", f"{_READY}.reason", wide=True),
        Column("Version", ".status.currentVersion", wide=True),
        Column("Not After", ".status.notAfter"),
        Column("Renewal", ".status.renewalTime", wide=True),
        _AGE,
    ),
    selectable=(".spec.vaultRef.name", ".spec.target.name"),
)

KINDS: Final = (VAULT, VAULT_SECRET, VAULT_KEY, VAULT_CERTIFICATE)
