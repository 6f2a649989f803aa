"""TLS of the data plane: a certificate per namespace that has a vault, chosen by the name that the client asks for.

They are certificates of the system vault, put in place as they are renewed there. Where the vault has none (a namespace
of a moment ago, or one whose renewal failed until the end), one is issued here, under the same authority: for that its
key lives in this process's memory only. It takes less than a millisecond; a handshake waits for nothing.
"""

from __future__ import annotations

import logging
import os
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from strongroom.crypto.certificates import CertificateAuthority, Leaf
from strongroom.service.servingleaves import TOKEN_SERVICE, dns_name

_CIPHERS: Final = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""Of TLS 1.2: forward secrecy and authenticated encryption. TLS 1.3 has nothing else."""

_log = logging.getLogger(__name__)

_Socket = ssl.SSLObject | ssl.SSLSocket


@dataclass(frozen=True, slots=True)
class _Shown:
    context: ssl.SSLContext
    leaf: Leaf | None  # of the vault; None: issued here
    renew_at: int


class ServingTls:
    """``has_vault(namespace)`` tells whether a namespace is served; ``clock`` returns Unix seconds. Names are those of
    ``domain``: ``sts.<domain>``, and ``<anything>.<namespace>.<domain>`` of a namespace that is served.
    """

    def __init__(self, *, domain: str, has_vault: Callable[[str], bool], clock: Callable[[], int]) -> None:
        self._domain = domain
        self._has_vault = has_vault
        self._clock = clock
        self._authority: CertificateAuthority | None = None
        self._leaves: Mapping[str, Leaf] = {}  # of the vault, by namespace; empty for the token service
        self._shown: dict[str, _Shown] = {}  # what was asked for so far
        self.context = _context()
        self.context.sni_callback = self._choose

    def sign_with(self, authority: CertificateAuthority | None) -> None:
        """Issue under this CA from now on, or under none; what another one signed here is succeeded."""
        if authority is None or self._authority is None or authority.pem != self._authority.pem:
            self._shown = {namespace: shown for namespace, shown in self._shown.items() if shown.leaf}
        self._authority = authority

    def show(self, leaves: Mapping[str, Leaf]) -> None:
        """Show these from now on, succeed what is at half its life, forget what is served no more. Called every few
        seconds; connections that are open go on.
        """
        self._leaves = leaves
        for namespace, shown in list(self._shown.items()):
            served = not namespace or self._has_vault(namespace)
            if not served or shown.leaf != leaves.get(namespace):
                del self._shown[namespace]
            elif shown.renew_at <= self._clock():
                self._make(namespace)

    def complaint(self) -> str:
        """Return why nobody can connect, empty when all is well. May be asked from another thread."""
        authority = self._authority
        if authority is None:
            return f"no certificate authority for {self._domain}: is the controller told the same domain?"
        return "the certificate authority has ended" if authority.ends <= self._clock() else ""

    def _choose(self, socket: _Socket, name: str | None, _: ssl.SSLContext) -> int | None:
        """Called in the handshake with the name that the client asks for; returns a TLS alert or None."""
        namespace = self._namespace_of(name or "")
        if namespace is None or (namespace and not self._has_vault(namespace)):
            return ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
        shown = self._shown.get(namespace) or self._make(namespace)
        if shown is None:
            return ssl.ALERT_DESCRIPTION_INTERNAL_ERROR
        socket.context = shown.context
        return None

    def _namespace_of(self, name: str) -> str | None:
        """Return the namespace, or the token service; None for a name that is not ours."""
        labels = name.lower().removesuffix(f".{self._domain}")
        if labels == "sts":
            return TOKEN_SERVICE
        vault, _, namespace = labels.partition(".")
        return namespace if vault and namespace and "." not in namespace else None

    def _make(self, namespace: str) -> _Shown | None:
        now, leaf = self._clock(), self._leaves.get(namespace)
        if leaf is not None and now < leaf.ends:
            shown = _Shown(_context(leaf), leaf, leaf.ends)
        elif self._authority is not None:
            name = dns_name(namespace, self._domain)
            _log.info("the system vault has no certificate for %s: showing one of this process's own", name)
            own = self._authority.issue([name], now)
            shown = _Shown(_context(own), None, now + (own.ends - own.begins) // 2)
        else:
            return None
        self._shown[namespace] = shown
        return shown


def _context(leaf: Leaf | None = None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_CIPHERS)
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(["http/1.1"])
    if leaf is not None:
        _load(context, leaf)
    return context


def _load(context: ssl.SSLContext, leaf: Leaf) -> None:
    """``ssl`` reads keys from files only: this one is memory, and gone when it is closed."""
    descriptor = os.memfd_create("leaf", os.MFD_CLOEXEC)
    try:
        Path(f"/proc/self/fd/{descriptor}").write_bytes(leaf.certificate + leaf.private_key)
        context.load_cert_chain(f"/proc/self/fd/{descriptor}")
    finally:
        os.close(descriptor)
