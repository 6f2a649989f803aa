"""TLS of the data plane: a certificate per namespace that has a vault, chosen by the name that the client asks for.

Leaf keys are made here and live in this process's memory only. A certificate is issued when it is first asked for,
which takes less than a millisecond, and succeeded in the background at half its life; a handshake waits for nothing.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from strongroom.crypto.certificates import CertificateAuthority, Leaf

_CIPHERS: Final = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""Of TLS 1.2: forward secrecy and authenticated encryption. TLS 1.3 has nothing else."""

_Socket = ssl.SSLObject | ssl.SSLSocket


@dataclass(frozen=True, slots=True)
class _Issued:
    context: ssl.SSLContext
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
        self._issued: dict[str, _Issued] = {}  # by namespace; empty for the token service
        self.context = _context()
        self.context.sni_callback = self._choose

    def use(self, authority: CertificateAuthority | None) -> None:
        """Sign with this CA from now on, or with none; what another one signed is succeeded."""
        if authority is None or self._authority is None or authority.pem != self._authority.pem:
            self._issued.clear()
        self._authority = authority

    def renew(self) -> None:
        """Succeed what is at half its life, forget what is served no more. Called every minute or so."""
        now = self._clock()
        for namespace, issued in list(self._issued.items()):
            if namespace and not self._has_vault(namespace):
                del self._issued[namespace]
            elif issued.renew_at <= now:
                self._issue(namespace)

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
        issued = self._issued.get(namespace) or self._issue(namespace)
        if issued is None:
            return ssl.ALERT_DESCRIPTION_INTERNAL_ERROR
        socket.context = issued.context
        return None

    def _namespace_of(self, name: str) -> str | None:
        """Return the namespace, empty for the token service, None for a name that is not ours."""
        labels = name.lower().removesuffix(f".{self._domain}")
        if labels == "sts":
            return ""
        vault, _, namespace = labels.partition(".")
        return namespace if vault and namespace and "." not in namespace else None

    def _issue(self, namespace: str) -> _Issued | None:
        if self._authority is None:
            return None
        now = self._clock()
        names = [f"*.{namespace}.{self._domain}"] if namespace else [f"sts.{self._domain}"]
        leaf = self._authority.issue(names, now)
        issued = _Issued(_context(leaf), now + (leaf.ends - leaf.begins) // 2)
        self._issued[namespace] = issued
        return issued


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
