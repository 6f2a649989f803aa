"""The use case behind a VaultSecret: bring the store to what a resource declares, one compare-and-swap at a time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from strongroom.domain import objects
from strongroom.domain.content import Content
from strongroom.domain.errors import Conflict
from strongroom.domain.generation import Generate
from strongroom.domain.names import VaultRef
from strongroom.domain.objects import Attributes, Claim, Kind, ObjectHead
from strongroom.domain.planning import (
    Bury,
    Commit,
    Declaration,
    Refuse,
    Room,
    Rotate,
    Seen,
    Settled,
    Step,
    Why,
    next_step,
    rotated,
)
from strongroom.domain.ports import Store, Stored
from strongroom.domain.vaults import State, VaultHead
from strongroom.service.generators import draw

_STEPS = 8  # the longest honest path takes four; more means that somebody undoes what we do
_TOTAL_OCTETS = 1 * 2**30


@dataclass(slots=True)
class Outcome:
    """Where an object stands after a reconcile, and what was done to it."""

    vault: VaultHead | None = None
    head: ObjectHead | None = None
    refusal: Refuse | None = None
    events: list[str] = field(default_factory=list)  # reasons, in order
    made: str = ""  # the version that was made just now
    content: Content | None = field(default=None, repr=False)  # what it holds, as long as it is the current one

    @property
    def payload(self) -> bytes | None:
        """The octets of ``content``."""
        return self.content.payload if self.content else None


class DeclaredSecrets:
    """Carries out ``domain.planning``.

    Raises ``Retryable`` errors for the caller's queue, and ``Refused`` ones (``Tampered``, ``KeyRefused``,
    ``LoginRefused``, ``UnsupportedFormat``, ``LimitExceeded``) that somebody must act on.
    """

    def __init__(
        self,
        *,
        store: Store,
        clock: Callable[[], int],
        claimant_gone: Callable[[Claim], Awaitable[bool]],
        namespace_uid: Callable[[str], Awaitable[str]],
        still_declared: Callable[[Declaration], Awaitable[bool]],
        total_octets: int = _TOTAL_OCTETS,
    ) -> None:
        self._store = store
        self._clock = clock
        self._claimant_gone = claimant_gone
        self._namespace_uid = namespace_uid
        self._still_declared = still_declared
        self._total_octets = total_octets

    async def reconcile(self, vault_ref: VaultRef, wish: Declaration, generate: Generate) -> Outcome:
        """Take steps until nothing is left to do, or a step is refused."""
        outcome = Outcome()
        fresh = False
        for _ in range(_STEPS):
            stored = await self._look(vault_ref, wish, outcome, fresh=fresh)
            step = next_step(wish, await self._seen(wish, outcome))
            if isinstance(step, Settled):
                return outcome
            if isinstance(step, Refuse):
                outcome.refusal = step
                return outcome
            if step == Rotate(Why.REQUESTED) and not await self._still_declared(wish):
                raise Conflict("an earlier request was seen; looking again")
            try:
                await self._take(step, wish, generate, outcome, stored)
                fresh = False
            except Conflict:
                # Somebody else acts on this object. If he acts on a later declaration, ours must not undo it: a leader
                # that was paused would take the earlier request for a new one.
                if not await self._still_declared(wish):
                    raise
                fresh = True
        raise Conflict("the object changes faster than it can be reconciled")

    async def _look(
        self, vault_ref: VaultRef, wish: Declaration, outcome: Outcome, *, fresh: bool
    ) -> Stored[ObjectHead] | None:
        vault = await self._store.vault(vault_ref, fresh=fresh)
        outcome.vault = vault.head if vault else None
        stored = await self._store.object(vault.head, wish.name, fresh=fresh) if vault else None
        outcome.head = stored.head if stored else None
        face = outcome.head.faces.get(Kind.SECRET) if outcome.head else None
        if face is None or face.current != outcome.made:
            outcome.content = None  # somebody else made a newer one meanwhile
        return stored

    async def _seen(self, wish: Declaration, outcome: Outcome) -> Seen:
        head = outcome.head
        other = head.claim if head and head.claim and head.claim.uid != wish.claim.uid else None
        gone = other is not None and await self._claimant_gone(other)
        if other is not None and not gone and _same_resource(other, wish.claim):
            raise Conflict("an earlier state of this resource was seen; looking again")
        recovers = wish.recover and head is not None and head.state is State.DELETED
        namespace = await self._namespace_uid(wish.claim.namespace) if recovers else ""
        return Seen(outcome.vault, head, self._room(outcome.vault), self._clock(), gone, namespace)

    def _room(self, vault: VaultHead | None) -> Room:
        if vault is None:
            return Room(0, 0)
        usage = self._store.usage(vault)
        octets = min(vault.limits.octets - usage.octets, self._total_octets - self._store.total_octets())
        return Room(vault.limits.objects - usage.objects, octets)

    async def _take(
        self, step: Step, wish: Declaration, generate: Generate, outcome: Outcome, stored: Stored[ObjectHead] | None
    ) -> None:
        vault = outcome.vault
        assert vault is not None
        if isinstance(step, Rotate):
            await self._rotate(step, wish, generate, outcome, stored)
        elif isinstance(step, Commit):
            await self._store.commit(vault, stored, step.head)
            outcome.events += [step.event] if step.event else []
        elif isinstance(step, Bury):
            assert stored is not None
            await self._store.commit(
                vault, stored, objects.soft_delete(stored.head, self._clock(), vault.retention_days)
            )

    async def _rotate(
        self, step: Rotate, wish: Declaration, generate: Generate, outcome: Outcome, stored: Stored[ObjectHead] | None
    ) -> None:
        vault, head, now = outcome.vault, stored.head if stored else None, self._clock()
        assert vault is not None
        content = draw(generate)
        version = await self._store.write_record(
            vault, wish.name, head, Kind.SECRET, content.payload, Attributes(now, now), content.layout
        )
        await self._store.commit(vault, stored, rotated(wish, head, vault, version, now))
        outcome.made, outcome.content = version, content
        outcome.events.append(step.why.value)


def _same_resource(left: Claim, right: Claim) -> bool:
    """Another UID under the same name: one of the two is gone, and only the API server knows which."""
    return (left.namespace, left.name) == (right.namespace, right.name)
