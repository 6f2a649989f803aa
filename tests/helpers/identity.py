"""Tokens of all kinds, good and bad, and an API server that knows ServiceAccounts."""

from __future__ import annotations

import asyncio
import json
import secrets
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from typing import Any

import jwt

from strongroom.crypto.signing import make_token_signing
from strongroom.kube import errors
from strongroom.kube.api import Write
from strongroom.service.systemobjects import REF, TOKEN_SIGNING, SystemObjects
from tests.helpers.fake_kube import FakeKube
from tests.helpers.pairs import new_key
from tests.helpers.stores import NOW, Lab, make_vault

DOMAIN = "kv.example"
RESOURCE = f"https://{DOMAIN}"
STS = f"https://sts.{DOMAIN}/adfs"
CLUSTER_ISSUER = "https://kubernetes.default.svc.cluster.local"


def encode(part: object) -> str:
    """A part of a token."""
    octets = part if isinstance(part, bytes) else json.dumps(part).encode()
    return urlsafe_b64encode(octets).rstrip(b"=").decode()


@dataclass
class Signer:
    """A key of an issuer, with its id."""

    kid: str = "one"
    algorithm: str = "ES256"
    key: Any = field(default_factory=lambda: new_key("ec"))

    def sign(self, claims: dict[str, Any], **header: Any) -> str:
        return jwt.encode(claims, self.key, algorithm=self.algorithm, headers={"kid": self.kid, **header})

    def jwk(self, **fields: Any) -> dict[str, Any]:
        made = jwt.get_algorithm_by_name(self.algorithm).to_jwk(self.key.public_key(), as_dict=True)
        return {**made, "kid": self.kid, **fields}


class ApiServer(FakeKube):
    """A ``FakeKube`` that also issues and reviews tokens, as the real one does."""

    def __init__(self) -> None:
        super().__init__()
        self.now = NOW
        self.signer = Signer("cluster")
        self.accounts: dict[tuple[str, str], str] = {}
        self.pods: dict[tuple[str, str], str] = {}
        self.reviews: list[dict[str, Any]] = []
        self.down = False
        self.hangs = False
        self.user: dict[str, Any] = {}  # what another authenticator of the API server says

    def token(
        self,
        namespace: str = "team",
        name: str = "app",
        *,
        pod: str = "",
        audience: str = RESOURCE,
        seconds: int = 3600,
    ) -> str:
        """A token of a ServiceAccount (which exists from then on), bound to a pod if one is named."""
        uid = self.accounts.setdefault((namespace, name), secrets.token_hex(8))
        facts: dict[str, Any] = {"namespace": namespace, "serviceaccount": {"name": name, "uid": uid}}
        if pod:
            pod_uid = self.pods.setdefault((namespace, pod), secrets.token_hex(8))
            facts["pod"] = {"name": pod, "uid": pod_uid}
        claims = {"iss": CLUSTER_ISSUER, "aud": [audience], "iat": self.now, "exp": self.now + seconds}
        return self.signer.sign({**claims, "sub": f"system:serviceaccount:{namespace}:{name}", "kubernetes.io": facts})

    async def get(self, resource: Any, namespace: str | None, name: str) -> dict[str, Any]:
        await self._require_up()
        return await super().get(resource, namespace, name)

    async def write(self, change: Write) -> dict[str, Any]:
        await self._require_up()
        if change.resource.plural != "tokenreviews":
            return await super().write(change)
        spec = dict((change.body or {})["spec"])
        self.reviews.append(spec)
        return {"status": self._status(spec["token"], spec["audiences"])}

    async def _require_up(self) -> None:
        if self.hangs:
            await asyncio.Event().wait()
        if self.down:
            raise errors.Unavailable(0, "NoConnection", "no connection to the API server")

    def _status(self, token: str, audiences: list[str]) -> dict[str, Any]:
        options: Any = {"verify_exp": False, "verify_iat": False, "verify_aud": False}
        try:
            claims = jwt.decode(token, self.signer.key.public_key(), algorithms=["ES256"], options=options)
        except jwt.PyJWTError:
            return {"error": "invalid bearer token"}
        facts = claims["kubernetes.io"]
        namespace, account, pod = facts["namespace"], facts["serviceaccount"], facts.get("pod")
        meant = [audience for audience in audiences if audience in claims["aud"]]
        alive = self.accounts.get((namespace, account["name"])) == account["uid"]
        bound = pod is None or self.pods.get((namespace, pod["name"])) == pod["uid"]
        if not (meant and alive and bound and claims["exp"] > self.now):
            return {"error": "service account token is not valid any more"}
        extra = {f"authentication.kubernetes.io/pod-{key}": [value] for key, value in (pod or {}).items()}
        groups = ["system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated"]
        user = {"username": claims["sub"], "uid": account["uid"], "groups": groups, "extra": extra, **self.user}
        return {"authenticated": True, "user": user, "audiences": meant}

    def deny(self, *lines: str, key: str = "subjects") -> None:
        """Write the deny list as an administrator does."""
        self.version += 1
        metadata = {"name": "strongroom-deny-list", "resourceVersion": str(self.version)}
        place = ("configmaps", "strongroom-system", "strongroom-deny-list")
        self.objects[place] = {"metadata": metadata, "data": {key: "\n".join(lines)}}


@dataclass
class Time:
    """Both clocks of a process."""

    now: int = NOW
    seconds: float = 1000.0

    def clock(self) -> int:
        return self.now

    def monotonic(self) -> float:
        return self.seconds

    def passes(self, seconds: float) -> None:
        self.seconds += seconds
        self.now += int(seconds)


async def system_objects(time: Time, lab: Lab | None = None) -> SystemObjects:
    """System objects over a store in memory, with a first key of the token service."""
    lab = lab or Lab()
    await make_vault(lab.process(), "system", ref=REF)
    objects = SystemObjects(lab.process(complete=True), time.clock)
    await objects.ensure(TOKEN_SIGNING, make_token_signing)
    return objects
