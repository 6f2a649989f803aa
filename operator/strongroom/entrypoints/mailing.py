"""The options of a mail server."""

from __future__ import annotations

import argparse
from pathlib import Path

from strongroom.domain.errors import InvalidInput
from strongroom.entrypoints.options import environment
from strongroom.telemetry.mail import Mailer, MailSettings, Tls


def add_mail(parser: argparse.ArgumentParser) -> None:
    """Add them."""
    add = parser.add_argument
    add("--mail-server", default=environment("mail-server"), help="host[:port] of an SMTP server for contacts' mail")
    add("--mail-from", default=environment("mail-from"), help="address that it is from")
    add(
        "--mail-tls",
        choices=[each.value for each in Tls],
        default=environment("mail-tls", Tls.STARTTLS.value),
        help="default: starttls; none only to a loopback address",
    )
    add("--mail-user", default=environment("mail-user"), help="name to sign in by; default: nobody signs in")
    add("--mail-password-file", type=Path, default=environment("mail-password-file"), help="file with its password")
    add(
        "--mail-ca-file",
        type=Path,
        default=environment("mail-ca-file"),
        help="PEM certificates that the server is trusted by; default: the system's",
    )


def mailer(options: argparse.Namespace) -> Mailer | None:
    """Return what sends mail; None: there is no server. ``InvalidInput``."""
    if not options.mail_server:
        return None
    if not options.mail_from or "@" not in options.mail_from:
        raise InvalidInput("--mail-from: is required with --mail-server, and is an address")
    settings = MailSettings(
        options.mail_server,
        options.mail_from,
        Tls(options.mail_tls),
        options.mail_user or "",
        options.mail_password_file,
        options.mail_ca_file,
    )
    return Mailer(settings)
