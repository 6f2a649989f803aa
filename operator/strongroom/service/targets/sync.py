"""Writing targets: made by one request, kept up to date by server-side apply, given up by their own policies.

What a target holds is proven by a keyed fingerprint in an annotation, so a restart can tell that 10,000 targets are
right without opening a version.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from strongroom.crypto.fingerprints import same
from strongroom.domain.content import Content
from strongroom.domain.errors import InvalidInput
from strongroom.domain.names import SYSTEM_NAMESPACE, object_id
from strongroom.domain.objects import Kind, ObjectHead
from strongroom.domain.ports import Store
from strongroom.domain.target_decisions import Fate, TargetSeen, Wish, decide, fate
from strongroom.domain.targets import VAULT_CERTIFICATE, VAULT_SECRET, CreationPolicy, Owner, TargetAction, TargetSpec
from strongroom.domain.vaults import VaultHead
from strongroom.kinds import names
from strongroom.kube import errors
from strongroom.kube.api import KubeApi, PatchKind
from strongroom.kube.resources import SECRETS, VAULTCERTIFICATES, VAULTSECRETS
from strongroom.service.targets import bodies, ownership
from strongroom.service.targets.index import TargetIndex
from strongroom.service.targets.keystores import Passwords
from strongroom.service.targets.reading import facts, read_target

_RESOURCES = {VAULT_SECRET: VAULTSECRETS, VAULT_CERTIFICATE: VAULTCERTIFICATES}
_OF_THE_CLUSTER = ("kubernetes.io/service-account-token", "bootstrap.kubernetes.io/token")
"""Types of Secrets that are credentials to the cluster itself: nothing is merged into them."""


class Targets:
    """Brings targets to what is wished. Raises ``kube.errors`` and what ``Store`` raises."""

    def __init__(self, *, client: KubeApi, store: Store, index: TargetIndex, passwords: Passwords) -> None:
        self._client = client
        self._store = store
        self._index = index
        self._passwords = passwords

    async def sync(
        self,
        owner: Owner,
        spec: TargetSpec,
        vault: VaultHead,
        head: ObjectHead,
        content: Content | None,
        *,
        fresh: bool = False,
    ) -> TargetAction:
        """Make the target hold the served version; return what was done.

        ``content`` of that version saves a read when it is known; ``fresh`` looks at the API server instead of what
        was last seen. ``InvalidInput`` when the version does not give what the spec asks for, ``PasswordNotFound`` when
        there is no password for its keystores. Whether the owner may write into the target's namespace was decided
        before.
        """
        if spec.namespace == SYSTEM_NAMESPACE:
            raise InvalidInput(f"target {spec.name}: no target may be in the namespace {SYSTEM_NAMESPACE}")
        spec = await self._passwords.settled(vault, spec)
        wish = Wish(owner, spec, head.faces[Kind.SECRET].served, (head.created, head.generation))
        work = _Work(self._client, self._store, self._index, self._passwords, wish, vault, head, content)
        if not fresh:
            action = await work.decide(self._index.get(*spec.place))
            if action in (TargetAction.NONE, TargetAction.CONFLICT):
                return action
            if action is TargetAction.CREATE:
                return await work.create()
        return await work.bring_about()

    async def remove_others(self, owner: Owner, specs: Sequence[TargetSpec]) -> None:
        """Give up the targets of this owner, and of earlier ones of its name, that it does not ask for any more.

        Also right for an owner that is gone (``specs`` empty); its UID may be unknown then.
        """
        wished = {spec.place for spec in specs}
        for seen in self._index.owned(owner.namespace, owner.local):
            if seen.place not in wished:
                await self._give_up(owner, seen)

    async def _give_up(self, owner: Owner, seen: TargetSeen) -> None:
        known = seen.owner_uid == owner.uid
        end = fate(seen, owner_gone=False)
        if not known or end is not fate(seen, owner_gone=True):
            gone = await self._living_uid(owner) != seen.owner_uid
            if not known and not gone:
                return  # it belongs to a successor: we are the one who is late
            end = fate(seen, gone)
        with suppress(errors.NotFound):
            await self._carry_out(end, seen)
        self._index.forget(seen.place)

    async def _living_uid(self, owner: Owner) -> str:
        try:
            return str((await self._client.get(_RESOURCES[owner.kind], owner.namespace, owner.name))["metadata"]["uid"])
        except errors.NotFound:
            return ""

    async def _carry_out(self, end: Fate, seen: TargetSeen) -> None:
        if end is Fate.DELETE:
            await self._client.delete(SECRETS, *seen.place, uid=seen.uid, resource_version=seen.token)
            return
        live = await self._client.get(SECRETS, *seen.place)
        if read_target(live).owner == seen.owner:
            change = bodies.release(live, withdraw=end is Fate.WITHDRAW)
            await self._client.patch(SECRETS, *seen.place, change, field_manager=ownership.MANAGER)


class _Work:
    """One wish on its way."""

    def __init__(
        self,
        client: KubeApi,
        store: Store,
        index: TargetIndex,
        passwords: Passwords,
        wish: Wish,
        vault: VaultHead,
        head: ObjectHead,
        content: Content | None,
    ) -> None:
        self._client, self._store, self._index, self._passwords = client, store, index, passwords
        self._wish, self._vault, self._head, self._content = wish, vault, head, content

    async def decide(self, seen: TargetSeen | None) -> TargetAction:
        """Return what is to be done about what was seen."""
        return decide(seen, self._wish, seen is not None and await self._authentic(seen))

    async def _authentic(self, seen: TargetSeen) -> bool:
        parts = seen.mac.split(".")
        if len(parts) != 3 or parts[1] not in {dek.id for dek in self._vault.deks}:
            return False
        return same(await self._fingerprint(seen, parts[1]), seen.mac)

    async def _fingerprint(self, seen: TargetSeen, dek_id: str = "") -> str:
        bound = facts(seen, object_id(self._vault.id, self._head.name))
        return await self._store.fingerprint(self._vault, *bound, digest=seen.digest, dek_id=dek_id)

    async def bring_about(self) -> TargetAction:
        """Look at the API server, decide and write over exactly what is there."""
        place = self._wish.spec.place
        try:
            live = await self._client.get(SECRETS, *place)
        except errors.NotFound:
            action = await self.decide(None)
            return await self._create_first() if action is TargetAction.CREATE else action
        action = await self.decide(read_target(live))
        if action is TargetAction.UPDATE and self._merges and live.get("type") in _OF_THE_CLUSTER:
            return TargetAction.CONFLICT
        if action in (TargetAction.UPDATE, TargetAction.REPLACE):
            await self._write_over(live)
        else:
            self._remember(live)
        return action

    async def create(self) -> TargetAction:
        """Make it; what turns out to be there already is looked at."""
        try:
            return await self._create_first()
        except errors.AlreadyExists:
            return await self.bring_about()

    @property
    def _merges(self) -> bool:
        return self._wish.spec.creation is CreationPolicy.MERGE

    async def _create_first(self) -> TargetAction:
        """A creation is atomic where an apply might flow into somebody else's Secret."""
        await self._create(await self._body("Opaque"))
        return TargetAction.CREATE

    async def _create(self, body: dict[str, Any]) -> None:
        namespace = body["metadata"]["namespace"]
        self._keep(await self._client.create(SECRETS, namespace, body, field_manager=ownership.MANAGER))

    async def _write_over(self, live: dict[str, Any]) -> None:
        body = await self._body(live.get("type", "Opaque"))
        if self._merges and live.get("immutable"):
            raise InvalidInput(f"target {self._wish.spec.name}: the Secret is immutable, nothing can be merged into it")
        if body["type"] != live.get("type", "Opaque") or live.get("immutable"):
            await self._delete(live)
            await self._create(body)
            return
        fields = ownership.claimed(live, body, whole=not self._merges)
        if fields is not None:
            live = await self._claim(live, fields)
        self._keep(await self._apply(live, body))

    async def _delete(self, live: Mapping[str, Any]) -> None:
        uid, version = live["metadata"]["uid"], live["metadata"]["resourceVersion"]
        await self._client.delete(SECRETS, *self._wish.spec.place, uid=uid, resource_version=version)

    async def _claim(self, live: Mapping[str, Any], fields: list[dict[str, Any]]) -> dict[str, Any]:
        change = {"metadata": {**_exactly(live), "managedFields": fields}}
        return await self._client.patch(SECRETS, *self._wish.spec.place, change, field_manager=ownership.MANAGER)

    async def _apply(self, live: Mapping[str, Any], body: dict[str, Any]) -> dict[str, Any]:
        exact = {**body, "metadata": {**body["metadata"], **_exactly(live)}}
        return await self._client.patch(
            SECRETS,
            *self._wish.spec.place,
            exact,
            kind=PatchKind.APPLY,
            field_manager=ownership.MANAGER,
            force=True,
        )

    async def _body(self, live_type: str) -> dict[str, Any]:
        if self._content is None:
            version = await self._store.version(self._vault, self._head, self._wish.version)
            self._content = version.content
        passwords = await self._passwords.read(self._vault, self._wish.spec)
        body = bodies.compose(self._wish, self._content, live_type, passwords)
        notes = body["metadata"]["annotations"]
        notes[names.TARGET_MAC] = await self._fingerprint(read_target(bodies.as_unstored(body)))
        return body

    def _keep(self, body: Mapping[str, Any]) -> None:
        self._index.keep(read_target(body))

    def _remember(self, body: Mapping[str, Any]) -> None:
        """The watch shows what has our label, and will go on showing it."""
        if names.MANAGED_BY in (body["metadata"].get("labels") or {}):
            self._keep(body)


def _exactly(live: Mapping[str, Any]) -> dict[str, str]:
    """The preconditions that make a write one over the state that was read."""
    return {key: live["metadata"][key] for key in ("uid", "resourceVersion")}
