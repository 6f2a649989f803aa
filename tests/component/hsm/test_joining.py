"""What a holder of the user PINs may try while a world travels: on either token, with everything on the way in hand."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from pkcs11 import Attribute, KeyType, MechanismFlag, ObjectClass, Session, Token
from pkcs11.exceptions import PKCS11Error

from strongroom.hsm.sidecar import attributes, provisioning, transport, world
from strongroom.hsm.sidecar.attributes import Template
from strongroom.hsm.sidecar.ceremony import Ceremony
from strongroom.hsm.sidecar.join import Joining, Sponsor
from strongroom.hsm.sidecar.joinfiles import JoinAnswer, JoinRequest, fingerprint
from strongroom.hsm.sidecar.module import Module
from strongroom.hsm.sidecar.pins import Pin, PinFile
from strongroom.hsm.sidecar.transport import Cargo
from tests.helpers import hsm
from tests.helpers.hsm import TokenHome
from tests.helpers.worlds import STAGED_WORLD


def officer(token: Token) -> Session:
    return token.open(rw=True, so_pin=hsm.SO_PIN, attribute_mapper=attributes.Mapper())


def user(token: Token) -> Session:
    return token.open(rw=True, user_pin=hsm.USER_PIN, attribute_mapper=attributes.Mapper())


@pytest.fixture(scope="module")
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


@dataclass
class Underway:
    """A join between approval and acceptance."""

    joining: Token
    request: JoinRequest
    answer: JoinAnswer
    sponsor: Token


@pytest.fixture(scope="module")
def underway(pair: tuple[Token, Token]) -> Underway:
    sponsor, joining = pair
    pins = (lambda: Pin(hsm.SO_PIN), lambda: Pin(hsm.USER_PIN), lambda _: None)
    request = Joining(joining, *pins).request()
    return Underway(joining, request, Sponsor(sponsor, *pins).approve(request, fingerprint(request)), sponsor)


READABLE = {Attribute.SENSITIVE: False, Attribute.EXTRACTABLE: True}
LOOSE = {Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: True, Attribute.WRAP_WITH_TRUSTED: False}
UNTRUSTED = {**STAGED_WORLD, Attribute.TRUSTED: False}
NO_TEMPLATE = {name: value for name, value in STAGED_WORLD.items() if name is not Attribute.UNWRAP_TEMPLATE}


@pytest.mark.parametrize("pin", [None, hsm.USER_PIN], ids=["nobody", "user"])
@pytest.mark.parametrize(
    "template",
    [READABLE, LOOSE, UNTRUSTED, NO_TEMPLATE, STAGED_WORLD],
    ids=["readable", "loose", "untrusted", "no template", "as staged"],
)
@pytest.mark.parametrize("cargo", [transport.WORLD, transport.MAC], ids=["its own half", "the other half"])
def test_only_the_officer_of_the_joining_token_unwraps_the_world_key(
    underway: Underway, pin: str | None, template: Template, cargo: Cargo
) -> None:
    (sent,) = underway.answer.worlds
    with underway.joining.open(rw=True, user_pin=pin, attribute_mapper=attributes.Mapper()) as session:
        private = transport.private_half(session, cargo)
        with pytest.raises(PKCS11Error):
            private.unwrap_key(
                ObjectClass.SECRET_KEY,
                KeyType.AES,
                sent.key,
                mechanism=transport.TRANSPORTING,
                capabilities=MechanismFlag.WRAP | MechanismFlag.UNWRAP,
                template={Attribute.PRIVATE: False, **template, Attribute.TOKEN: False},
            )


@pytest.mark.parametrize("template", [READABLE, LOOSE], ids=["readable", "loose"])
def test_the_mac_key_is_unwrapped_in_its_own_form_only(underway: Underway, template: Template) -> None:
    (sent,) = underway.answer.worlds
    with user(underway.joining) as session, pytest.raises(PKCS11Error):
        transport.private_half(session, transport.MAC).unwrap_key(
            ObjectClass.SECRET_KEY,
            KeyType.GENERIC_SECRET,
            sent.mac,
            mechanism=transport.TRANSPORTING,
            capabilities=MechanismFlag.SIGN,
            template={Attribute.PRIVATE: False, **template, Attribute.TOKEN: False},
        )


def test_the_transport_keys_cannot_be_changed_read_or_used_otherwise(underway: Underway) -> None:
    with user(underway.joining) as session:
        for cargo in (transport.WORLD, transport.MAC):
            private = transport.private_half(session, cargo)
            with pytest.raises(PKCS11Error):
                private[Attribute.DECRYPT] = True
            with pytest.raises(PKCS11Error):
                private.copy({Attribute.TOKEN: False, Attribute.MODIFIABLE: True})
            with pytest.raises(PKCS11Error):
                private[Attribute.PRIVATE_EXPONENT]


def test_in_the_sponsor_only_a_trusted_half_wraps_and_each_only_its_kind(underway: Underway) -> None:
    request = underway.request
    with officer(underway.sponsor) as session:
        transport.trust(session, transport.WORLD, request.world_modulus)
        transport.trust(session, transport.MAC, request.mac_modulus)
    with user(underway.sponsor) as session:
        home = world.current(world.find_worlds(session))
        key = transport.trusted(session, transport.WORLD, request.world_modulus)
        mac = transport.trusted(session, transport.MAC, request.mac_modulus)
        his = session.create_object(
            {
                Attribute.CLASS: ObjectClass.PUBLIC_KEY,
                Attribute.KEY_TYPE: KeyType.RSA,
                Attribute.MODULUS: request.world_modulus,
                Attribute.PUBLIC_EXPONENT: b"\x01\x00\x01",
                Attribute.LABEL: transport.WORLD.label,
                Attribute.TOKEN: False,
                Attribute.WRAP: True,
            }
        )
        assert key.wrap_key(home.key, mechanism=transport.TRANSPORTING)
        assert mac.wrap_key(home.mac, mechanism=transport.TRANSPORTING)
        for half, what in ((key, home.mac), (mac, home.key), (his, home.key), (his, home.mac)):
            with pytest.raises(PKCS11Error):
                half.wrap_key(what, mechanism=transport.TRANSPORTING)
        for half in transport.halves(session):
            half.destroy()


def test_an_imitation_in_the_sponsor_is_not_taken_for_trusted(underway: Underway) -> None:
    modulus = underway.request.world_modulus
    with user(underway.sponsor) as session:
        session.create_object(
            {
                Attribute.CLASS: ObjectClass.PUBLIC_KEY,
                Attribute.KEY_TYPE: KeyType.RSA,
                Attribute.MODULUS: modulus,
                Attribute.PUBLIC_EXPONENT: b"\x01\x00\x01",
                Attribute.LABEL: transport.WORLD.label,
                Attribute.TOKEN: False,
                Attribute.WRAP: True,
            }
        )
        assert transport.trusted(session, transport.WORLD, modulus) is None
