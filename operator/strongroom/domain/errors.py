"""Every error that crosses a room, in one tree.

::

    StrongroomError
    ├── Retryable                 time can heal it; the work queue tries again
    │   ├── HsmUnavailable        sidecar gone, token or session lost, deadline passed
    │   ├── StoreUnavailable      API server unreachable, overloaded, or its answer unknown
    │   ├── SinkUnavailable       the receiver of notices did not take one
    │   └── Conflict              somebody else wrote first: read again, decide again
    └── Refused                   time alone heals nothing; somebody must act
        ├── InvalidInput          a bound or format is violated
        ├── NotFound
        ├── ReferenceDenied       a reference leads to what its user may not have
        ├── LoginRefused          the token refused the PIN; never retried by itself
        ├── KeyRefused            a wrapped key failed its MAC, or a token will not use it
        ├── Tampered              a stored record failed authentication
        ├── UnsupportedFormat     written by a newer release
        └── LimitExceeded

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


class Conflict(Retryable):
    """A compare-and-swap lost: somebody else wrote first."""


class Refused(StrongroomError):
    """Trying again changes nothing until somebody acts."""


class InvalidInput(Refused):
    """A bound or a format is violated. The message names the field and the bound, never the value."""


class NotFound(Refused):
    """The named thing does not exist."""


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
