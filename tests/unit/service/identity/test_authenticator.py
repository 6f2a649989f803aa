"""The whole of it on the data plane's side: which token is asked about where, and what is asked at every request."""

from __future__ import annotations

from collections.abc import AsyncIterator
from types import ModuleType

import pytest

from strongroom.domain.identity import IdentityUnavailable, Unauthenticated
from strongroom.service.identity import denylist, reviews
from strongroom.service.identity.assembly import Identity, IdentitySettings
from strongroom.service.identity.remembering import KEEP
from tests.helpers.identity import CLUSTER_ISSUER, DOMAIN, RESOURCE, STS, ApiServer, Signer, Time, system_objects

AZURE = "api://AzureADTokenExchange"


@pytest.fixture
async def identity(api: ApiServer, time: Time) -> AsyncIterator[Identity]:
    objects = await system_objects(time)
    identity = Identity(IdentitySettings(DOMAIN), api, objects, time.clock, time.monotonic)
    yield identity
    await identity.close()


def passes(api: ApiServer, time: Time, seconds: float) -> None:
    time.passes(seconds)
    api.now = time.now


async def test_a_service_account_by_its_own_token_and_by_ours(api: ApiServer, identity: Identity) -> None:
    own = api.token(pod="app-1")
    ours = (await identity.exchange.exchange(own, "client")).text
    by_own, by_ours = [await identity.authenticator.authenticate(token) for token in (own, ours)]
    assert (by_own.issuer, by_ours.issuer) == (CLUSTER_ISSUER, STS)
    assert (by_own.subject, by_own.groups, by_own.pod_uid) == (by_ours.subject, by_ours.groups, by_ours.pod_uid)


@pytest.mark.parametrize("exchanged", [False, True])
async def test_a_deleted_service_account_has_lost_access_after_ten_seconds(
    api: ApiServer, time: Time, identity: Identity, exchanged: bool
) -> None:
    token = api.token()
    token = (await identity.exchange.exchange(token, "")).text if exchanged else token
    await identity.authenticator.authenticate(token)
    del api.accounts["team", "app"]
    passes(api, time, KEEP)
    with pytest.raises(Unauthenticated) as refused:
        await identity.authenticator.authenticate(token)
    assert refused.value.claims


@pytest.mark.parametrize("exchanged", [False, True])
async def test_the_deny_list_cuts_within_a_second(
    api: ApiServer, time: Time, identity: Identity, exchanged: bool
) -> None:
    token = api.token()
    token = (await identity.exchange.exchange(token, "")).text if exchanged else token
    await identity.authenticator.authenticate(token)
    api.deny("ServiceAccount team/app")
    passes(api, time, 1)
    with pytest.raises(Unauthenticated, match="deny list"):
        await identity.authenticator.authenticate(token)
    with pytest.raises(Unauthenticated, match="deny list"):
        await identity.exchange.exchange(api.token(), "")


async def test_a_request_asks_the_api_server_once_in_ten_seconds(
    api: ApiServer, time: Time, identity: Identity
) -> None:
    token = api.token()
    for _ in range(9):
        await identity.authenticator.authenticate(token)
        passes(api, time, 1)
    assert len(api.reviews) == 1


async def test_a_token_for_the_exchange_opens_no_vault(api: ApiServer, identity: Identity) -> None:
    token = api.token(audience=AZURE)
    with pytest.raises(Unauthenticated, match=r"^AKV10022"):
        await identity.authenticator.authenticate(token)
    await identity.exchange.exchange(token, "")


async def test_an_access_token_buys_no_other(api: ApiServer, identity: Identity) -> None:
    token = (await identity.exchange.exchange(api.token(), "")).text
    with pytest.raises(Unauthenticated):
        await identity.exchange.exchange(token, "")


async def test_an_issuer_that_nobody_named_is_a_question_for_the_api_server(api: ApiServer, identity: Identity) -> None:
    claims = {"iss": "https://unknown.example", "aud": RESOURCE, "iat": api.now, "exp": api.now + 60}
    with pytest.raises(Unauthenticated):
        await identity.authenticator.authenticate(Signer().sign({**claims, "sub": "system:serviceaccount:team:app"}))
    assert len(api.reviews) == 1


@pytest.mark.parametrize("token", ["", "opaque", "\udcff", "a.b.\ud800", "\N{SNOWMAN}", "x" * 16_000])
async def test_whatever_a_header_holds_is_a_token_or_a_refusal(api: ApiServer, identity: Identity, token: str) -> None:
    with pytest.raises(Unauthenticated):
        await identity.authenticator.authenticate(token)
    assert api.reviews == []


@pytest.mark.parametrize("module", [reviews, denylist])
async def test_an_api_server_that_does_not_answer_is_waited_for_no_longer_than_that(
    api: ApiServer, time: Time, identity: Identity, monkeypatch: pytest.MonkeyPatch, module: ModuleType
) -> None:
    token = api.token()
    if module is denylist:
        await identity.authenticator.authenticate(token)
        time.passes(1)
    monkeypatch.setattr(module, "PATIENCE", 0.01)
    api.hangs = True
    with pytest.raises(IdentityUnavailable):
        await identity.authenticator.authenticate(token)


async def test_an_api_server_that_is_down_is_no_refusal(api: ApiServer, identity: Identity) -> None:
    token = api.token()
    api.down = True
    with pytest.raises(IdentityUnavailable):
        await identity.authenticator.authenticate(token)
    api.down = False
    await identity.authenticator.authenticate(token)
