"""From what the options and the environment say to a session with a vault: where, whom to trust, as whom."""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from strongroom.client.addresses import VaultAddress, read_endpoint
from strongroom.client.cluster import Cluster, read_account
from strongroom.client.session import Session, trusting
from strongroom.client.tokens import LENGTH, Token
from strongroom.domain.errors import InvalidInput
from strongroom.entrypoints.logins import Logins, default_path
from strongroom.entrypoints.options import environment
from strongroom.kube import kubeconfig, transport

_POD: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_COMMAND_SECONDS: Final = 60
SHORTEST: Final = 600
"""Seconds: the shortest life that the API server gives a token."""


@dataclass(frozen=True, slots=True)
class Access:
    """A vault, and how to come in."""

    address: VaultAddress
    token: Token
    session: Session


@asynccontextmanager
async def connected(options: argparse.Namespace, *, signing_in: int = 0) -> AsyncIterator[Access]:
    """Find the vault and a token as the options say, and yield a session. Raises ``StrongroomError``, OSError.

    ``signing_in``: seconds that a minted token is to live; 0: this is no login, so one that was kept will do.
    """
    async with AsyncExitStack() as stack:
        way = _Way(options, stack)
        address = await way.address()
        trust = trusting(await way.bundle(address))
        token = await way.token(address, signing_in)
        session = Session(address, token, trust, _endpoint(options))
        yield Access(address, token, await stack.enter_async_context(session))


@asynccontextmanager
async def inspected(options: argparse.Namespace) -> AsyncIterator[tuple[dict[str, Any], Session | None]]:
    """Find a Vault in the cluster and yield it, with a session without a token when it is served."""
    async with AsyncExitStack() as stack:
        way = _Way(options, stack)
        cluster = await way.cluster()
        vault = await cluster.vault(way.namespace(), options.vault)
        url = (vault.get("status") or {}).get("url")
        if not url:
            yield vault, None
            return
        address = VaultAddress.of(url)
        session = Session(address, None, trusting(await way.bundle(address)), _endpoint(options))
        yield vault, await stack.enter_async_context(session)


def _endpoint(options: argparse.Namespace) -> tuple[str, int | None] | None:
    """Return what ``--connect-to`` says."""
    return read_endpoint(options.connect_to) if options.connect_to else None


class _Way:
    """Answers the questions where, whom to trust and as whom; asks the cluster only when it must."""

    def __init__(self, options: argparse.Namespace, stack: AsyncExitStack) -> None:
        self._options = options
        self._stack = stack
        self._cluster: Cluster | None = None

    async def cluster(self) -> Cluster:
        """Return the cluster, connected once."""
        if self._cluster is None:
            path = _kubeconfig(self._options)
            if path is None:
                connection = await transport.in_cluster()
            else:
                connection = await transport.from_kubeconfig(path, self._options.context)
            self._stack.push_async_callback(connection.close)
            self._cluster = Cluster(connection)
        return self._cluster

    def namespace(self) -> str:
        """Return the namespace that is meant."""
        if self._options.namespace:
            return str(self._options.namespace)
        path = _kubeconfig(self._options)
        if path is None:
            return (_POD / "namespace").read_text().strip()
        return kubeconfig.namespace_of(path, self._options.context)

    async def address(self) -> VaultAddress:
        """Return where the vault is."""
        if self._options.vault:
            return await (await self.cluster()).address(self.namespace(), self._options.vault)
        url = self._options.url or environment("vault-url")
        if not url:
            raise InvalidInput("say which vault: --vault NAME, --url URL, or the environment's STRONGROOM_VAULT_URL")
        return VaultAddress.of(url)

    async def bundle(self, address: VaultAddress) -> str | None:
        """Return the certificates to trust; None: those of the system."""
        if self._options.ca_file:
            return _read(self._options.ca_file)
        if not self._options.vault:
            return None
        return await (await self.cluster()).trust_bundle(address.namespace)

    async def token(self, address: VaultAddress, signing_in: int) -> Token:
        """Return the token to show: what is said on the command line first, then in the environment, then a login."""
        if self._options.service_account:
            here = self._options.namespace or address.namespace
            namespace, name = read_account(self._options.service_account, here)
            return await (await self.cluster()).mint(namespace, name, address.audience, signing_in or SHORTEST)
        if path := self._options.token_file or environment("token-file"):
            return Token.of(_read_token(path, stdin=signing_in > 0))
        if command := environment("token-command"):
            return Token.of(_run(command))
        if not signing_in and (login := Logins(default_path()).find(address.audience, time.time())):
            return login
        raise InvalidInput(
            "say as whom: --token-file FILE, --service-account NAME, or sign in with strongroom login --store"
        )


def _read(path: Path) -> str:
    """Octets that are no text give no certificates either: the message is the same."""
    return path.read_text(errors="replace")


def _kubeconfig(options: argparse.Namespace) -> Path | None:
    """Return the kubeconfig; None: there is none, and this is a pod."""
    named = options.kubeconfig or environment("kubeconfig") or os.environ.get("KUBECONFIG")
    if named:
        return Path(named)
    home = Path.home() / ".kube" / "config"
    return home if home.exists() or not _POD.exists() else None


def _read_token(path: str, *, stdin: bool) -> str:
    if path != "-":
        with Path(path).open("rb") as file:
            return file.read(LENGTH + 2).decode("ascii", errors="replace")
    if not stdin:
        raise InvalidInput("--token-file - reads standard input, and only strongroom login does so; name a file")
    return sys.stdin.buffer.read(LENGTH + 2).decode("ascii", errors="replace")


def _run(command: str) -> str:
    """Run the program of STRONGROOM_TOKEN_COMMAND, by no shell, and return what it prints."""
    try:
        ran = subprocess.run(  # noqa: S603 - whoever sets the environment of a process already runs what he likes
            shlex.split(command), stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True, check=True,
            timeout=_COMMAND_SECONDS,
        )  # fmt: skip
    except (subprocess.SubprocessError, ValueError):
        raise InvalidInput("the program in STRONGROOM_TOKEN_COMMAND failed") from None
    return ran.stdout
