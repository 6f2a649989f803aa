"""The double that unit tests stand on keeps the contract that the real backend keeps."""

from __future__ import annotations

import pytest

from strongroom.store.backend import Backend
from tests.helpers.backend_contract import BackendContract
from tests.helpers.memory import MemoryBackend


class TestMemoryBackend(BackendContract):
    @pytest.fixture
    def backend(self) -> Backend:
        return MemoryBackend()
