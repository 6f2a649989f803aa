"""ServiceAccount tokens: the API server's word, and nothing beside it."""

from __future__ import annotations

from typing import Any

import pytest

from strongroom.domain.access import Subject, SubjectKind
from strongroom.domain.identity import Code, IdentityUnavailable, Unauthenticated
from strongroom.kube import errors
from strongroom.service.identity.reviews import GROUPS, TokenReviews
from tests.helpers.identity import CLUSTER_ISSUER, RESOURCE, ApiServer, Signer, Time, encode


@pytest.fixture
def reviews(api: ApiServer, time: Time) -> TokenReviews:
    return TokenReviews(api, time.clock, RESOURCE)


async def test_a_bound_token_says_account_and_pod(api: ApiServer, time: Time, reviews: TokenReviews) -> None:
    caller = await reviews.verify(api.token("team", "app", pod="app-1", seconds=600))
    assert caller.subject == Subject(SubjectKind.SERVICE_ACCOUNT, "app", "team")
    assert caller.name == "system:serviceaccount:team:app"
    assert Subject(SubjectKind.GROUP, "system:serviceaccounts:team") in caller.groups
    assert (caller.namespace, caller.pod) == ("team", "app-1")
    assert caller.uid == api.accounts["team", "app"]
    assert caller.pod_uid == api.pods["team", "app-1"]
    assert (caller.issuer, caller.expires) == (CLUSTER_ISSUER, time.now + 600)


async def test_a_token_may_be_bound_to_no_pod(api: ApiServer, reviews: TokenReviews) -> None:
    caller = await reviews.verify(api.token())
    assert (caller.pod, caller.pod_uid, caller.namespace) == ("", "", "team")


def refused_tokens(api: ApiServer) -> dict[str, str]:
    good = api.token()
    head, claims, signature = good.split(".")
    other = api.token("team", "other").split(".")[1]
    gone = api.token("team", "gone")
    del api.accounts["team", "gone"]
    remade = api.token("team", "remade")
    api.accounts["team", "remade"] = "another"
    bound = api.token("team", "app", pod="app-1")
    del api.pods["team", "app-1"]
    return {
        "forged": f"{head}.{other}.{signature}",
        "other key": Signer("cluster").sign({"aud": [RESOURCE], "exp": api.now + 60}),
        "none": f"{encode({'alg': 'none'})}.{claims}.",
        "none with a signature": f"{encode({'alg': 'none'})}.{claims}.{signature}",
        "expired": api.token(seconds=0),
        "wrong audience": api.token(audience="https://kubernetes.default.svc"),
        "no account": gone,
        "account made again": remade,
        "no pod": bound,
        "opaque": "0123456789abcdef",
    }


CASES = sorted(refused_tokens(ApiServer()))


@pytest.mark.parametrize("case", CASES)
async def test_refused(api: ApiServer, reviews: TokenReviews, case: str) -> None:
    token = refused_tokens(api)[case]
    with pytest.raises(Unauthenticated) as refused:
        await reviews.verify(token)
    assert not refused.value.claims
    assert token not in str(refused.value)
    assert (refused.value.code is Code.AUDIENCE) == (case == "wrong audience")


@pytest.mark.parametrize("case", ["expired", "wrong audience", "opaque", "none"])
async def test_what_is_plainly_no_token_of_ours_asks_nobody(api: ApiServer, reviews: TokenReviews, case: str) -> None:
    with pytest.raises(Unauthenticated):
        await reviews.verify(refused_tokens(api)[case])
    assert api.reviews == []


@pytest.mark.parametrize(
    "user",
    [
        {"username": "admin"},
        {"username": "system:admin"},
        {"username": "system:node:node-1"},
        {"username": "system:serviceaccount:team"},
        {"username": "system:serviceaccount:team:app:more"},
        {"username": "oidc:system:serviceaccount:team:app"},
        {"username": ""},
        {"uid": ""},
        {"groups": ["g"] * (GROUPS + 1)},
    ],
)
async def test_nobody_else_whom_the_api_server_knows(
    api: ApiServer, reviews: TokenReviews, user: dict[str, Any]
) -> None:
    api.user = user
    with pytest.raises(Unauthenticated):
        await reviews.verify(api.token())


@pytest.mark.parametrize("audiences", [[], None, ["https://kubernetes.default.svc"]])
async def test_an_authenticator_that_ignores_audiences_is_not_believed(
    api: ApiServer, time: Time, audiences: Any
) -> None:
    class Ignorant(ApiServer):
        def _status(self, token: str, wanted: list[str]) -> dict[str, Any]:
            return {**super()._status(token, wanted), "audiences": audiences}

    ignorant = Ignorant()
    with pytest.raises(Unauthenticated):
        await TokenReviews(ignorant, time.clock, RESOURCE).verify(ignorant.token())


async def test_the_api_servers_memory_is_passed_by(api: ApiServer, reviews: TokenReviews) -> None:
    token = api.token()
    await reviews.verify(token)
    await reviews.verify(token)
    first, second = (review["audiences"] for review in api.reviews)
    assert first[0] == second[0] == RESOURCE
    assert first != second


@pytest.mark.parametrize(
    "error",
    [
        errors.Unavailable(503, "Busy", "busy"),
        errors.OutcomeUnknown(0, "AnswerLost", "lost"),
        errors.Forbidden(403, "Forbidden", "tokenreviews is forbidden"),
    ],
)
async def test_an_api_server_that_cannot_be_asked_is_no_refusal(
    api: ApiServer, reviews: TokenReviews, error: Exception
) -> None:
    async def broken(change: object) -> dict[str, Any]:
        raise error

    api.write = broken  # type: ignore[method-assign, assignment]
    with pytest.raises(IdentityUnavailable):
        await reviews.verify(api.token())
