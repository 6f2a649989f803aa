"""Users' keys on one open token: made, brought in, used, released. Safe for any number of threads.

::

    world key ─ wraps → key                                   usage "key": never extractable again
    world key ─ wraps → export key (AES-256) ─ wraps → key    usage "exportable": can be released
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any

from pkcs11 import Attribute, KeyType, Mechanism, MechanismFlag, ObjectClass
from pkcs11.exceptions import PKCS11Error

from strongroom.domain import algorithms, keytypes
from strongroom.domain.algorithms import Given, Made
from strongroom.domain.errors import InvalidInput, KeyRefused
from strongroom.domain.keymaterial import KeyMaterial
from strongroom.domain.keys import WrappedKey
from strongroom.domain.keytypes import KeySpec, Operation
from strongroom.hsm import bounds
from strongroom.hsm.sidecar import attributes, keyforms, layouts, operations
from strongroom.hsm.sidecar.abilities import Abilities
from strongroom.hsm.sidecar.attributes import Template
from strongroom.hsm.sidecar.boundkeys import ObjectKey
from strongroom.hsm.sidecar.grip import KeyGrip
from strongroom.hsm.sidecar.handles import Handles
from strongroom.hsm.sidecar.keyforms import Parts
from strongroom.hsm.sidecar.release import wrap_for
from strongroom.hsm.sidecar.session import OpenToken, Seat

_EXPORT_BITS = 256
_NO_USE = 0
_OPENING = (Operation.DECRYPT, Operation.UNWRAP)
_PROBE = bytes(range(32))


class ObjectKeys:
    """Every method may raise ``TokenLost`` besides what it names."""

    def __init__(self, token: OpenToken, handles: Handles, abilities: Abilities) -> None:
        self._token = token
        self._handles = handles
        self._abilities = abilities

    def make_key(self, spec: KeySpec, owner: str, *, exportable: bool) -> KeyMaterial:
        """Generate a key. ``InvalidInput`` for a kind that the token cannot make."""
        bounds.check_hsm(spec)
        bounds.check_object_owner(owner)
        self._abilities.need(keyforms.form_of(spec).generator)
        with self._judged(lambda why: InvalidInput(f"the token cannot make this kind of key ({why})")):
            seat = self._token.seat()
            with ExitStack() as made:
                with self._handles.making(2):
                    private, public = _generated(seat, spec, _newborn(exportable))
                for each in (private, public):
                    made.enter_context(self._handles.temporary(each))
                info = b"" if public is None else keyforms.public_info(spec, public)
                return self._wrapped(seat, private, spec, owner, info, exportable=exportable)

    def take_key(self, spec: KeySpec, owner: str, private: bytes, *, exportable: bool) -> KeyMaterial:
        """Bring a key in. ``InvalidInput`` when it is not such a key, or the token takes none from outside."""
        bounds.check_hsm(spec)
        bounds.check_object_owner(owner)
        bounds.check_private(private)
        parts = keyforms.parts_of(spec, private)
        with self._judged(lambda why: InvalidInput(f"the token does not take this key ({why})")):
            seat = self._token.seat()
            self._check_pair(seat, spec, parts)
            with self._handles.created(seat.session, {**parts.private, **_newborn(exportable)}) as key:
                info = b"" if parts.public is None else keyforms.public_info(spec, parts.public)
                return self._wrapped(seat, key, spec, owner, info, exportable=exportable)

    def use_key(self, key: ObjectKey, algorithm: str, operation: Operation, given: Given) -> Made:
        """Carry out one operation; ``InvalidInput``, with one text for every reason, when a ciphertext does not open.

        ``InvalidInput`` also for what the token cannot do, ``KeyRefused`` for a key that the world did not wrap.
        """
        known = algorithms.find(algorithm, key.spec, operation)
        algorithms.check(known, operation, given, key.spec)
        given = algorithms.prepared(known, operation, given)
        try:
            return operations.perform(self._grip(key), known, operation, given)
        except PKCS11Error as error:
            opening = operation in _OPENING
            raise self._token.judge(
                error,
                lambda why: InvalidInput(
                    algorithms.DOES_NOT_OPEN if opening else f"the token cannot {operation} so ({why})"
                ),
            ) from error

    def release_key(self, key: ObjectKey, target: bytes, digest: str) -> bytes:
        """Wrap an exportable key for ``target``. ``KeyRefused`` for one that is not exportable, ``InvalidInput``."""
        if key.bound.key.usage != bounds.EXPORTABLE:
            raise KeyRefused("the key was not made exportable")
        bounds.check_target(target)
        numbers = keyforms.rsa_target(target)
        with self._judged(lambda why: InvalidInput(f"the token cannot release the key ({why})")):
            grip = self._grip(key)
            with grip.released() as private:
                return wrap_for(grip.seat, self._handles, private, numbers, digest)

    def _grip(self, key: ObjectKey) -> KeyGrip:
        return KeyGrip(key, self._token.seat(), self._token, self._handles, self._abilities)

    def _check_pair(self, seat: Seat, spec: KeySpec, parts: Parts) -> None:
        """Have the token sign and verify, which tells whether an EC key's parts belong together."""
        if spec.type is not keytypes.KeyType.EC or parts.public is None:
            return
        signer = {**parts.private, **attributes.NEWBORN_KEY, Attribute.SIGN: True, Attribute.EXTRACTABLE: False}
        verifier = {**parts.public, Attribute.TOKEN: False, Attribute.VERIFY: True}
        with (
            self._handles.created(seat.session, signer) as private,
            self._handles.created(seat.session, verifier) as public,
        ):
            signature = private.sign(_PROBE, mechanism=Mechanism.ECDSA)
            if not public.verify(_PROBE, signature, mechanism=Mechanism.ECDSA):
                raise InvalidInput("key: its public part does not belong to its private part")

    def _wrapped(
        self, seat: Seat, private: Any, spec: KeySpec, owner: str, info: bytes, *, exportable: bool
    ) -> KeyMaterial:
        here = seat.current
        blob = self._wrapped_exportable(seat, private) if exportable else here.wrap(private)
        usage = bounds.EXPORTABLE if exportable else bounds.KEY
        key = WrappedKey(str(here.id), bounds.KEY_CLASSES[spec.type], usage, owner, 1, blob, b"")
        mac = here.mac.sign(layouts.object_key_mac_input(spec, key), mechanism=Mechanism.SHA256_HMAC)
        key = replace(key, mac=mac)
        self._grip(ObjectKey.of(spec, key, owner)).try_out()
        return KeyMaterial(spec, public=info, wrapped=key)

    def _wrapped_exportable(self, seat: Seat, private: Any) -> bytes:
        here = seat.current
        template = attributes.newborn_export_key(here.wrapping)
        with self._handles.making():
            export: Any = seat.session.generate_key(
                KeyType.AES, _EXPORT_BITS, capabilities=MechanismFlag.WRAP, template=template
            )
        with self._handles.temporary(export):
            wrapped = here.wrap(export)
            if len(wrapped) != bounds.BLOB_OCTETS:
                raise InvalidInput("the token makes no exportable keys: it wraps in another format than RFC 5649")
            return wrapped + replace(here, key=export).wrap(private)

    @contextmanager
    def _judged(self, verdict: Callable[[str], Exception]) -> Iterator[None]:
        try:
            yield
        except PKCS11Error as error:
            raise self._token.judge(error, verdict) from error


def _newborn(exportable: bool) -> Template:
    return attributes.NEWBORN_EXPORTABLE if exportable else attributes.NEWBORN_KEY


def _generated(seat: Seat, spec: KeySpec, newborn: Template) -> tuple[Any, Any]:
    """Return a fresh private and public key, or a secret one and None."""
    form = keyforms.form_of(spec)
    how: dict[str, Any] = {"capabilities": _NO_USE, "mechanism": form.generator}
    if form.object_class is ObjectClass.SECRET_KEY:
        return seat.session.generate_key(form.key_type, spec.size, template=newborn, **how), None
    if form.key_type is KeyType.RSA:
        exponent = {Attribute.PUBLIC_EXPONENT: spec.exponent.to_bytes((spec.exponent.bit_length() + 7) // 8, "big")}
        public, private = seat.session.generate_keypair(
            KeyType.RSA, spec.size, public_template=exponent, private_template=newborn, **how
        )
    else:
        parameters = {Attribute.EC_PARAMS: keyforms.curve_parameters(spec)}
        domain: Any = seat.session.create_domain_parameters(KeyType.EC, parameters, local=True)
        public, private = domain.generate_keypair(private_template=newborn, **how)
    return private, public
