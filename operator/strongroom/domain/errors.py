"""Every error that crosses a room, in one tree.

::

    StrongroomError
    ├── Retryable                 time can heal it; the work queue tries again
    │   ├── HsmUnavailable        sidecar gone, token or session lost, deadline passed
    │   ├── StoreUnavailable      API server unreachable, overloaded, or its answer unknown
    │   ├── SinkUnavailable       the receiver of notices did not take one
    │   ├── IssuerUnavailable     an issuer of certificates, or what proves a name to it, cannot serve now
    │   │   └── IssuerBusy        other certificates are being asked for
    │   └── Conflict              somebody else wrote first: read again, decide again
    └── Refused                   time alone heals nothing; somebody must act
        ├── InvalidInput          a bound or format is violated
        ├── NotFound
        │   ├── KeyNotFound
        │   ├── CertificateNotFound
        │   ├── PendingNotFound   no certificate is on its way
        │   ├── PasswordNotFound  the secret that is to be a keystore's password
        │   ├── ContactsNotFound
        │   └── IssuerNotFound
        ├── ReferenceDenied       a reference leads to what its user may not have
        ├── LoginRefused          the token refused the PIN; never retried by itself
        ├── KeyRefused            a wrapped key failed its MAC, or a token will not use it
        ├── Tampered              a stored record failed authentication
        ├── UnsupportedFormat     written by a newer release
        ├── LimitExceeded
        └── RequestRefused            a request to the API contradicts the present state
            ├── AlreadyExists         the name is taken
            │   └── Managed           a key or secret that belongs to a certificate, and changes with it
            ├── PendingInProgress     another version of the certificate is on its way
            ├── NotPending            what is on its way is not for this: merging, or cancelling
            ├── ObjectDeleted         the name belongs to a deleted object that can be recovered
            ├── BeingDeleted          the deleted object of this name is being purged
            ├── Claimed               a custom resource declares it, and is where to change it
            ├── VersionServed         the version that is served cannot be deleted alone
            ├── Disabled              the version is switched off
            ├── KeyDisabled           the same, of a key
            ├── OperationForbidden    the key is not for this operation (key_ops)
            ├── KeyNotYetValid
            ├── KeyExpired
            ├── TierRefused           the vault's tier has no HSM-protected keys
            ├── NotReleasable         the key is not exportable, or its release policy is not met
            ├── PurgeProtected        nothing of this vault is purged before its time
            ├── BackupRefused         a backup that is malformed, or belongs to another geography or tenant
            └── PreconditionFailed    the caller's condition on the present state does not hold

``str(error)`` is public: it may be shown in a condition or an event, so it never holds a value, key or PIN.
Causes travel as ``__cause__`` and stay in the process.
"""


class StrongroomError(Exception):
    """Root of the tree."""


class Retryable(StrongroomError):
    """Time can heal it."""


class HsmUnavailable(Retryable):
    """The HSM cannot serve now: sidecar gone, token or session lost, deadline passed."""


class StoreUnavailable(Retryable):
    """The API server cannot be reached, is overloaded, or its answer was lost."""


class SinkUnavailable(Retryable):
    """The receiver of notices cannot be reached or does not accept."""


class IssuerUnavailable(Retryable):
    """An issuer of certificates, or what proves a name to it, cannot serve now. ``after``: seconds that it asks for."""

    def __init__(self, message: str, after: int = 0) -> None:
        super().__init__(message)
        self.after = after


class IssuerBusy(IssuerUnavailable):
    """Other certificates are being asked for. Nothing was tried, so it is no failure."""


class Conflict(Retryable):
    """A compare-and-swap lost: somebody else wrote first."""


class Refused(StrongroomError):
    """Trying again changes nothing until somebody acts."""


class InvalidInput(Refused):
    """A bound or a format is violated. The message names the field and the bound, never the value."""


class NotFound(Refused):
    """The named thing does not exist."""


class KeyNotFound(NotFound):
    """The named key, or version of it, does not exist."""


class CertificateNotFound(NotFound):
    """The named certificate, or version of it, does not exist."""


class PendingNotFound(NotFound):
    """No version of the certificate is on its way."""


class PasswordNotFound(NotFound):
    """The vault has no secret of the name that a keystore's password is to be taken from, or it is switched off."""


class ContactsNotFound(NotFound):
    """The vault has no contacts of certificates."""


class IssuerNotFound(NotFound):
    """The vault has no account with the named issuer."""


class ReferenceDenied(Refused):
    """A reference leads to something that its user may not have. The message says who can grant it, and how."""


class LoginRefused(Refused):
    """The token refused the PIN. Never retried by itself: each try spends one of the token's few."""


class KeyRefused(Refused):
    """A wrapped key failed its MAC, belongs to another world, or the token will not use it."""


class Tampered(Refused):
    """A stored record was moved, swapped, replayed, truncated or altered."""


class UnsupportedFormat(Refused):
    """A stored record was written in a format that this release does not know."""


class LimitExceeded(Refused):
    """A vault, object or installation limit is reached."""


class RequestRefused(Refused):
    """A request to the vault's API contradicts the present state. Nothing else raises what is below it."""


class AlreadyExists(RequestRefused):
    """The name is taken."""


class Managed(AlreadyExists):
    """The key or secret belongs to a certificate: it is made, changed and deleted with that."""


class PendingInProgress(RequestRefused):
    """Another version of the certificate is on its way: it is cancelled, or waited for, first."""


class NotPending(RequestRefused):
    """The certificate's operation cannot be merged into, or is no longer to be cancelled."""


class ObjectDeleted(RequestRefused):
    """The name belongs to a deleted object that can still be recovered."""


class BeingDeleted(RequestRefused):
    """The deleted object of this name is being purged: a moment later the name is free."""


class Claimed(RequestRefused):
    """A custom resource declares the object, or what was to be changed of it. The message names the resource."""


class VersionServed(RequestRefused):
    """The version is the newest, or the one that is served: it cannot be deleted alone."""


class Disabled(RequestRefused):
    """The version is switched off."""


class KeyDisabled(RequestRefused):
    """The version of the key is switched off."""


class OperationForbidden(RequestRefused):
    """The key's ``key_ops`` do not list the operation."""


class KeyNotYetValid(RequestRefused):
    """The version of the key begins later; what it protected can be opened and verified all the same."""


class KeyExpired(RequestRefused):
    """The version of the key has ended; what it protected can still be opened and verified."""


class TierRefused(RequestRefused):
    """The vault is of the tier Standard, which has no HSM-protected keys."""


class NotReleasable(RequestRefused):
    """The key is not exportable, or its release policy is not met by who asks for it."""


class PurgeProtected(RequestRefused):
    """The vault is protected: nothing in it is purged before its retention has passed."""


class PreconditionFailed(RequestRefused):
    """The caller named the state that he meant to change, and it is another one."""


class BackupRefused(RequestRefused):
    """A backup that was altered or cut short, or was made in another geography or for another tenant."""
