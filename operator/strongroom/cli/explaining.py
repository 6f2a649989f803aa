"""What an error means to who typed the command: a message that says what to do, and the exit code."""

from __future__ import annotations

from typing import Final

from strongroom.cli.tables import printable
from strongroom.client import errors as vault
from strongroom.domain import errors as domain
from strongroom.kube import errors as kube

OK: Final = 0
ERROR: Final = 1
USAGE: Final = 2
MISSING: Final = 3
DENIED: Final = 4
CLASH: Final = 5

# The first that fits. Invalid of the API server is no wrong command line.
_CODES: Final[tuple[tuple[type[domain.StrongroomError], int], ...]] = (
    (domain.NotFound, MISSING),
    (vault.Denied, DENIED),
    (kube.Forbidden, DENIED),
    (vault.Clash, CLASH),
    (domain.Conflict, CLASH),
    (kube.ApiError, ERROR),
    (domain.InvalidInput, USAGE),
)

_SIGN_IN: Final = "sign in again: strongroom login, or give another --token-file or --service-account"
_HINTS: Final = {
    "Unauthorized": _SIGN_IN,
    "ForbiddenByRbac": "a Role with that verb and a RoleBinding in the Vault's namespace can grant it",
    "ForbiddenByFirewall": "the Vault's spec.networkRules do not let you in from here",
    "SecretDisabled": "switch it on: strongroom secrets update NAME --enable",
    "SecretNotFound": "was it deleted? strongroom secrets list --deleted",
    "CertificateNotFound": "was it deleted? strongroom certificates list --deleted; not made yet? --include-pending",
    "CertificateNotPending": "there is nothing to merge into: strongroom certificates create NAME --issuer Unknown",
    "PendingCertificateNotFound": "an operation begins with strongroom certificates create",
    "PendingInProgress": "wait until it has ended, or end it: strongroom certificates cancel NAME",
    "CertificateIssuerNotFound": "which are there? strongroom certificates issuers list",
    "ContactsNotFound": "name some: strongroom certificates contacts --set EMAIL",
    "ObjectIsManaged": "it belongs to a certificate and changes with it: strongroom certificates",
    "VaultNotFound": "how does it fare? strongroom vault status NAME",
    "ObjectIsDeletedButRecoverable": "the command recover brings it back, purge removes it for good",
    "PreconditionFailed": "it is not as the request expects: look at it, then try again",
    "Throttled": "try again in a moment",
    "ServiceUnavailable": "try again in a moment",
    "NoSuchHost": "add it to DNS or /etc/hosts, or name the server: --connect-to 127.0.0.1:8443",
}


def exit_code(error: domain.StrongroomError) -> int:
    """Return the exit code of an error."""
    return next((code for kind, code in _CODES if isinstance(error, kind)), ERROR)


def explain(error: domain.StrongroomError) -> str:
    """Return the message for standard error, in one or two lines."""
    text = " ".join(printable(part) for part in str(error).split())
    hint = _hint(error)
    return f"{text}\nhint: {hint}" if hint else text


def _hint(error: domain.StrongroomError) -> str:
    if isinstance(error, vault.Untrusted):
        return "name the certificate authority: --ca-file; with --vault it is read from the cluster"
    if isinstance(error, kube.Unavailable):
        return "is the cluster of the kubeconfig there, and do its credentials still count? --kubeconfig, --context"
    return _HINTS.get(error.code, "") if isinstance(error, vault.VaultError) else ""
