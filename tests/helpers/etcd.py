"""The store under an API server, read behind its back."""

from __future__ import annotations

import base64
import json
import ssl
import urllib.request

from hack.localcluster import Cluster


def stored(cluster: Cluster, namespace: str, name: str) -> bytes:
    """Return the octets of a Secret as they lie in etcd; empty when there is none."""
    etcd = cluster.etcd
    assert etcd is not None, "the etcd of this cluster is out of reach"
    context = ssl.create_default_context(cafile=str(etcd.ca))
    context.load_cert_chain(etcd.certificate, etcd.key)
    key = base64.b64encode(f"/registry/secrets/{namespace}/{name}".encode()).decode()
    request = urllib.request.Request(f"{etcd.endpoint}/v3/kv/range", json.dumps({"key": key}).encode(), method="POST")
    with urllib.request.urlopen(request, timeout=5, context=context) as answer:
        found = json.load(answer).get("kvs") or [{"value": ""}]
    return base64.b64decode(found[0]["value"])
