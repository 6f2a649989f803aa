"""``strongroom audit`` as people run it: over a journal, over an object store, against a cluster."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import orjson
import pytest

from hack.localcluster import Cluster
from strongroom.cli import audit as answers
from strongroom.domain.audit import AuditEvent, AuditIdentity
from strongroom.domain.keypairs import PUBLIC_KEY
from strongroom.domain.names import VaultRef
from strongroom.entrypoints import audit
from strongroom.kube import transport
from strongroom.kube.client import KubeClient
from strongroom.telemetry.audit.hourly import HourlyFiles
from strongroom.telemetry.audit.journal import Journal
from strongroom.telemetry.audit.objectstore import ObjectStore, StoreSettings
from strongroom.telemetry.audit.registry import KubernetesRegistry
from tests.helpers import versitygw
from tests.helpers.audit import NOW, PAIR, MemoryRegistry, files, running
from tests.helpers.versitygw import BUCKET

pytestmark = pytest.mark.timeout(func_only=True)  # the first build of the object store takes minutes

APP = AuditIdentity("system:serviceaccount:shop:app", "uid-app")
EVE = AuditIdentity("oidc:eve", "uid-eve")
HOST = "https://{}.shop.vault.example"

EVENTS = [
    ("SecretSet", "pay", "secrets/Db/1", APP, 200, 0),
    ("SecretGet", "pay", "secrets/db/1", APP, 200, 60),
    ("SecretGet", "pay", "secrets/db", EVE, 403, 120),
    ("SecretList", "pay", "secrets", EVE, 200, 180),
    ("KeySign", "pay", "keys/db/7", APP, 200, 240),
    ("SecretGet", "other", "secrets/db/9", APP, 200, 3600),
    ("Authentication", "pay", "secrets/db?api-version=7.5", AuditIdentity(), 401, 7200),
]


async def record_all(journal: Journal) -> None:
    for operation, vault, path, who, status, later in EVENTS:
        url = f"{HOST.format(vault)}/{path}"
        known = operation != "Authentication"
        await journal.record(
            AuditEvent(
                operation,
                NOW + later,
                VaultRef("shop", vault),
                object_id=url if known else "",
                request_uri=url,
                status=status,
                identity=who,
            )
        )


@pytest.fixture
async def place(tmp_path: Path) -> SimpleNamespace:
    """A journal, its shipped files, its keys and what was registered of it."""
    registry = MemoryRegistry()
    place = SimpleNamespace(
        journal=tmp_path / "journal",
        shipped=tmp_path / "shipped",
        keys=tmp_path / "keys.pem",
        registered=tmp_path / "registered.json",
    )
    sinks = {"files": HourlyFiles(place.shipped, 0, lambda: NOW)}
    async with running(place.journal, registry, sinks=sinks) as journal:
        await record_all(journal)
    place.keys.write_text(PAIR[PUBLIC_KEY])
    place.registered.write_text(answers.show_registered(list(registry.latest_of.values())))
    return place


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    try:
        code = audit.main([str(argument) for argument in arguments])
    except SystemExit as exit_:
        code = int(str(exit_.code))
    said = capsys.readouterr()
    return code, said.out, said.err


def test_a_sound_journal(capsys: pytest.CaptureFixture[str], place: SimpleNamespace) -> None:
    for kept in (place.journal, place.shipped):
        code, out, _ = run(capsys, "verify", kept, "--keys", place.keys, "--registered", place.registered)

        assert (code, out.splitlines()[-1]) == (0, "sound")
        assert "note:" not in out


def test_what_could_not_be_compared_is_said(capsys: pytest.CaptureFixture[str], place: SimpleNamespace) -> None:
    code, out, _ = run(capsys, "verify", place.journal)

    assert code == 0
    assert "note: signatures were not checked" in out
    assert "note: missing chains and cut tails cannot be seen" in out


def test_findings(capsys: pytest.CaptureFixture[str], place: SimpleNamespace) -> None:
    segment = files(place.journal)[0]
    segment.write_bytes(segment.read_bytes().replace(b"oidc:eve", b"oidc:bob", 1))
    arguments = ("verify", place.journal, "--keys", place.keys, "--registered", place.registered)

    code, out, _ = run(capsys, *arguments)
    assert code == 1
    assert f"altered: {segment}:5: altered: the hash is not that of the record" in out

    code, out, _ = run(capsys, *arguments, "-o", "json")
    assert code == 1
    assert {finding["flaw"] for finding in orjson.loads(out)["findings"]} == {"altered", "gap"}


@pytest.mark.parametrize(
    ("arguments", "code", "complaint"),
    [
        (("verify",), 1, "no audit records"),
        ((), 2, "verify"),
        (("query", "--since", "yesterday"), 2, "24h"),
        (("verify", "/nowhere"), 1, "/nowhere"),
        (("verify", "/", "--keys", "/nowhere.pem"), 1, "/nowhere.pem"),
        (("query",), 1, "no audit records"),
        (("query", "/dev/null", "--limit", "0"), 1, "limit"),
    ],
)
def test_what_cannot_be_done(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], code: int, complaint: str
) -> None:
    got, out, err = run(capsys, *arguments)

    assert (got, out) == (code, "")
    assert complaint in err


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ((), [6, 5, 4, 3, 2, 1, 0]),
        (("--secret", "DB"), [5, 2, 1, 0]),
        (("--object", "db"), [6, 5, 4, 2, 1, 0]),
        (("--identity", "oidc:eve"), [3, 2]),
        (("--identity", "uid-app"), [5, 4, 1, 0]),
        (("--identity", "' OR 1=1 --"), []),
        (("--operation", "secretget"), [5, 2, 1]),
        (("--vault", "pay", "--operation", "SecretGet"), [2, 1]),
        (("--vault", "shop/other"), [5]),
        (("--vault", "elsewhere/other"), []),
        (("--denied",), [6, 2]),
        (("--status", "403"), [2]),
        (("--since", "2025-11-24T16:02:00Z", "--until", "2025-11-24T17:00:00Z"), [4, 3, 2]),
        (("--limit", "2"), [6, 5]),
    ],
)
def test_filters(
    capsys: pytest.CaptureFixture[str], place: SimpleNamespace, filters: tuple[str, ...], expected: list[int]
) -> None:
    code, out, _ = run(capsys, "query", place.shipped, *filters, "-o", "json")

    assert code == 0
    told = [(row["operation"], row["vault"], row["status"], row["time"][11:19]) for row in orjson.loads(out)]
    assert told == [
        (operation, vault, status, f"{16 + later // 3600}:{later % 3600 // 60:02}:00")
        for operation, vault, _, _, status, later in (EVENTS[at] for at in expected)
    ]


def test_a_table_for_people(capsys: pytest.CaptureFixture[str], place: SimpleNamespace) -> None:
    _, out, _ = run(capsys, "query", place.journal, "--denied", "--limit", "1", "--object", "db")

    head, row, more = out.splitlines()
    assert " ".join(head.split()) == "TIME OPERATION RESULT STATUS ERROR IDENTITY ADDRESS VAULT NAMESPACE OBJECT"
    assert row.split() == ["2025-11-24T18:00:00.000Z", "Authentication", "Failure", "401", "pay", "shop", "db"]
    assert more.startswith("… there is more")


def test_records_that_were_shipped_twice_count_once(capsys: pytest.CaptureFixture[str], place: SimpleNamespace) -> None:
    sql = "SELECT identity, count(*) AS n FROM audit WHERE operation = 'SecretGet' GROUP BY ALL ORDER BY ALL"

    code, out, _ = run(capsys, "query", place.shipped, place.journal, "--sql", sql, "-o", "json")

    assert code == 0
    assert orjson.loads(out) == [
        {"identity": "oidc:eve", "n": 1},
        {"identity": "system:serviceaccount:shop:app", "n": 2},
    ]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_text('{}')",
        "SELECT * FROM read_csv('/etc/passwd')",
        "COPY audit TO '{}'",
        "ATTACH '{}' AS more",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET enable_external_access = true",
        "RESET lock_configuration",
        "EXPORT DATABASE '{}'",
        "SELECT nonsense",
    ],
)
def test_sql_reaches_nothing_else(
    capsys: pytest.CaptureFixture[str], place: SimpleNamespace, tmp_path: Path, sql: str
) -> None:
    outside = tmp_path / "outside"
    outside.write_text("mine")

    code, out, err = run(capsys, "query", place.journal, "--sql", sql.format(outside))

    assert (code, out) == (1, "")
    assert "DuckDB does not take the query" in err
    assert outside.read_text() == "mine"


def test_lines_that_are_no_records_do_not_stop_a_query(
    capsys: pytest.CaptureFixture[str], place: SimpleNamespace
) -> None:
    segment = files(place.journal)[0]
    segment.write_bytes(b'no json\n{"time": 7}\n' + segment.read_bytes() + b'{"time":"2025')

    code, out, _ = run(capsys, "query", place.journal, "-o", "json")

    assert (code, len(orjson.loads(out))) == (0, len(EVENTS))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[versitygw.Server]:
    with versitygw.running(tmp_path) as server:
        yield server


async def journal_to(server: versitygw.Server, directory: Path) -> None:
    keys = {"access_key_file": server.access_key_file, "secret_key_file": server.secret_key_file}
    sink = ObjectStore(StoreSettings(BUCKET, server.endpoint, linger=0.0, **keys))
    async with running(directory, MemoryRegistry(), sinks={"s3": sink}) as journal:
        await record_all(journal)


def test_an_object_store_is_asked(capsys: pytest.CaptureFixture[str], tmp_path: Path, server: versitygw.Server) -> None:
    asyncio.run(journal_to(server, tmp_path / "journal"))
    store = ["--s3-bucket", BUCKET, "--s3-endpoint", server.endpoint]
    store += ["--s3-access-key-file", server.access_key_file, "--s3-secret-key-file", server.secret_key_file]

    code, out, _ = run(capsys, "query", *store, "--since", "2025-11-24T17:00:00Z", "-o", "json")

    assert code == 0
    assert [row["operation"] for row in orjson.loads(out)] == ["Authentication", "SecretGet"]
    code, out, _ = run(capsys, "verify", *store)
    assert (code, out.splitlines()[-1]) == (0, "sound")
    next(path for path in server.root.rglob("*.json") if "h=17" in str(path)).unlink()
    code, out, _ = run(capsys, "verify", *store)
    assert code == 1
    assert "gap: " in out


async def journal_in(cluster: Cluster, namespace: str, directory: Path) -> None:
    async with (
        KubeClient(await transport.from_kubeconfig(cluster.kubeconfig)) as client,
        running(directory, KubernetesRegistry(client, namespace)) as journal,
    ):
        await record_all(journal)


def test_what_a_cluster_remembers(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    cluster: Cluster,
    namespace: str,
) -> None:
    monkeypatch.setattr(audit, "SYSTEM_NAMESPACE", namespace)
    keys, registered = tmp_path / "keys.pem", tmp_path / "registered.json"
    keys.write_text(PAIR[PUBLIC_KEY])
    for replica in ("a", "b"):
        asyncio.run(journal_in(cluster, namespace, tmp_path / replica))

    code, out, _ = run(capsys, "checkpoints", "--kubeconfig", cluster.kubeconfig)
    assert code == 0
    registered.write_text(out)
    sources = ("--registered", registered), ("--kubeconfig", cluster.kubeconfig)
    for source in sources:
        code, out, _ = run(capsys, "verify", tmp_path / "a", tmp_path / "b", "--keys", keys, *source)
        assert (code, out.splitlines()[-1]) == (0, "sound")

        code, out, _ = run(capsys, "verify", tmp_path / "b", "--keys", keys, *source)
        assert code == 1
        assert "missing-chain: chain " in out
