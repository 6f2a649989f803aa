"""Stands for the package of this name in Microsoft's monorepo, which is not published.

The SDK's own tests import it. Here there is no recording and no proxy: every test runs against a live vault, that of
the environment variable AZURE_KEYVAULT_URL, with the token that the command in STRONGROOM_TOKEN_COMMAND prints.
"""

from __future__ import annotations

import asyncio
import functools
import os
import shlex
import subprocess
import time
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from azure.core.credentials import AccessToken, AccessTokenInfo

_RUN = uuid.uuid4().hex[:6]  # names are new in each run: what an earlier one deleted is still kept
_LIFE = 3000


def is_live() -> bool:
    return True


class _Token:
    """A credential as any user would write it: ten lines."""

    def __init__(self) -> None:
        command = shlex.split(os.environ["STRONGROOM_TOKEN_COMMAND"])
        self._text = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
        self._expires = int(time.time()) + _LIFE

    def get_token(self, *_scopes: str, **_options: Any) -> AccessToken:
        return AccessToken(self._text, self._expires)

    def get_token_info(self, *_scopes: str, **_options: Any) -> AccessTokenInfo:
        return AccessTokenInfo(self._text, self._expires)

    def close(self) -> None:
        """Nothing is open."""


class _AsyncToken:
    def __init__(self, token: _Token) -> None:
        self._token = token

    async def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        return self._token.get_token(*scopes, **options)

    async def get_token_info(self, *scopes: str, **options: Any) -> AccessTokenInfo:
        return self._token.get_token_info(*scopes, **options)

    async def close(self) -> None:
        """Nothing is open."""

    async def __aenter__(self) -> _AsyncToken:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


@functools.cache
def _token() -> _Token:
    return _Token()


class _No:
    """An attribute to some tests, and a method to others."""

    def __bool__(self) -> bool:
        return False

    def __call__(self) -> bool:
        return False


class AzureRecordedTestCase:
    is_live = True
    is_playback = _No()
    in_recording = False

    @staticmethod
    def await_prepared_test(test: Callable[..., Any]) -> Callable[..., Any]:
        """Run an asynchronous test to its end."""

        @functools.wraps(test)
        def run(*arguments: Any, **options: Any) -> Any:
            return asyncio.run(test(*arguments, **options))

        return run

    def get_credential(self, _client: type, *, is_async: bool = False, **_: Any) -> Any:
        return _AsyncToken(_token()) if is_async else _token()

    def create_client_from_credential(self, client: Callable[..., Any], credential: Any, **options: Any) -> Any:
        return client(credential=credential, **{"logging_enable": True, **options})

    def get_resource_name(self, name: str) -> str:
        """The test's own name, so that sync and async runs do not meet."""
        test = os.environ.get("PYTEST_CURRENT_TEST", "")
        return f"{name}-{uuid.uuid5(uuid.NAMESPACE_URL, test + name).hex[:8]}{_RUN}"


def recorded_by_proxy(test: Callable[..., Any]) -> Callable[..., Any]:
    """Hand the test the keyword arguments that it takes; recordings would add more."""

    @functools.wraps(test)
    def run(*arguments: Any, **options: Any) -> Any:
        return test(*arguments, **options)

    return run


@pytest.fixture(scope="session")
def test_proxy() -> None:
    """There is none."""


def _nothing(*_: Any, **__: Any) -> None:
    """Recordings are not made, so nothing is matched or cleaned."""


set_bodiless_matcher = set_custom_default_matcher = remove_batch_sanitizers = _nothing
add_oauth_response_sanitizer = add_general_regex_sanitizer = add_general_string_sanitizer = _nothing
add_body_key_sanitizer = add_remove_header_sanitizer = add_header_regex_sanitizer = _nothing


class AzureMgmtPreparer:
    """Makes resources by Azure's management API in tests that are not run here."""


def PowerShellPreparer(_: str, **wanted: str) -> Callable[..., Any]:
    """Hand a test what it wants of the environment."""

    def decorator(test: Callable[..., Any]) -> Callable[..., Any]:
        def run(self: Any) -> Any:
            return test(self, **{name: os.environ[name.upper()] for name in wanted})

        return run

    return decorator


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A vault has one list of contacts, and some tests one name for their issuer: they come one after the other."""
    for item in items:
        group = next((word for word in ("contacts", "example_issuers") if word in item.name), "")
        if group:
            item.add_marker(pytest.mark.xdist_group(group))
