"""Mail to the contacts of certificates, through a real SMTP server with TLS and signing in."""

from __future__ import annotations

import logging
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope

from hack.localcluster.layout import free_ports
from strongroom.controllers.certmail import CertificateMail
from strongroom.crypto import certificates
from strongroom.domain.certificates import Action, LifetimeAction
from strongroom.domain.errors import InvalidInput, SinkUnavailable
from strongroom.domain.issuers import Contacts, Person
from strongroom.domain.notices import Stage
from strongroom.domain.objects import Kind
from strongroom.domain.vaults import DAY
from strongroom.telemetry.mail import Mailer, MailSettings, Tls
from tests.helpers.api import NOTHING, Replica
from tests.helpers.certificates import POLICY
from tests.helpers.controllers import World, vault, vault_key

PASSWORD = "correct horse"


@dataclass
class Inbox:
    """Takes what comes; nobody named ``unknown`` lives here. ``busy``: nothing is taken."""

    mails: list[tuple[list[str], EmailMessage]] = field(default_factory=list)
    busy: bool = False

    async def handle_RCPT(self, _: Any, __: Any, envelope: Envelope, address: str, ___: Any) -> str:
        if address.startswith("unknown"):
            return "550 nobody of that name"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _: Any, __: Any, envelope: Envelope) -> str:
        if self.busy:
            return "451 come again"
        assert isinstance(envelope.content, bytes)
        message = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(message, EmailMessage)
        self.mails.append((list(envelope.rcpt_tos), message))
        return "250 OK"


@dataclass
class Server:
    inbox: Inbox
    settings: MailSettings


@contextmanager
def serving(place: Path) -> Iterator[Server]:
    """On ``localhost``, by STARTTLS and for those who sign in."""
    now = int(time.time())
    made = certificates.make_authority("localhost", now)
    leaf = certificates.CertificateAuthority.load({k: v.encode() for k, v in made.items()}).issue(["localhost"], now)
    (place / "ca.crt").write_text(made[certificates.CERTIFICATE])
    (place / "server.pem").write_bytes(leaf.private_key + leaf.certificate)
    (place / "password").write_text(PASSWORD + "\n")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(place / "server.pem")

    def signs_in(_: Any, __: Any, ___: Any, ____: str, given: Any) -> AuthResult:
        return AuthResult(success=given.password == PASSWORD.encode())

    inbox, port = Inbox(), free_ports().apiserver
    controller = Controller(
        inbox,
        hostname="127.0.0.1",
        port=port,
        tls_context=context,
        require_starttls=True,
        authenticator=signs_in,
        auth_required=True,
    )
    logging.getLogger("mail.log").setLevel(logging.ERROR)
    controller.start()
    try:
        yield Server(
            inbox,
            MailSettings(
                f"localhost:{port}",
                "strongroom@example.org",
                user="strongroom",
                password_file=place / "password",
                ca_file=place / "ca.crt",
            ),
        )
    finally:
        controller.stop()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with serving(tmp_path) as running:
        yield running


async def test_a_mail_arrives_as_it_was_written(server: Server) -> None:
    await Mailer(server.settings).send(["ada@example.org", "bob@example.org"], "A subject", "A text.\n")
    ((to, message),) = server.inbox.mails
    assert to == ["ada@example.org", "bob@example.org"]
    assert (message["From"], message["Subject"]) == ("strongroom@example.org", "A subject")
    assert message["Auto-Submitted"] == "auto-generated"
    assert message.get_content().splitlines() == ["A text."]


async def test_who_is_not_known_there_stands_in_nobodys_way(server: Server) -> None:
    mailer = Mailer(server.settings)
    await mailer.send(["unknown@example.org", "ada@example.org"], "s", "t")
    await mailer.send(["unknown@example.org"], "s", "t")
    assert [to for to, _ in server.inbox.mails] == [["ada@example.org"]]


async def test_what_the_server_does_not_take_is_said_and_the_password_is_not(server: Server, tmp_path: Path) -> None:
    server.inbox.busy = True
    (tmp_path / "wrong").write_text("hunter2")
    away = free_ports().apiserver
    for changes in (
        {},
        {"password_file": tmp_path / "wrong"},
        {"password_file": tmp_path / "absent"},
        {"server": f"localhost:{away}"},
        {"server": server.settings.server.replace("localhost", "127.0.0.1")},  # not the name in its certificate
        {"ca_file": None},
        {"tls": Tls.IMPLICIT},
    ):
        with pytest.raises(SinkUnavailable) as caught:
            await Mailer(replace(server.settings, **changes)).send(["ada@example.org"], "s", "t")  # type: ignore[arg-type]
        assert "hunter2" not in str(caught.value)
        assert PASSWORD not in str(caught.value)
    assert server.inbox.mails == []


@pytest.mark.parametrize(
    "changes",
    [
        {"server": "mail.example.org", "tls": Tls.NONE},
        {"server": "localhost:25", "tls": Tls.NONE},
        {"server": "mail.example.org:0"},
        {"server": ":25"},
        {"server": "mail.example.org:smtp"},
        {"ca_file": Path("/nowhere")},
    ],
)
def test_settings_that_cannot_be_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        Mailer(replace(MailSettings("mail.example.org", "a@example.org"), **changes))


async def test_contacts_are_written_to_when_the_policy_says_so_and_when_the_end_has_come(server: Server) -> None:
    world = World()
    process = world.process()
    world.apply(vault())
    await process.reconcile(vault_key())
    api = Replica(world)
    vault_head = await api.vault()
    await api.issuers.set_contacts(vault_head, Contacts((Person("ada@example.org", "Ada"),)))
    asked = replace(POLICY, actions=(LifetimeAction(Action.EMAIL, before=10 * DAY),))
    await api.certificates.create(vault_head, "db", lambda _: asked, NOTHING)
    mail = CertificateMail(api.store, api.issuers, Mailer(server.settings))
    process.loop._tending._notify = mail.after(world.notify)
    world.now += 2
    process.hear()
    await process.work(await world.object_key())
    head = await world.head()
    assert head is not None
    ends = head.faces[Kind.CERTIFICATE].expires
    assert ends is not None
    for moment, mails in ((ends - 10 * DAY - 1, 0), (ends - 10 * DAY, 1), (ends - DAY, 1), (ends, 2), (ends + DAY, 2)):
        world.now = moment
        process.hear()
        await process.work(await world.object_key())
        assert len(server.inbox.mails) == mails
    assert [notice.stage for notice in world.notices] == [Stage.NEAR, Stage.EXPIRED]
    (first, second) = [message for _, message in server.inbox.mails]
    assert "expires at" in first["Subject"]
    assert "expired at" in second["Subject"]
    assert "certificate db" in first.get_content()


async def test_a_mail_that_was_not_taken_is_sent_again(server: Server) -> None:
    world = World()
    process = world.process()
    world.apply(vault())
    await process.reconcile(vault_key())
    api = Replica(world)
    vault_head = await api.vault()
    await api.issuers.set_contacts(vault_head, Contacts((Person("ada@example.org"),)))
    asked = replace(POLICY, actions=(LifetimeAction(Action.EMAIL, before=10 * DAY),))
    await api.certificates.create(vault_head, "db", lambda _: asked, NOTHING)
    process.loop._tending._notify = CertificateMail(api.store, api.issuers, Mailer(server.settings)).notify
    world.now += 2
    process.hear()
    await process.work(await world.object_key())
    world.now += 360 * DAY
    server.inbox.busy = True
    await process.work(await world.object_key())
    server.inbox.busy = False
    await process.work(await world.object_key())
    await process.work(await world.object_key())
    assert len(server.inbox.mails) == 1
