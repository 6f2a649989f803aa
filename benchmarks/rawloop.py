"""The loop of ``rawloop.c`` round a module: the limit for all else."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE, run

from pkcs11 import Mechanism

from benchmarks.keycases import Case, Kind
from benchmarks.keyrows import Measured
from strongroom.domain.keytypes import KeyType, Operation
from strongroom.hsm.sidecar import keyforms

_SOURCE = Path(__file__).with_name("rawloop.c")
_OPERATIONS = {Operation.WRAP: "encrypt", Operation.UNWRAP: "decrypt"}


@dataclass(frozen=True)
class Token:
    """Which token of which module, and how to log in."""

    module: Path
    label: str
    pin_file: Path
    environment: dict[str, str]


@dataclass(frozen=True)
class RawLoop:
    """The compiled program, and the token that it works on."""

    token: Token
    program: Path

    @classmethod
    def compiled(cls, token: Token, directory: Path) -> RawLoop | None:
        """Return it, made in ``directory``; None where there is no compiler."""
        compiler, program = shutil.which("cc"), directory / "rawloop"
        if compiler is None:
            return None
        run([compiler, "-O2", "-o", program, _SOURCE, "-ldl", "-lpthread"], check=True)
        return cls(token, program)

    def uses(self, case: Case, callers: tuple[int, ...], seconds: float) -> list[Measured]:
        """Return what so many callers saw, for each number of them."""
        assert case.mechanism is not None
        kind = "generic" if case.mechanism is Mechanism.SHA256_HMAC else _kind(case.kind)
        operation = _OPERATIONS.get(case.operation, str(case.operation))
        return self._run(
            f"{kind} {_size(case.kind)} {operation} {int(case.mechanism)} {case.module_octets} {case.parts}",
            callers,
            seconds,
        )

    def makes(self, kind: Kind, callers: int, seconds: float) -> Measured:
        """Return what callers saw who generate keys."""
        (measured,) = self._run(f"{_kind(kind)} {_size(kind)} generate 0 0 0", (callers,), seconds)
        return measured

    def _run(self, line: str, callers: tuple[int, ...], seconds: float) -> list[Measured]:
        token = self.token
        command = [str(self.program), str(token.module), token.label, str(token.pin_file), str(seconds)]
        command += map(str, callers)
        environment = os.environ | token.environment
        done = run(command, input=line, env=environment, stdout=PIPE, text=True, check=True)
        return [Measured(*map(float, each.split())) for each in done.stdout.splitlines()]


def _kind(kind: Kind) -> str:
    return "aes" if kind.type is KeyType.OCT else str(kind.type).lower()


def _size(kind: Kind) -> str:
    if kind.type is KeyType.EC:
        return keyforms.curve_parameters(kind.spec(hsm=True)).hex()
    return str(kind.size)
