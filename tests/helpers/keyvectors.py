"""Published vectors against whatever carries out the operations of keys: software, a token, the whole service."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from strongroom.domain import algorithms
from strongroom.domain.algorithms import Given, Made
from strongroom.domain.errors import InvalidInput
from strongroom.domain.keymaterial import KeyMaterial
from strongroom.domain.keytypes import KeySpec, Operation


class Engine(Protocol):
    """What is put to the test."""

    def take(self, spec: KeySpec, private: bytes) -> KeyMaterial:
        """Bring a key in; the engine may protect it as it likes."""
        ...

    def use(self, material: KeyMaterial, algorithm: algorithms.Algorithm, operation: Operation, given: Given) -> Made:
        """Carry out one operation. ``InvalidInput`` when a ciphertext does not open."""
        ...


@dataclass
class Tally:
    """How a file went. ``outside``: what no request can ask for, such as a key of 1024 bits or an OAEP label."""

    accepted: int = 0
    refused: int = 0
    outside: int = 0
    wrong: list[str] = field(default_factory=list)

    def judge(self, attempt: Attempt | None, valid: bool, label: str) -> None:
        """Make an attempt and count it; ``label`` says which when it was wrong."""
        if attempt is None:
            self.outside += 1
            return
        try:
            accepted = attempt.accepts()
        except InvalidInput:
            accepted = False
        if accepted is not (valid and attempt.may_be_valid):
            self.wrong.append(label)
        elif accepted:
            self.accepted += 1
        else:
            self.refused += 1


@dataclass(frozen=True)
class Attempt:
    """``may_be_valid`` is False of what is valid elsewhere and not here: a truncated MAC, a salt of another length."""

    accepts: Callable[[], bool]
    may_be_valid: bool = True


class Keys:
    """Keys that are taken in once, and operations with them as the service has them: found, checked, used.

    ``digests_only``: the engine checks too, so that a MAC of a whole message cannot be asked for.
    """

    def __init__(self, engine: Engine, *, digests_only: bool = False) -> None:
        self._engine = engine
        self.digests_only = digests_only
        self._taken: dict[tuple[KeySpec, bytes], KeyMaterial] = {}

    def take(self, spec: KeySpec, private: bytes) -> KeyMaterial:
        if (spec, private) not in self._taken:
            self._taken[spec, private] = self._engine.take(spec, private)
        return self._taken[spec, private]

    def use(self, key: KeyMaterial, name: str, operation: Operation, given: Given) -> Made:
        algorithm = algorithms.find(name, key.spec, operation)
        algorithms.check(algorithm, operation, given, key.spec)
        return self._engine.use(key, algorithm, operation, given)

    def use_unchecked(self, key: KeyMaterial, name: str, operation: Operation, given: Given) -> Made:
        """For a MAC of a whole message: requests have digests only."""
        return self._engine.use(key, algorithms.find(name, key.spec, operation), operation, given)
