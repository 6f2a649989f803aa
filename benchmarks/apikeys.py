"""Users' keys through the API: one data plane process, TLS, authentication, access policy and audit on."""

from __future__ import annotations

import json
import socket
import ssl
from base64 import urlsafe_b64encode
from collections.abc import Iterable
from dataclasses import replace
from http.client import HTTPSConnection
from typing import Any

from benchmarks.api import check, load_on
from benchmarks.keycases import Case, Kind
from benchmarks.keyrows import API, Row, key_row, measured
from benchmarks.load import Load, put_on
from hack.dev import demovault, ready, system
from hack.dev.rundir import RunDir
from strongroom.domain.keytypes import KeyType, Operation

SECONDS = 1.0  # per measurement
_MAKING_SECONDS, _MAKERS = 6.0, 2
_VERSION = "api-version=7.6"
_INVERSE = {Operation.DECRYPT: "encrypt", Operation.UNWRAP: "wrapkey", Operation.VERIFY: "sign"}


class _Client(HTTPSConnection):
    """Knows the vault by its name and the server by its port."""

    def __init__(self, load: Load) -> None:
        self._load, self._tls = load, ssl.create_default_context(cadata=load.ca)
        super().__init__(load.host, load.port, context=self._tls)

    def connect(self) -> None:
        plain = socket.create_connection(("127.0.0.1", self._load.port))
        self.sock = self._tls.wrap_socket(plain, server_hostname=self._load.host)

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Return the answer; ``SystemExit`` for anything but a success."""
        headers = {"Authorization": f"Bearer {self._load.token}", "Content-Type": "application/json"}
        self.request("POST", f"{path}?{_VERSION}", json.dumps(body), headers)
        answer = self.getresponse()
        text = answer.read().decode()
        if answer.status != 200:
            raise SystemExit(f"POST {path}: {answer.status} {text}")
        return dict(json.loads(text))


def rows(
    running: system.System, run: RunDir, cases: Iterable[Case], kinds: Iterable[Kind], callers: tuple[int, ...]
) -> list[Row]:
    """Return the rows of the API, of software and of HSM-protected keys."""
    load = load_on(running, run)
    _make_premium(running, load)
    found: list[Row] = []
    for hsm in (False, True):
        client = _Client(load)
        for kind in kinds:
            found.append(_making(load, kind, hsm=hsm))
            name = _name(kind, hsm=hsm)
            client.post(f"/keys/{name}/create", _wanted(kind, hsm=hsm))
            for case in (case for case in cases if case.kind == kind):
                found += _using(load, client, case, name, callers, hsm=hsm)
        client.close()
    return found


def _make_premium(running: system.System, load: Load) -> None:
    """HSM-protected keys need that. Returns once the data plane knows."""
    patch = ("patch", "vault", demovault.VAULT, "-n", demovault.NAMESPACE, "--type=merge", "-p")
    running.cluster.kubectl_run(*patch, json.dumps({"spec": {"tier": "Premium"}}))

    def taken() -> bool:
        try:
            _Client(load).post("/keys/probe/create", {"kty": "EC-HSM"})
        except SystemExit:
            return False
        return True

    ready.until("the vault takes HSM-protected keys", taken)


def _making(load: Load, kind: Kind, *, hsm: bool) -> Row:
    """A new key by each request, written to etcd."""
    path, body = f"/keys/m-{_name(kind, hsm=hsm)}-#/create?{_VERSION}", json.dumps(_wanted(kind, hsm=hsm))
    wanted = replace(load, method="POST", path=path, body=body, connections=_MAKERS, seconds=_MAKING_SECONDS)
    outcome = check(put_on(wanted))
    seen = measured(outcome.latencies, _MAKING_SECONDS, _MAKERS)
    return key_row(f"{kind.label} create", API, _MAKERS, seen, hsm=hsm, azure=kind.azure_makes(hsm=hsm))


def _using(load: Load, client: _Client, case: Case, name: str, callers: tuple[int, ...], *, hsm: bool) -> list[Row]:
    body = _body(client, case, name)
    found = []
    for each in callers:
        path = f"/keys/{name}/{case.operation.lower()}?{_VERSION}"
        wanted = replace(load, method="POST", path=path, body=json.dumps(body), connections=each, seconds=SECONDS)
        seen = measured(check(put_on(wanted)).latencies, SECONDS, each)
        found.append(key_row(case.label, API, each, seen, hsm=hsm, azure=case.azure(hsm=hsm)))
    return found


def _body(client: _Client, case: Case, name: str) -> dict[str, str]:
    """Return what to ask for; what is to be opened or verified is made first."""
    text = urlsafe_b64encode(bytes(case.octets)).rstrip(b"=").decode()
    plain = {"alg": case.algorithm, "value": text}
    word = _INVERSE.get(case.operation)
    if word is None:
        return plain
    made = client.post(f"/keys/{name}/{word}", plain)
    if case.operation is Operation.VERIFY:
        return {"alg": case.algorithm, "digest": text, "value": made["value"]}
    return {"alg": case.algorithm} | {part: made[part] for part in ("value", "iv", "tag") if part in made}


def _wanted(kind: Kind, *, hsm: bool) -> dict[str, Any]:
    wanted: dict[str, Any] = {"kty": kind.spec(hsm=hsm).kty}
    if kind.size:
        wanted["key_size"] = kind.size
    if kind.curve:
        wanted["crv"] = kind.curve
    if kind.type is KeyType.OCT:
        wanted["key_ops"] = ["encrypt", "decrypt", "wrapKey", "unwrapKey", "sign", "verify"]
    return wanted


def _name(kind: Kind, *, hsm: bool) -> str:
    return f"{'hsm' if hsm else 'soft'}-{kind.label.replace(' ', '-')}"
