"""What the controller knows of the HSM, kept current by asking it every second."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, Protocol

from strongroom.controllers.verdicts import Verdict
from strongroom.domain.errors import StrongroomError
from strongroom.kinds.conditions import Reason


class Health(Protocol):
    """Whether keys can be used now, and if not, why."""

    @property
    def serving(self) -> bool: ...
    @property
    def state(self) -> Any: ...
    @property
    def detail(self) -> str: ...
    @property
    def world(self) -> str: ...


class Hsm(Protocol):
    """The part of the HSM client that is watched."""

    def watch_health(self) -> AsyncIterator[Health]: ...
    async def status(self) -> Any: ...


class HsmWatch:
    """Remembers the health; ``on_change(serving)`` is called at each change."""

    def __init__(self, hsm: Hsm, on_change: Callable[[bool], None]) -> None:
        self._hsm = hsm
        self._on_change = on_change
        self._health: Health | None = None
        self._model: Mapping[str, str] = {}

    async def run(self) -> None:
        """Watch until cancelled."""
        async for health in self._hsm.watch_health():
            self._health = health
            if health.serving:
                await self._read_model()
            self._on_change(health.serving)

    async def _read_model(self) -> None:
        try:
            token = (await self._hsm.status()).token
        except StrongroomError:
            return  # gone again; the next health says so
        self._model = {"model": token.model, "firmware": token.firmware_version}

    @property
    def known(self) -> bool:
        """Has the HSM been asked yet?"""
        return self._health is not None

    def complaint(self) -> Verdict | None:
        """Return why the HSM cannot serve, or None while it does or nothing is known yet."""
        if self._health is None or self._health.serving:
            return None
        refused = self._health.state.name == "LOGIN_REFUSED"
        reason = Reason.LOGIN_REFUSED if refused else Reason.HSM_UNAVAILABLE
        return Verdict(reason, self._health.detail or "the HSM does not serve")

    def world(self) -> str:
        """Return the id of the world key that wraps new keys; empty while it is not known."""
        return self._health.world if self._health else ""

    def model(self) -> dict[str, str]:
        """Return model and firmware as the token reports them."""
        return {key: value for key, value in self._model.items() if value}
