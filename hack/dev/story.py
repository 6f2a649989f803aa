"""What `make demo` shows: a declared secret, its rotation, its deletion and recovery; and a key in the HSM.

Values are never printed.
"""

import base64
import json
import time

from hack.localcluster import Cluster
from hack.localcluster.paths import REPOSITORY

from . import ready
from .errors import DevError

EXAMPLE = REPOSITORY / "examples" / "quickstart"
VAULT, SECRET, TARGET = "vault/demo", "vaultsecret/db-password", "secret/db-credentials"
KEY, PUBLISHED = "vaultkey/signing", "configmap/signing-key"


def tell(cluster: Cluster) -> None:
    _say("A vault, a secret and a key are declared: kubectl apply -f examples/quickstart")
    _show(cluster, "apply", "-f", str(EXAMPLE))
    _await_ready(cluster, VAULT, SECRET, KEY)
    _show(cluster, "get", VAULT, SECRET)
    first, content = _version(cluster), _content(cluster)
    _say("The application finds it in a native Secret, kept in step")
    print(masked(content))
    second, rotated = _rotate(cluster, first, content)
    _delete_and_recover(cluster, second, rotated)
    _show_key(cluster)


def masked(content: dict[str, bytes]) -> str:
    return "\n".join(f"  {key}: ******** ({len(value)} bytes)" for key, value in sorted(content.items()))


def _rotate(cluster: Cluster, before: str, content: dict[str, bytes]) -> tuple[str, dict[str, bytes]]:
    _say("It is rotated on demand: kubectl annotate vaultsecret db-password strongroom.dev/rotate=…")
    cluster.kubectl_run("annotate", "--overwrite", SECRET, f"strongroom.dev/rotate=demo-{int(time.time())}")
    ready.until("a new version", lambda: _version(cluster) not in ("", before))
    ready.until("the native Secret holds it", lambda: _content(cluster) != content)
    after = _version(cluster)
    print(f"  version {before} became {after}; the native Secret changed with it")
    _show(cluster, "get", SECRET)
    return after, _content(cluster)


def _delete_and_recover(cluster: Cluster, version: str, content: dict[str, bytes]) -> None:
    _say("It is deleted by mistake, and recovered from the vault with its versions")
    _show(cluster, "delete", SECRET)
    gone = "the garbage collector removes the native Secret (up to 30 s in a cluster this young)"
    ready.until(gone, lambda: not _content(cluster))
    _show(cluster, "apply", "-f", str(EXAMPLE))
    cluster.kubectl_run("annotate", "--overwrite", SECRET, "strongroom.dev/recover=true")
    _await_ready(cluster, SECRET)
    ready.until("the native Secret is back", lambda: _content(cluster) == content)
    if _version(cluster) != version:
        raise DevError(f"the recovered secret has version {_version(cluster)}, expected {version}")
    print(f"  version {version} is back, with the same value")


def _show_key(cluster: Cluster) -> None:
    _say("The key was made in the HSM and stays there; its public part is in the ConfigMap signing-key")
    _show(cluster, "get", KEY)
    _show(cluster, "get", PUBLISHED, "-o", "jsonpath={.data.public\\.pem}")


def _await_ready(cluster: Cluster, *names: str) -> None:
    for name in names:
        ready.until(f"{name} is Ready", lambda name=name: _is_ready(cluster, name))  # type: ignore[misc]


def _is_ready(cluster: Cluster, name: str) -> bool:
    status = json.loads(cluster.kubectl_run("get", name, "-o", "json")).get("status", {})
    return any((each["type"], each["status"]) == ("Ready", "True") for each in status.get("conditions", ()))


def _version(cluster: Cluster) -> str:
    return cluster.kubectl_run("get", SECRET, "-o", "jsonpath={.status.currentVersion}")


def _content(cluster: Cluster) -> dict[str, bytes]:
    """The native Secret's data; empty where there is none."""
    answer = cluster.kubectl_run("get", TARGET, "-o", "json", "--ignore-not-found")
    data = json.loads(answer).get("data", {}) if answer else {}
    return {key: base64.b64decode(value) for key, value in data.items()}


def _show(cluster: Cluster, *arguments: str) -> None:
    print("\n".join(f"  {line}" for line in cluster.kubectl_run(*arguments).splitlines()), flush=True)


def _say(sentence: str) -> None:
    print(f"\n{sentence}", flush=True)
