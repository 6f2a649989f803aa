"""What a token can do: what it lists, less what it refused when it was tried.

Lists lie: SoftHSM 2.6.1 lists RSA-OAEP and knows it with SHA-1 only. So a mechanism with a parameter is tried, and what
was refused for its parameter once is not tried again.
"""

from __future__ import annotations

from collections.abc import Iterable

from pkcs11 import Mechanism
from pkcs11.exceptions import ArgumentsBad, FunctionNotSupported, MechanismInvalid, MechanismParamInvalid

from strongroom.domain.algorithms import Hash
from strongroom.domain.errors import InvalidInput

UNABLE = (ArgumentsBad, FunctionNotSupported, MechanismInvalid, MechanismParamInvalid)
"""A token's answers to a mechanism or parameter that it does not know."""


class Abilities:
    """Safe for threads: the set only grows, and trying again what it lacks yet costs a call."""

    def __init__(self, mechanisms: Iterable[str]) -> None:
        self._listed = frozenset(mechanisms)
        self._refused: set[tuple[Mechanism, Hash]] = set()
        self.streams_blocks = True  # False once an operation in parts did not yield block for block

    def has(self, mechanism: Mechanism, hash_: Hash = Hash.NONE) -> bool:
        """Say whether to try it."""
        return mechanism.name in self._listed and (mechanism, hash_) not in self._refused

    def lacks(self, mechanism: Mechanism, hash_: Hash) -> None:
        """Remember that it was refused."""
        self._refused.add((mechanism, hash_))

    def need(self, mechanism: Mechanism) -> None:
        """Raise ``InvalidInput`` unless the token lists it."""
        if mechanism.name not in self._listed:
            raise InvalidInput(f"the token cannot do this: it lacks CKM_{mechanism.name}")
