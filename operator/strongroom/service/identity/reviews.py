"""ServiceAccount tokens, by the API server's TokenReview: the only place where a ServiceAccount comes from."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from secrets import token_hex
from typing import Any, Final

from strongroom.domain.access import Subject, SubjectKind
from strongroom.domain.identity import Caller, IdentityUnavailable, Unauthenticated
from strongroom.kube import errors
from strongroom.kube.api import KubeApi, Verb, Write
from strongroom.kube.resources import TOKEN_REVIEWS
from strongroom.service.identity import tokens

AT_ONCE: Final = 32
"""Reviews under way: made-up tokens must not take all connections to the API server."""

PATIENCE: Final = 5.0
"""Seconds for one review, with the wait for its turn. The client of the API server would wait for half a minute."""

GROUPS: Final = 256
"""Groups of one caller. More are refused, not cut: one of those left out might be denied."""

_SERVICE_ACCOUNT: Final = re.compile(r"system:serviceaccount:([a-z0-9-]{1,63}):([a-z0-9.-]{1,253})")
_POD_NAME: Final = "authentication.kubernetes.io/pod-name"
_POD_UID: Final = "authentication.kubernetes.io/pod-uid"


class TokenReviews:
    """Asks the API server about tokens for ``audiences``. ``clock`` returns Unix seconds."""

    def __init__(self, kube: KubeApi, clock: Callable[[], int], *audiences: str) -> None:
        self._kube = kube
        self._clock = clock
        self._audiences = audiences
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def verify(self, token: str) -> Caller:
        """Return the ServiceAccount, as it exists now. Raises Unauthenticated, IdentityUnavailable.

        What the token says of itself only spares a question whose answer is known: a token that does not even claim
        to be for us, or to be valid, is none.
        """
        unverified = tokens.read(token)
        tokens.require_audience(unverified, *self._audiences)
        expires = tokens.moment(unverified.claims, "exp")
        if expires <= self._clock():
            raise Unauthenticated("the token has expired")
        status = await self._review(token)
        if not status.get("authenticated") or set(self._audiences).isdisjoint(status.get("audiences") or ()):
            raise Unauthenticated("the token is not that of a ServiceAccount and pod that exist")
        # The API server has verified the text that ``expires`` was read from.
        return _caller(status.get("user") or {}, unverified.issuer, expires)

    async def _review(self, token: str) -> Mapping[str, Any]:
        """The API server remembers its own answers for 10 s by token and audiences, so that a deleted ServiceAccount
        would live on in its memory and then in ours. An audience that nobody has makes it look again.
        """
        spec = {"token": token, "audiences": [*self._audiences, f"strongroom.dev/review/{token_hex(8)}"]}
        try:
            async with asyncio.timeout(PATIENCE), self._slots:
                answer = await self._kube.write(Write(Verb.CREATE, TOKEN_REVIEWS, None, "", {"spec": spec}))
        except (errors.ApiError, TimeoutError) as error:
            raise IdentityUnavailable("the API server cannot be asked about the token") from error
        status: Mapping[str, Any] = answer.get("status") or {}
        return status


def _caller(user: Mapping[str, Any], issuer: str, expires: int) -> Caller:
    """The API server also knows users, nodes and bootstrap tokens; none of them is anybody here."""
    name = str(user.get("username", ""))
    found = _SERVICE_ACCOUNT.fullmatch(name)
    groups = user.get("groups") or []
    if not found or not user.get("uid") or len(groups) > GROUPS:
        raise Unauthenticated("the token is not that of a ServiceAccount")
    extra = user.get("extra") or {}
    return Caller(
        subject=Subject(SubjectKind.SERVICE_ACCOUNT, found[2], found[1]),
        groups=tuple(Subject(SubjectKind.GROUP, str(group)) for group in groups),
        name=name,
        uid=str(user["uid"]),
        issuer=issuer,
        namespace=found[1],
        pod=_only(extra.get(_POD_NAME)),
        pod_uid=_only(extra.get(_POD_UID)),
        expires=expires,
    )


def _only(values: Any) -> str:
    return str(values[0]) if values else ""
