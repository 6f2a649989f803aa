"""NIST's vectors against software keys."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from strongroom.crypto import keyengine
from tests.helpers import nist

SOFTWARE = SimpleNamespace(take=keyengine.take, use=keyengine.use)


@pytest.mark.parametrize("file", nist.FILES)
def test_each_valid_vector_is_accepted_and_each_invalid_one_refused(file: str) -> None:
    tally = nist.run(file, SOFTWARE)
    assert tally.wrong == []
    assert tally.accepted + tally.refused > 0
