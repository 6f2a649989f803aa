"""A token joins a geography: its world travels from a sponsor, never in clear outside a token.

::

    joining token                                 sponsor
    request   officer makes two transport pairs
              ── two public keys ───────────────►  approve  officer marks them TRUSTED, after comparing a fingerprint
                                                            user wraps each world key and MAC key under them
    accept    ◄──────────────── wrapped keys ────           user removes the public keys
              officer unwraps them, staged
              user copies them to their final form: each world key is a commit point, as in the ceremony
              user removes staged keys and transport pairs

Killed anywhere, run the same command again: what was begun is removed and begun anew, what is finished stays. A token
that holds older versions of the world joins in the same way, and gets those that it lacks.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pkcs11 import Mechanism, Session
from pkcs11.exceptions import PKCS11Error

from strongroom.domain.errors import InvalidInput
from strongroom.hsm.sidecar import faults, staging, transport, trial, world
from strongroom.hsm.sidecar.attributes import STAGED_MAC, staged_world
from strongroom.hsm.sidecar.joinfiles import (
    JoinAnswer,
    JoinRequest,
    SentWorld,
    check_fingerprint,
    fingerprint,
    proof_input,
)
from strongroom.hsm.sidecar.logins import Logins
from strongroom.hsm.sidecar.transport import Cargo
from strongroom.hsm.sidecar.world import World, WorldId


class Sponsor(Logins):
    """A token that has the world. Raises what the sessions raise."""

    __slots__ = ()

    def approve(self, request: JoinRequest, told: str) -> JoinAnswer:
        """Wrap the world for whoever made the request with the fingerprint ``told``.

        ``InvalidInput`` when the fingerprint is another, or the joining token belongs to another geography.
        """
        check_fingerprint(request, told)
        with self.user() as session:
            _clear_transport(self, session)
            here = world.current(world.find_worlds(session))
            if world.is_dedicated(here):
                raise InvalidInput("this token is dedicated: its world never leaves it")
            home = here.id
        if request.geography_id not in (b"", home.geography_id):
            raise InvalidInput("the joining token belongs to another geography; only a blank token can change over")
        with self.officer() as session:
            self.announce("trusting the joining token's transport keys")
            transport.trust(session, transport.WORLD, request.world_modulus)
            transport.trust(session, transport.MAC, request.mac_modulus)
        with self.user() as session:
            try:
                sent = self._wrap_all(session, request)
            finally:
                _clear_transport(self, session)
        return JoinAnswer(fingerprint(request), home.geography, home.geography_id, home.version, sent)

    def _wrap_all(self, session: Session, request: JoinRequest) -> tuple[SentWorld, ...]:
        key = transport.trusted(session, transport.WORLD, request.world_modulus)
        mac = transport.trusted(session, transport.MAC, request.mac_modulus)
        if key is None or mac is None:
            raise InvalidInput("another ceremony is under way on the sponsor; run one at a time")
        held = sorted(world.find_worlds(session).values(), key=lambda each: each.id.version)
        return tuple(self._wrap(each, request, key, mac) for each in held)

    def _wrap(self, home: World, request: JoinRequest, key: Any, mac: Any) -> SentWorld:
        version = home.id.version
        proof = home.mac.sign(proof_input(fingerprint(request), version), mechanism=Mechanism.SHA256_HMAC)
        if version in request.versions:
            return SentWorld(version, proof)
        self.announce(f"wrapping version {version} of the world for the joining token")
        wrapped = (
            half.wrap_key(each, mechanism=transport.TRANSPORTING) for half, each in ((key, home.key), (mac, home.mac))
        )
        return SentWorld(version, proof, *wrapped)


class Joining(Logins):
    """A token that wants the world. Raises what the sessions raise."""

    __slots__ = ()

    def request(self) -> JoinRequest:
        """Make the transport keys, and ask for the world. An earlier request of this token becomes void.

        ``TokenUnfit``: a world key would not be safe in it.
        """
        with self.user() as session:
            _clear_transport(self, session)
            held = world.find_any(session)
            staging.clear(self, session, held)
        trial.run(self, held)
        with self.officer() as session:
            # The moduli are read here: a pair that the user placed beside them could be one that he knows.
            world_modulus = self._make_pair(session, transport.WORLD)
            mac_modulus = self._make_pair(session, transport.MAC)
        ids = {each.id.geography_id for each in held.values()}
        versions = tuple(sorted(each.id.version for each in held.values()))
        return JoinRequest(self.token.label, world_modulus, mac_modulus, ids.pop() if ids else b"", versions)

    def accept(self, answer: JoinAnswer, told: str) -> tuple[WorldId, ...]:
        """Take the world of the answer with the fingerprint ``told``; return the versions that were brought in.

        ``InvalidInput`` when the fingerprint is another, the answer is for another request or geography, or a version
        of the same number is another key here.
        """
        check_fingerprint(answer, told)
        with self.user() as session:
            held = world.find_any(session)
            _check_same(held, answer)
            staging.clear(self, session, held)
        missing = [each for each in answer.worlds if _id(answer, each) not in {here.id for here in held.values()}]
        if missing:
            with self.officer() as session:
                self._stage(session, answer, missing)
        with self.user() as session:
            self._finish(session, answer, missing)
        return tuple(_id(answer, each) for each in missing)

    def _make_pair(self, session: Session, cargo: Cargo) -> bytes:
        self.announce(f"making the transport key of the {cargo.name} key")
        return transport.make_pair(session, cargo)

    def _stage(self, session: Session, answer: JoinAnswer, missing: list[SentWorld]) -> None:
        key, mac = (transport.private_half(session, cargo) for cargo in (transport.WORLD, transport.MAC))
        if key is None or mac is None or not all(each.key for each in missing):
            raise InvalidInput("the answer is for another request of this token; make a request and have it approved")
        arrived = staged_world(self.wrapping)
        for each in missing:
            new = _id(answer, each)
            self.announce(f"unwrapping version {new.version} of the world")
            with _opening():
                transport.unwrap(key, transport.WORLD, each.key, arrived, id=new.cka_id, label=new.world_label)
                transport.unwrap(mac, transport.MAC, each.mac, STAGED_MAC, id=new.cka_id, label=new.mac_label)

    def _finish(self, session: Session, answer: JoinAnswer, missing: list[SentWorld]) -> None:
        for each in missing:
            staging.finish(self, session, _id(answer, each))
        held = world.find_worlds(session)
        staging.clear(self, session, held)
        _clear_transport(self, session)
        if answer.in_force > world.current(held).id.version:
            self.announce(f"putting version {answer.in_force} of the world key in force")
            world.put_in_force(session, WorldId(answer.geography, answer.geography_id, answer.in_force))


def _id(answer: JoinAnswer, sent: SentWorld) -> WorldId:
    return WorldId(answer.geography, answer.geography_id, sent.version)


def _check_same(held: dict[str, World], answer: JoinAnswer) -> None:
    if any(each.id.geography_id != answer.geography_id for each in held.values()):
        raise InvalidInput("this token belongs to another geography; only a blank token can change over")
    _check_proofs(held, answer)


def _check_proofs(held: dict[str, World], answer: JoinAnswer) -> None:
    """Two tokens whose worlds were rotated apart hold different keys of one version."""
    for sent in answer.worlds:
        here = held.get(str(_id(answer, sent)))
        signed = proof_input(answer.request, sent.version)
        if here and not here.mac.verify(signed, sent.proof, mechanism=Mechanism.SHA256_HMAC):
            raise InvalidInput(
                f"version {sent.version} of the world key is another key here than in the sponsor: the world was "
                "rotated on both. Restore one of the two tokens from its backup, or join a blank one in its place"
            )


def _clear_transport(logins: Logins, session: Session) -> None:
    for key in transport.halves(session):
        logins.announce("removing a transport key")
        key.destroy()


@contextmanager
def _opening() -> Iterator[None]:
    """CKR codes cannot tell a wrong ciphertext from a broken token; this token has just logged in, so it lives."""
    try:
        yield
    except PKCS11Error as error:
        if faults.is_surely_dead(error):
            raise
        raise InvalidInput(
            "the answer does not open under this token's transport keys; make a request and have it approved"
        ) from error
