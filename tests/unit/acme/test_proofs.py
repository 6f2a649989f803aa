"""How many proofs a server may ask for."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from strongroom.acme.orders import Orders
from strongroom.domain.errors import Refused


def test_a_server_that_wants_more_proofs_than_there_are_names_gets_none() -> None:
    session = cast(Any, SimpleNamespace(who="the ACME server a.example"))
    orders = Orders(session, (), profile="", chain="", before=None)
    with pytest.raises(Refused, match="wants 129 proofs"):
        orders._prove([cast(Any, None)] * 129)
