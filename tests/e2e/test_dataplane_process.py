"""The data plane as a process: it serves, says honestly when it cannot, and ends without losing a request."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.helpers.dataplane import DataPlane, exchange, grant, serving
from tests.helpers.system import System, vault

ALL = {"secrets": ["all"]}


@pytest.fixture(scope="module")
def shared(system: System, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DataPlane]:
    """A process that tests leave as it is."""
    with serving(system, tmp_path_factory.mktemp("dataplane")) as running:
        yield running


@pytest.fixture
def own(system: System, tmp_path: Path) -> Iterator[DataPlane]:
    """A process of this test's own."""
    with serving(system, tmp_path) as running:
        yield running


@pytest.fixture
def demo(system: System, namespace: str) -> str:
    """A namespace with a vault in which its default ServiceAccount may do everything with secrets."""
    system.apply(vault(namespace, accessPolicies=[grant("default", namespace, **ALL)]))
    system.until_ready(namespace, "demo", "vault")
    return namespace


def test_a_new_vault_is_served_with_a_certificate_of_its_namespace(shared: DataPlane, demo: str) -> None:
    asked = shared.ask(demo, "GET", "/secrets?api-version=7.4")
    assert asked.status == 401
    assert f'resource="{shared.audience}"' in asked.headers["WWW-Authenticate"]
    token = shared.token(demo)
    made = shared.ask(demo, "PUT", "/secrets/a?api-version=7.4", token=token, body={"value": "b"})
    assert (made.status, made.body["id"].startswith(f"{shared.url(demo)}/secrets/a/")) == (200, True)
    assert shared.ask(demo, "GET", "/secrets/a?api-version=7.4", token=token).body["value"] == "b"


def test_a_namespace_without_a_vault_gets_no_certificate(shared: DataPlane, namespace: str) -> None:
    with pytest.raises(OSError):  # noqa: PT011 - refused in the handshake: reset, or an alert
        shared.ask(namespace, "GET", "/")


def test_the_trust_bundle_is_where_pods_need_it(shared: DataPlane, system: System, demo: str) -> None:
    def bundle() -> str:
        return str(system.get("configmap", demo, "strongroom-ca").get("data", {}).get("ca.crt", ""))

    system.until(bundle, "the trust bundle")
    assert bundle() == shared.ca


def test_it_is_ready_only_while_the_hsm_serves(own: DataPlane, system: System) -> None:
    assert own.wrong() == {}
    system.sidecar.stop()
    try:
        own.until_unready()
        assert set(own.wrong()) == {"hsm"}
    finally:
        system.sidecar.start()
    own.until_ready()


def test_a_signal_ends_it_and_no_request_is_lost(system: System, tmp_path: Path, demo: str) -> None:
    """Clients ask without a pause while it ends: each answer is whole, and the last one says to come back elsewhere."""
    path = "/secrets/a?api-version=7.4"
    with serving(system, tmp_path, "--drain-seconds", "1") as own:
        token = own.token(demo)
        own.ask(demo, "PUT", path, token=token, body={"value": "b"})
        started = threading.Barrier(5)

        def keep_asking() -> set[int]:
            connection, seen, closed = own.connect(demo), set(), False
            while not closed:
                answer = exchange(connection, "GET", path, token=token)
                if not seen:
                    started.wait(30)
                seen.add(answer.status)
                closed = answer.headers.get("Connection", "").lower() == "close"
            connection.close()
            return seen

        with ThreadPoolExecutor(4) as threads:
            clients = [threads.submit(keep_asking) for _ in range(4)]
            started.wait(30)
            own.process.stop()
            assert [client.result() for client in clients] == [{200}] * 4
        assert own.process.process is not None
        assert own.process.process.returncode == 0


def test_what_was_written_before_a_restart_is_there_after_it(own: DataPlane, demo: str) -> None:
    token = own.token(demo)
    own.ask(demo, "PUT", "/secrets/a?api-version=7.4", token=token, body={"value": "b"})
    own.process.kill()
    own.process.start()
    own.until_ready()
    assert own.ask(demo, "GET", "/secrets/a?api-version=7.4", token=token).body["value"] == "b"


def test_two_processes_share_a_port_and_see_each_others_writes(system: System, tmp_path: Path, demo: str) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    with (
        serving(system, tmp_path / "one", "--reuse-port") as one,
        serving(system, tmp_path / "two", "--reuse-port", port=one.port) as two,
    ):
        token = one.token(demo)
        path = "/secrets/a?api-version=7.4"
        assert one.ask(demo, "PUT", path, token=token, body={"value": "b"}).status == 200
        answers = [two.ask(demo, "GET", path, token=token) for _ in range(40)]
        assert {answer.body["value"] for answer in answers} == {"b"}
        served = [each.process.metric("strongroom_requests_total") for each in (one, two)]
        assert min(served) > 0
        assert sum(served) == 41
