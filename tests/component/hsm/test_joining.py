"""The world can travel to a token that joins its geography later. The command is to come; the keys must allow it."""

from collections.abc import Iterator
from typing import Any

import pytest
from pkcs11 import Attribute, KeyType, Mechanism, MechanismFlag, ObjectClass, Session, Token
from pkcs11.exceptions import KeyNotWrappable

from strongroom.hsm.sidecar import attributes, provisioning, selfcheck, world
from strongroom.hsm.sidecar.attributes import FINAL, STAGED_MAC, STAGED_WORLD, WRAPPING
from strongroom.hsm.sidecar.ceremony import Ceremony
from strongroom.hsm.sidecar.module import Module
from strongroom.hsm.sidecar.pins import Pin, PinFile
from tests.helpers import hsm
from tests.helpers.hsm import TokenHome

PRIVATE_HALF = {Attribute.EXTRACTABLE: False, Attribute.SENSITIVE: True, Attribute.PRIVATE: False}
WRAP_ONLY = {Attribute.WRAP: True, Attribute.ENCRYPT: False, Attribute.VERIFY: False}


def officer(token: Token) -> Session:
    return token.open(rw=True, so_pin=hsm.SO_PIN, attribute_mapper=attributes.Mapper())


def user(token: Token) -> Session:
    return token.open(rw=True, user_pin=hsm.USER_PIN, attribute_mapper=attributes.Mapper())


@pytest.fixture
def pair(module_in_process: Module, blank_home: TokenHome) -> Iterator[tuple[Token, Token]]:
    """A sponsor after its ceremony, and a blank token that wants to join."""
    provisioning.ensure_token(
        module_in_process, "joining", PinFile(blank_home.so_pin_file), PinFile(blank_home.pin_file)
    )
    sponsor, joining = (provisioning.find_token(module_in_process, label) for label in (hsm.LABEL, "joining"))
    Ceremony(sponsor, lambda: Pin(hsm.SO_PIN), lambda: Pin(hsm.USER_PIN), announce=lambda _: None).perform("test-1")
    yield sponsor, joining
    for token in (sponsor, joining):
        with user(token) as session:
            resident: list[Any] = list(session.get_objects({Attribute.TOKEN: True}))
            for each in resident:
                each.destroy()


def transport(session: Session) -> tuple[Any, Any]:
    uses = MechanismFlag.WRAP | MechanismFlag.UNWRAP
    return session.generate_keypair(
        KeyType.RSA, 2048, label="transport", store=True, capabilities=uses, private_template=PRIVATE_HALF
    )


def import_public(session: Session, modulus: bytes, exponent: bytes, *, trusted: bool) -> None:
    session.create_object(
        {
            Attribute.CLASS: ObjectClass.PUBLIC_KEY,
            Attribute.KEY_TYPE: KeyType.RSA,
            Attribute.MODULUS: modulus,
            Attribute.PUBLIC_EXPONENT: exponent,
            Attribute.TOKEN: True,
            Attribute.PRIVATE: False,
            Attribute.LABEL: f"peer-{trusted}",
            **WRAP_ONLY,
            **({Attribute.TRUSTED: True} if trusted else {}),
        }
    )


def peer(session: Session, *, trusted: bool) -> Any:
    (key,) = list(session.get_objects({Attribute.LABEL: f"peer-{trusted}"}))
    return key


def test_both_keys_travel_under_a_key_that_the_officer_trusts_and_under_no_other(pair: tuple[Token, Token]) -> None:
    sponsor, joining = pair
    with officer(joining) as session:
        public, _ = transport(session)
        modulus, exponent = public[Attribute.MODULUS], public[Attribute.PUBLIC_EXPONENT]
    with officer(sponsor) as session:
        import_public(session, modulus, exponent, trusted=True)
        import_public(session, modulus, exponent, trusted=False)
    with user(sponsor) as session:
        home = world.current(world.find_worlds(session))
        for key in (home.key, home.mac):
            with pytest.raises(KeyNotWrappable):
                peer(session, trusted=False).wrap_key(key, mechanism=Mechanism.RSA_PKCS_OAEP)
        trusted = peer(session, trusted=True)
        blobs = [trusted.wrap_key(key, mechanism=Mechanism.RSA_PKCS_OAEP) for key in (home.key, home.mac)]
        kek = selfcheck.honest_target(session, home)
        signed = home.mac.sign(b"message", mechanism=Mechanism.SHA256_HMAC)
    receive(joining, blobs, home.id.cka_id)
    with user(joining) as session:
        arrived = world.current(world.find_worlds(session))
        assert arrived.id == home.id
        assert arrived.mac.verify(b"message", signed, mechanism=Mechanism.SHA256_HMAC)
        arrived.key.unwrap_key(
            ObjectClass.SECRET_KEY,
            KeyType.AES,
            kek.blob,
            mechanism=WRAPPING,
            capabilities=MechanismFlag.ENCRYPT | MechanismFlag.DECRYPT,
            template=attributes.UNWRAPPED_KEK,
        )
        selfcheck.check(session, arrived)  # the attacks fail there as well


def receive(token: Token, blobs: list[bytes], cka_id: bytes) -> None:
    """Unwrap by the officer with the templates of the ceremony, finish by the user."""
    wanted = (
        (KeyType.AES, "strongroom:world:test-1", STAGED_WORLD, MechanismFlag.WRAP | MechanismFlag.UNWRAP),
        (KeyType.GENERIC_SECRET, "strongroom:world-mac:test-1", STAGED_MAC, MechanismFlag.SIGN | MechanismFlag.VERIFY),
    )
    with officer(token) as session:
        (private,) = list(session.get_objects({Attribute.CLASS: ObjectClass.PRIVATE_KEY}))
        for blob, (key_type, label, template, uses) in zip(blobs, wanted, strict=True):
            private.unwrap_key(
                ObjectClass.SECRET_KEY,
                key_type,
                blob,
                mechanism=Mechanism.RSA_PKCS_OAEP,
                id=cka_id,
                label=label,
                store=True,
                capabilities=uses,
                template=template,
            )
    with user(token) as session:
        staged: list[Any] = list(session.get_objects({Attribute.CLASS: ObjectClass.SECRET_KEY}))
        for key in staged:
            key.copy(FINAL)
            key.destroy()
