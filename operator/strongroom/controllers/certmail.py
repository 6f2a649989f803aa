"""Mail to the contacts of a vault when one of its certificates nears its end, or has come to it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from strongroom.domain.errors import ContactsNotFound
from strongroom.domain.notices import Notice, Stage
from strongroom.domain.objects import Kind
from strongroom.domain.ports import Store
from strongroom.kinds.durations import format_time
from strongroom.service.certificateissuers import Issuers
from strongroom.telemetry.mail import Mailer

_WORDS: Final = {Stage.NEAR: "expires at", Stage.EXPIRED: "expired at"}
_TEXT: Final = """The certificate {name} of the vault {vault} {word} {at}.

Its version {version} is the one that is in use. If it is renewed by itself, look why that fails:

    kubectl get vaultcertificates -n {namespace} -o wide
    kubectl get events -n {namespace}

You get this mail because you are a contact of the vault's certificates. Whoever may manage them changes that.
"""


class CertificateMail:
    """``store`` is that of all kinds."""

    def __init__(self, store: Store, issuers: Issuers, mailer: Mailer) -> None:
        self._store = store
        self._issuers = issuers
        self._mailer = mailer

    async def notify(self, notice: Notice) -> None:
        """Write to the contacts, if there are any. ``SinkUnavailable``."""
        if notice.kind is not Kind.CERTIFICATE:
            return
        vault = (await self._store.vault_by_id(notice.vault_id)).head
        try:
            contacts = await self._issuers.contacts(vault)
        except ContactsNotFound:
            return
        at, word = format_time(notice.expires), _WORDS[notice.stage]
        subject = f"Certificate {notice.name} of the vault {notice.vault} {word} {at}"
        text = _TEXT.format(
            name=notice.name,
            vault=notice.vault,
            word=word,
            at=at,
            version=notice.version,
            namespace=notice.vault.namespace,
        )
        await self._mailer.send([each.email for each in contacts.people], subject, text)

    def after(self, notify: Callable[[Notice], Awaitable[None]]) -> Callable[[Notice], Awaitable[None]]:
        """Return what tells others first, and then writes."""

        async def told(notice: Notice) -> None:
            await notify(notice)
            await self.notify(notice)

        return told
