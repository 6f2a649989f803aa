"""The operations on secrets: from a request's words to a use case, and its outcome to Azure's words."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Awaitable, Callable
from typing import Any, Final
from urllib.parse import quote

import orjson

from strongroom.dataplane import paths, wire
from strongroom.dataplane.paths import Operation
from strongroom.dataplane.visit import Reply, Visit
from strongroom.dataplane.wire import Fields
from strongroom.domain.apiobjects import Condition
from strongroom.domain.errors import InvalidInput
from strongroom.domain.vaults import DAY
from strongroom.service.apibackups import ApiBackups
from strongroom.service.apilists import ApiLists, Order, Page
from strongroom.service.apiobjects import Found
from strongroom.service.apisecrets import ApiSecrets

PAGE: Final = 25
"""Items of a page, at most and by default, as in Azure."""

SKIP_TOKEN_LENGTH: Final = 512
_MARKER: Final = "NextMarker"
ORDERS: Final = {"created": Order.OLDEST, "created asc": Order.OLDEST, "created desc": Order.NEWEST}

Handler = Callable[[Visit, bytes], Awaitable[Reply]]


class SecretRoutes:
    """Raises the ``StrongroomError`` that ``dataplane.errors`` knows how to answer."""

    def __init__(self, secrets: ApiSecrets, lists: ApiLists, backups: ApiBackups) -> None:
        self._secrets = secrets
        self._lists = lists
        self._backups = backups
        self.handlers: dict[Operation, Handler] = {
            paths.SET: self._set,
            paths.GET: self._get,
            paths.UPDATE: self._update,
            paths.DELETE: self._delete,
            paths.LIST: self._list,
            paths.LIST_VERSIONS: self._list_versions,
            paths.LIST_DELETED: self._list_deleted,
            paths.GET_DELETED: self._get_deleted,
            paths.RECOVER: self._recover,
            paths.PURGE: self._purge,
            paths.BACKUP: self._backup,
            paths.RESTORE: self._restore,
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
        return Reply({"value": wire.base64url(octets)}, subject_url=visit.place.of("secrets", head.name))

    async def _restore(self, visit: Visit, body: bytes) -> Reply:
        octets = wire.read_backup(Fields.of(body), paths.BACKUP_BODY)
        return _bundle(visit, await self._backups.restore(visit.served.head, octets))

    async def _list(self, visit: Visit, _: bytes) -> Reply:
        return await self._list_secrets(visit, deleted=False)

    async def _list_deleted(self, visit: Visit, _: bytes) -> Reply:
        return await self._list_secrets(visit, deleted=True)

    async def _list_secrets(self, visit: Visit, *, deleted: bool) -> Reply:
        vault, (order, marker, count) = visit.served.head, _paging(visit)
        page = await self._lists.objects(vault, order, marker, count, deleted=deleted, fresh=visit.fresh)
        items = []
        for found in page.items:
            item = wire.item(vault, visit.place, found.head, found.attributes)
            items.append(item | wire.deletion(visit.place, found.head) if deleted else item)
        return _page(visit, items, page)

    async def _list_versions(self, visit: Visit, _: bytes) -> Reply:
        vault, (order, marker, count) = visit.served.head, _paging(visit)
        page = await self._lists.versions(vault, _name(visit), order, marker, count, fresh=visit.fresh)
        items = [wire.item(vault, visit.place, each.head, each.attributes, each.version) for each in page.items]
        return _page(visit, items, page)


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


def _paging(visit: Visit) -> tuple[Order, str, int]:
    query = visit.request.query
    count = query.get("maxresults", str(PAGE))
    if not count.isascii() or not count.isdecimal() or not 1 <= int(count[:4]) <= PAGE:
        raise InvalidInput(f"maxresults must be between 1 and {PAGE}")
    order = query.get("$orderby")
    if order is not None and order not in ORDERS:
        raise InvalidInput(f"$orderby must be one of: {', '.join(ORDERS)}")
    return (ORDERS[order] if order else Order.NAME), _marker(query.get("$skiptoken", "")), int(count)


def _marker(token: str) -> str:
    """Read where a page begins. ``InvalidInput`` for what this API never gave out."""
    if not token:
        return ""
    try:
        if len(token) > SKIP_TOKEN_LENGTH:
            raise ValueError
        plain = orjson.loads(base64.b64decode(token + "=" * (-len(token) % 4), b"-_", validate=True))
        marker = plain[_MARKER]
    except (ValueError, binascii.Error, KeyError, TypeError):
        raise InvalidInput("$skiptoken: take the whole nextLink of the page before") from None
    if not isinstance(marker, str):
        raise InvalidInput("$skiptoken: take the whole nextLink of the page before")
    return marker


def _page(visit: Visit, items: list[dict[str, Any]], page: Page[Found]) -> Reply:
    return Reply({"value": items, "nextLink": _next_link(visit, page.marker) if page.marker else None})


def _next_link(visit: Visit, marker: str) -> str:
    query = visit.request.query
    token = wire.base64url(orjson.dumps({_MARKER: marker, "TargetLocation": 0}))
    link = f"{visit.place.base}{visit.request.path}?api-version={quote(visit.api_version)}&$skiptoken={token}"
    for name in ("maxresults", "$orderby"):
        if name in query:
            link += f"&{name}={quote(query[name])}"
    return link
