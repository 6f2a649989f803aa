"""Mail by SMTP (RFC 5321), over TLS, to a server that the installation names.

No tenant chooses the server: he could send requests from inside the cluster. He chooses whom it writes to.
"""

from __future__ import annotations

import asyncio
import ipaddress
import smtplib
import ssl
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from email.message import EmailMessage
from enum import StrEnum
from pathlib import Path
from typing import Final

from strongroom.domain.errors import InvalidInput, SinkUnavailable

TIMEOUT: Final = 10.0
"""Seconds that the server may take for each answer. A notice that it did not take is tried again by the work queue."""


class Tls(StrEnum):
    """How the connection is protected."""

    STARTTLS = "starttls"  # RFC 3207
    IMPLICIT = "implicit"  # RFC 8314
    NONE = "none"  # to a loopback address alone


_PORTS: Final = {Tls.STARTTLS: 587, Tls.IMPLICIT: 465, Tls.NONE: 25}


@dataclass(frozen=True, slots=True)
class MailSettings:
    """``server``: host, or host:port. ``password_file`` is read anew for each mail; ``ca_file``: PEM; default: the
    system's."""

    server: str
    sender: str
    tls: Tls = Tls.STARTTLS
    user: str = ""
    password_file: Path | None = None
    ca_file: Path | None = None


class Mailer:
    """Sends mails one by one."""

    def __init__(self, settings: MailSettings) -> None:
        """Raises InvalidInput for a server in the clear that is not this machine, or a CA file that cannot be read."""
        self._settings = settings
        self._host, self._port = _place(settings)
        if settings.tls is Tls.NONE and not _is_loopback(self._host):
            raise InvalidInput("the mail server: only a loopback address may be reached without TLS")
        try:
            self._context = ssl.create_default_context(cafile=settings.ca_file)
        except (OSError, ssl.SSLError):
            raise InvalidInput("the CA file for the mail server cannot be read as PEM certificates") from None

    async def send(self, to: Sequence[str], subject: str, text: str) -> None:
        """Send a mail; ``SinkUnavailable`` unless the server took it for every address that it did not refuse."""
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = self._settings.sender, ", ".join(to), subject
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834
        message.set_content(text)
        try:
            await asyncio.to_thread(self._deliver, message, list(to))
        except smtplib.SMTPRecipientsRefused:
            return  # nobody of them exists there: that does not change by itself
        except (OSError, smtplib.SMTPException) as error:
            raise SinkUnavailable(f"the mail server does not take a notice: {type(error).__name__}") from None

    def _deliver(self, message: EmailMessage, to: list[str]) -> None:
        with self._connected() as server:
            if self._settings.tls is Tls.STARTTLS:
                server.starttls(context=self._context)
            if self._settings.user:
                server.login(self._settings.user, self._password())
            server.send_message(message, to_addrs=to)

    def _connected(self) -> smtplib.SMTP:
        if self._settings.tls is Tls.IMPLICIT:
            return smtplib.SMTP_SSL(self._host, self._port, timeout=TIMEOUT, context=self._context)
        return smtplib.SMTP(self._host, self._port, timeout=TIMEOUT)

    def _password(self) -> str:
        if self._settings.password_file is None:
            return ""
        return self._settings.password_file.read_text("utf-8").strip()


def _place(settings: MailSettings) -> tuple[str, int]:
    host, colon, port = settings.server.rpartition(":")
    if not colon or "]" in port:
        return settings.server.strip("[]"), _PORTS[settings.tls]
    if not port.isascii() or not port.isdecimal() or not 0 < int(port) < 2**16 or not host:
        raise InvalidInput("the mail server: is a host name or an address, with :port or without")
    return host.strip("[]"), int(port)


def _is_loopback(host: str) -> bool:
    with suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return False
