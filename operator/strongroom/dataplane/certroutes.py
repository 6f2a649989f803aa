"""The operations on certificates: from a request's words to a use case, and its outcome to Azure's words."""

from __future__ import annotations

from functools import partial

from strongroom.crypto import certfiles
from strongroom.dataplane import certpaths, certpolicies, certwire, wire
from strongroom.dataplane.operations import BACKUP_BODY, Operation
from strongroom.dataplane.paging import page_reply, paging
from strongroom.dataplane.visit import Handler, Reply, Visit
from strongroom.domain import base64url, certificatepolicies
from strongroom.domain.certificates import PEM, PKCS12, CertificatePolicy
from strongroom.domain.errors import InvalidInput
from strongroom.domain.fields import Fields
from strongroom.service.apibackups import ApiBackups
from strongroom.service.apicertificates import ApiCertificates, Change
from strongroom.service.apilists import ApiLists
from strongroom.service.certificateversions import FoundCertificate, FoundOperation


class CertRoutes:
    """Raises the ``StrongroomError`` that ``dataplane.errors`` knows how to answer."""

    def __init__(self, certificates: ApiCertificates, lists: ApiLists, backups: ApiBackups) -> None:
        self._certificates = certificates
        self._lists = lists
        self._backups = backups
        self.handlers: dict[Operation, Handler] = {
            certpaths.CREATE: self._create,
            certpaths.IMPORT: self._import,
            certpaths.GET: self._get,
            certpaths.UPDATE: self._update,
            certpaths.DELETE: self._delete,
            certpaths.LIST: partial(self._list, deleted=False),
            certpaths.LIST_DELETED: partial(self._list, deleted=True),
            certpaths.LIST_VERSIONS: self._list_versions,
            certpaths.GET_DELETED: self._get_deleted,
            certpaths.RECOVER: self._recover,
            certpaths.PURGE: self._purge,
            certpaths.BACKUP: self._backup,
            certpaths.RESTORE: self._restore,
            certpaths.GET_POLICY: self._get_policy,
            certpaths.UPDATE_POLICY: self._update_policy,
            certpaths.GET_PENDING: self._get_pending,
            certpaths.UPDATE_PENDING: self._update_pending,
            certpaths.DELETE_PENDING: self._delete_pending,
            certpaths.MERGE: self._merge,
        }

    async def _create(self, visit: Visit, body: bytes) -> Reply:
        fields, vault = Fields.of(body), visit.served.head
        ordered = bool(fields.flag("preserveCertOrder"))
        found = await self._certificates.create(
            vault, _name(visit), _asked(fields), certwire.read_wanted(fields), ordered=ordered
        )
        shown = certwire.operation(visit.place, found)
        where = f"{shown['id']}?api-version={visit.api_version}&request_id={found.pending.request}"
        return Reply(shown, 202, subject_url=visit.place.of("certificates", found.head.name), location=where)

    async def _import(self, visit: Visit, body: bytes) -> Reply:
        fields = Fields.of(body)
        imported, wanted = certwire.read_import(fields), certwire.read_wanted(fields)
        read = certfiles.read(imported.value, imported.password, pem=imported.pem)
        change = _imported(fields, PEM if imported.pem else PKCS12)
        vault, name = visit.served.head, _name(visit)
        taken = await self._certificates.take(vault, name, read, change, wanted, ordered=imported.ordered)
        return _bundle(visit, taken)

    async def _get(self, visit: Visit, _: bytes) -> Reply:
        vault, (name, version) = visit.served.head, _place(visit)
        return _bundle(visit, await self._certificates.get(vault, name, version, fresh=visit.fresh))

    async def _update(self, visit: Visit, body: bytes) -> Reply:
        fields, vault, (name, version) = Fields.of(body), visit.served.head, _place(visit)
        if certpolicies.mentioned(fields):
            await self._certificates.set_policy(vault, name, partial(certificatepolicies.read, fields.inner("policy")))
        wanted = certwire.read_wanted(fields)
        found = await self._certificates.update(vault, name, version, wanted)
        return _bundle(visit, await self._certificates.whole(vault, found))

    async def _delete(self, visit: Visit, _: bytes) -> Reply:
        vault = visit.served.head
        found = await self._certificates.delete(vault, _name(visit))
        return _deleted(visit, await self._certificates.whole(vault, found))

    async def _get_deleted(self, visit: Visit, _: bytes) -> Reply:
        vault = visit.served.head
        found = await self._certificates.deleted(vault, _name(visit), fresh=visit.fresh)
        return _deleted(visit, await self._certificates.whole(vault, found))

    async def _recover(self, visit: Visit, _: bytes) -> Reply:
        vault = visit.served.head
        found = await self._certificates.recover(vault, _name(visit))
        return _bundle(visit, await self._certificates.whole(vault, found))

    async def _purge(self, visit: Visit, _: bytes) -> Reply:
        await self._certificates.purge(visit.served.head, _name(visit))
        return Reply(None, 204)

    async def _backup(self, visit: Visit, _: bytes) -> Reply:
        head, octets = await self._backups.backup(visit.served.head, _name(visit))
        return Reply({"value": base64url.encode(octets)}, subject_url=visit.place.of("certificates", head.name))

    async def _restore(self, visit: Visit, body: bytes) -> Reply:
        vault, octets = visit.served.head, wire.read_backup(Fields.of(body), BACKUP_BODY)
        found = await self._backups.restore(vault, octets)
        return _bundle(visit, await self._certificates.whole(vault, found))

    async def _get_policy(self, visit: Visit, _: bytes) -> Reply:
        head, policy = await self._certificates.policy(visit.served.head, _name(visit), fresh=visit.fresh)
        return Reply(certpolicies.shown(visit.place, head, policy))

    async def _update_policy(self, visit: Visit, body: bytes) -> Reply:
        change = partial(certificatepolicies.read, Fields.of(body))
        head, policy = await self._certificates.set_policy(visit.served.head, _name(visit), change)
        return Reply(certpolicies.shown(visit.place, head, policy))

    async def _get_pending(self, visit: Visit, _: bytes) -> Reply:
        request = visit.request.query.get("request_id", "")
        found = await self._certificates.operation(visit.served.head, _name(visit), request, fresh=visit.fresh)
        return _operation(visit, found)

    async def _update_pending(self, visit: Visit, body: bytes) -> Reply:
        vault, name = visit.served.head, _name(visit)
        if not certwire.read_cancellation(Fields.of(body)):
            return _operation(visit, await self._certificates.operation(vault, name, fresh=visit.fresh))
        return _operation(visit, await self._certificates.cancel(vault, name))

    async def _delete_pending(self, visit: Visit, _: bytes) -> Reply:
        return _operation(visit, await self._certificates.forget(visit.served.head, _name(visit)))

    async def _merge(self, visit: Visit, body: bytes) -> Reply:
        fields, vault = Fields.of(body), visit.served.head
        parts, wanted = certwire.read_chain(fields), certwire.read_wanted(fields)
        merged = _bundle(visit, await self._certificates.merge(vault, _name(visit), parts, wanted))
        return Reply(merged.body, 201, merged.version, merged.subject_url)

    async def _list(self, visit: Visit, _: bytes, *, deleted: bool) -> Reply:
        vault, (order, marker, count) = visit.served.head, paging(visit)
        page = await self._lists.objects(vault, order, marker, count, deleted=deleted, fresh=visit.fresh)
        pending, items = _with_pending(visit), []
        for found in page.items:
            if not found.version and not pending:
                continue
            item = certwire.item(vault, visit.place, await self._certificates.whole(vault, found))
            more = wire.deletion(visit.place, found.head, "deletedcertificates") if deleted else {}
            items.append(item | more)
        return page_reply(visit, items, page)

    async def _list_versions(self, visit: Visit, _: bytes) -> Reply:
        vault, (order, marker, count) = visit.served.head, paging(visit)
        page = await self._lists.versions(vault, _name(visit), order, marker, count, fresh=visit.fresh)
        found = [await self._certificates.whole(vault, each) for each in page.items]
        items = [certwire.item(vault, visit.place, each, each.version) for each in found]
        return page_reply(visit, items, page)


def _asked(fields: Fields) -> Change:
    """A certificate that exists is asked for again by its policy, unless another one comes along."""

    def change(present: CertificatePolicy | None) -> CertificatePolicy:
        if certpolicies.mentioned(fields):
            return certificatepolicies.read(fields.inner("policy"), None)
        if present is None:
            raise InvalidInput("Property policy is required: how the certificate is made")
        return present

    return change


def _imported(fields: Fields, content_type: str) -> Change:
    """What the certificate says, and what the request says otherwise."""

    def change(present: CertificatePolicy | None) -> CertificatePolicy:
        assert present is not None
        return certpolicies.imported(fields.inner("policy"), present, content_type)

    return change


def _with_pending(visit: Visit) -> bool:
    word = visit.request.query.get("includePending", "false").lower()
    if word not in ("true", "false"):
        raise InvalidInput("includePending must be true or false")
    return word == "true"


def _place(visit: Visit) -> tuple[str, str]:
    assert visit.route is not None
    return visit.route.name, visit.route.version


def _name(visit: Visit) -> str:
    return _place(visit)[0]


def _bundle(visit: Visit, found: FoundCertificate) -> Reply:
    body = certwire.bundle(visit.served.head, visit.place, found)
    return Reply(body, version=found.version, subject_url=body["id"])


def _deleted(visit: Visit, found: FoundCertificate) -> Reply:
    reply = _bundle(visit, found)
    assert reply.body is not None
    more = wire.deletion(visit.place, found.head, "deletedcertificates")
    return Reply(reply.body | more, subject_url=reply.subject_url)


def _operation(visit: Visit, found: FoundOperation) -> Reply:
    shown = certwire.operation(visit.place, found)
    return Reply(shown, subject_url=visit.place.of("certificates", found.head.name))
