"""The command line against a real data plane and cluster; and the example that rotates a password outside."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from hack.localcluster.paths import REPOSITORY
from tests.helpers import postgres
from tests.helpers.consoles import Shell, follow, tour
from tests.helpers.dataplane import DOMAIN, DataPlane, grant, serving
from tests.helpers.postgres import Postgres
from tests.helpers.system import System, secret, vault

EXAMPLE = REPOSITORY / "examples" / "rotate-from-outside"
BINARIES = Path(sys.executable).parent


@pytest.fixture(scope="module")
def vaults(system: System, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DataPlane]:
    """Under the port of the URLs that the controller writes into status, reached by ``--connect-to``."""
    with serving(system, tmp_path_factory.mktemp("dataplane"), "--external-port", "443") as running:
        yield running


@dataclass
class Ran:
    code: int
    out: bytes
    err: str


@dataclass
class Person:
    """Somebody with a kubeconfig in a namespace of his own, with a vault in which ``default`` may do everything."""

    vaults: DataPlane
    namespace: str
    home: Path
    kubeconfig: Path

    @property
    def environment(self) -> dict[str, str]:
        return {
            "PATH": f"{BINARIES}:/usr/local/bin:/usr/bin:/bin",
            "HOME": str(self.home),
            "KUBECONFIG": str(self.kubeconfig),
            "STRONGROOM_CONNECT_TO": f"127.0.0.1:{self.vaults.port}",
        }

    def run(self, line: str, stdin: bytes = b"", **environment: str) -> Ran:
        """Run ``strongroom``."""
        command = [str(BINARIES / "strongroom"), *line.split()]
        ran = subprocess.run(
            command, input=stdin, env=self.environment | environment, capture_output=True, check=False, timeout=60
        )
        return Ran(ran.returncode, ran.stdout, ran.stderr.decode())

    def ok(self, line: str, stdin: bytes = b"", **environment: str) -> bytes:
        """Run it; it must succeed."""
        ran = self.run(line, stdin, **environment)
        assert ran.code == 0, ran.err
        return ran.out

    def token(self, account: str = "default", name: str = "token") -> Path:
        path = self.home / name
        path.write_text(self.vaults.token(self.namespace, account, f"https://{DOMAIN}") + "\n")
        return path

    def bundle(self) -> Path:
        path = self.home / "ca.crt"
        path.write_text(self.vaults.ca)
        return path


@pytest.fixture
def person(vaults: DataPlane, system: System, namespace: str, tmp_path: Path) -> Person:
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_bytes(system.cluster.kubeconfig.read_bytes())
    system.kubectl("config", "set-context", "--current", f"--namespace={namespace}", f"--kubeconfig={kubeconfig}")
    system.kubectl("create", "serviceaccount", "nobody", "-n", namespace)
    system.apply(vault(namespace, accessPolicies=[grant("default", namespace, secrets=["all"])]))
    system.until_ready(namespace, "demo", "vault")
    system.until(lambda: system.get("configmap", namespace, "strongroom-ca"), "the trust bundle")
    return Person(vaults, namespace, tmp_path, kubeconfig)


AS_DEFAULT = "--vault demo --service-account default"


def test_the_life_of_a_secret(person: Person) -> None:
    value = "päss\n".encode()
    person.ok(f"secrets set Db-Password {AS_DEFAULT} --tag a=b --content-type text/plain", value)
    assert person.ok(f"secrets get db-password {AS_DEFAULT}") == value, "to the octet"
    (first,) = person.ok(f"secrets versions db-password {AS_DEFAULT} -o raw").decode().split()
    person.ok(f"secrets set db-password {AS_DEFAULT} --trim --if-version {first}", b"second\n")
    assert person.ok(f"secrets get db-password {AS_DEFAULT}") == b"second"
    assert person.ok(f"secrets get db-password {AS_DEFAULT} --version {first}") == value
    listed = json.loads(person.ok(f"secrets versions db-password {AS_DEFAULT} -o json"))
    assert [item["id"].endswith(first) for item in listed] == [False, True], "the newest first"
    shown = json.loads(person.ok(f"secrets show db-password {AS_DEFAULT} --version {first} -o json"))
    assert (shown["tags"], shown["contentType"], "value" in shown) == ({"a": "b"}, "text/plain", False)
    person.ok(f"secrets update db-password {AS_DEFAULT} --disable")
    assert person.run(f"secrets get db-password {AS_DEFAULT}").code == 4
    person.ok(f"secrets update db-password {AS_DEFAULT} --enable --expires 90d")
    backup = person.home / "backup"
    person.ok(f"secrets backup db-password {AS_DEFAULT} --file {backup}")
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    person.ok(f"secrets delete db-password {AS_DEFAULT}")
    assert person.ok(f"secrets list {AS_DEFAULT} -o raw") == b""
    assert person.ok(f"secrets list {AS_DEFAULT} -o raw --deleted") == b"Db-Password\n"
    person.ok(f"secrets recover db-password {AS_DEFAULT}")
    person.ok(f"secrets delete db-password {AS_DEFAULT}")
    assert person.run(f"secrets purge db-password {AS_DEFAULT}").code == 2, "nobody can be asked"
    person.ok(f"secrets purge db-password {AS_DEFAULT} --yes")
    assert person.run(f"secrets show db-password {AS_DEFAULT} --deleted").code == 3
    person.ok(f"secrets restore {AS_DEFAULT}", backup.read_bytes())
    assert person.ok(f"secrets get db-password {AS_DEFAULT}") == b"second"


def test_a_long_list_is_read_to_its_end(person: Person) -> None:
    names = {f"s{number:02}" for number in range(30)}
    for name in sorted(names):
        asked = person.vaults.ask(
            person.namespace, "PUT", f"/secrets/{name}?api-version=7.4", token=person.token().read_text().strip(),
            body={"value": "v"},
        )  # fmt: skip
        assert asked.status == 200
    assert set(person.ok(f"secrets list {AS_DEFAULT} -o raw").decode().split()) == names


def test_a_value_can_be_kept_in_a_private_file(person: Person) -> None:
    path = person.home / "value"
    path.write_text("old")
    path.chmod(0o644)
    person.ok(f"secrets set a {AS_DEFAULT}", b"new")
    assert person.ok(f"secrets get a {AS_DEFAULT} --file {path}") == b""
    assert (path.read_text(), stat.S_IMODE(path.stat().st_mode)) == ("new", 0o600)


def test_refusals_have_codes_and_say_what_to_do(person: Person, system: System) -> None:
    def fails(line: str, code: int, said: str, stdin: bytes = b"v") -> None:
        ran = person.run(line, stdin)
        assert (ran.code, ran.out) == (code, b""), ran.err
        assert said in ran.err

    person.ok(f"secrets set a {AS_DEFAULT}", b"v")
    fails("secrets get a --vault demo --service-account nobody", 4, "spec.accessPolicies")
    fails("secrets get a --vault demo --service-account missing", 3, "no ServiceAccount missing")
    fails("secrets get a --vault missing --service-account default", 3, "no Vault missing")
    fails(f"secrets get missing {AS_DEFAULT}", 3, "--deleted")
    fails(f"secrets set a --if-absent {AS_DEFAULT}", 5, "the secret exists")
    fails(f"secrets set b {AS_DEFAULT}", 2, "--allow-empty", stdin=b"")
    fails(f"secrets list --vault demo --token-file {person.bundle()}", 2, "no bearer token")
    foreign = person.home / "foreign"
    foreign.write_text(person.vaults.token(person.namespace, audience="https://other.example"))
    fails(f"secrets list --vault demo --token-file {foreign}", 4, "audience")
    url = f"https://demo.{person.namespace}.{DOMAIN}"
    fails(f"secrets list --url {url} --token-file {person.token()}", 1, "--ca-file")
    person.ok(f"secrets delete a {AS_DEFAULT}")
    fails(f"secrets set a {AS_DEFAULT}", 5, "recover")
    system.apply(secret(person.namespace, "declared"))
    system.until_ready(person.namespace, "declared")
    fails(f"secrets delete declared {AS_DEFAULT}", 5, "declared")


def test_the_firewall_is_named(person: Person, system: System) -> None:
    rules = {"defaultAction": "Deny", "ipRules": ["192.0.2.1"]}
    patch = json.dumps({"spec": {"networkRules": rules}})
    system.kubectl("patch", "vault", "demo", "-n", person.namespace, "--type=merge", "-p", patch)
    system.until(lambda: person.run(f"secrets list {AS_DEFAULT}").code == 4, "the firewall", 15)
    assert "spec.networkRules" in person.run(f"secrets list {AS_DEFAULT}").err


def test_a_login_is_kept_when_asked_and_forgotten(person: Person) -> None:
    kept = person.home / ".local/state/strongroom/logins.json"
    person.ok("login --vault demo --service-account default")
    assert not kept.exists()
    assert person.run("secrets list --vault demo").code == 2
    person.ok("login --vault demo --service-account default --store")
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    person.ok("secrets list --vault demo")
    person.ok("logout")
    assert not kept.exists()


def test_a_login_by_a_token_that_is_piped_in(person: Person) -> None:
    """Nothing of it is on the command line, and the cluster is not asked."""
    line = f"login --url https://demo.{person.namespace}.{DOMAIN} --ca-file {person.bundle()} --token-file -"
    said = person.ok(f"{line} --store", person.token().read_bytes(), KUBECONFIG="/nonexistent")
    assert f"system:serviceaccount:{person.namespace}:default" in said.decode()
    printed = person.ok(f"{line} --print-token", person.token().read_bytes(), KUBECONFIG="/nonexistent")
    assert printed.count(b".") == 2
    assert person.run(line, b"a.b.c").code == 4, "it is tried"


def test_an_account_without_permissions_can_sign_in(person: Person) -> None:
    person.ok("login --vault demo --service-account nobody")


def test_the_environment_says_who_and_where(person: Person) -> None:
    """As `make up` writes it, and as a pod has it: without a kubeconfig."""
    settings = {
        "STRONGROOM_VAULT_URL": f"https://demo.{person.namespace}.{DOMAIN}",
        "STRONGROOM_CA": str(person.bundle()),
        "KUBECONFIG": "/nonexistent",
    }
    person.ok("secrets set a", b"v", STRONGROOM_TOKEN_FILE=str(person.token()), **settings)
    assert person.ok("secrets get a", STRONGROOM_TOKEN_COMMAND=f"cat {person.token()}", **settings) == b"v"
    failed = person.run("secrets get a", STRONGROOM_TOKEN_COMMAND="false", **settings)
    assert (failed.code, "STRONGROOM_TOKEN_COMMAND" in failed.err) == (2, True)


def test_the_status_of_a_vault(person: Person, system: System) -> None:
    shown = person.ok("vault status demo").decode()
    assert f"https://demo.{person.namespace}.{DOMAIN}" in shown
    assert "answers" in shown
    assert json.loads(person.ok("vault status demo -o json"))["api"] == {"answers": True}
    gone = person.run("vault status demo", STRONGROOM_CONNECT_TO="127.0.0.1:1")
    assert (gone.code, b"does not answer: there is no connection" in gone.out) == (1, True)
    assert person.run("vault status missing").code == 3


def test_as_a_plugin_of_kubectl(person: Person, system: System) -> None:
    person.ok(f"secrets set a {AS_DEFAULT}", b"v")
    command = [str(system.cluster.kubectl), "strongroom", "secrets", "get", "a", *AS_DEFAULT.split()]
    ran = subprocess.run(command, env=person.environment, capture_output=True, check=True)
    assert ran.stdout == b"v"


def test_the_page_does_what_it_says(person: Person, system: System) -> None:
    """The blocks that need a data plane are marked ``bash``: those in ``sh`` alone are run by the other tours."""
    page = REPOSITORY / "docs/how-to/use-the-cli.md"
    environment = person.environment | {"PATH": f"{system.cluster.kubectl.parent}:{person.environment['PATH']}"}
    with Shell(person.home, environment, person.home) as shell:
        follow(shell, page, tour(page.read_text().replace("```bash", "```sh")), namespace=person.namespace)


# The example


@pytest.fixture(scope="module")
def database() -> Iterator[Postgres]:
    if postgres.programs() is None:
        pytest.skip("there is no PostgreSQL server on this machine")
    with postgres.running() as running:
        yield running


@pytest.fixture
def rotation(person: Person, database: Postgres, system: System, tmp_path: Path) -> dict[str, str]:
    """The environment of a rotation, as the CronJob's containers have it, with the names on the loopback."""
    manifests = system.kubectl("kustomize", str(EXAMPLE)).replace("default", person.namespace)
    ours = [each for each in manifests.split("\n---\n") if "kind: Vault" in each or "kind: ServiceAccount\n" in each]
    system.kubectl("apply", "-f", "-", input="\n---\n".join(ours))
    system.until_ready(person.namespace, "outside", "vault")
    work = tmp_path / "work"
    work.mkdir()
    host = f"outside.{person.namespace}.{DOMAIN}"
    (tmp_path / ".curlrc").write_text(f'connect-to = "{host}:443:127.0.0.1:{person.vaults.port}"\n')
    database.run("DROP ROLE IF EXISTS app; CREATE ROLE app LOGIN PASSWORD 'first'")
    return {
        **{name: value for name, value in person.environment.items() if name != "KUBECONFIG"},
        **database.environment,
        "STRONGROOM_VAULT_URL": f"https://{host}",
        "STRONGROOM_TOKEN_FILE": str(person.token("rotator", "rotator")),
        "STRONGROOM_CA": str(person.bundle()),
        "SECRET": "app-password",
        "ROLE": "app",
        "WORK": str(work),
    }


def by_cronjob(environment: dict[str, str], steps: int = 3) -> None:
    """The commands of the CronJob's containers, one after the other."""
    commands = (
        ["sh", str(EXAMPLE / "choose.sh")],
        ["psql", "--no-psqlrc", "--quiet", f"--file={EXAMPLE / 'alter.sql'}"],
        ["sh", str(EXAMPLE / "publish.sh")],
    )
    for command in commands[:steps]:
        _run(command, environment)


def by_curl(environment: dict[str, str]) -> None:
    _run([str(EXAMPLE / "rotate.sh")], environment)


_LOOPBACK = """
import socket
resolve = socket.getaddrinfo
socket.getaddrinfo = lambda host, port, *more, **options: resolve("127.0.0.1", {port}, *more, **options)
"""


def by_sdk(environment: dict[str, str]) -> None:
    """Signing in as a pod does. All names lead to the data plane's port on the loopback."""
    names = Path(environment["HOME"]) / "names"
    names.mkdir(exist_ok=True)
    port = environment["STRONGROOM_CONNECT_TO"].partition(":")[2]
    (names / "sitecustomize.py").write_text(_LOOPBACK.format(port=port))
    identity = {
        "AZURE_AUTHORITY_HOST": f"https://sts.{DOMAIN}",
        "AZURE_TENANT_ID": "adfs",
        "AZURE_CLIENT_ID": "rotator",
        "AZURE_FEDERATED_TOKEN_FILE": environment["STRONGROOM_TOKEN_FILE"],
        "REQUESTS_CA_BUNDLE": environment["STRONGROOM_CA"],
        "PYTHONPATH": str(names),
    }
    _run([sys.executable, str(EXAMPLE / "rotate.py")], environment | identity)


def _run(command: list[str], environment: dict[str, str]) -> None:
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)
    assert ran.returncode == 0, f"{command}\n{ran.stdout}\n{ran.stderr}"


def published(rotation: dict[str, str]) -> str:
    command = [str(BINARIES / "strongroom"), "secrets", "get", "app-password"]
    return subprocess.run(command, env=rotation, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("rotate", [by_cronjob, by_curl, by_sdk], ids=lambda way: way.__name__)
def test_a_password_rotates_outside_and_in_the_vault(rotate, rotation, database, person):  # type: ignore[no-untyped-def]
    seen = set()
    for _ in range(2):
        rotate(rotation)
        password = published(rotation)
        assert database.signs_in("app", password)
        assert len(password) == 32
        seen.add(password)
    assert len(seen) == 2
    assert not database.signs_in("app", "first")


@pytest.mark.parametrize("rotate", [by_cronjob, by_curl, by_sdk], ids=lambda way: way.__name__)
def test_a_rotation_that_was_cut_short_is_finished(rotate, rotation, database):  # type: ignore[no-untyped-def]
    """The password has changed outside and the pod was lost before the vault knew."""
    by_cronjob(rotation)
    before = published(rotation)
    by_cronjob(rotation, steps=2)
    lost = (Path(rotation["WORK"]) / "password").read_text()
    (Path(rotation["WORK"]) / "password").unlink()
    assert published(rotation) == before != lost
    rotate(rotation)
    assert published(rotation) == lost
    assert database.signs_in("app", lost)


def test_the_rotator_may_do_nothing_else(rotation: dict[str, str]) -> None:
    command = [str(BINARIES / "strongroom"), "secrets", "list"]
    assert subprocess.run(command, env=rotation, capture_output=True, check=False).returncode == 4


def test_nothing_is_changed_outside_without_a_password(rotation: dict[str, str], database: Postgres) -> None:
    with pytest.raises(AssertionError, match="there is no password"):
        _run(["psql", "--no-psqlrc", "--quiet", f"--file={EXAMPLE / 'alter.sql'}"], rotation)
    assert database.signs_in("app", "first")


def test_the_api_server_takes_the_manifests(system: System, vaults: DataPlane) -> None:
    said = system.kubectl("apply", "-k", str(EXAMPLE), "--dry-run=server")
    assert "cronjob.batch/rotate-password" in said
    assert "vault.strongroom.dev/outside" in said


def test_the_containers_run_what_is_tested(system: System) -> None:
    rendered = system.kubectl("apply", "-k", str(EXAMPLE), "--dry-run=server", "-o", "json")
    items = json.loads(rendered)["items"]
    (job,) = (item for item in items if item["kind"] == "CronJob")
    pod = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    commands = [each["command"] for each in (*pod["initContainers"], *pod["containers"])]
    assert commands == [
        ["sh", "/scripts/choose.sh"],
        ["psql", "--no-psqlrc", "--quiet", "--file=/scripts/alter.sql"],
        ["sh", "/scripts/publish.sh"],
    ]
    assert not pod["automountServiceAccountToken"]
    settings = next(item["data"] for item in items if item["metadata"]["name"].startswith("rotate-settings"))
    assert set(settings) == {*SETTINGS, "PGHOST", "PGDATABASE"}


SETTINGS = ("STRONGROOM_VAULT_URL", "STRONGROOM_TOKEN_FILE", "STRONGROOM_CA", "SECRET", "ROLE", "WORK")
