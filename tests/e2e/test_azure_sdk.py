"""The Azure SDK for Python's own tests and samples, unmodified, against the running product.

They come from the source distribution on PyPI, checked by its hash. ``tests/azure_sdk`` stands for a helper package of
Microsoft's that is not published. Left out: ``perfstress_tests``, which measure and assert nothing. The tests skip
themselves for all API versions but the newest when they run against a live vault.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from hack.localcluster.paths import REPOSITORY
from strongroom.crypto import certfiles, certificates
from tests.helpers.attestation import Authority, attesting, authorities_file
from tests.helpers.certificates import self_signed
from tests.helpers.dataplane import DOMAIN, DataPlane, grant, serving
from tests.helpers.system import System

STAND_IN = REPOSITORY / "tests" / "azure_sdk"
LEAST = {
    "secrets": 1050,  # of 1,057; the other 234 are for older API versions, and skip themselves against a live vault
    "keys": 1765,  # of 1,772; 16 skip themselves
    "certificates": 1140,  # of 1,146; 397 are for older API versions or skip themselves
}
_OF_BOTH = ("hello_world", "list_operations", "backup_restore_operations", "recover_purge_operations")
SAMPLES = [
    (name, sample + kind)
    for name, samples in {
        "secrets": _OF_BOTH,
        "keys": (*_OF_BOTH, "key_rotation"),
        "certificates": (*_OF_BOTH, "contacts", "import_certificate", "issuers", "parse_certificate"),
    }.items()
    for sample in samples
    for kind in ("", "_async")
]


NOT_SERVED = {
    "keys": (  # an HSM's maker attests keys; a token of ours has no maker's certificate to show
        "tests/test_key_client.py::TestKeyClient::test_get_key_attestation",
        "tests/test_keys_async.py::TestKeyVaultKey::test_get_key_attestation",
    ),
    "certificates": (  # for Azure's own use: a policy without a subject, for an issuer inside Microsoft
        "tests/test_certificates_client.py::TestCertificateClient::test_create_certificate_with_platform_managed",
        "tests/test_certificates_client_async.py::TestCertificateClient::test_create_certificate_with_platform_managed",
    ),
}


@dataclass(frozen=True)
class Attesting:
    """An attestation authority that is running, and its certificate authority."""

    authority: Authority
    ca_file: Path


@pytest.fixture(scope="module")
def attestations(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Attesting]:
    authority = Authority()
    with attesting(authority, tmp_path_factory.mktemp("attestation")) as ca_file:
        yield Attesting(authority, ca_file)


@pytest.fixture(scope="module")
def vaults(system: System, attestations: Attesting, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DataPlane]:
    scratch = tmp_path_factory.mktemp("dataplane")
    authorities = authorities_file(scratch, attestations.authority, attestations.ca_file)
    with serving(system, scratch, "--attestation-authorities", str(authorities)) as running:
        yield running


@pytest.fixture(scope="module")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The unpacked source distributions by what they are for."""
    found = {name: _unpacked(name, tmp_path_factory.mktemp(name)) for name in LEAST}
    make_authority(found["certificates"] / "tests")
    return found


def make_authority(place: Path) -> None:
    """The CA that signs in the tests of merging is not in the distribution."""
    fields = certificates.make_authority("example", int(time.time()))
    (place / "ca.crt").write_text(fields[certificates.CERTIFICATE])
    (place / "ca.key").write_text(fields[certificates.PRIVATE_KEY])


def _unpacked(name: str, place: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-build-isolation"]
    command += ["--no-binary", ":all:", "--require-hashes", "-r", str(STAND_IN / f"{name}.txt"), "-d", str(place)]
    subprocess.run(command, check=True)
    (archive,) = place.glob("*.tar.gz")
    with tarfile.open(archive) as found:
        found.extractall(place, filter="data")
    (unpacked,) = (path for path in place.iterdir() if path.is_dir())
    return unpacked


def serve(system: System, namespace: str, name: str) -> None:
    """Make a vault in which ``default`` may do everything."""
    policies = [grant("default", namespace, secrets=["all"], keys=["all"], certificates=["all"])]
    metadata = {"name": name, "namespace": namespace}
    body = {"apiVersion": "strongroom.dev/v1alpha1", "kind": "Vault", "metadata": metadata}
    system.apply({**body, "spec": {"tier": "Premium", "accessPolicies": policies}})
    system.until_ready(namespace, name, "vault")


@pytest.fixture
def environment(
    vaults: DataPlane, attestations: Attesting, system: System, namespace: str, tmp_path: Path
) -> dict[str, str]:
    """What a user sets: the vault's address and the CA; and how to get a token."""
    serve(system, namespace, "demo")
    bundle = tmp_path / "ca.crt"
    bundle.write_text(vaults.ca + attestations.ca_file.read_text())
    token = [str(system.cluster.kubectl), "--kubeconfig", str(system.cluster.kubeconfig), "create", "token", "default"]
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("AZURE")},
        "PYTHONPATH": str(STAND_IN),
        "STRONGROOM_LOOPBACK_DOMAIN": DOMAIN,
        "STRONGROOM_TOKEN_COMMAND": shlex.join([*token, "-n", namespace, f"--audience={vaults.audience}"]),
        "AZURE_TEST_RUN_LIVE": "true",
        "AZURE_SKIP_LIVE_RECORDING": "true",
        "AZURE_KEYVAULT_URL": vaults.url(namespace),
        "AZURE_MANAGEDHSM_URL": vaults.url(namespace),  # so that symmetric keys, random octets and HSM keys are tried
        "AZURE_KEYVAULT_ATTESTATION_URL": attestations.authority.url,
        "KEYVAULT_SKU": "premium",
        **{f"KEYVAULT_{name}": "unused" for name in ("TENANT_ID", "CLIENT_ID", "CLIENT_SECRET")},
        "REQUESTS_CA_BUNDLE": str(bundle),
        "SSL_CERT_FILE": str(bundle),
    }


@pytest.mark.timeout(900)
def test_the_sdks_own_tests(distributions: dict[str, Path], environment: dict[str, str]) -> None:
    """All libraries' at a time: some of it is pauses."""
    with ExitStack() as ending:
        started = {
            name: ending.enter_context(_running(_command(name), environment, cwd=distributions[name])) for name in LEAST
        }
        said = {name: process.communicate()[0] for name, process in started.items()}
    failed = [name for name, process in started.items() if process.returncode != 0]
    assert not failed, "\n".join(said[name][-6000:] for name in failed)
    for name, least in LEAST.items():
        found = re.search(r"(\d+) passed", said[name])
        assert found is not None
        assert int(found[1]) >= least


@contextmanager
def _running(command: list[str], environment: dict[str, str], **options: Any) -> Iterator[subprocess.Popen[str]]:
    """Run it, and nothing of it longer than the block: what hangs must not be in the way of the next test."""
    with subprocess.Popen(
        command,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        **options,
    ) as process:
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def _command(name: str) -> list[str]:
    options = ["-q", "-W", "ignore", "-p", "no:cacheprovider", "-o", "asyncio_mode=auto"]
    options += ["-p", "devtools_testutils"]  # its fixture test_proxy, as Microsoft's own conftest has it
    options += ["-n", "6", "--dist", "loadgroup", "tests", "--ignore", "tests/perfstress_tests"]
    options += [argument for test in NOT_SERVED.get(name, ()) for argument in ("--deselect", test)]
    return [sys.executable, "-m", "pytest", *options]


def files_to_import(place: Path) -> dict[str, str]:
    """What the samples of imports read: a certificate with its key, once as PKCS #12 and once as PEM."""
    key, certificate = self_signed(int(time.time()))
    files = {
        "PFX_CERT_PATH": certfiles.pkcs12(key.private, (certificate,)),
        "PEM_CERT_PATH": certfiles.pem(key.private, (certificate,)),
    }
    for name, octets in files.items():
        (place / name).write_bytes(octets)
    return {name: str(place / name) for name in files}


@pytest.mark.timeout(400)
def test_the_sdks_samples(
    distributions: dict[str, Path],
    environment: dict[str, str],
    vaults: DataPlane,
    system: System,
    namespace: str,
    tmp_path: Path,
) -> None:
    """By ``DefaultAzureCredential``, as in a pod with a projected token and no code of ours.

    All at a time, each in a vault of its own: they take names that do not change, and mostly wait.
    """
    token = tmp_path / "token"
    token.write_text(vaults.token(namespace) + "\n")
    identity = {
        "AZURE_AUTHORITY_HOST": f"https://sts.{DOMAIN}:{vaults.port}",
        "AZURE_TENANT_ID": "adfs",
        "AZURE_CLIENT_ID": "app",
        "AZURE_FEDERATED_TOKEN_FILE": str(token),
    }
    identity |= files_to_import(tmp_path)
    started = {}
    with ExitStack() as ending:
        for number, (name, sample) in enumerate(SAMPLES):
            serve(system, namespace, f"sample-{number}")
            command = [sys.executable, str(distributions[name] / "samples" / f"{sample}.py")]
            told = environment | identity | {"VAULT_URL": vaults.url(namespace, f"sample-{number}")}
            started[name, sample] = ending.enter_context(_running(command, told))
        said = {sample: process.communicate()[0] for sample, process in started.items()}
    failed = {sample: said[sample] for sample, process in started.items() if process.returncode != 0}
    assert not failed
