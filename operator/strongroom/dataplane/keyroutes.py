"""The operations on keys: from a request's words to a use case, and its outcome to Azure's words."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from strongroom.crypto import jwk, release
from strongroom.dataplane import keypaths, keywire, wire
from strongroom.dataplane.operations import BACKUP_BODY, Operation
from strongroom.dataplane.paging import page_reply, paging
from strongroom.dataplane.visit import Handler, Reply, Visit
from strongroom.domain import base64url, keytypes
from strongroom.domain.errors import InvalidInput
from strongroom.domain.fields import Fields
from strongroom.service.apibackups import ApiBackups
from strongroom.service.apikeys import ApiKeys, FoundKey
from strongroom.service.apilists import ApiLists
from strongroom.service.keyrelease import KeyRelease


class KeyRoutes:
    """Raises the ``StrongroomError`` that ``dataplane.errors`` knows how to answer. ``random`` draws octets."""

    def __init__(
        self,
        keys: ApiKeys,
        lists: ApiLists,
        backups: ApiBackups,
        releases: KeyRelease,
        random: Callable[[int], Awaitable[bytes]],
    ) -> None:
        self._keys = keys
        self._lists = lists
        self._backups = backups
        self._releases = releases
        self._random = random
        self.handlers: dict[Operation, Handler] = {
            keypaths.CREATE: self._create,
            keypaths.IMPORT: self._import,
            keypaths.ROTATE: self._rotate,
            keypaths.GET: self._get,
            keypaths.UPDATE: self._update,
            keypaths.DELETE: self._delete,
            keypaths.LIST: partial(self._list, deleted=False),
            keypaths.LIST_DELETED: partial(self._list, deleted=True),
            keypaths.LIST_VERSIONS: self._list_versions,
            keypaths.GET_DELETED: self._get_deleted,
            keypaths.RECOVER: self._recover,
            keypaths.PURGE: self._purge,
            keypaths.BACKUP: self._backup,
            keypaths.RESTORE: self._restore,
            keypaths.RELEASE: self._release,
            keypaths.GET_POLICY: self._get_policy,
            keypaths.SET_POLICY: self._set_policy,
            keypaths.RANDOM: self._draw,
            **{operation: partial(self._use, operation=use) for operation, use in keypaths.USES.items()},
        }

    async def _create(self, visit: Visit, body: bytes) -> Reply:
        spec, wanted = keywire.read_create(Fields.of(body))
        return _bundle(visit, await self._keys.create(visit.served.head, _name(visit), spec, wanted))

    async def _import(self, visit: Visit, body: bytes) -> Reply:
        fields = Fields.of(body)
        imported = jwk.read(fields.plain("key"), hsm=bool(fields.flag("Hsm")))
        wanted = keywire.read_imported(fields, imported.operations)
        vault = visit.served.head
        return _bundle(visit, await self._keys.take(vault, _name(visit), imported.spec, imported.private, wanted))

    async def _rotate(self, visit: Visit, _: bytes) -> Reply:
        return _bundle(visit, await self._keys.rotate(visit.served.head, _name(visit)))

    async def _get(self, visit: Visit, _: bytes) -> Reply:
        vault, (name, version) = visit.served.head, _place(visit)
        found = await self._keys.get(vault, name, version, fresh=visit.fresh)
        return _pem(visit, found) if _wants_pem(visit) else _bundle(visit, found)

    async def _update(self, visit: Visit, body: bytes) -> Reply:
        wanted = keywire.read_wanted(Fields.of(body))
        if wanted.exportable is not None:
            raise InvalidInput("attributes.exportable: is decided when a key is made")
        vault, (name, version) = visit.served.head, _place(visit)
        return _bundle(visit, await self._keys.change(vault, name, version, wanted))

    async def _delete(self, visit: Visit, _: bytes) -> Reply:
        vault = visit.served.head
        return _deleted(visit, await self._keys.whole(vault, await self._keys.delete(vault, _name(visit))))

    async def _get_deleted(self, visit: Visit, _: bytes) -> Reply:
        vault = visit.served.head
        found = await self._keys.deleted(vault, _name(visit), fresh=visit.fresh)
        return _deleted(visit, await self._keys.whole(vault, found))

    async def _recover(self, visit: Visit, _: bytes) -> Reply:
        vault = visit.served.head
        return _bundle(visit, await self._keys.whole(vault, await self._keys.recover(vault, _name(visit))))

    async def _purge(self, visit: Visit, _: bytes) -> Reply:
        await self._keys.purge(visit.served.head, _name(visit))
        return Reply(None, 204)

    async def _backup(self, visit: Visit, _: bytes) -> Reply:
        head, octets = await self._backups.backup(visit.served.head, _name(visit))
        return Reply({"value": base64url.encode(octets)}, subject_url=visit.place.of("keys", head.name))

    async def _restore(self, visit: Visit, body: bytes) -> Reply:
        vault, octets = visit.served.head, wire.read_backup(Fields.of(body), BACKUP_BODY)
        return _bundle(visit, await self._keys.whole(vault, await self._backups.restore(vault, octets)))

    async def _use(self, visit: Visit, body: bytes, *, operation: keytypes.Operation) -> Reply:
        use = keywire.read_use(Fields.of(body), operation)
        vault, (name, version) = visit.served.head, _place(visit)
        found, made = await self._keys.use(vault, name, version, use.algorithm, operation, use.given, fresh=visit.fresh)
        kid = visit.place.of("keys", found.head.name, found.version)
        return Reply(keywire.result(kid, operation, made, use.given), subject_url=kid)

    async def _release(self, visit: Visit, body: bytes) -> Reply:
        asked = keywire.read_release(Fields.of(body))
        vault, (name, version) = visit.served.head, _place(visit)
        found = await self._releases.wrap(vault, name, version, asked.attestation, asked.enc, fresh=visit.fresh)
        shown = _bundle(visit, found.key)
        assert shown.body is not None
        request = {"api-version": visit.api_version, "enc": asked.enc, "kid": shown.subject_url, "nonce": asked.nonce}
        said = {name: text for name, text in request.items() if text}
        signed = await self._releases.sign(release.payload(shown.body, found.target, asked.enc, found.wrapped, said))
        return Reply({"value": signed}, subject_url=shown.subject_url)

    async def _get_policy(self, visit: Visit, _: bytes) -> Reply:
        head, policy = await self._keys.policy(visit.served.head, _name(visit), fresh=visit.fresh)
        return Reply(keywire.policy(visit.place, head, policy))

    async def _set_policy(self, visit: Visit, body: bytes) -> Reply:
        policy = keywire.read_policy(Fields.of(body))
        head, policy = await self._keys.set_policy(visit.served.head, _name(visit), policy)
        return Reply(keywire.policy(visit.place, head, policy))

    async def _draw(self, _: Visit, body: bytes) -> Reply:
        return Reply({"value": base64url.encode(await self._random(keywire.read_count(Fields.of(body))))})

    async def _list(self, visit: Visit, _: bytes, *, deleted: bool) -> Reply:
        vault, (order, marker, count) = visit.served.head, paging(visit)
        page = await self._lists.objects(vault, order, marker, count, deleted=deleted, fresh=visit.fresh)
        items = []
        for found in page.items:
            item = keywire.item(vault, visit.place, found.head, found.attributes)
            items.append(item | wire.deletion(visit.place, found.head, "deletedkeys") if deleted else item)
        return page_reply(visit, items, page)

    async def _list_versions(self, visit: Visit, _: bytes) -> Reply:
        vault, (order, marker, count) = visit.served.head, paging(visit)
        page = await self._lists.versions(vault, _name(visit), order, marker, count, fresh=visit.fresh)
        items = [keywire.item(vault, visit.place, each.head, each.attributes, each.version) for each in page.items]
        return page_reply(visit, items, page)


def _place(visit: Visit) -> tuple[str, str]:
    assert visit.route is not None
    return visit.route.name, visit.route.version


def _name(visit: Visit) -> str:
    return _place(visit)[0]


def _bundle(visit: Visit, found: FoundKey) -> Reply:
    public = jwk.public(found.material)
    body: dict[str, Any] = keywire.bundle(
        visit.served.head, visit.place, found.head, found.attributes, found.version, public
    )
    return Reply(body, version=found.version, subject_url=body["key"]["kid"])


def _wants_pem(visit: Visit) -> bool:
    """Say whether PEM comes first among what the caller accepts."""
    return visit.request.headers.get("Accept", "").partition(",")[0].partition(";")[0].strip().lower() == wire.PEM


def _pem(visit: Visit, found: FoundKey) -> Reply:
    pem = jwk.public_pem(found.material)
    if not pem:
        raise InvalidInput(f"a symmetric key has no public part: ask for it without Accept: {wire.PEM}")
    kid = visit.place.of("keys", found.head.name, found.version)
    return Reply(None, version=found.version, subject_url=kid, pem=pem)


def _deleted(visit: Visit, found: FoundKey) -> Reply:
    reply = _bundle(visit, found)
    assert reply.body is not None
    more = wire.deletion(visit.place, found.head, "deletedkeys")
    return Reply(reply.body | more, subject_url=reply.subject_url)
