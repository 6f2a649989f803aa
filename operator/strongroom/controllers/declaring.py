"""What the reconcilers of VaultSecrets and VaultKeys look at alike before they act."""

from __future__ import annotations

from typing import Generic

from strongroom.controllers.resources import Declaring, Known, Resources
from strongroom.controllers.verdicts import SLOW_LOOK, Verdict
from strongroom.controllers.wishes import declaration
from strongroom.controllers.workqueue import Key, Kind
from strongroom.domain.errors import NotFound, Tampered
from strongroom.domain.names import VaultRef
from strongroom.domain.planning import Reason as Refusal
from strongroom.domain.planning import Refuse
from strongroom.domain.ports import Store
from strongroom.domain.vaults import State, VaultHead
from strongroom.kinds.conditions import Reason
from strongroom.service.declared import Declared, Outcome, RecipeT


class Ground(Generic[RecipeT]):
    """``store`` is that of the kind of object that is declared."""

    def __init__(self, resources: Resources, store: Store, declared: Declared[RecipeT]) -> None:
        self._resources = resources
        self._store = store
        self._declared = declared

    async def bring_about(
        self, known: Known, resource: Declaring, recipe: RecipeT, outcome: Outcome, *, imported: bool
    ) -> Verdict | None:
        """Bring the object to what is declared; return what stands in the way. Raises what ``Declared`` raises.

        ``imported``: from a native Secret, which somebody may yet make.
        """
        complaint = await self._complaint(known, resource)
        if complaint:
            return complaint
        ref = VaultRef(resource.namespace, resource.vault)
        try:
            await self._declared.reconcile(ref, declaration(resource), recipe, outcome)
        except NotFound as error:
            if not imported:
                raise
            return Verdict(Reason.SOURCE_NOT_FOUND, str(error), retry=True)
        return None if outcome.refusal is None else self._explain(ref, outcome.refusal)

    async def _complaint(self, known: Known, resource: Declaring) -> Verdict | None:
        """Return why nothing may be done for it now; None: it may. ``Tampered`` when its object is gone."""
        ref = VaultRef(resource.namespace, resource.vault)
        await self._assert_existence(known, ref, resource)
        if await self._vault_is_declared(ref):
            return None
        text = "the Vault resource is gone or was made anew, and the vault does not follow yet; see its conditions"
        return Verdict(Reason.VAULT_NOT_READY, text)

    def _explain(self, ref: VaultRef, refusal: Refuse) -> Verdict:
        """Return what to say of a step that was refused."""
        if refusal.reason is Refusal.VAULT_NOT_FOUND and self._resources.get(Key(Kind.VAULT, ref.namespace, ref.name)):
            return Verdict(Reason.VAULT_NOT_READY, "the vault is not ready yet; see the Vault's own conditions")
        # What is freed elsewhere in the installation is no news for this resource.
        look_again = SLOW_LOOK if refusal.reason is Refusal.LIMIT_EXCEEDED else None
        return Verdict(Reason(refusal.reason.value), refusal.message, look_again=look_again)

    async def _vault_is_declared(self, ref: VaultRef) -> bool:
        """A live vault is served only for the Vault resource that declares it, never for a namesake's successor."""
        stored, declared = await self._store.vault(ref), self._resources.get(Key(Kind.VAULT, ref.namespace, ref.name))
        if stored is None or stored.head.state is not State.LIVE:
            return True  # planning says what is wrong
        return declared is not None and declared.uid == stored.head.claim_uid

    async def _assert_existence(self, known: Known, ref: VaultRef, resource: Declaring) -> None:
        """What once existed is never made anew in silence: a head that is gone needs a person."""
        if not known.status_dict().get("currentVersion"):
            return
        vault = await self._store.vault(ref)
        if vault is not None and await self._is_gone(vault.head, resource.object_name):
            raise Tampered(
                "the stored head of this object is gone although its status names a version; restore the Secrets in "
                "strongroom-system from a backup, or delete and re-create this resource to start anew"
            )

    async def _is_gone(self, vault: VaultHead, name: str) -> bool:
        stored = await self._store.object(vault, name)
        if stored is None or not stored.head.faces:
            stored = await self._store.object(vault, name, fresh=True)
        return stored is None or not stored.head.faces


class Failures:
    """Failed attempts in a row. What waits for a person is none, nor is another's write in between."""

    def __init__(self) -> None:
        self._failures: dict[Key, int] = {}

    def count(self, key: Key, trouble: Verdict | None) -> int:
        """Count this attempt, and return how many there were."""
        if trouble is None:
            self._failures.pop(key, None)
        elif trouble.retry and trouble.reason is not Reason.PENDING:
            self._failures[key] = self._failures.get(key, 0) + 1
        return self._failures.get(key, 0)

    def forget(self, key: Key) -> None:
        """Forget a resource."""
        self._failures.pop(key, None)
