"""The error tree says who can heal it."""

from __future__ import annotations

import pytest

from strongroom.domain import errors
from strongroom.domain.errors import Refused, Retryable, StrongroomError

LEAVES = sorted(
    (
        each
        for each in vars(errors).values()
        if isinstance(each, type) and issubclass(each, StrongroomError) and not each.__subclasses__()
    ),
    key=lambda each: each.__name__,
)


@pytest.mark.parametrize("error", LEAVES, ids=lambda error: error.__name__)
def test_an_error_is_either_retryable_or_refused(error: type[StrongroomError]) -> None:
    assert issubclass(error, Retryable) != issubclass(error, Refused)
