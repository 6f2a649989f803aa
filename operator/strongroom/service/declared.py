"""The use case behind a VaultSecret or VaultKey: bring the store to its wish, one compare-and-swap at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from strongroom.domain import objects
from strongroom.domain.apiobjects import face_of
from strongroom.domain.content import Content
from strongroom.domain.errors import Conflict
from strongroom.domain.generation import Generate, Password, RandomBytes
from strongroom.domain.imports import ImportSpec
from strongroom.domain.limits import Room
from strongroom.domain.names import VaultRef
from strongroom.domain.objects import Attributes, Claim, ObjectHead
from strongroom.domain.planning import (
    Bury,
    Commit,
    Declaration,
    Describe,
    Refuse,
    RemoveSource,
    Rotate,
    Seen,
    Settled,
    Step,
    Why,
    described,
    next_step,
    restarted,
    rotated,
    source_removed,
)
from strongroom.domain.ports import Store, Stored
from strongroom.domain.vaults import State, VaultHead
from strongroom.service.generators import draw
from strongroom.service.imports import Imports
from strongroom.service.rooms import room_of

_STEPS = 12  # the longest honest path takes seven; more means that somebody undoes what we do
_TOTAL_OCTETS = 1 * 2**30

_QUICK = (Password, RandomBytes)  # microseconds; a key pair may take a second

Recipe = Generate | ImportSpec | None
"""How values of a secret come to be; None: somebody sets them through the API."""

RecipeT = TypeVar("RecipeT", contravariant=True)


@dataclass(slots=True)
class Outcome:
    """Where an object stands after a reconcile, and what was done to it."""

    vault: VaultHead | None = None
    head: ObjectHead | None = None
    refusal: Refuse | None = None
    events: list[str] = field(default_factory=list)  # reasons, in order
    made: str = ""  # the version that was made just now
    content: Content | None = field(default=None, repr=False)  # what it holds, as long as it is the served one


class Questions(Protocol):
    """What only the API server can answer, and since when this process acts (Unix seconds)."""

    @property
    def acting_since(self) -> int: ...

    async def claimant_gone(self, claim: Claim) -> bool:
        """Is the resource with this claim's UID gone?"""
        ...

    async def namespace_uid(self, namespace: str) -> str:
        """Return the UID of a namespace; empty when there is none."""
        ...

    async def still_declared(self, wish: Declaration) -> bool:
        """Does the API server show this very declaration?"""
        ...


@dataclass(frozen=True, slots=True)
class Fresh:
    """A version that is about to be stored. ``version``: its id, where it is bound to that already."""

    content: Content = field(repr=False)
    attributes: Attributes
    source: str = ""  # UID of the native Secret that is to be deleted for it
    version: str = ""


class Maker(Protocol[RecipeT]):
    """Makes versions of one kind of object."""

    async def make(self, vault: VaultHead, wish: Declaration, recipe: RecipeT, seen: Seen) -> Fresh:
        """Make a version of what is wished. ``NotFound``: there is no such native Secret."""
        ...

    async def remove_source(self, wish: Declaration, recipe: RecipeT, uid: str) -> bool:
        """Delete the native Secret that was imported, if that is still wished; False: it stays, or is gone."""
        ...


class SecretMaker:
    """Generates values, or imports them."""

    def __init__(self, imports: Imports) -> None:
        self._imports = imports

    async def make(self, vault: VaultHead, wish: Declaration, recipe: Recipe, seen: Seen) -> Fresh:
        """See ``Maker``."""
        attributes = wish.attributes.fresh(seen.now)
        if isinstance(recipe, ImportSpec):
            found = await self._imports.read(wish.claim.namespace, recipe, wish.claim.name)
            return Fresh(found.content, attributes, found.uid if recipe.delete_after_import else "")
        assert recipe is not None  # planning asks for no version of what the API sets
        if isinstance(recipe, _QUICK):
            return Fresh(draw(recipe), attributes)
        return Fresh(await asyncio.to_thread(draw, recipe), attributes)

    async def remove_source(self, wish: Declaration, recipe: Recipe, uid: str) -> bool:
        """See ``Maker``."""
        if not isinstance(recipe, ImportSpec) or not recipe.delete_after_import:
            return False
        return await self._imports.remove(wish.claim.namespace, recipe, wish.claim.name, uid)


class Declared(Generic[RecipeT]):
    """Carries out ``domain.planning``. ``store`` is that of the kind of object that ``maker`` makes.

    Raises ``Retryable`` errors for the caller's queue, and ``Refused`` ones (``Tampered``, ``KeyRefused``,
    ``LoginRefused``, ``UnsupportedFormat``, ``LimitExceeded``, ``InvalidInput`` and ``NotFound`` of an import) that
    somebody must act on.
    """

    def __init__(
        self,
        *,
        store: Store,
        clock: Callable[[], int],
        questions: Questions,
        maker: Maker[RecipeT],
        total_octets: int = _TOTAL_OCTETS,
    ) -> None:
        self._store = store
        self._clock = clock
        self._questions = questions
        self._maker = maker
        self._total_octets = total_octets

    async def reconcile(self, vault_ref: VaultRef, wish: Declaration, recipe: RecipeT, outcome: Outcome) -> None:
        """Take steps until nothing is left to do, or a step is refused. ``outcome`` tells of what was done so far."""
        fresh = False
        for _ in range(_STEPS):
            stored = await self._look(vault_ref, wish, outcome, fresh=fresh)
            seen = await self._seen(wish, outcome)
            step = next_step(wish, seen)
            if isinstance(step, Settled):
                return
            if isinstance(step, Refuse):
                outcome.refusal = step
                return
            if step == Rotate(Why.REQUESTED) and not await self._questions.still_declared(wish):
                raise Conflict("an earlier request was seen; looking again")
            try:
                await self._take(step, wish, recipe, outcome, stored, seen)
                fresh = False
            except Conflict:
                # Somebody else acts on this object. If he acts on a later declaration, ours must not undo it: a leader
                # that was paused would take the earlier request for a new one.
                if not await self._questions.still_declared(wish):
                    raise
                fresh = True
        raise Conflict("the object changes faster than it can be reconciled")

    async def restarted(self, outcome: Outcome) -> None:
        """Remember that workloads were restarted for the version that is served."""
        vault, head = outcome.vault, outcome.head
        assert vault is not None
        assert head is not None
        stored = await self._store.object(vault, head.name)
        if stored is not None and stored.head == head:
            outcome.head = (await self._store.commit(vault, stored, restarted(head))).head

    async def _look(
        self, vault_ref: VaultRef, wish: Declaration, outcome: Outcome, *, fresh: bool
    ) -> Stored[ObjectHead] | None:
        vault = await self._store.vault(vault_ref, fresh=fresh)
        outcome.vault = vault.head if vault else None
        stored = await self._store.object(vault.head, wish.name, fresh=fresh) if vault else None
        outcome.head = stored.head if stored else None
        face = outcome.head.faces.get(wish.kind) if outcome.head else None
        if face is None or face.served != outcome.made:
            outcome.content = None  # somebody else made a newer one meanwhile
        return stored

    async def _seen(self, wish: Declaration, outcome: Outcome) -> Seen:
        head = outcome.head
        ours = face_of(head, wish.kind) is not None  # else its claimant is another kind of resource
        other = head.claim if head and ours and head.claim and head.claim.uid != wish.claim.uid else None
        gone = other is not None and await self._questions.claimant_gone(other)
        if other is not None and not gone and _same_resource(other, wish.claim):
            raise Conflict("an earlier state of this resource was seen; looking again")
        recovers = wish.recover and head is not None and head.state is State.DELETED
        namespace = await self._questions.namespace_uid(wish.claim.namespace) if recovers else ""
        chain = await self._chain(wish, outcome)
        vault, since = outcome.vault, self._questions.acting_since
        room = room_of(self._store, vault, self._total_octets) if vault else Room(0, 0)
        return Seen(vault, head, room, self._clock(), gone, namespace, chain, since)

    async def _chain(self, wish: Declaration, outcome: Outcome) -> tuple[str, ...]:
        """The committed versions, where the wish depends on them."""
        vault, head = outcome.vault, outcome.head
        face = head.faces.get(wish.kind) if head else None
        if vault is None or head is None or face is None or not (wish.keep or wish.pin or face.pruned or face.pin):
            return ()
        found = tuple(info.id for info in self._store.versions(vault, head, wish.kind))
        if wish.pin and wish.pin not in found:
            found = tuple(info.id for info in await self._store.fresh_versions(vault, head, wish.kind))
        return found

    async def _take(
        self,
        step: Step,
        wish: Declaration,
        recipe: RecipeT,
        outcome: Outcome,
        stored: Stored[ObjectHead] | None,
        seen: Seen,
    ) -> None:
        vault = outcome.vault
        assert vault is not None
        if isinstance(step, Rotate):
            await self._rotate(step, wish, recipe, outcome, stored, seen)
            return
        if isinstance(step, Commit):
            await self._store.commit(vault, stored, step.head)
            outcome.events += [step.event] if step.event else []
            return
        assert stored is not None
        if isinstance(step, Bury):
            await self._store.commit(vault, stored, objects.let_go(stored.head, self._clock(), vault.retention_days))
        elif isinstance(step, Describe):
            await self._describe(wish, vault, stored, seen)
        elif isinstance(step, RemoveSource):
            await self._remove_source(step, wish, recipe, outcome, stored)

    async def _rotate(
        self,
        step: Rotate,
        wish: Declaration,
        recipe: RecipeT,
        outcome: Outcome,
        stored: Stored[ObjectHead] | None,
        seen: Seen,
    ) -> None:
        assert outcome.vault is not None
        made = await self._maker.make(outcome.vault, wish, recipe, seen)
        content, attributes = made.content, made.attributes
        version = await self._store.write_record(
            outcome.vault,
            wish.name,
            seen.head,
            wish.kind,
            content.payload,
            attributes,
            content.layout,
            made.version,
        )
        await self._store.commit(outcome.vault, stored, rotated(wish, seen, version, attributes, made.source))
        outcome.made, outcome.content = version, content
        outcome.events.append(step.why.value)

    async def _describe(self, wish: Declaration, vault: VaultHead, stored: Stored[ObjectHead], seen: Seen) -> None:
        head, now = stored.head, self._clock()
        before = head.claim.fields if head.claim else ()

        def change(attributes: Attributes) -> Attributes:
            return wish.attributes.applied(attributes, before, now)

        attributes = await self._store.change_attributes(vault, head, head.faces[wish.kind].served, change)
        await self._store.commit(vault, stored, described(wish, head, attributes, seen))

    async def _remove_source(
        self, step: RemoveSource, wish: Declaration, recipe: RecipeT, outcome: Outcome, stored: Stored[ObjectHead]
    ) -> None:
        assert outcome.vault is not None
        if await self._maker.remove_source(wish, recipe, step.uid):
            outcome.events.append("SourceRemoved")
        await self._store.commit(outcome.vault, stored, source_removed(wish, stored.head))


def _same_resource(left: Claim, right: Claim) -> bool:
    """Another UID under the same name: one of the two is gone, and only the API server knows which."""
    return (left.namespace, left.name) == (right.namespace, right.name)
