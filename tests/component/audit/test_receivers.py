"""Sinks against real receivers: an S3-compatible server, and an OTLP endpoint that reads protobuf."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import orjson
import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse

from strongroom.domain.audit import to_record
from strongroom.domain.errors import SinkUnavailable
from strongroom.telemetry.audit import lines, objectstore, verify
from strongroom.telemetry.audit.lines import Position
from strongroom.telemetry.audit.objectstore import ObjectStore, StoreSettings
from strongroom.telemetry.audit.otlp import OtlpLogs, OtlpSettings
from strongroom.telemetry.audit.verify import Expectations
from tests.helpers import versitygw
from tests.helpers.audit import KEYS, MemoryRegistry, event, running, texts
from tests.helpers.versitygw import BUCKET, Server

pytestmark = pytest.mark.timeout(func_only=True)  # the first build of the object store takes minutes


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with versitygw.running(tmp_path) as server:
        yield server


def settings_of(server: Server) -> StoreSettings:
    return StoreSettings(
        BUCKET,
        server.endpoint,
        prefix="cluster-1/",
        access_key_file=server.access_key_file,
        secret_key_file=server.secret_key_file,
        linger=0.0,
    )


def sealed(count: int, step: int = 1) -> list[bytes]:
    found, end = [], Position("c" * 32)
    for number in range(0, count * step, step):
        text, end = lines.seal(orjson.dumps(to_record(event(number))), end)
        found.append(text)
    return found


async def test_an_object_store_gets_a_journal_from_which_it_can_be_verified(tmp_path: Path, server: Server) -> None:
    registry = MemoryRegistry()
    sink = ObjectStore(settings_of(server))
    async with running(tmp_path / "journal", registry, sinks={"s3": sink}) as journal:
        for number in range(5):
            await journal.record(event(number))

    files = objectstore.download(settings_of(server), tmp_path, "", "")
    report = verify.verify(files, Expectations(KEYS, list(registry.latest_of.values())))

    assert (report.count, [chain.last for chain in report.chains]) == (0, [len(texts(tmp_path / "journal"))])
    assert all(key.startswith("cluster-1/resourceId=/") for key in server.objects())


def test_one_object_a_vault_and_hour_named_by_its_first_record(server: Server) -> None:
    sent = sealed(3, step=1800)

    ObjectStore(settings_of(server)).send(sent)

    vault = "resourceId=/SUBSCRIPTIONS/ACME/RESOURCEGROUPS/DEFAULT/PROVIDERS/MICROSOFT.KEYVAULT/VAULTS/DEMO"
    place = f"cluster-1/{vault}/y=2025/m=11/d=24"
    assert server.objects() == {
        f"{place}/h=16/m=00/PT1H-{'c' * 32}-{1:020d}.json": sent[0] + sent[1],
        f"{place}/h=17/m=00/PT1H-{'c' * 32}-{3:020d}.json": sent[2],
    }


def test_a_batch_that_comes_again_longer_replaces_its_object(server: Server) -> None:
    sent = sealed(3)
    sink = ObjectStore(settings_of(server))

    sink.send(sent[:2])
    sink.send(sent)

    assert list(server.objects().values()) == [b"".join(sent)]


def test_only_the_hours_that_are_asked_for_are_downloaded(tmp_path: Path, server: Server) -> None:
    sent = sealed(3, step=3600)
    ObjectStore(settings_of(server)).send(sent)

    files = objectstore.download(settings_of(server), tmp_path, "y=2025/m=11/d=24/h=17", "y=2025/m=11/d=24/h=17")

    assert [file.read_bytes() for file in files] == [sent[1]]


def test_credentials_are_read_anew_after_a_failure(server: Server) -> None:
    right = server.secret_key_file.read_text()
    server.secret_key_file.write_text("wrong")
    sink = ObjectStore(settings_of(server))
    with pytest.raises(SinkUnavailable):
        sink.send(sealed(1))

    server.secret_key_file.write_text(right)
    sink.send(sealed(1))

    assert len(server.objects()) == 1


@pytest.mark.parametrize("wrong", [{"bucket": "another"}, {"access_key_file": Path("/nowhere")}])
def test_what_the_store_does_not_take_fails(server: Server, wrong: dict[str, object]) -> None:
    with pytest.raises(SinkUnavailable):
        ObjectStore(replace(settings_of(server), **wrong)).send(sealed(1))


class Collector:
    """An OTLP/HTTP endpoint: keeps what it read, answers with ``status``."""

    def __init__(self) -> None:
        self.requests: list[ExportLogsServiceRequest] = []
        self.headers: list[dict[str, str]] = []
        self.status = 200
        self.endpoint = ""

    def take(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers["Content-Length"]))
        if handler.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        self.headers.append({key.lower(): value for key, value in handler.headers.items()})
        if self.status == 200:
            self.requests.append(ExportLogsServiceRequest.FromString(body))
        handler.send_response(self.status)
        handler.send_header("Content-Type", "application/x-protobuf")
        handler.end_headers()
        handler.wfile.write(ExportLogsServiceResponse().SerializeToString())


@contextmanager
def collecting() -> Iterator[Collector]:
    collector = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.path == "/v1/logs"
            collector.take(self)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    collector.endpoint = f"http://127.0.0.1:{server.server_port}/v1/logs"
    try:
        yield collector
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


async def test_an_otlp_receiver_gets_every_line_as_a_log_record(tmp_path: Path) -> None:
    with collecting() as collector:
        sink = OtlpLogs(OtlpSettings(collector.endpoint, "replica-0", headers={"authorization": "Bearer t"}))
        async with running(tmp_path, MemoryRegistry(), sinks={"otlp": sink}) as journal:
            await journal.record(event(1))
            await journal.record(event(2, status=403))

    scopes = [scope for request in collector.requests for sent in request.resource_logs for scope in sent.scope_logs]
    records = [record for scope in scopes for record in scope.log_records]
    assert [record.body.string_value.encode() + b"\n" for record in records] == texts(tmp_path)
    got = next(record for record in records if record.severity_text == "WARN" or record.severity_number == 13)
    attributes = {pair.key: pair.value for pair in got.attributes}
    assert attributes["operationName"].string_value == "SecretGet"
    assert attributes["resultType"].string_value == "Failure"
    assert attributes["sequence"].int_value == lines.read(got.body.string_value.encode() + b"\n").position.sequence
    assert got.time_unix_nano == 1_764_000_002 * 10**9
    assert got.event_name == "strongroom.audit"
    resource = {
        pair.key: pair.value.string_value for pair in collector.requests[0].resource_logs[0].resource.attributes
    }
    assert (resource["service.name"], resource["service.instance.id"]) == ("strongroom", "replica-0")
    assert {headers["authorization"] for headers in collector.headers} == {"Bearer t"}


def test_an_otlp_receiver_that_refuses_is_a_failure_and_gets_everything_later() -> None:
    with collecting() as collector:
        sink = OtlpLogs(OtlpSettings(collector.endpoint))
        collector.status = 400
        with pytest.raises(SinkUnavailable):
            sink.send(sealed(2))
        collector.status = 200
        sink.send(sealed(600))

    counts = [len(request.resource_logs[0].scope_logs[0].log_records) for request in collector.requests]
    assert counts == [512, 88]


def test_an_otlp_receiver_that_is_not_there() -> None:
    with collecting() as collector:
        pass
    sink = OtlpLogs(OtlpSettings(collector.endpoint, timeout=0.2))
    with pytest.raises(SinkUnavailable):
        sink.send(sealed(1))
