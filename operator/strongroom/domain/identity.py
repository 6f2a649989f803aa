"""Who asks. Pure: how it is found out is the work of ``service.identity``."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from strongroom.domain.access import Subject
from strongroom.domain.errors import Refused, Retryable


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever a bearer token stands for.

    What is empty is not known: people have no namespace and no pod, a ServiceAccount's token may be bound to no pod.
    """

    subject: Subject  # a ServiceAccount or a User
    groups: tuple[Subject, ...] = ()  # of the kind Group
    name: str = (
        ""  # as Kubernetes says it: "system:serviceaccount:<namespace>:<name>", or the user name with its prefix
    )
    uid: str = ""  # of the ServiceAccount; of a person the ``sub`` claim
    issuer: str = ""  # the ``iss`` claim of the token
    namespace: str = ""  # of the ServiceAccount, and so of its pod
    pod: str = ""
    pod_uid: str = ""
    expires: int = 0  # Unix seconds: when the token ends
    application: str = ""  # the client id that the caller gives itself; nothing may depend on it


class Code(StrEnum):
    """Azure Key Vault's codes of what is wrong with a token, as far as they are known."""

    MISSING = "AKV10000"
    AUDIENCE = "AKV10022"
    ISSUER = "AKV10032"
    KEY = "AKV10046"


class Unauthenticated(Refused):
    """The token proves nothing: malformed, forged, expired, not for us, or of somebody who is gone or denied.

    ``code``: Azure's, which ``str`` puts before the message; None where none is known. ``claims``: a token that was
    good once was revoked, so that asking for another one makes sense (continuous access evaluation).
    """

    def __init__(self, message: str, code: Code | None = None, *, claims: bool = False) -> None:
        super().__init__(f"{code}: {message}" if code else message)
        self.message = message
        self.code = code
        self.claims = claims


class IdentityUnavailable(Retryable):
    """Who the caller is cannot be found out now: whoever knows did not answer, or answered what cannot be used."""
