"""The use cases of backup and restore of one secret, key or certificate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from strongroom.domain import apiobjects as rules
from strongroom.domain.backups import Backup, BackupVersion
from strongroom.domain.certificateplanning import check_startable, scheduled
from strongroom.domain.certificates import CertificateState
from strongroom.domain.errors import AlreadyExists, BackupRefused, LimitExceeded
from strongroom.domain.names import HEX_ID, OBJECT_NAME, object_id
from strongroom.domain.objects import Face, Kind, ObjectHead, Version
from strongroom.domain.ports import BackupCodec, Collector, Store, Stored
from strongroom.domain.vaults import VaultHead
from strongroom.service.apiobjects import ApiObjects, Found


class ApiBackups:
    """Raises what ``Store``, ``Collector`` and ``BackupCodec`` raise."""

    def __init__(
        self,
        *,
        store: Store,
        collector: Collector,
        objects: ApiObjects,
        codec: BackupCodec,
        clock: Callable[[], int],
    ) -> None:
        self._store = store
        self._collector = collector
        self._objects = objects
        self._codec = codec
        self._clock = clock

    async def backup(self, vault: VaultHead, name: str) -> tuple[ObjectHead, bytes]:
        """Return an object with all its versions, encrypted. ``NotFound``, ``LimitExceeded``, ``BackupRefused``."""
        _check_home(vault)
        head, versions = await self._objects.versions(vault, name, fresh=True)
        if not versions:  # of a certificate whose first is on its way
            raise rules.not_found(name, self._objects.kind)
        rules.check_unmanaged(head, self._objects.kind)
        opened = [BackupVersion.of(await self._store.version(vault, head, each)) for each in reversed(versions)]
        face = rules.face_of(head, self._objects.kind)
        backup = Backup(
            head.name,
            self._objects.kind,
            head.created,
            tuple(opened),
            face.policy if face else None,
            head.certificate.policy if head.certificate else None,
        )
        return head, await self._codec.seal(vault.tenant, backup)

    async def restore(self, vault: VaultHead, octets: bytes) -> Found:
        """Make an object of a backup, with the ids of its versions. ``BackupRefused``, ``AlreadyExists``,
        ``ObjectDeleted``, ``LimitExceeded``, ``TierRefused``.

        An empty head takes the name first. A crash leaves it with records that it does not name: the name stays free,
        and the next restore clears them away.
        """
        _check_home(vault)
        backup = await self._codec.open(vault.tenant, octets)
        _check(backup, self._objects.kind)
        if len(backup.versions) > vault.limits.versions:
            raise LimitExceeded(
                f"the backup has {len(backup.versions)} versions; the vault's spec.limits.versionsPerObject is "
                f"{vault.limits.versions}: raise it"
            )
        for each in backup.versions:
            self._objects.check_restorable(vault, each.payload)
        stored = await self._empty_head(vault, backup)
        previous = ""
        for each in backup.versions:
            version = Version(each.id, self._objects.kind, each.payload, each.attributes, previous, each.layout)
            await self._store.restore_record(vault, stored.head, version)
            previous = each.id
        newest = backup.versions[-1]
        face = Face(
            newest.id,
            len(backup.versions),
            newest.attributes.created,
            begun=newest.attributes.created,
            expires=newest.attributes.expires,
            policy=backup.policy,
        )
        state = CertificateState(backup.certificate) if backup.certificate else None
        after = stored.head.changed(created=self._clock(), faces={self._objects.kind: face}, certificate=state)
        committed = await self._store.commit(vault, stored, scheduled(after))
        return Found(committed.head, newest.id, replace(newest.attributes, generation=1))

    async def _empty_head(self, vault: VaultHead, backup: Backup) -> Stored[ObjectHead]:
        stored = await self._store.object(vault, backup.name, fresh=True)
        if stored is not None:
            rules.check_not_deleted(stored.head, self._objects.kind)
            rules.check_unmanaged(stored.head, self._objects.kind)
            if stored.head.faces:
                raise AlreadyExists(
                    f"A {self._objects.kind} named {stored.head.name} exists; a backup is only restored to a free name."
                )
            if self._objects.kind is Kind.CERTIFICATE:
                check_startable(stored.whole)
            await self._collector.collect(vault, object_id(vault.id, backup.name))
            stored = await self._store.object(vault, backup.name)
        if complaint := self._objects.no_room(vault, stored.head if stored else None):
            raise LimitExceeded(complaint)
        return stored or await self._store.commit(vault, None, ObjectHead(vault.id, backup.name, self._clock()))


def _check_home(vault: VaultHead) -> None:
    if vault.hsm:
        raise BackupRefused(
            f"The vault is dedicated to the HSM {vault.hsm}: what is in it lives and ends with that token. Back up the "
            "token by its own means."
        )


def _check(backup: Backup, kind: Kind) -> None:
    """Ours are sound; but what a newer release backed up may be something else."""
    ids = [each.id for each in backup.versions]
    sound = ids and len(set(ids)) == len(ids) and all(map(HEX_ID.fullmatch, ids)) and OBJECT_NAME.fullmatch(backup.name)
    whole = (backup.certificate is not None) == (kind is Kind.CERTIFICATE)
    if not sound or not whole or backup.kind is not kind:
        raise BackupRefused(f"Backup blob is not one of a {kind}.")
