"""A token opened in the test process after its ceremony, and empty again afterwards."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pkcs11 import Attribute

from strongroom.hsm.sidecar import provisioning
from strongroom.hsm.sidecar.ceremony import Ceremony
from strongroom.hsm.sidecar.module import Module
from strongroom.hsm.sidecar.pins import Pin
from strongroom.hsm.sidecar.session import OpenToken, open_token
from tests.helpers import hsm


@contextmanager
def opened(module: Module, *, dedicated: bool = False) -> Iterator[OpenToken]:
    token = provisioning.find_token(module, hsm.LABEL)
    ceremony = Ceremony(token, lambda: Pin(hsm.SO_PIN), lambda: Pin(hsm.USER_PIN), announce=lambda _: None)
    ceremony.perform("test-1", dedicated=dedicated)
    yield open_token(module, token, Pin(hsm.USER_PIN), on_login=lambda: None, dedicated=dedicated)
    module.refresh()  # closes every session
    with provisioning.find_token(module, hsm.LABEL).open(rw=True, user_pin=hsm.USER_PIN) as session:
        resident: list[Any] = list(session.get_objects({Attribute.TOKEN: True}))
        for each in resident:
            each.destroy()
