"""One request, from its arrival to its answer."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final

from aiohttp import web

from strongroom.dataplane.operations import Operation, Route
from strongroom.dataplane.wire import Place
from strongroom.domain.identity import Caller
from strongroom.domain.names import VaultRef
from strongroom.domain.network import Address
from strongroom.service.authorization import Admission, Verdict
from strongroom.service.vaultviews import VaultView

NOWHERE: Final = Place("")
_ids = random.Random(random.SystemRandom().getrandbits(256))  # noqa: S311 - ids of requests protect nothing


@dataclass(slots=True)
class Visit:
    """What is known of a request so far. The door fills it in, step by step; audit tells of what is there."""

    request: web.BaseRequest
    began: float  # monotonic
    at: float  # Unix seconds
    id: str = field(default_factory=lambda: f"{_ids.getrandbits(128):032x}")
    address: Address | None = None
    origin: str = ""  # the address as text
    ref: VaultRef | None = None
    place: Place = NOWHERE
    api_version: str = ""
    route: Route | None = None
    caller: Caller | None = None
    view: VaultView | None = None
    admission: Admission | None = None
    verdict: Verdict | None = None
    fresh: bool = False  # read from the API server: what the watches have shown may be old
    subject_url: str = ""  # of the object or version it is about

    @property
    def name(self) -> str:
        """Azure's word for what is asked for; before that is known, somebody only says who he is."""
        return self.route.operation.name if self.route else "Authentication"

    @property
    def operation(self) -> Operation:
        """What is asked for, once the path is read."""
        assert self.route is not None
        return self.route.operation

    @property
    def served(self) -> VaultView:
        """The vault, once it is found."""
        assert self.view is not None
        return self.view


@dataclass(frozen=True, slots=True)
class Reply:
    """A success. ``body`` None: nothing is said, as after a purge, or ``pem``."""

    body: dict[str, Any] | None = field(repr=False)
    status: int = 200
    version: str = ""  # for the header ETag
    subject_url: str = ""
    pem: str = ""
    location: str = ""  # where to look for the outcome


Handler = Callable[[Visit, bytes], Awaitable[Reply]]
"""Carries out an operation: what was asked, and the body."""
