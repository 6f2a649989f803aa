"""Users' keys: through the sidecar, and by the module's bare calls on handles at hand, each with as many callers."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pkcs11 import MGF, GCMParams, KeyType, Mechanism, MechanismFlag

from benchmarks.hsmdrive import Row, drive_tasks, drive_threads, figures, until_serving
from strongroom.crypto import keyengine
from strongroom.domain.algorithms import ALGORITHMS, Given
from strongroom.domain.keymaterial import KeyMaterial
from strongroom.domain.keytypes import KeySpec, Operation, key_spec
from strongroom.hsm.client import HsmClient
from strongroom.hsm.sidecar.abilities import Abilities
from strongroom.hsm.sidecar.grip import KeyGrip
from strongroom.hsm.sidecar.handles import Handles
from strongroom.hsm.sidecar.keys import Keys
from strongroom.hsm.sidecar.session import OpenToken

_OWNER = "ab" * 16
_CALLERS = (1, 2, 16)
_TEXT = bytes(32)


@dataclass(frozen=True)
class _Case:
    """One operation, and the call of the module that carries it out (None: it takes several)."""

    spec: KeySpec
    name: str
    operation: Operation
    octets: int = 32
    mechanism: Mechanism | None = None
    parameter: Any = None

    @property
    def label(self) -> str:
        return f"{self.spec.kty} {self.spec.curve or self.spec.size} {self.name} {self.operation}"


def _cases() -> list[_Case]:
    found = []
    for size in (2048, 3072, 4096):
        rsa = key_spec("RSA-HSM", size)
        pss = (Mechanism.SHA256, MGF.SHA256, 32)
        found += [
            _Case(rsa, "RS256", Operation.SIGN, 32, Mechanism.RSA_PKCS),
            _Case(rsa, "PS256", Operation.SIGN, 32, Mechanism.RSA_PKCS_PSS, pss),
            _Case(rsa, "RSA-OAEP", Operation.DECRYPT, 32, Mechanism.RSA_PKCS_OAEP),
            _Case(rsa, "RSA-OAEP-256", Operation.UNWRAP, 32, Mechanism.RSA_X_509),
        ]
    for curve, name, octets in (("P-256", "ES256", 32), ("P-384", "ES384", 48), ("P-521", "ES512", 64)):
        found.append(_Case(key_spec("EC-HSM", curve=curve), name, Operation.SIGN, octets, Mechanism.ECDSA))
    found.append(_Case(key_spec("EC-HSM", curve="P-256K"), "ES256K", Operation.SIGN, 32, Mechanism.ECDSA))
    aes = key_spec("oct-HSM", 256)
    gcm = GCMParams(bytes(12), b"", 128)
    return [
        *found,
        _Case(aes, "A256GCM", Operation.ENCRYPT, 32, Mechanism.AES_GCM, gcm),
        _Case(aes, "A256GCM", Operation.DECRYPT),
        _Case(aes, "A256CBCPAD", Operation.ENCRYPT, 32, Mechanism.AES_CBC, bytes(16)),
        _Case(aes, "A256KW", Operation.WRAP),
        _Case(aes, "A256KW", Operation.UNWRAP),
        _Case(aes, "HS256", Operation.SIGN, 32, Mechanism.SHA256_HMAC),
    ]


async def through(socket: Path) -> list[Row]:
    """Return the rows of the sidecar."""
    found: list[Row] = []
    made: dict[KeySpec, KeyMaterial] = {}
    async with HsmClient(socket) as client:
        await until_serving(client)
        for case in _cases():
            if case.spec not in made:
                made[case.spec] = await client.make_key(case.spec, _OWNER)
            key = made[case.spec]
            given = await _given(client, key, case)
            call = _use(client, key, case, given)
            for callers in _CALLERS:
                found += figures(case.label, "sidecar", callers, await drive_tasks(call, callers))
    return found


def _use(client: HsmClient, key: KeyMaterial, case: _Case, given: Given) -> Callable[[], Any]:
    return lambda: client.use_key(key, _OWNER, case.name, case.operation, given)


async def _given(client: HsmClient, key: KeyMaterial, case: _Case) -> Given:
    """Return what to sign, encrypt or wrap, or what that made."""
    if case.operation not in (Operation.DECRYPT, Operation.UNWRAP):
        return Given(bytes(case.octets))
    if key.public:
        return Given(keyengine.use(key, ALGORITHMS[case.name], Operation.ENCRYPT, Given(_TEXT)).value)
    into = Operation.ENCRYPT if case.operation is Operation.DECRYPT else Operation.WRAP
    made = await client.use_key(key, _OWNER, case.name, into, Given(_TEXT))
    return Given(made.value, iv=made.iv, tag=made.tag)


def bare(opened: OpenToken) -> list[Row]:
    """Return the rows of the module: the limit for all else."""
    keys, found = Keys(opened), list[Row]()
    made: dict[KeySpec, KeyMaterial] = {}
    for case in _cases():
        if case.mechanism is None:
            continue
        if case.spec not in made:
            made[case.spec] = keys.objects.make_key(case.spec, _OWNER, exportable=False)
        call = _bare_call(opened, made[case.spec], case)
        for callers in _CALLERS:
            found += figures(case.label, "bare PKCS#11 call", callers, drive_threads(call, callers))
    return found


def _bare_call(opened: OpenToken, key: KeyMaterial, case: _Case) -> Callable[[], object]:
    """Return the one call, on a handle that each thread has of its own."""
    handles, own = Handles(opened, 64), threading.local()
    how = {"mechanism": case.mechanism, "mechanism_param": case.parameter}
    text = bytes(case.octets)
    if case.mechanism is Mechanism.RSA_PKCS:
        text = bytes(51)  # DigestInfo
    elif key.public and case.operation in (Operation.DECRYPT, Operation.UNWRAP):
        text = keyengine.use(key, ALGORITHMS[case.name], Operation.ENCRYPT, Given(_TEXT)).value

    def call() -> object:
        method = getattr(own, "method", None)
        if method is None:
            method = own.method = _method(opened, handles, key, case)
        return method(text, **how)

    return call


def _method(opened: OpenToken, handles: Handles, key: KeyMaterial, case: _Case) -> Callable[..., object]:
    assert key.wrapped is not None
    assert case.mechanism is not None
    grip = KeyGrip(case.spec, key.wrapped, opened.seat(), opened, handles, Abilities(opened.description.mechanisms))
    kinds = {"RSA-HSM": KeyType.RSA, "EC-HSM": KeyType.EC, "oct-HSM": KeyType.AES}
    kind = KeyType.GENERIC_SECRET if case.name.startswith("HS") else kinds[case.spec.kty]
    if case.operation is Operation.SIGN:
        return grip.hold(case.mechanism, MechanismFlag.SIGN, kind).sign  # type: ignore[no-any-return]
    if case.operation is Operation.ENCRYPT:
        return grip.hold(case.mechanism, MechanismFlag.ENCRYPT, kind).encrypt  # type: ignore[no-any-return]
    return grip.hold(case.mechanism, MechanismFlag.DECRYPT, kind).decrypt  # type: ignore[no-any-return]
