"""The operations on issuers and contacts of certificates."""

from __future__ import annotations

from collections.abc import Callable

from strongroom.dataplane import certpaths, issuerwire
from strongroom.dataplane.operations import Operation
from strongroom.dataplane.paging import page_reply, paging
from strongroom.dataplane.visit import Handler, Reply, Visit
from strongroom.domain.fields import Fields
from strongroom.domain.issuers import Issuer
from strongroom.domain.names import fold
from strongroom.domain.vaults import VaultHead
from strongroom.service.apilists import Page
from strongroom.service.certificateissuers import Issuers


class IssuerRoutes:
    """Raises the ``StrongroomError`` that ``dataplane.errors`` knows how to answer. ``clock`` returns Unix seconds."""

    def __init__(self, issuers: Issuers, clock: Callable[[], int]) -> None:
        self._issuers = issuers
        self._clock = clock
        self.handlers: dict[Operation, Handler] = {
            certpaths.GET_CONTACTS: self._get_contacts,
            certpaths.SET_CONTACTS: self._set_contacts,
            certpaths.DELETE_CONTACTS: self._delete_contacts,
            certpaths.LIST_ISSUERS: self._list,
            certpaths.GET_ISSUER: self._get,
            certpaths.SET_ISSUER: self._set,
            certpaths.UPDATE_ISSUER: self._update,
            certpaths.DELETE_ISSUER: self._delete,
        }

    async def _get_contacts(self, visit: Visit, _: bytes) -> Reply:
        return Reply(issuerwire.contacts(visit.place, await self._issuers.contacts(_vault(visit), fresh=visit.fresh)))

    async def _set_contacts(self, visit: Visit, body: bytes) -> Reply:
        wanted = issuerwire.read_contacts(Fields.of(body))
        return Reply(issuerwire.contacts(visit.place, await self._issuers.set_contacts(_vault(visit), wanted)))

    async def _delete_contacts(self, visit: Visit, _: bytes) -> Reply:
        return Reply(issuerwire.contacts(visit.place, await self._issuers.remove_contacts(_vault(visit))))

    async def _list(self, visit: Visit, __: bytes) -> Reply:
        _, marker, count = paging(visit)
        found = [each for each in await self._issuers.all(_vault(visit), fresh=visit.fresh) if fold(each.name) > marker]
        more = fold(found[count - 1].name) if len(found) > count else ""
        items = [issuerwire.item(visit.place, each) for each in found[:count]]
        return page_reply(visit, items, Page(found[:count], more))

    async def _get(self, visit: Visit, _: bytes) -> Reply:
        return _shown(visit, await self._issuers.get(_vault(visit), _name(visit), fresh=visit.fresh))

    async def _set(self, visit: Visit, body: bytes) -> Reply:
        return await self._change(visit, body, whole=True)

    async def _update(self, visit: Visit, body: bytes) -> Reply:
        return await self._change(visit, body, whole=False)

    async def _change(self, visit: Visit, body: bytes, *, whole: bool) -> Reply:
        fields, name, now = Fields.of(body), _name(visit), self._clock()
        changed = await self._issuers.change(
            _vault(visit), name, lambda present: issuerwire.read_issuer(fields, name, present, now, whole=whole)
        )
        return _shown(visit, changed)

    async def _delete(self, visit: Visit, _: bytes) -> Reply:
        return _shown(visit, await self._issuers.remove(_vault(visit), _name(visit)))


def _vault(visit: Visit) -> VaultHead:
    return visit.served.head


def _name(visit: Visit) -> str:
    assert visit.route is not None
    return visit.route.name


def _shown(visit: Visit, issuer: Issuer) -> Reply:
    body = issuerwire.issuer(visit.place, issuer)
    return Reply(body, subject_url=body["id"])
