"""TXT records by a service of the user's: ``POST <url>/present`` and ``POST <url>/cleanup``, ``{"name", "value"}``."""

from __future__ import annotations

from typing import Final

import requests

from strongroom.acme.deadline import Deadline
from strongroom.acme.transport import BoundedAdapter, bind
from strongroom.domain.acmesettings import Webhook
from strongroom.domain.errors import IssuerUnavailable, Refused
from strongroom.domain.reach import Reach

_PASSING: Final = (408, 425, 429)


class WebhookSolver:
    """A ``Solver``. Any 2xx is success; 408, 425, 429 and 5xx are tried again later, other answers are not."""

    challenge: Final = "dns-01"

    def __init__(self, settings: Webhook, propagation: int, reach: Reach) -> None:
        self._settings = settings
        self._reach = reach
        self.propagation = propagation

    def require(self, identifier: str) -> None:
        """The service knows whose zones it changes."""

    def present(self, name: str, value: str, deadline: Deadline) -> None:
        """Have a record published."""
        self._post("present", name, value, deadline)

    def cleanup(self, name: str, value: str, deadline: Deadline) -> None:
        """Have it taken back."""
        self._post("cleanup", name, value, deadline)

    def _post(self, act: str, name: str, value: str, deadline: Deadline) -> None:
        adapter = BoundedAdapter(deadline, self._settings.ca, self._reach, plain=True)
        headers = {"Authorization": f"Bearer {self._settings.token}"} if self._settings.token else {}
        try:
            with requests.Session() as session:
                bind(session, adapter)
                url = f"{self._settings.url.rstrip('/')}/{act}"
                session.post(url, json={"name": name, "value": value}, headers=headers)
        except requests.RequestException as error:
            raise IssuerUnavailable(f"the webhook cannot be reached: {type(error).__name__}") from error
        _check(act, adapter)


def _check(act: str, adapter: BoundedAdapter) -> None:
    status = adapter.status
    if status >= 500 or status in _PASSING:
        raise IssuerUnavailable(f"the webhook answered {act} with HTTP {status}", adapter.retry_after)
    if not 200 <= status < 300:
        raise Refused(f"the webhook answered {act} with HTTP {status}")
