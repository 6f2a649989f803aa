"""ServiceAccounts on the real API server: their tokens, and how fast a deleted one has lost access."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator

import pytest

from hack.localcluster import Cluster
from strongroom.domain.access import Subject, SubjectKind
from strongroom.domain.identity import Unauthenticated
from strongroom.kube import transport
from strongroom.kube.client import KubeClient
from strongroom.service.identity.assembly import Identity, IdentitySettings
from strongroom.service.identity.remembering import KEEP
from strongroom.service.identity.reviews import TokenReviews
from tests.helpers.identity import DOMAIN, RESOURCE, Time, system_objects

AZURE = "api://AzureADTokenExchange"


@pytest.fixture
async def kube(cluster: Cluster) -> AsyncIterator[KubeClient]:
    async with KubeClient(await transport.from_kubeconfig(cluster.kubeconfig)) as client:
        yield client


@pytest.fixture
def clocks() -> Time:
    return Time(now=int(time.time()))


@pytest.fixture
async def identity(kube: KubeClient, clocks: Time) -> AsyncIterator[Identity]:
    objects = await system_objects(clocks)
    identity = Identity(IdentitySettings(DOMAIN), kube, objects, clocks.clock, clocks.monotonic)
    yield identity
    await identity.close()


@pytest.fixture
def app(cluster: Cluster, namespace: str) -> str:
    """The namespace in which there are a ServiceAccount and a Pod, both called app."""
    cluster.kubectl_run("create", "serviceaccount", "app", "-n", namespace)
    container = {"name": "app", "image": "registry.example/app"}
    spec = {"serviceAccountName": "app", "containers": [container], "nodeName": ""}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "app"}, "spec": spec}
    cluster.kubectl_run("apply", "-n", namespace, "-f", "-", input=json.dumps(pod))
    return namespace


def token(cluster: Cluster, namespace: str, *arguments: str, audience: str = RESOURCE) -> str:
    words = ("create", "token", "app", "-n", namespace, f"--audience={audience}", "--duration=3600s", *arguments)
    return cluster.kubectl_run(*words).strip()


def bound(cluster: Cluster, namespace: str, audience: str = RESOURCE) -> str:
    return token(cluster, namespace, "--bound-object-kind=Pod", "--bound-object-name=app", audience=audience)


def uid(cluster: Cluster, namespace: str, kind: str) -> str:
    return cluster.kubectl_run("get", kind, "app", "-n", namespace, "-o", "jsonpath={.metadata.uid}")


async def until_refused(identity: Identity, clocks: Time, held: str, seconds: float = 30) -> None:
    """Ask until the token is refused as one that was revoked; our own memory is passed by."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        clocks.seconds += KEEP
        try:
            await identity.authenticator.authenticate(held)
        except Unauthenticated as refused:
            if refused.claims:
                return
        await asyncio.sleep(0.1)
    raise AssertionError(f"still admitted after {seconds} s")


async def test_a_bound_token_says_account_and_pod(cluster: Cluster, app: str, identity: Identity) -> None:
    caller = await identity.authenticator.authenticate(bound(cluster, app))
    assert caller.subject == Subject(SubjectKind.SERVICE_ACCOUNT, "app", app)
    assert caller.name == f"system:serviceaccount:{app}:app"
    assert caller.uid == uid(cluster, app, "serviceaccount")
    assert (caller.namespace, caller.pod, caller.pod_uid) == (app, "app", uid(cluster, app, "pod"))
    assert Subject(SubjectKind.GROUP, f"system:serviceaccounts:{app}") in caller.groups
    assert 3500 < caller.expires - time.time() < 3700


async def test_our_own_token_says_the_same(cluster: Cluster, app: str, identity: Identity) -> None:
    own = bound(cluster, app, audience=AZURE)
    ours = await identity.exchange.exchange(own, "client")
    caller = await identity.authenticator.authenticate(ours.text)
    assert (caller.pod, caller.pod_uid) == ("app", uid(cluster, app, "pod"))
    assert caller.application == "client"


async def test_tokens_that_are_not_for_us(cluster: Cluster, app: str, identity: Identity) -> None:
    own = token(cluster, app)
    head, body, signature = own.split(".")
    wrong = [
        token(cluster, app, audience="https://kubernetes.default.svc"),
        token(cluster, app, audience=AZURE),
        f"{head}.{body}.{signature[:-4]}AAAA",
        f"{head}.{body}.{'A' * len(signature)}",
    ]
    for each in wrong:
        with pytest.raises(Unauthenticated):
            await identity.authenticator.authenticate(each)
    assert (await identity.authenticator.authenticate(own)).namespace == app


@pytest.mark.parametrize("kind", ["serviceaccount", "pod"])
@pytest.mark.parametrize("exchanged", [False, True])
async def test_who_is_deleted_has_lost_access_once_we_ask_again(
    cluster: Cluster, app: str, identity: Identity, clocks: Time, kind: str, exchanged: bool
) -> None:
    """The API server remembers its answers for 10 s too. Only ours may add to the time that is promised."""
    held = bound(cluster, app)
    held = (await identity.exchange.exchange(held, "")).text if exchanged else held
    await identity.authenticator.authenticate(held)
    cluster.kubectl_run("delete", kind, "app", "-n", app, "--grace-period=0", "--force")

    # Less than the 10 s for which the API server would answer from its memory.
    await until_refused(identity, clocks, held, seconds=8)


async def test_an_account_made_again_is_another_one(
    cluster: Cluster, app: str, identity: Identity, clocks: Time
) -> None:
    held = token(cluster, app)
    await identity.authenticator.authenticate(held)
    cluster.kubectl_run("delete", "serviceaccount", "app", "-n", app)
    cluster.kubectl_run("create", "serviceaccount", "app", "-n", app)

    await until_refused(identity, clocks, held)


async def test_the_administrator_is_nobody_here(cluster: Cluster, app: str, clocks: Time) -> None:
    """A TokenReview also knows the API server's own audience and users: none of them passes for a ServiceAccount."""
    async with KubeClient(await transport.from_kubeconfig(cluster.kubeconfig)) as kube:
        reviews = TokenReviews(kube, clocks.clock, "https://kv.other")
        with pytest.raises(Unauthenticated):
            await reviews.verify(token(cluster, app))
