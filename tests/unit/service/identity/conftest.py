"""An API server that knows ServiceAccounts, and a time that tests move."""

import pytest

from tests.helpers.identity import ApiServer, Time


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def api() -> ApiServer:
    return ApiServer()
