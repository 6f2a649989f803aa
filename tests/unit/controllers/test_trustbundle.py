"""The trust bundle: where it is published, that it is repaired, and whose ConfigMaps are left alone."""

from __future__ import annotations

from typing import Any

import pytest

from strongroom.controllers.trustbundle import KEY, NAME, OURS, WANTED, TrustBundle
from strongroom.domain.names import SYSTEM_NAMESPACE
from strongroom.kube import errors
from strongroom.kube.api import Page, Verb, Write
from strongroom.kube.resources import CONFIG_MAPS, NAMESPACES
from tests.helpers.fake_kube import FakeKube


@pytest.fixture
async def kube() -> FakeKube:
    kube = FakeKube()
    for name in (SYSTEM_NAMESPACE, "a", "b", "c"):
        await kube.create(NAMESPACES, None, {"metadata": {"name": name}})
    return kube


async def published(kube: FakeKube) -> dict[str, str]:
    found = await kube.list(CONFIG_MAPS, "*")
    return {item["metadata"]["namespace"]: item["data"][KEY] for item in found.items}


def config_map(**metadata: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": NAME, **metadata}, "data": {KEY: "theirs"}}


async def test_it_is_published_where_pods_need_it(kube: FakeKube, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    async def labelled(resource: Any, namespace: Any, *, label_selector: str, metadata_only: bool) -> Page:
        asked.append((resource, label_selector))
        return Page([await kube.get(NAMESPACES, None, "b")], "")

    with monkeypatch.context() as patched:
        patched.setattr(kube, "list", labelled)
        await TrustBundle(kube).publish("PEM", {"a"})
    assert asked == [(NAMESPACES, f"{WANTED}=true")]
    assert await published(kube) == dict.fromkeys((SYSTEM_NAMESPACE, "a", "b"), "PEM")


async def test_what_is_right_is_not_written_and_what_was_changed_is_repaired(kube: FakeKube) -> None:
    bundle = TrustBundle(kube)
    await bundle.publish_in("PEM", "a")
    version = kube.version
    await bundle.publish_in("PEM", "a")
    assert kube.version == version
    await kube.patch(CONFIG_MAPS, "a", NAME, {"data": {KEY: "forged"}})
    await bundle.publish_in("PEM", "a")
    assert (await published(kube))["a"] == "PEM"
    await kube.delete(CONFIG_MAPS, "a", NAME)
    await bundle.publish_in("NEW", "a")
    assert (await published(kube))["a"] == "NEW"


async def test_somebody_elses_is_left_alone_and_told_of_once(kube: FakeKube, caplog: pytest.LogCaptureFixture) -> None:
    bundle = TrustBundle(kube)
    await kube.create(CONFIG_MAPS, "a", config_map())
    await bundle.publish_in("PEM", "a")
    await bundle.publish_in("PEM", "a")
    assert await published(kube) == {"a": "theirs"}
    assert caplog.text.count("somebody else's") == 1
    await kube.patch(CONFIG_MAPS, "a", NAME, {"metadata": {"labels": OURS}})
    await bundle.publish_in("PEM", "a")
    assert await published(kube) == {"a": "PEM"}


async def test_what_was_changed_since_it_was_looked_at_is_not_written_over(kube: FakeKube) -> None:
    await kube.create(CONFIG_MAPS, "a", config_map(labels=OURS))

    def lose(change: Write) -> None:
        if change.verb is Verb.PATCH:
            raise errors.Conflict(409, "Conflict", "changed")

    kube.before = lose
    await TrustBundle(kube).publish_in("PEM", "a")
    assert await published(kube) == {"a": "theirs"}


@pytest.mark.parametrize(
    "refusal",
    [
        errors.NotFound(404, "NotFound", "no such namespace"),
        errors.NamespaceTerminating(403, "Forbidden", "terminating"),
        errors.AlreadyExists(409, "AlreadyExists", "made meanwhile"),
    ],
)
async def test_a_namespace_that_goes_holds_up_nothing(kube: FakeKube, refusal: errors.ApiError) -> None:
    def refuse(change: Write) -> None:
        raise refusal

    kube.before = refuse
    await TrustBundle(kube).publish_in("PEM", "a")


async def test_an_api_server_that_is_away_is_told_of(kube: FakeKube) -> None:
    def refuse(change: Write) -> None:
        raise errors.Unavailable(503, "Unavailable", "away")

    kube.before = refuse
    with pytest.raises(errors.Unavailable):
        await TrustBundle(kube).publish_in("PEM", "a")
