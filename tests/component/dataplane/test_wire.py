"""Paths, bodies, headers and pages as Azure Key Vault has them, and what we add."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from strongroom.domain.access import Subject, SubjectKind
from strongroom.domain.network import DefaultAction
from tests.helpers.controllers import NAMESPACE
from tests.helpers.door import HOST, DoorLab, door_lab
from tests.helpers.memory import Fault
from tests.helpers.stores import NOW

BASE = f"https://{HOST}"
DAY = 86_400
CALLER = f"system:serviceaccount:{NAMESPACE}:app"


@pytest.fixture
async def lab() -> AsyncIterator[DoorLab]:
    async with door_lab() as made:
        yield made


async def test_a_secret_as_azure_shows_it(lab: DoorLab) -> None:
    body = {
        "value": "päss",
        "contentType": "text/plain",
        "tags": {"team": "blue"},
        "attributes": {"enabled": True, "nbf": NOW, "exp": NOW + DAY},
    }
    made = await lab.ask("PUT", "/secrets/My-Name", body)
    version = made.body["id"].rpartition("/")[2]
    assert made.body == {
        "value": "päss",
        "id": f"{BASE}/secrets/My-Name/{version}",
        "contentType": "text/plain",
        "tags": {"team": "blue"},
        "attributes": {
            "enabled": True,
            "nbf": NOW,
            "exp": NOW + DAY,
            "created": NOW,
            "updated": NOW,
            "recoveryLevel": "Recoverable+Purgeable",
            "recoverableDays": 90,
        },
    }
    assert (await lab.ask("GET", f"/secrets/my-name/{version}")).body == made.body
    headers = made.headers
    assert headers["ETag"] == f'"{version}"'
    assert headers["Content-Type"] == "application/json; charset=utf-8"
    assert headers["x-ms-keyvault-network-info"] == "conn_type=Ipv4;addr=127.0.0.1;act_addr_fam=InterNetwork;"
    assert len(headers["x-ms-request-id"]) == 32
    assert (headers["Cache-Control"], headers["X-Content-Type-Options"]) == ("no-cache", "nosniff")


@pytest.mark.parametrize(
    ("settings", "level", "days"),
    [
        ({}, "Recoverable+Purgeable", 90),
        ({"purgeProtection": True}, "Recoverable", 90),
        ({"retentionDays": 7}, "CustomizedRecoverable+Purgeable", 7),
        ({"retentionDays": 89, "purgeProtection": True}, "CustomizedRecoverable", 89),
    ],
)
async def test_recovery_levels(settings: dict[str, Any], level: str, days: int) -> None:
    async with door_lab(softDelete=settings) as lab:
        attributes = (await lab.ask("PUT", "/secrets/x", {"value": ""})).body["attributes"]
        assert (attributes["recoveryLevel"], attributes["recoverableDays"]) == (level, days)
        deleted = (await lab.ask("DELETE", "/secrets/x")).body
        assert deleted["recoveryId"] == f"{BASE}/deletedsecrets/x"
        assert deleted["scheduledPurgeDate"] - deleted["deletedDate"] == days * DAY
        assert "value" not in deleted


PATHS = [
    "/secrets/x", "/secrets/x/", "//secrets/x", "/SECRETS/X", "/secrets/x/?", "/secrets/x//",
]  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
async def test_every_form_of_a_path(lab: DoorLab, path: str) -> None:
    await lab.ask("PUT", "/secrets/x", {"value": "v"})
    answer = await lab.ask("GET", path.rstrip("?"))
    assert (answer.status, answer.body["value"]) == (200, "v")


async def test_a_method_may_stand_in_a_header(lab: DoorLab) -> None:
    await lab.ask("PUT", "/secrets/x", {"value": "v"})
    assert (await lab.ask("POST", "/secrets/x", X_HTTP_METHOD="DELETE")).status == 200
    assert (await lab.ask("GET", "/deletedSecrets/x")).status == 200


REFUSED: dict[str, tuple[str, str, Any, int, str]] = {
    "an empty name": ("PUT", "/secrets/", {"value": ""}, 405, "MethodNotAllowed"),
    "a name that is none": ("PUT", "/secrets/a_b", {"value": ""}, 400, "BadParameter"),
    "a name that is too long": ("PUT", f"/secrets/{'n' * 128}", {"value": ""}, 400, "BadParameter"),
    "an escaped slash": ("GET", "/secrets/a%2Fversions%2F..", None, 400, "BadParameter"),
    "a version that is none": ("GET", "/secrets/x/latest", None, 400, "BadParameter"),
    "a version that is not there": ("GET", f"/secrets/x/{'0' * 32}", None, 404, "SecretNotFound"),
    "too much": ("GET", f"/secrets/x/{'0' * 32}/y", None, 404, "NotFound"),
    "another collection": ("GET", "/storage", None, 404, "NotFound"),
    "no collection": ("GET", "/", None, 404, "NotFound"),
    "another method": ("POST", "/secrets/x", {"value": ""}, 405, "MethodNotAllowed"),
    "no body": ("PUT", "/secrets/x", None, 400, "BadParameter"),
    "no JSON": ("PUT", "/secrets/x", b"{", 400, "BadParameter"),
    "no object": ("PUT", "/secrets/x", [], 400, "BadParameter"),
    "no value": ("PUT", "/secrets/x", {}, 400, "BadParameter"),
    "a value that is no text": ("PUT", "/secrets/x", {"value": 1}, 400, "BadParameter"),
    "a lone surrogate": ("PUT", "/secrets/x", b'{"value": "\\ud800"}', 400, "BadParameter"),
    "a value that is too long": ("PUT", "/secrets/x", {"value": "v" * 25601}, 400, "BadParameter"),
    "a value of too many octets": ("PUT", "/secrets/x", {"value": "ä" * 12801}, 400, "BadParameter"),
    "a body that is too long": ("PUT", "/secrets/x", {"value": "", "x": "x" * 200_000}, 413, "RequestEntityTooLarge"),
    "a fraction of a second": ("PUT", "/secrets/x", {"value": "", "attributes": {"exp": 1.5}}, 400, "BadParameter"),
    "a moment before all": ("PUT", "/secrets/x", {"value": "", "attributes": {"exp": -1}}, 400, "BadParameter"),
    "a flag that is none": ("PUT", "/secrets/x", {"value": "", "attributes": {"enabled": 1}}, 400, "BadParameter"),
    "a long content type": ("PUT", "/secrets/x", {"value": "", "contentType": "c" * 256}, 400, "BadParameter"),
    "too many tags": ("PUT", "/secrets/x", {"value": "", "tags": {str(n): "" for n in range(16)}}, 400, "BadParameter"),
    "a tag that is no text": ("PUT", "/secrets/x", {"value": "", "tags": {"a": 1}}, 400, "BadParameter"),
    "a page too large": ("GET", "/secrets?maxresults=26", None, 400, "BadParameter"),
    "a page of nothing": ("GET", "/secrets?maxresults=0", None, 400, "BadParameter"),
    "a token of nobody": ("GET", "/secrets?$skiptoken=AAAA", None, 400, "BadParameter"),
    "another order": ("GET", "/secrets?$orderby=value", None, 400, "BadParameter"),
    "a backup that is none": ("POST", "/secrets/restore", {"value": "!"}, 400, "Malformed backup blob"),
}


@pytest.mark.parametrize(("method", "path", "body", "status", "code"), REFUSED.values(), ids=REFUSED)
async def test_what_is_refused(lab: DoorLab, method: str, path: str, body: Any, status: int, code: str) -> None:
    await lab.ask("PUT", "/secrets/x", {"value": "v"})
    answer = await lab.ask(method, path, body)
    assert (answer.status, answer.code) == (status, code)
    assert (await lab.ask("GET", "/secrets/x")).body["value"] == "v"


async def test_an_api_version_is_needed_and_any_will_do(lab: DoorLab) -> None:
    assert (await lab.ask("GET", "/secrets", version=None)).code == "BadParameter"
    for version in ("2016-10-01", "7.4", "2026-04-01", "2030-01-01-preview"):
        assert (await lab.ask("GET", "/secrets", version=version)).status == 200


@pytest.mark.parametrize("host", ["demo.kv.example", "a.b.c.kv.example", "localhost", "demo.default.kv.example.org"])
async def test_a_host_that_is_no_vaults(lab: DoorLab, host: str) -> None:
    assert (await lab.ask("GET", "/secrets", host=host)).status == 404


async def test_the_port_stays_in_identifiers(lab: DoorLab) -> None:
    answer = await lab.ask("PUT", "/secrets/x", {"value": ""}, host=f"{HOST}:8443")
    assert answer.body["id"].startswith(f"https://{HOST}:8443/secrets/x/")


async def test_pages(lab: DoorLab) -> None:
    names = [f"s{number:02}" for number in range(7)]
    for name in reversed(names):
        await lab.ask("PUT", f"/secrets/{name}", {"value": "v"})
    page, seen, sizes = await lab.ask("GET", "/secrets?maxresults=3"), [], []
    while True:
        assert all("value" not in item for item in page.body["value"])
        seen += [item["id"].removeprefix(f"{BASE}/secrets/") for item in page.body["value"]]
        sizes.append(len(page.body["value"]))
        if (link := page.body["nextLink"]) is None:
            break
        page = await lab.follow(link)
    assert (seen, sizes) == (names, [3, 3, 1])


async def test_what_is_made_between_two_pages_confuses_nobody(lab: DoorLab) -> None:
    for name in ("a", "c", "e"):
        await lab.ask("PUT", f"/secrets/{name}", {"value": "v"})
    first = await lab.ask("GET", "/secrets?maxresults=2")
    for name in ("b", "d"):
        await lab.ask("PUT", f"/secrets/{name}", {"value": "v"})
    rest = await lab.follow(first.body["nextLink"])
    assert [item["id"][-1] for item in rest.body["value"]] == ["d", "e"]


async def test_lists_in_order_of_time(lab: DoorLab) -> None:
    for name in ("b", "c", "a"):
        await lab.ask("PUT", f"/secrets/{name}", {"value": "v"})
        lab.world.now += 10

    async def order(path: str) -> str:
        found, link = "", None
        page = await lab.ask("GET", path)
        while True:
            found += "".join(item["id"].removeprefix(f"{BASE}/secrets/")[0] for item in page.body["value"])
            if (link := page.body["nextLink"]) is None:
                return found
            page = await lab.follow(link)

    assert await order("/secrets?maxresults=1") == "abc"
    assert await order("/secrets?maxresults=1&$orderby=created") == "bca"
    assert await order("/secrets?maxresults=2&$orderby=created desc") == "acb"


async def test_versions(lab: DoorLab) -> None:
    made = []
    for value in "123":
        made.append((await lab.ask("PUT", "/secrets/x", {"value": value})).body["id"])
        lab.world.now += 1
    by_time = (await lab.ask("GET", "/secrets/x/versions?$orderby=created desc")).body["value"]
    assert [item["id"] for item in by_time] == made[::-1]
    by_id = (await lab.ask("GET", "/secrets/x/versions")).body["value"]
    assert [item["id"] for item in by_id] == sorted(made)
    assert (await lab.ask("GET", "/secrets/nobody/versions")).body == {"value": [], "nextLink": None}


async def test_one_version_can_be_disabled(lab: DoorLab) -> None:
    first = (await lab.ask("PUT", "/secrets/x", {"value": "1"})).body["id"].removeprefix(BASE)
    await lab.ask("PUT", "/secrets/x", {"value": "2"})
    assert (await lab.ask("PATCH", first, {"attributes": {"enabled": False}})).status == 200
    assert (await lab.ask("GET", first)).code == "Forbidden/SecretDisabled"
    assert (await lab.ask("GET", "/secrets/x")).body["value"] == "2"


async def test_a_patch_leaves_the_rest_alone_and_replaces_all_tags(lab: DoorLab) -> None:
    body = {"value": "v", "contentType": "a", "tags": {"a": "1", "b": "2"}, "attributes": {"exp": NOW + DAY}}
    await lab.ask("PUT", "/secrets/x", body)
    lab.world.now += 5
    patched = (await lab.ask("PATCH", "/secrets/x/", {"tags": {"c": "3"}})).body
    assert (patched["contentType"], patched["tags"], patched["attributes"]["exp"]) == ("a", {"c": "3"}, NOW + DAY)
    assert (patched["attributes"]["created"], patched["attributes"]["updated"]) == (NOW, NOW + 5)
    assert "value" not in patched


CONDITIONS = {
    "If-Match of the newest": ({"If_Match": "newest"}, 200),
    "If-Match of an older one": ({"If_Match": "older"}, 412),
    "If-Match of any": ({"If_Match": "*"}, 200),
    "If-None-Match of any": ({"If_None_Match": "*"}, 412),
    "If-Match that is no version": ({"If_Match": '"x"'}, 400),
}


@pytest.mark.parametrize(("headers", "status"), CONDITIONS.values(), ids=CONDITIONS)
@pytest.mark.parametrize("method", ["PUT", "PATCH"])
async def test_conditional_writes(lab: DoorLab, method: str, headers: dict[str, str], status: int) -> None:
    older = (await lab.ask("PUT", "/secrets/x", {"value": "1"})).headers["ETag"]
    newest = (await lab.ask("PUT", "/secrets/x", {"value": "2"})).headers["ETag"]
    given = {name: {"newest": newest, "older": older}.get(value, value) for name, value in headers.items()}
    body = {"value": "3"} if method == "PUT" else {"tags": {"a": "b"}}
    assert (await lab.ask(method, "/secrets/x", body, **given)).status == status


async def test_a_secret_is_made_once_by_if_none_match(lab: DoorLab) -> None:
    assert (await lab.ask("PUT", "/secrets/x", {"value": "1"}, If_Match="*")).status == 412
    assert (await lab.ask("PUT", "/secrets/x", {"value": "1"}, If_None_Match="*")).status == 200
    assert (await lab.ask("PUT", "/secrets/x", {"value": "2"}, If_None_Match="*")).status == 412


async def test_a_backup_keeps_versions_and_restores_to_a_free_name(lab: DoorLab) -> None:
    made = []
    for value in "123":
        made.append((await lab.ask("PUT", "/secrets/x", {"value": value, "tags": {"n": value}})).body)
    blob = (await lab.ask("POST", "/secrets/x/backup")).body
    assert set(blob) == {"value"}
    assert not set(blob["value"]) & set("+/=")
    assert (await lab.ask("POST", "/secrets/restore", blob)).code == "Conflict/ObjectAlreadyExists"
    await lab.ask("DELETE", "/secrets/x")
    assert (await lab.ask("POST", "/secrets/restore", blob)).code == "Conflict/ObjectIsDeletedButRecoverable"
    await lab.ask("DELETE", "/deletedsecrets/x")
    restored = (await lab.ask("POST", "/secrets/restore", blob)).body
    assert restored["id"] == made[-1]["id"]
    for before in made:
        now = (await lab.ask("GET", before["id"].removeprefix(BASE))).body
        assert (now["value"], now["tags"]) == (before["value"], before["tags"])


async def test_a_backup_of_another_tenant_or_that_was_altered_is_refused(lab: DoorLab) -> None:
    await lab.ask("PUT", "/secrets/x", {"value": "1"})
    blob = (await lab.ask("POST", "/secrets/x/backup")).body["value"]
    for altered in (blob[:-4], blob[:-1] + ("A" if blob[-1] != "A" else "B"), "AAAA" + blob[4:], ""):
        assert (await lab.ask("POST", "/secrets/restore", {"value": altered})).code == "Malformed backup blob"
    async with door_lab() as other:
        other.world.keys = lab.world.keys
        assert (await other.ask("POST", "/secrets/restore", {"value": blob})).code == "Malformed backup blob"


async def test_rules_let_in_by_address_and_through_a_trusted_proxy() -> None:
    rules = {"defaultAction": DefaultAction.DENY.value, "ipRules": ["192.0.2.0/24", "2001:db8::/32"]}
    async with door_lab(networkRules=rules, proxies=("127.0.0.0/8",)) as lab:
        assert (await lab.ask("GET", "/secrets")).status == 403
        for address, status in {
            "192.0.2.7": 200,
            "2001:db8::7": 200,
            "::ffff:192.0.2.7": 200,
            "192.0.2.7, 198.51.100.1": 403,
            "198.51.100.1, 192.0.2.7": 200,
            "nonsense": 403,
        }.items():
            assert (await lab.ask("GET", "/secrets", X_Forwarded_For=address)).status == status, address


async def test_a_forwarded_address_of_a_stranger_counts_for_nothing() -> None:
    rules = {"defaultAction": "Deny", "ipRules": ["192.0.2.0/24"]}
    async with door_lab(networkRules=rules) as lab:
        assert (await lab.ask("GET", "/secrets", X_Forwarded_For="192.0.2.7")).status == 403


async def three_versions(lab: DoorLab) -> list[str]:
    """Three versions of a secret; their ids, oldest first."""
    made = []
    for value in "123":
        made.append((await lab.ask("PUT", "/secrets/x", {"value": value})).body["id"].rpartition("/")[2])
        lab.world.now += 1
    return made


async def listed(lab: DoorLab) -> list[str]:
    page = await lab.ask("GET", "/secrets/x/versions?$orderby=created")
    return [item["id"].rpartition("/")[2] for item in page.body["value"]]


async def test_one_version_is_deleted_softly_and_comes_back(lab: DoorLab) -> None:
    first, second, third = await three_versions(lab)
    deleted = await lab.ask("DELETE", f"/secrets/x/{second}")
    assert deleted.status == 200
    assert deleted.body["recoveryId"] == f"{BASE}/deletedsecrets/x/{second}"
    assert deleted.body["scheduledPurgeDate"] - deleted.body["deletedDate"] == 90 * DAY
    assert "value" not in deleted.body
    assert await listed(lab) == [first, third]
    assert (await lab.ask("GET", f"/secrets/x/{second}")).code == "SecretNotFound"
    assert (await lab.ask("DELETE", f"/secrets/x/{second}")).code == "SecretNotFound"
    assert (await lab.ask("GET", f"/secrets/x/{first}")).body["value"] == "1"
    assert (await lab.ask("POST", f"/deletedsecrets/x/{second}/recover")).status == 200
    assert await listed(lab) == [first, second, third]
    assert (await lab.ask("GET", f"/secrets/x/{second}")).body["value"] == "2"
    assert (await lab.ask("POST", f"/deletedsecrets/x/{second}/recover")).code == "SecretNotFound"


async def test_the_newest_version_is_not_deleted_alone(lab: DoorLab) -> None:
    *_, third = await three_versions(lab)
    assert (await lab.ask("DELETE", f"/secrets/x/{third}")).code == "Conflict/VersionIsServed"


async def test_one_version_is_purged_and_its_neighbours_stay(lab: DoorLab) -> None:
    first, second, third = await three_versions(lab)
    assert (await lab.ask("DELETE", f"/deletedsecrets/x/{second}")).code == "SecretNotFound"
    await lab.ask("DELETE", f"/secrets/x/{second}")
    assert (await lab.ask("DELETE", f"/deletedsecrets/x/{second}")).status == 204
    assert (await lab.ask("POST", f"/deletedsecrets/x/{second}/recover")).code == "SecretNotFound"
    (stub,) = [blob for blob in lab.world.records() if blob.version == second]
    assert not stub.data
    assert await listed(lab) == [first, third]
    assert (await lab.ask("GET", f"/secrets/x/{first}")).body["value"] == "1"
    blob = (await lab.ask("POST", "/secrets/x/backup")).body
    await lab.ask("DELETE", "/secrets/x")
    await lab.ask("DELETE", "/deletedsecrets/x")
    assert not lab.world.records()
    assert (await lab.ask("POST", "/secrets/restore", blob)).status == 200
    assert await listed(lab) == [first, third]


async def test_a_protected_vault_keeps_a_deleted_version() -> None:
    async with door_lab(softDelete={"purgeProtection": True}) as lab:
        first, *_ = await three_versions(lab)
        await lab.ask("DELETE", f"/secrets/x/{first}")
        assert (await lab.ask("DELETE", f"/deletedsecrets/x/{first}")).code == "Forbidden/PurgeProtected"


async def test_a_deleted_version_is_purged_on_time(lab: DoorLab) -> None:
    first, second, third = await three_versions(lab)
    await lab.ask("DELETE", f"/secrets/x/{first}")
    lab.world.now += 90 * DAY
    await lab.world.process().work(await lab.world.object_key("x"))
    (stub,) = [blob for blob in lab.world.records() if blob.version == first]
    assert not stub.data
    assert await listed(lab) == [second, third]


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("write", range(1, 4))
async def test_a_purge_of_one_version_that_is_cut_short_is_finished(lab: DoorLab, write: int, after: bool) -> None:
    first, second, third = await three_versions(lab)
    await lab.ask("DELETE", f"/secrets/x/{second}")
    lab.world.backend.fault = Fault(lab.world.backend.writes + write, after)
    await lab.ask("DELETE", f"/deletedsecrets/x/{second}")
    lab.world.backend.fault = None
    await lab.world.process().work(await lab.world.object_key("x"))
    await lab.ask("DELETE", f"/deletedsecrets/x/{second}")  # as a client tries again
    lab.replica.hear()
    (stub,) = [blob for blob in lab.world.records() if blob.version == second]
    assert not stub.data
    assert await listed(lab) == [first, third]
    assert (await lab.ask("GET", f"/secrets/x/{first}")).body["value"] == "1"


DENY = {"defaultAction": "Deny"}


@pytest.mark.parametrize(
    ("bypass", "policies", "code"),
    [
        ("TrustedServices", None, ""),
        ("None", None, "Forbidden/ForbiddenByFirewall"),
        ("TrustedServices", [], "Forbidden/ForbiddenByPolicy"),
    ],
)
async def test_trusted_services_need_no_rule_but_a_policy(bypass: str, policies: list[Any] | None, code: str) -> None:
    app = Subject(SubjectKind.SERVICE_ACCOUNT, "app", NAMESPACE)
    rules = {**DENY, "bypass": bypass}
    async with door_lab(networkRules=rules, trusted=frozenset({app}), policies=policies) as lab:
        answer = await lab.ask("GET", "/secrets")
        assert (answer.code if answer.status != 200 else "") == code
        assert lab.records.events[-1].trusted_service is (bypass == "TrustedServices")


POD = {"status": {"podIPs": [{"ip": "127.0.0.1"}, {"ip": "::1"}]}}
PODS: dict[str, tuple[dict[str, Any], dict[str, str], int]] = {
    "its own pod in a namespace that is let in": (POD, {"team": "blue"}, 200),
    "in another namespace": (POD, {"team": "red"}, 403),
    "from another address": ({"status": {"podIPs": [{"ip": "192.0.2.1"}]}}, {"team": "blue"}, 403),
    "from a pod in the host's network": ({**POD, "spec": {"hostNetwork": True}}, {"team": "blue"}, 403),
    "from a successor of the pod": ({**POD, "uid": "another"}, {"team": "blue"}, 403),
}


@pytest.mark.parametrize(("pod", "labels", "status"), PODS.values(), ids=PODS)
async def test_rules_let_in_by_namespace(pod: dict[str, Any], labels: dict[str, str], status: int) -> None:
    rules = {**DENY, "namespaces": [{"matchLabels": {"team": "blue"}}]}
    async with door_lab(networkRules=rules) as lab:
        lab.world.add_namespace(NAMESPACE, **labels)
        lab.kube.objects[("namespaces", "", NAMESPACE)]["metadata"]["labels"] = labels
        token = lab.token(pod="web-1")
        uid = pod.get("uid", lab.kube.pods[(NAMESPACE, "web-1")])
        body = {key: value for key, value in pod.items() if key != "uid"}
        lab.kube.objects[("pods", NAMESPACE, "web-1")] = {"metadata": {"name": "web-1", "uid": uid}, **body}
        assert (await lab.ask("GET", "/secrets", token=token)).status == status


async def test_a_token_that_is_bound_to_no_pod_is_from_nowhere() -> None:
    rules = {**DENY, "namespaces": [{"matchLabels": {"team": "blue"}}]}
    async with door_lab(networkRules=rules) as lab:
        lab.kube.objects[("namespaces", "", NAMESPACE)]["metadata"]["labels"] = {"team": "blue"}
        assert (await lab.ask("GET", "/secrets")).code == "Forbidden/ForbiddenByFirewall"


async def test_backups_are_made_a_few_at_a_time(lab: DoorLab) -> None:
    """Each may take much memory; who comes too often is told when to come again."""
    await lab.ask("PUT", "/secrets/x", {"value": "1"})
    with lab.door._heavy.slot(CALLER), lab.door._heavy.slot(CALLER):
        answer = await lab.ask("POST", "/secrets/x/backup")
        assert (answer.status, answer.code, answer.headers["Retry-After"]) == (429, "Throttled", "1")
        assert (await lab.ask("GET", "/secrets/x")).status == 200
    assert (await lab.ask("POST", "/secrets/x/backup")).status == 200
