"""What the operations on secrets send."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, cast

import pytest

from strongroom.client.session import Session
from strongroom.client.vaultobjects import Changes
from strongroom.client.vaultsecrets import Condition, Secrets
from strongroom.domain.errors import InvalidInput

VERSION = "0123456789abcdef0123456789abcdef"


class Recorder:
    """Answers everything with the same; keeps what was asked."""

    def __init__(self) -> None:
        self.sent: list[tuple[Any, ...]] = []

    async def request(
        self, method: str, path: str, *, body: Any = None, query: Any = None, headers: Any = None
    ) -> dict[str, Any]:
        self.sent.append((method, path, body, headers))
        return {"value": "blob"}


@pytest.mark.parametrize(
    ("ask", "sent"),
    [
        (lambda s: s.set("A", "v", Changes(), Condition()), ("PUT", "/secrets/A", {"value": "v"}, {})),
        (
            lambda s: s.set("A", "", Changes(True, 1, 2, "t", {"a": "b"}), Condition(absent=True)),
            (
                "PUT",
                "/secrets/A",
                {
                    "value": "",
                    "attributes": {"enabled": True, "nbf": 1, "exp": 2},
                    "contentType": "t",
                    "tags": {"a": "b"},
                },
                {"If-None-Match": "*"},
            ),
        ),
        (lambda s: s.get("A"), ("GET", "/secrets/A", None, None)),
        (lambda s: s.get("A", VERSION), ("GET", f"/secrets/A/{VERSION}", None, None)),
        (
            lambda s: s.update("A", VERSION, Changes(enabled=False, tags={}), Condition(VERSION)),
            (
                "PATCH",
                f"/secrets/A/{VERSION}",
                {"attributes": {"enabled": False}, "tags": {}},
                {"If-Match": f'"{VERSION}"'},
            ),
        ),
        (lambda s: s.delete("A"), ("DELETE", "/secrets/A", None, None)),
        (lambda s: s.deleted("A"), ("GET", "/deletedsecrets/A", None, None)),
        (lambda s: s.recover("A"), ("POST", "/deletedsecrets/A/recover", None, None)),
        (lambda s: s.purge("A"), ("DELETE", "/deletedsecrets/A", None, None)),
        (lambda s: s.backup("A"), ("POST", "/secrets/A/backup", None, None)),
        (lambda s: s.restore("blob"), ("POST", "/secrets/restore", {"value": "blob"}, None)),
    ],
)
async def test_requests(ask: Callable[[Secrets], Awaitable[Any]], sent: tuple[Any, ...]) -> None:
    recorder = Recorder()
    await ask(Secrets(cast(Session, recorder)))
    assert recorder.sent == [sent]


@pytest.mark.parametrize("name", ["", "..", "a/b", "a?b", "a b", "ä", "a" * 128, "a%2Fb"])
async def test_a_name_cannot_become_another_path(name: str) -> None:
    recorder = Recorder()
    secrets = Secrets(cast(Session, recorder))
    for ask in (secrets.get, secrets.delete, secrets.recover, secrets.purge, secrets.backup, secrets.deleted):
        with pytest.raises(InvalidInput):
            await ask(name)
    assert recorder.sent == []


@pytest.mark.parametrize("version", ["..", "versions", VERSION.upper(), VERSION + "/x", "a"])
async def test_a_version_cannot_become_another_path(version: str) -> None:
    recorder = Recorder()
    with pytest.raises(InvalidInput):
        await Secrets(cast(Session, recorder)).get("a", version)
    assert recorder.sent == []
