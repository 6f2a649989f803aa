"""Users' keys: through the API, at the sidecar and in the bare module, with as many callers each, in one run.

All on one machine and token. The load on the API comes from a process of its own; API server and etcd run beside it.
The engine of software keys is measured bare as well.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

import uvloop

from benchmarks import apikeys
from benchmarks.hsmdrive import SECONDS, drive_tasks, drive_threads, until_serving
from benchmarks.keycases import CASES, KINDS, Case, Kind
from benchmarks.keyrows import ENGINE, MODULE, SIDECAR, Row, key_row, measured
from benchmarks.objects import running_system
from benchmarks.rawloop import RawLoop, Token
from hack.dev import softhsm
from hack.dev.programs import HSM_LABEL
from hack.dev.rundir import RunDir
from strongroom.crypto import keyengine
from strongroom.domain.algorithms import ALGORITHMS, Given, Made
from strongroom.domain.keymaterial import KeyMaterial
from strongroom.domain.keytypes import KeySpec, Operation
from strongroom.hsm.client import HsmClient
from strongroom.hsm.gathering import Gathering
from strongroom.hsm.userskeys import UseCall, sending
from strongroom.wire.hsm import hsm_pb2 as pb

CALLERS = (2, 16)
MAKERS = 2
MAKING_SECONDS = 6.0
_OWNER = "ab" * 16
_DEADLINE = 5.0  # seconds
_ALONE = next(case for case in CASES if case.label == "EC P-256 ES256 sign")
_PUBLIC = (Operation.ENCRYPT, Operation.WRAP)
_INVERSE = {Operation.DECRYPT: Operation.ENCRYPT, Operation.UNWRAP: Operation.WRAP, Operation.VERIFY: Operation.SIGN}


@dataclass(frozen=True)
class Selection:
    """What is measured. ``chosen``: only what has this text in its label, as ``RSA 2048 RS256``."""

    cases: list[Case]
    kinds: list[Kind]

    @classmethod
    def of(cls, chosen: str) -> Selection:
        cases = [case for case in CASES if chosen in case.label]
        return cls(cases, [kind for kind in KINDS if any(case.kind == kind for case in cases)])


def rows(chosen: str = "") -> list[Row]:
    """Measure in a system of its own."""
    selection = Selection.of(chosen)
    with running_system() as (running, run):
        found = apikeys.rows(running, run, selection.cases, selection.kinds, CALLERS)
        found += uvloop.run(_sidecar(run, selection))  # the loop of whatever uses keys
        return found + _engine(selection) + _module(run, selection)


async def _sidecar(run: RunDir, selection: Selection) -> list[Row]:
    found: list[Row] = []
    async with HsmClient(run.socket) as client:
        await until_serving(client)
        for kind in selection.kinds:
            make = partial(client.make_key, kind.spec(hsm=True), _OWNER)
            seen = measured(await drive_tasks(make, MAKERS, MAKING_SECONDS), MAKING_SECONDS, MAKERS)
            found.append(key_row(f"{kind.label} create", SIDECAR, MAKERS, seen, hsm=True))
            key = await make()
            for case in (case for case in selection.cases if case.kind == kind and case.in_token):
                found += await _used(partial(_use, client, key, case), case)
                if case == _ALONE:
                    found += await _alone(run, key, case)
    return found


async def _alone(run: RunDir, key: KeyMaterial, case: Case) -> list[Row]:
    """Measure with one use in a message. A client gathers them, which is what this shows the worth of."""
    found: list[Row] = []
    async with HsmClient(run.socket) as client:
        client._gathering = Alone(client._quick.send)
        call = partial(_use, client, key, case, case.operation, Given(bytes(case.octets)))
        for callers in CALLERS:
            seen = measured(await drive_tasks(call, callers), SECONDS, callers)
            found.append(key_row(f"{case.label} alone", SIDECAR, callers, seen, hsm=True))
    return found


class Alone(Gathering):
    """Gathers nothing."""

    def __init__(self, call: UseCall) -> None:
        super().__init__(sending(call), (), _DEADLINE)
        self._send = sending(call)

    async def use(self, use: pb.Use, spec: KeySpec) -> pb.Used:
        return (await self._send([use]))[0]


async def _used(use: Callable[[Operation, Given], Awaitable[Made]], case: Case) -> list[Row]:
    call = partial(use, case.operation, await _given(use, case))
    taken = {callers: await drive_tasks(call, callers) for callers in CALLERS}
    return [key_row(case.label, SIDECAR, each, measured(taken[each], SECONDS, each), hsm=True) for each in CALLERS]


async def _use(client: HsmClient, key: KeyMaterial, case: Case, operation: Operation, given: Given) -> Made:
    """As the data plane does it: what the public part can do is done in software."""
    if key.public and operation in _PUBLIC:
        return keyengine.use(key, ALGORITHMS[case.algorithm], operation, given)
    return await client.use_key(key, _OWNER, case.algorithm, operation, given)


async def _given(use: Callable[[Operation, Given], Awaitable[Made]], case: Case) -> Given:
    """Return what an operation is given; what is to be opened or verified is made first."""
    plain = Given(bytes(case.octets))
    inverse = _INVERSE.get(case.operation)
    if inverse is None:
        return plain
    made = await use(inverse, plain)
    if case.operation is Operation.VERIFY:
        return Given(plain.value, signature=made.value)
    return Given(made.value, iv=made.iv, tag=made.tag)


def _engine(selection: Selection) -> list[Row]:
    found: list[Row] = []
    for kind in selection.kinds:
        key = keyengine.make(kind.spec(hsm=False))
        for case in (case for case in selection.cases if case.kind == kind):
            use = partial(keyengine.use, key, ALGORITHMS[case.algorithm])
            call = partial(use, case.operation, asyncio.run(_given(partial(asyncio.to_thread, use), case)))
            for callers in CALLERS:
                seen = measured(drive_threads(call, callers), SECONDS, callers)
                found.append(key_row(case.label, ENGINE, callers, seen, hsm=False))
    return found


def _module(run: RunDir, selection: Selection) -> list[Row]:
    token = Token(softhsm.module(), HSM_LABEL, run.pin, {"SOFTHSM2_CONF": str(run.softhsm_conf)})
    loop = RawLoop.compiled(token, run.root)
    if loop is None:
        print("no C compiler (cc): the bare module is not measured")
        return []
    found: list[Row] = []
    for case in (case for case in selection.cases if case.mechanism is not None):
        for callers, seen in zip(CALLERS, loop.uses(case, CALLERS, SECONDS), strict=True):
            found.append(key_row(case.label, MODULE, callers, seen, hsm=True))
    for kind in selection.kinds:
        seen = loop.makes(kind, MAKERS, MAKING_SECONDS)
        found.append(key_row(f"{kind.label} create", MODULE, MAKERS, seen, hsm=True))
    return found
