"""The client against a real API server."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hack.localcluster import Cluster
from strongroom.domain import errors as domain
from strongroom.kube import errors, transport
from strongroom.kube.api import PatchKind, Propagation
from strongroom.kube.client import KubeClient
from strongroom.kube.resources import ALL_NAMESPACES, EVENTS, LEASES, NAMESPACES, SECRETS, Resource
from tests.helpers.proxy import Proxy

Build = Callable[..., dict[str, Any]]


async def test_a_secret_through_its_life(kube: KubeClient, namespace: str, secret: Build) -> None:
    made = await kube.create(SECRETS, namespace, secret("a", key="one"))
    assert made["data"] == {"key": "b25l"}
    made["data"] = {"key": "dHdv"}
    changed = await kube.update(SECRETS, namespace, made)
    assert (await kube.get(SECRETS, namespace, "a"))["data"] == {"key": "dHdv"}
    patched = await kube.patch(SECRETS, namespace, "a", {"metadata": {"annotations": {"x": "y"}}})
    assert patched["metadata"]["annotations"] == {"x": "y"}
    assert patched["metadata"]["resourceVersion"] != changed["metadata"]["resourceVersion"]
    await kube.delete(SECRETS, namespace, "a", propagation=Propagation.BACKGROUND)
    with pytest.raises(errors.NotFound):
        await kube.get(SECRETS, namespace, "a")
    with pytest.raises(errors.NotFound):
        await kube.delete(SECRETS, namespace, "a")


async def test_cluster_scoped_objects_have_no_namespace(kube: KubeClient, namespace: str) -> None:
    assert (await kube.get(NAMESPACES, None, namespace))["metadata"]["name"] == namespace


async def test_one_of_two_updates_from_the_same_version_loses(kube: KubeClient, namespace: str, secret: Build) -> None:
    made = await kube.create(SECRETS, namespace, secret("a"))
    await kube.update(SECRETS, namespace, {**made, "data": {"k": "MQ=="}})
    with pytest.raises(errors.Conflict) as lost:
        await kube.update(SECRETS, namespace, {**made, "data": {"k": "Mg=="}})
    assert isinstance(lost.value, domain.Conflict)
    version = {"metadata": {"resourceVersion": made["metadata"]["resourceVersion"], "labels": {"x": "y"}}}
    with pytest.raises(errors.Conflict):
        await kube.patch(SECRETS, namespace, "a", version)
    with pytest.raises(errors.AlreadyExists):
        await kube.create(SECRETS, namespace, secret("a"))


async def test_only_one_of_many_writers_wins(kube: KubeClient, namespace: str, secret: Build) -> None:
    made = await kube.create(SECRETS, namespace, secret("a"))
    bodies = [{**made, "data": {"k": "MQ==" if n % 2 else "Mg=="}, "metadata": {**made["metadata"]}} for n in range(8)]
    results = await asyncio.gather(*(kube.update(SECRETS, namespace, b) for b in bodies), return_exceptions=True)
    assert sum(isinstance(result, errors.Conflict) for result in results) >= 6


async def test_an_update_without_a_version_is_refused_here(kube: KubeClient, secret: Build) -> None:
    with pytest.raises(ValueError, match="resourceVersion"):
        await kube.update(SECRETS, "any", secret("a"))


async def test_deletion_spares_a_namesake(kube: KubeClient, namespace: str, secret: Build) -> None:
    old = await kube.create(SECRETS, namespace, secret("a"))
    await kube.delete(SECRETS, namespace, "a", uid=old["metadata"]["uid"])
    new = await kube.create(SECRETS, namespace, secret("a"))
    with pytest.raises(errors.Conflict):
        await kube.delete(SECRETS, namespace, "a", uid=old["metadata"]["uid"])
    with pytest.raises(errors.Conflict):
        await kube.delete(SECRETS, namespace, "a", resource_version=old["metadata"]["resourceVersion"])
    await kube.delete(SECRETS, namespace, "a", uid=new["metadata"]["uid"])


async def test_apply_knows_who_owns_a_field(kube: KubeClient, namespace: str) -> None:
    ours, theirs = {"stringData": {"k": "ours"}}, {"stringData": {"k": "theirs"}}
    await kube.patch(
        SECRETS, namespace, "a", {"metadata": {"name": "a"}, **ours}, kind=PatchKind.APPLY, field_manager="us"
    )
    with pytest.raises(errors.Conflict):
        await kube.patch(
            SECRETS, namespace, "a", {"metadata": {"name": "a"}, **theirs}, kind=PatchKind.APPLY, field_manager="x"
        )
    await kube.patch(
        SECRETS,
        namespace,
        "a",
        {"metadata": {"name": "a"}, **theirs},
        kind=PatchKind.APPLY,
        field_manager="x",
        force=True,
    )


async def test_lists_in_pages_of_one_moment(kube: KubeClient, namespace: str, secret: Build) -> None:
    for number in range(5):
        await kube.create(SECRETS, namespace, secret(f"s{number}"))
    pages = [page async for page in kube.pages(SECRETS, namespace, label_selector="made-by=test", page_size=2)]
    assert [len(page.items) for page in pages] == [2, 2, 1]
    assert len({page.resource_version for page in pages}) == 1
    everywhere = await kube.list(SECRETS, ALL_NAMESPACES, label_selector="made-by=test")
    assert len(everywhere.items) >= 5
    assert (await kube.list(LEASES, namespace)).items == []


async def test_metadata_only_leaves_the_data_on_the_server(kube: KubeClient, namespace: str, secret: Build) -> None:
    await kube.create(SECRETS, namespace, secret("a", key="hunter2"))
    page = await kube.list(SECRETS, namespace, metadata_only=True)
    assert page.items[0]["kind"] == "PartialObjectMetadata"
    assert page.items[0]["metadata"]["name"] == "a"
    assert "data" not in page.items[0]
    async with kube.watch(SECRETS, namespace, "0", metadata_only=True) as events:
        assert "data" not in (await anext(events)).object


async def test_a_watch_resumes_after_the_given_version(kube: KubeClient, namespace: str, secret: Build) -> None:
    first = await kube.create(SECRETS, namespace, secret("a"))
    await kube.create(SECRETS, namespace, secret("b"))
    async with kube.watch(SECRETS, namespace, first["metadata"]["resourceVersion"]) as events:
        event = await anext(events)
        assert (event.type, event.object["metadata"]["name"]) == ("ADDED", "b")
        await kube.delete(SECRETS, namespace, "a")
        event = await anext(events)
        assert (event.type, event.object["metadata"]["name"]) == ("DELETED", "a")


async def test_a_watch_from_too_long_ago_is_gone(
    kube: KubeClient, namespace: str, event: Build, compact: Callable[[str], None]
) -> None:
    old = await kube.create(EVENTS, namespace, event("old"))
    await kube.create(EVENTS, namespace, event("forgotten"))
    new = await kube.create(EVENTS, namespace, event("new"))
    compact(new["metadata"]["resourceVersion"])

    async def watch() -> None:
        async with kube.watch(EVENTS, namespace, old["metadata"]["resourceVersion"]) as events:
            await anext(events)

    with pytest.raises(errors.Gone):
        await asyncio.wait_for(watch(), 20)


async def test_a_silent_watch_is_given_up(kube: KubeClient, namespace: str) -> None:
    now = (await kube.list(SECRETS, namespace)).resource_version
    async with kube.watch(SECRETS, namespace, now, inactivity=0.3) as events:
        with pytest.raises(errors.Unavailable):
            await anext(events)


@pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")
async def test_objects_of_a_mebibyte_come_through_a_watch(kube: KubeClient, namespace: str, secret: Build) -> None:
    now = (await kube.list(SECRETS, namespace)).resource_version
    big = "x" * (1024 * 1024 - 100)
    async with kube.watch(SECRETS, namespace, now) as events:
        await kube.create(SECRETS, namespace, secret("big", key=big))
        assert len((await anext(events)).object["data"]["key"]) > len(big)
    with pytest.raises(errors.TooLarge):
        await kube.create(SECRETS, namespace, secret("huge", key="x" * 4_000_000))


async def test_refusals_name_fields_and_no_values(kube: KubeClient, namespace: str, secret: Build) -> None:
    with pytest.raises(errors.Invalid) as refused:
        await kube.create(SECRETS, namespace, {"metadata": {"name": "a"}, "stringData": {"bad key": "hunter2"}})
    assert "hunter2" not in str(refused.value)
    with pytest.raises(errors.Invalid) as refused:
        await kube.create(SECRETS, namespace, {"metadata": {"name": "a", "labels": {"x": "hunter2!"}}})
    assert refused.value.fields == (("metadata.labels", "FieldValueInvalid"),)
    assert "hunter2" not in str(refused.value)
    with pytest.raises(errors.Invalid, match='unknown field "datta"'):
        await kube.create(SECRETS, namespace, {"metadata": {"name": "a"}, "datta": {"k": "hunter2"}})
    with pytest.raises(errors.NotFound):
        await kube.create(SECRETS, "no-such-namespace", secret("a"))


async def test_a_kind_that_is_not_served_says_nothing_about_its_objects(kube: KubeClient) -> None:
    unknown = Resource("strongroom.dev", "v9", "nothings", "Nothing")
    with pytest.raises(errors.Unavailable, match="CRD"):
        await kube.get(unknown, "default", "a")


async def test_without_rights_everything_is_forbidden(powerless: KubeClient, namespace: str, secret: Build) -> None:
    with pytest.raises(errors.Forbidden):
        await powerless.get(SECRETS, namespace, "a")
    with pytest.raises(errors.Forbidden):
        await powerless.create(SECRETS, namespace, secret("a"))
    with pytest.raises(errors.Forbidden):
        async with powerless.watch(SECRETS, namespace, "0"):
            pass


async def test_nothing_is_created_in_a_terminating_namespace(kube: KubeClient, namespace: str, secret: Build) -> None:
    held = {**secret("held"), "metadata": {"name": "held", "finalizers": ["strongroom.dev/test"]}}
    await kube.create(SECRETS, namespace, held)
    await kube.delete(NAMESPACES, None, namespace)
    try:
        with pytest.raises(errors.NamespaceTerminating):
            await kube.create(SECRETS, namespace, secret("late"))
    finally:
        await kube.patch(SECRETS, namespace, "held", {"metadata": {"finalizers": None}})


async def test_no_connection_and_bad_credentials_are_unavailable(cluster: Cluster, tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.write_text(cluster.kubeconfig.read_text().replace(cluster.url, "https://127.0.0.1:1"))
    stranger = cluster.kubeconfig_for_token(tmp_path / "stranger", "not-a-token")
    for path in (closed, stranger):
        async with KubeClient(await transport.from_kubeconfig(path)) as client:
            with pytest.raises(errors.Unavailable) as refused:
                await client.create(SECRETS, "default", {"metadata": {"name": "a"}})
            assert not isinstance(refused.value, errors.OutcomeUnknown)
    with pytest.raises(errors.Unavailable):
        await transport.from_kubeconfig(tmp_path / "missing")


async def test_a_renewed_token_file_is_read_after_a_401(cluster: Cluster, namespace: str, tmp_path: Path) -> None:
    cluster.kubectl_run("create", "serviceaccount", "someone", "-n", namespace)
    path = cluster.kubeconfig_for_token(tmp_path / "config", "expired")
    async with KubeClient(await transport.from_kubeconfig(path)) as client:
        token = cluster.kubectl_run("create", "token", "someone", "-n", namespace).strip()
        path.unlink()
        cluster.kubeconfig_for_token(path, token)
        with pytest.raises(errors.Forbidden, match="someone"):
            await client.get(SECRETS, namespace, "a")


class TestAnswerLost:
    """Connections that break after the server got the request."""

    async def test_a_write_may_have_taken_effect(
        self, kube: KubeClient, behind: KubeClient, proxy: Proxy, namespace: str, secret: Build
    ) -> None:
        await behind.get(NAMESPACES, None, namespace)
        proxy.answers = lambda: False
        with pytest.raises(errors.OutcomeUnknown):
            await behind.create(SECRETS, namespace, secret("a"))
        assert await kube.get(SECRETS, namespace, "a")

    async def test_an_update_is_not_sent_twice(
        self, kube: KubeClient, behind: KubeClient, proxy: Proxy, namespace: str, secret: Build
    ) -> None:
        """aiohttp would repeat a PUT on a new connection, and report our own success as a conflict."""
        made = await behind.create(SECRETS, namespace, secret("a"))
        answers = iter([False])
        proxy.answers = lambda: next(answers, True)
        with pytest.raises(errors.OutcomeUnknown):
            await behind.update(SECRETS, namespace, {**made, "data": {"k": "MQ=="}})
        assert proxy.connections == 1
        assert (await kube.get(SECRETS, namespace, "a"))["data"] == {"k": "MQ=="}

    async def test_a_read_is_merely_unavailable(self, behind: KubeClient, proxy: Proxy, namespace: str) -> None:
        await behind.get(NAMESPACES, None, namespace)
        proxy.answers = lambda: False
        with pytest.raises(errors.Unavailable) as lost:
            await behind.get(NAMESPACES, None, namespace)
        assert not isinstance(lost.value, errors.OutcomeUnknown)
