"""The operations on secrets: from a request's words to a use case, and its outcome to Azure's words."""

from __future__ import annotations

from strongroom.dataplane import secretpaths, wire
from strongroom.dataplane.operations import BACKUP_BODY, Operation
from strongroom.dataplane.paging import page_reply, paging
from strongroom.dataplane.visit import Handler, Reply, Visit
from strongroom.domain import base64url
from strongroom.domain.apiobjects import Condition
from strongroom.domain.fields import Fields
from strongroom.domain.vaults import DAY
from strongroom.service.apibackups import ApiBackups
from strongroom.service.apilists import ApiLists
from strongroom.service.apiobjects import Found
from strongroom.service.apisecrets import ApiSecrets


class SecretRoutes:
    """Raises the ``StrongroomError`` that ``dataplane.errors`` knows how to answer."""

    def __init__(self, secrets: ApiSecrets, lists: ApiLists, backups: ApiBackups) -> None:
        self._secrets = secrets
        self._lists = lists
        self._backups = backups
        self.handlers: dict[Operation, Handler] = {
            secretpaths.SET: self._set,
            secretpaths.GET: self._get,
            secretpaths.UPDATE: self._update,
            secretpaths.DELETE: self._delete,
            secretpaths.LIST: self._list,
            secretpaths.LIST_VERSIONS: self._list_versions,
            secretpaths.LIST_DELETED: self._list_deleted,
            secretpaths.GET_DELETED: self._get_deleted,
            secretpaths.RECOVER: self._recover,
            secretpaths.PURGE: self._purge,
            secretpaths.BACKUP: self._backup,
            secretpaths.RESTORE: self._restore,
        }

    async def _set(self, visit: Visit, body: bytes) -> Reply:
        fields = Fields.of(body)
        value, wanted = wire.read_value(fields), wire.read_wanted(fields)
        found = await self._secrets.set(visit.served.head, _name(visit), value, wanted, _condition(visit))
        return _bundle(visit, found, wire.value(value))

    async def _get(self, visit: Visit, _: bytes) -> Reply:
        assert visit.route is not None
        head, version = await self._secrets.get(
            visit.served.head, visit.route.name, visit.route.version, fresh=visit.fresh
        )
        found = Found(head, version.id, version.attributes)
        return _bundle(visit, found, wire.value(version.payload))

    async def _update(self, visit: Visit, body: bytes) -> Reply:
        assert visit.route is not None
        wanted = wire.read_wanted(Fields.of(body))
        vault, version = visit.served.head, visit.route.version
        return _bundle(visit, await self._secrets.update(vault, visit.route.name, version, wanted, _condition(visit)))

    async def _delete(self, visit: Visit, _: bytes) -> Reply:
        assert visit.route is not None
        if not visit.route.version:
            return _deleted(visit, await self._secrets.delete(visit.served.head, visit.route.name))
        vault, name, version = visit.served.head, visit.route.name, visit.route.version
        found, until = await self._secrets.delete_version(vault, name, version)
        reply = _bundle(visit, found)
        assert reply.body is not None
        gone = {
            "recoveryId": visit.place.of("deletedsecrets", found.head.name, version),
            "deletedDate": until - vault.retention_days * DAY,
            "scheduledPurgeDate": until,
        }
        return Reply(reply.body | gone, subject_url=reply.subject_url)

    async def _get_deleted(self, visit: Visit, _: bytes) -> Reply:
        return _deleted(visit, await self._secrets.deleted(visit.served.head, _name(visit), fresh=visit.fresh))

    async def _recover(self, visit: Visit, _: bytes) -> Reply:
        assert visit.route is not None
        vault, name, version = visit.served.head, visit.route.name, visit.route.version
        if version:
            return _bundle(visit, await self._secrets.recover_version(vault, name, version))
        return _bundle(visit, await self._secrets.recover(vault, name))

    async def _purge(self, visit: Visit, _: bytes) -> Reply:
        assert visit.route is not None
        vault, name, version = visit.served.head, visit.route.name, visit.route.version
        if version:
            await self._secrets.purge_version(vault, name, version)
        else:
            await self._secrets.purge(vault, name)
        return Reply(None, 204)

    async def _backup(self, visit: Visit, _: bytes) -> Reply:
        head, octets = await self._backups.backup(visit.served.head, _name(visit))
        return Reply({"value": base64url.encode(octets)}, subject_url=visit.place.of("secrets", head.name))

    async def _restore(self, visit: Visit, body: bytes) -> Reply:
        octets = wire.read_backup(Fields.of(body), BACKUP_BODY)
        return _bundle(visit, await self._backups.restore(visit.served.head, octets))

    async def _list(self, visit: Visit, _: bytes) -> Reply:
        return await self._list_secrets(visit, deleted=False)

    async def _list_deleted(self, visit: Visit, _: bytes) -> Reply:
        return await self._list_secrets(visit, deleted=True)

    async def _list_secrets(self, visit: Visit, *, deleted: bool) -> Reply:
        vault, (order, marker, count) = visit.served.head, paging(visit)
        page = await self._lists.objects(vault, order, marker, count, deleted=deleted, fresh=visit.fresh)
        items = []
        for found in page.items:
            item = wire.item(vault, visit.place, found.head, found.attributes)
            items.append(item | wire.deletion(visit.place, found.head) if deleted else item)
        return page_reply(visit, items, page)

    async def _list_versions(self, visit: Visit, _: bytes) -> Reply:
        vault, (order, marker, count) = visit.served.head, paging(visit)
        page = await self._lists.versions(vault, _name(visit), order, marker, count, fresh=visit.fresh)
        items = [wire.item(vault, visit.place, each.head, each.attributes, each.version) for each in page.items]
        return page_reply(visit, items, page)


def _name(visit: Visit) -> str:
    assert visit.route is not None
    return visit.route.name


def _condition(visit: Visit) -> Condition:
    headers = visit.request.headers
    return wire.read_condition(headers.get("If-Match"), headers.get("If-None-Match"))


def _bundle(visit: Visit, found: Found, value: dict[str, str] | None = None) -> Reply:
    item = wire.item(visit.served.head, visit.place, found.head, found.attributes, found.version)
    return Reply({**(value or {}), **item}, version=found.version, subject_url=item["id"])


def _deleted(visit: Visit, found: Found) -> Reply:
    reply = _bundle(visit, found)
    assert reply.body is not None
    return Reply(reply.body | wire.deletion(visit.place, found.head), subject_url=reply.subject_url)
