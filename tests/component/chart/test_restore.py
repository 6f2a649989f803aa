"""Everything of one cluster restored in another, by the steps of docs/operations/backup.md."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from hack.localcluster import KubectlFailed, Provider, choose, running_cluster
from hack.localcluster.paths import REPOSITORY
from strongroom.domain.algorithms import Given
from strongroom.domain.keymaterial import KeyMaterial, key_owner
from strongroom.domain.keytypes import Operation
from strongroom.domain.names import SYSTEM_NAMESPACE, VaultRef
from strongroom.domain.objects import Kind
from strongroom.hsm.client import HsmClient
from strongroom.store.parts import PartStore
from tests.helpers import hsm
from tests.helpers.hsm import TokenHome
from tests.helpers.installation import helm_installed
from tests.helpers.system import System, secret, vault, vaultkey

STOPPED = ("--set", "controller.audit.enabled=false,controller.replicas=0,dataplane.replicas=0")
STORE = ("strongroom.dev/sealed", "strongroom.dev/audit")
OURS = ("-n", SYSTEM_NAMESPACE)
OF_THE_API_SERVER = {"uid", "resourceVersion", "creationTimestamp", "managedFields", "generation"}
EVERYTHING = (
    ("team", "vault", "demo"),
    ("team", "vaultsecret", "db"),
    ("team", "vaultkey", "sign"),
    (SYSTEM_NAMESPACE, "vault", "system"),
)
DIGEST = bytes(range(32))

pytestmark = [
    pytest.mark.timeout(300, func_only=True),
    pytest.mark.skipif(
        choose.provider() is Provider.EXISTING,
        reason="installs cluster-wide guards: never into a developer's own cluster",
    ),
]


@dataclass
class Saved:
    """What the page says to save, and what must be found again."""

    store: list[dict[str, Any]]
    declared: list[dict[str, Any]]
    namespaces: dict[str, str]
    value: bytes
    public: dict[str, str]
    token: TokenHome


@pytest.fixture
def lost(tmp_path: Path) -> Iterator[Saved]:
    """Of a cluster and a token that are gone: a Vault with a secret and a key of the token, and the system's own."""
    home = TokenHome.make()
    home.create_token()
    assert home.init().returncode == 0
    with (
        running_cluster(f"lost-{os.getpid()}") as cluster,
        hsm.running(home) as sidecar,
        helm_installed(cluster, sidecar, tmp_path, *STOPPED) as system,
    ):
        system.kubectl("create", "namespace", "team")
        system.controller.start()
        system.until_leading()
        system.apply(vault("team", tier="Premium"), secret("team", "db"))
        system.apply(vaultkey("team", "sign", kty="EC-HSM", publicKeyTarget={"configMapName": "sign"}))
        _until_all_is_well(system)
        system.controller.stop()
        saved = Saved(
            store=[
                body for kind in STORE for body in _exported(system, "secrets", *OURS, f"--field-selector=type={kind}")
            ],
            declared=_exported(system, "vaults,vaultsecrets,vaultkeys,vaultcertificates", "-A"),
            namespaces={body["name"]: body["uid"] for body in _metadata(system, "namespaces")},
            value=system.value("team", "db"),
            public=system.get("configmap", "team", "sign")["data"],
            token=home,
        )
    saved.token = home.copy()
    home.remove()
    yield saved
    saved.token.remove()


def _until_all_is_well(system: System) -> None:
    for namespace, kind, name in EVERYTHING:
        system.until_ready(namespace, name, kind)


def _exported(system: System, *what: str) -> list[dict[str, Any]]:
    """Objects without what belongs to the API server, as the page's `jq` leaves them."""
    items: list[dict[str, Any]] = json.loads(system.kubectl("get", *what, "-o", "json"))["items"]
    for body in items:
        body["metadata"] = {key: body["metadata"][key] for key in body["metadata"].keys() - OF_THE_API_SERVER}
        body.pop("status", None)
    return items


def _metadata(system: System, kind: str) -> list[dict[str, Any]]:
    return [body["metadata"] for body in json.loads(system.kubectl("get", kind, "-o", "json"))["items"]]


@pytest.fixture
def found(lost: Saved, tmp_path: Path) -> Iterator[System]:
    """Another cluster with a copy of the token and the store put back; its controller has not been started."""
    with (
        running_cluster(f"found-{os.getpid()}") as cluster,
        hsm.running(lost.token) as sidecar,
        helm_installed(cluster, sidecar, tmp_path, *STOPPED) as system,
    ):
        system.kubectl("create", "namespace", "team")
        system.kubectl("delete", "validatingadmissionpolicybinding", "strongroom-sealed-secrets")
        system.until(lambda: _is_lifted(system), "the guard to be lifted")
        system.kubectl("create", "-f", "-", input="\n---\n".join(map(json.dumps, lost.store)))
        system.kubectl("apply", "-f", str(REPOSITORY / "hack/manifests/20-admission.yaml"))
        yield system


def _is_lifted(system: System) -> bool:
    probe = ("create", "secret", "generic", "--type=strongroom.dev/sealed", "probe", "--dry-run=server")
    try:
        system.kubectl(*probe, *OURS)
    except KubectlFailed:
        return False
    return True


def test_everything_is_there_again_in_another_cluster(lost: Saved, found: System) -> None:
    for body in lost.declared:
        origin = lost.namespaces[body["metadata"]["namespace"]]
        asking = {"strongroom.dev/recover": "true", "strongroom.dev/recover-from-namespace": origin}
        body["metadata"]["annotations"] = {**body["metadata"].get("annotations", {}), **asking}
    found.apply(*lost.declared)
    found.controller.start()
    found.until_leading()
    _until_all_is_well(found)
    assert found.value("team", "db") == lost.value
    assert found.get("configmap", "team", "sign")["data"] == lost.public
    public = load_pem_public_key(lost.public["public.pem"].encode())
    assert isinstance(public, ec.EllipticCurvePublicKey)
    signature = asyncio.run(_signed(found, DIGEST))
    half = len(signature) // 2
    numbers = (int.from_bytes(signature[:half]), int.from_bytes(signature[half:]))
    public.verify(encode_dss_signature(*numbers), DIGEST, ec.ECDSA(Prehashed(SHA256())))


async def _signed(system: System, digest: bytes) -> bytes:
    """A signature by the key in the token, as the store knows it."""
    async with system.reader() as store, HsmClient(system.sidecar.socket) as token:
        keys = PartStore(store, Kind.KEY)
        of_team = await keys.vault(VaultRef("team", "demo"), fresh=True)
        assert of_team
        head = await keys.object(of_team.head, "sign", fresh=True)
        assert head
        served = head.head.faces[Kind.KEY].served
        material = KeyMaterial.unpack((await keys.version(of_team.head, head.head, served)).payload)
        owner = key_owner(of_team.head.tenant, "sign", served)
        return (await token.use_key(material, owner, "ES256", Operation.SIGN, Given(digest))).value


def test_what_does_not_ask_is_not_handed_to_another_cluster(lost: Saved, found: System) -> None:
    found.apply(*lost.declared)
    found.controller.start()
    found.until_leading()
    found.until_reason("team", "demo", "VaultDeleted", "vault")
    found.kubectl("annotate", "vault", "demo", "-n", "team", "strongroom.dev/recover=true")
    message = found.until_reason("team", "demo", "RecoverForbidden", "vault")
    assert lost.namespaces["team"] in message
    assert not found.get("secret", "team", "db")
