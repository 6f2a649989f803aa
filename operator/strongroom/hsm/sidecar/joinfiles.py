"""What two tokens say to each other when one joins the other's geography: a request and an answer, in files.

Neither is secret, and anybody on the way could replace either: a request by one with his own public keys, which would
give him the world key; an answer by one with a world key that he knows, which would give him all that is wrapped
under it later. So each has a fingerprint that the two security officers compare by another way.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from typing import Final, TypeVar

from strongroom.domain.codec import decode, encode
from strongroom.domain.errors import InvalidInput, Tampered, UnsupportedFormat
from strongroom.hsm.sidecar.world import GEOGRAPHY_OCTETS, check_geography

T = TypeVar("T")

TRANSPORT_BITS: Final = 3072
MAX_OCTETS: Final = 64 * 1024
_WRAPPED_OCTETS: Final = TRANSPORT_BITS // 8
_VERSIONS: Final = 32  # at most; a world key is rotated once in years
_PROOF_OCTETS: Final = 32
_FINGERPRINT_OCTETS: Final = 20  # 160 bits against a second preimage


@dataclass(frozen=True, slots=True)
class JoinRequest:
    """Two public RSA keys (exponent 65537), whose private halves are in the joining token."""

    token: str  # its label, for people
    world_modulus: bytes
    mac_modulus: bytes
    geography_id: bytes = b""  # of the joining token, when it has worlds already
    versions: tuple[int, ...] = ()  # that it holds

    def pack(self) -> bytes:
        """Return the file."""
        return encode(self) + b"\n"


@dataclass(frozen=True, slots=True)
class SentWorld:
    """One version of the world. ``proof``: the MAC key's signature of the request's fingerprint, and the version."""

    version: int
    proof: bytes
    key: bytes = b""  # under the transport key; empty when the joining token holds this version
    mac: bytes = b""


@dataclass(frozen=True, slots=True)
class JoinAnswer:
    """The world of a geography, wrapped for one joining token."""

    request: str  # fingerprint of the request that it answers
    geography: str
    geography_id: bytes
    in_force: int  # the version that wraps new keys
    worlds: tuple[SentWorld, ...]

    def pack(self) -> bytes:
        """Return the file."""
        return encode(self) + b"\n"


def fingerprint(file: JoinRequest | JoinAnswer) -> str:
    """Return what people compare: 160 bits of SHA-256 over all that the file says."""
    label = f"strongroom/{type(file).__name__}/v1\0".encode()
    digits = hashlib.sha256(label + encode(file)).digest()[:_FINGERPRINT_OCTETS].hex()
    return "-".join(re.findall("....", digits))


def check_fingerprint(file: JoinRequest | JoinAnswer, told: str) -> None:
    """Raise ``InvalidInput`` unless ``told`` is the file's. What it should be is not said: it must come from there."""
    wanted = fingerprint(file).replace("-", "")
    given = re.sub(r"[\s-]", "", told.lower())
    if not hmac.compare_digest(wanted.encode(), given.encode()):
        raise InvalidInput(
            "the file does not have this fingerprint: it is another file, or was changed on its way. Ask for the "
            "fingerprint where the file was made, not by the way that the file came"
        )


def parse_request(octets: bytes) -> JoinRequest:
    """Read a request. Raises ``InvalidInput``."""
    request = _parse(JoinRequest, octets)
    sizes = {len(request.world_modulus), len(request.mac_modulus)}
    if sizes != {_WRAPPED_OCTETS} or request.world_modulus == request.mac_modulus:
        raise InvalidInput(f"a join request holds two different RSA keys of {TRANSPORT_BITS} bits")
    if len(request.geography_id) not in (0, GEOGRAPHY_OCTETS) or not _are_versions(request.versions):
        raise InvalidInput("the join request names an impossible geography or version")
    return request


def parse_answer(octets: bytes) -> JoinAnswer:
    """Read an answer. Raises ``InvalidInput``."""
    answer = _parse(JoinAnswer, octets)
    check_geography(answer.geography)
    versions = tuple(world.version for world in answer.worlds)
    if len(answer.geography_id) != GEOGRAPHY_OCTETS or not _are_versions(versions) or answer.in_force not in versions:
        raise InvalidInput("the join answer names an impossible geography or version")
    if not all(_is_sent(world) for world in answer.worlds):
        raise InvalidInput("the join answer holds a wrapped key or a proof of an impossible length")
    return answer


def proof_input(request: str, version: int) -> bytes:
    """What a world's MAC key signs, to show that sponsor and joining token mean the same version."""
    return b"strongroom/join-proof/v1\0" + f"{request}\0{version}".encode()


def _parse(kind: type[T], octets: bytes) -> T:
    if len(octets) > MAX_OCTETS:
        raise InvalidInput(f"a {kind.__name__} has at most {MAX_OCTETS} octets")
    try:
        return decode(kind, octets)
    except (Tampered, UnsupportedFormat):
        raise InvalidInput(f"the file is no {kind.__name__} of this release") from None


def _are_versions(versions: tuple[int, ...]) -> bool:
    bounded = all(1 <= version < 2**32 for version in versions)
    return bounded and len(set(versions)) == len(versions) <= _VERSIONS


def _is_sent(world: SentWorld) -> bool:
    return len(world.proof) == _PROOF_OCTETS and (len(world.key), len(world.mac)) in (
        (0, 0),
        (_WRAPPED_OCTETS, _WRAPPED_OCTETS),
    )
