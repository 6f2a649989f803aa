"""``strongroom certificates``: each command asks the vault and returns what is to be shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from strongroom.cli import certificatepolicies, issuerviews
from strongroom.cli import certificateviews as views
from strongroom.cli.issuing import Waiting, ended
from strongroom.cli.objectcommands import Asked, Commands
from strongroom.client import errors
from strongroom.client.vaultcertificates import Certificates
from strongroom.client.vaultobjects import Changes
from strongroom.domain.certificates import UNKNOWN
from strongroom.domain.errors import InvalidInput

COMMON: Final = Commands(views.LISTS, views.one)


async def listing(certificates: Certificates, asked: Asked, *, pending: bool) -> str:
    """List certificates, or the deleted ones."""
    return await COMMON.listed(certificates.list(deleted=asked.deleted, pending=pending), asked)


async def show(certificates: Certificates, asked: Asked) -> str:
    """Show the version that is served, or the one asked for; with its last operation where it has one."""
    if asked.deleted:
        return views.one(await certificates.deleted(asked.name), asked.output)
    found = await certificates.get(asked.name, asked.version)
    told = asked.output == "table" and "pending" in found
    return views.one(found, asked.output, await _operation(certificates, asked.name) if told else None)


async def create(
    certificates: Certificates, asked: Asked, policy: Mapping[str, Any], changes: Changes, waiting: Waiting
) -> str:
    """Ask for a version and wait for it; return the certificate, or the operation where somebody outside must sign."""
    operation = await certificates.create(asked.name, policy, changes)
    if views.issuer_of(operation) == UNKNOWN:
        waiting.tell(
            f"note: an authority outside must sign it: strongroom certificates csr {asked.name} --out-file FILE prints "
            f"what it needs, and strongroom certificates merge {asked.name} --file FILE takes its answer"
        )
        return views.operation(operation, asked.output)
    if not waiting.seconds:
        return views.operation(operation, asked.output)
    await ended(certificates, asked.name, operation, waiting)
    return views.one(await certificates.get(asked.name), asked.output)


async def take(certificates: Certificates, asked: Asked, file: Mapping[str, Any], changes: Changes) -> str:
    """Import a file."""
    return views.one(await certificates.take(asked.name, file, changes), asked.output)


async def merge(certificates: Certificates, asked: Asked, chain: Sequence[str], changes: Changes) -> str:
    """Bring in what an authority outside made."""
    return views.one(await certificates.merge(asked.name, chain, changes), asked.output)


async def update(certificates: Certificates, asked: Asked, changes: Changes) -> str:
    """Change what is said of a version. ``InvalidInput`` when nothing is said."""
    if not changes.body():
        raise InvalidInput("say what to change: --enable, --disable, --tag; policy --set changes how versions are made")
    return views.one(await certificates.update(asked.name, asked.version, changes), asked.output)


async def pending(certificates: Certificates, asked: Asked) -> str:
    """Show the last operation."""
    return views.operation(await certificates.pending(asked.name), asked.output)


async def cancel(certificates: Certificates, asked: Asked) -> str:
    """End the operation without a version."""
    return views.operation(await certificates.cancel(asked.name), asked.output)


async def forget(certificates: Certificates, asked: Asked) -> str:
    """Remove the last operation."""
    return views.operation(await certificates.forget(asked.name), asked.output)


async def policy(certificates: Certificates, asked: Asked, changed: Mapping[str, Any] | None) -> str:
    """Show the policy, after a change if there is one."""
    found = await (certificates.policy(asked.name) if changed is None else certificates.set_policy(asked.name, changed))
    return certificatepolicies.show(found, asked.output)


async def contacts(certificates: Certificates, asked: Asked, emails: Sequence[str] | None, *, clear: bool) -> str:
    """Show whom the vault tells, after a change if there is one."""
    if clear:
        await certificates.clear_contacts()
        return ""
    found = await (certificates.set_contacts(emails) if emails else certificates.contacts())
    return issuerviews.contacts(found, asked.output)


async def issuers(certificates: Certificates, asked: Asked) -> str:
    """List the issuers."""
    return issuerviews.listed([each async for each in certificates.issuers()], asked.output)


async def issuer(certificates: Certificates, asked: Asked) -> str:
    """Show an issuer."""
    return issuerviews.one(await certificates.issuer(asked.name), asked.output)


async def set_issuer(certificates: Certificates, asked: Asked, wanted: Mapping[str, Any]) -> str:
    """Make or replace an issuer."""
    return issuerviews.one(await certificates.set_issuer(asked.name, wanted), asked.output)


async def update_issuer(certificates: Certificates, asked: Asked, change: Mapping[str, Any]) -> str:
    """Change an issuer."""
    return issuerviews.one(await certificates.update_issuer(asked.name, change), asked.output)


async def delete_issuer(certificates: Certificates, asked: Asked) -> str:
    """Remove an issuer."""
    return issuerviews.one(await certificates.delete_issuer(asked.name), asked.output)


async def _operation(certificates: Certificates, name: str) -> dict[str, Any]:
    try:
        return await certificates.pending(name)
    except errors.NotFound:  # it was forgotten meanwhile
        return {}
