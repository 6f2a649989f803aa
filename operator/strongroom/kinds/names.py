"""Words that Strongroom puts on Kubernetes objects or reads from them."""

from __future__ import annotations

from typing import Final

GROUP: Final = "strongroom.dev"
VERSION: Final = "v1alpha1"
API_VERSION: Final = f"{GROUP}/{VERSION}"
CATEGORY: Final = "strongroom"

# Annotations that a user sets to ask for something now.
ROTATE: Final = f"{GROUP}/rotate"
"""On a VaultSecret or VaultKey: any new value makes a new version, once per value."""

ROTATE_KEK: Final = f"{GROUP}/rotate-kek"
"""On a Vault: any new value makes a new key-encryption key, once per value."""

RENEW: Final = f"{GROUP}/renew"
"""On a VaultCertificate: any new value asks for a new version, once per value."""

REVOKE: Final = f"{GROUP}/revoke"
"""On a VaultCertificate: a version, and perhaps a reason, that its issuer is asked to revoke, once per value."""

SYNC: Final = f"{GROUP}/sync"
"""On a VaultSecret or VaultKey: any new value compares the target with the vault again, by asking the API server."""

RECOVER: Final = f"{GROUP}/recover"
"""On a Vault, VaultSecret or VaultKey: "true" brings back what was deleted softly under its name instead of
refusing.
"""

RECOVER_FROM_NAMESPACE: Final = f"{GROUP}/recover-from-namespace"
"""On a Vault: the UID of the namespace, gone by now, that the deleted vault belonged to.

Needs the verb ``recover``.
"""

ALLOW_DELETION: Final = f"{GROUP}/allow-deletion"
"""On the namespace strongroom-system: "true" lifts the guard against deleting it, and every vault with it."""

# Annotations by which an owner agrees that something of his is used.
IMPORT_BY: Final = f"{GROUP}/import-by"
"""On a native Secret: the name of the VaultSecret or VaultKey of this namespace that may import it."""

ACCEPT_FROM: Final = f"{GROUP}/accept-from"
"""On a namespace: the namespaces, separated by commas, whose VaultSecrets may have targets here."""

RESTART: Final = f"restart.{GROUP}"
"""Prefix of the annotation in a Pod template that names the version for which the workload was restarted."""

# Labels.
TENANT: Final = f"{GROUP}/tenant"
"""On a namespace, by cluster administrators: who pays for and owns its vaults.

Default: the namespace's name.
"""

SHARD: Final = f"{GROUP}/shard"
"""On a Vault: the shard of controllers that serves it and its secrets. Without it: the shard without a name."""

OURS: Final = {"app.kubernetes.io/managed-by": "strongroom"}
"""Labels of ConfigMaps that Strongroom makes for itself and for everybody."""

MANAGED_BY: Final = f"{GROUP}/managed-by"
"""On a synchronised Secret or ConfigMap: the UID of the resource that writes it.

The server-side filter of our watch.
"""

# Annotations of a synchronised Secret.
OWNER: Final = f"{GROUP}/owner"
"""The VaultSecret that writes it, as `namespace/name`.

Set by a user on a Secret that stayed behind: a VaultSecret of that name takes it over.
"""

TARGET_VERSION: Final = f"{GROUP}/version"
"""Id of the version that it holds."""

TARGET_STAMP: Final = f"{GROUP}/generation"
"""From which state of the object in the vault it was written."""

TARGET_NOTE: Final = f"{GROUP}/target"
"""What is ours in it, and what becomes of it when its VaultSecret goes (JSON)."""

TARGET_MAC: Final = f"{GROUP}/mac"
"""Keyed fingerprint of its content and of the other annotations."""

# Patterns. The same text is a CEL or schema rule, so only what RE2, Rust and Python agree on may be used.
VAULT_NAME: Final = "^[a-z][a-z0-9-]{1,22}[a-z0-9]$"
OBJECT_NAME: Final = "^[0-9a-zA-Z-]{1,127}$"
SUBDOMAIN: Final = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"
"""DNS-1123 subdomain (RFC 1123, as Kubernetes names objects); at most 253 characters."""
