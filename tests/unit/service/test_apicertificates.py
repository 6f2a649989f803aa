"""Certificates through replicas of the data plane and a controller: every write failing before and after it took
effect, and what the faces of a certificate show."""

from __future__ import annotations

import base64
import itertools
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import pkcs12

from strongroom.crypto import certfacts, certfiles
from strongroom.domain import certificateplanning as planning
from strongroom.domain.algorithms import Given
from strongroom.domain.apiobjects import Wanted
from strongroom.domain.certificates import (
    PEM,
    CertificatePolicy,
    Progress,
)
from strongroom.domain.errors import (
    AlreadyExists,
    CertificateNotFound,
    Conflict,
    HsmUnavailable,
    InvalidInput,
    IssuerBusy,
    LimitExceeded,
    Managed,
    NotPending,
    ObjectDeleted,
    PendingInProgress,
    PendingNotFound,
    Refused,
    StoreUnavailable,
    StrongroomError,
    TierRefused,
)
from strongroom.domain.issuers import Issuer
from strongroom.domain.keytypes import Operation
from strongroom.domain.objects import Kind, ObjectHead
from strongroom.domain.pruning import FULL
from strongroom.service.apibackups import ApiBackups
from strongroom.service.apicertificates import Change
from strongroom.service.certificateforge import CertificateForge
from strongroom.service.certificateissuing import CertificateIssuing
from strongroom.service.certificateversions import CertificateVersions, FoundCertificate
from strongroom.service.keyforge import KeyForge
from strongroom.store.backups import Backups
from strongroom.store.collector import Collector
from strongroom.store.parts import PartStore
from tests.helpers.api import Replica, outcome
from tests.helpers.certificates import EC, HSM_POLICY, OUTSIDE, POLICY, self_signed, signed_outside
from tests.helpers.controllers import World, vault, vault_key
from tests.helpers.memory import Fault

NOTHING = Wanted()


async def make_world(**spec: Any) -> World:
    world = World()
    world.token = world.keys  # type: ignore[assignment] # the replicas and the controller have one HSM
    controller = world.process()
    world.apply(vault(tier="Premium", **spec))
    await controller.reconcile(vault_key())
    return world


def by(policy: CertificatePolicy) -> Change:
    return lambda _: policy


async def ask(api: Replica, policy: CertificatePolicy = POLICY, **wanted: Any) -> object:
    return await api.certificates.create(await api.vault(), "db", by(policy), Wanted(**wanted))


async def tend(world: World, *, after: int = 2) -> None:
    """A controller starts some seconds later and does what is due."""
    world.now += after
    process = world.process()
    process.loop.start()
    await process.settle()
    for _ in range(2):  # asks, and carries on
        if await world.head() is not None:
            await process.work(await world.object_key())
            await process.settle()


async def issue(world: World, policy: CertificatePolicy = POLICY, **wanted: Any) -> FoundCertificate:
    api = Replica(world)
    await ask(api, policy, **wanted)
    await tend(world)
    api.hear()
    return await api.certificates.get(await api.vault(), "db")


def parsed(found: FoundCertificate) -> x509.Certificate:
    assert found.material is not None
    return x509.load_der_x509_certificate(found.material.certificate)


async def view(world: World) -> dict[str, Any]:
    """What a replica that has just started says of the certificate; its three faces must agree."""
    api = Replica(world)
    vault_head = await api.vault()
    try:
        found = await api.certificates.get(vault_head, "db")
    except CertificateNotFound:
        return {"deleted": await outcome(lambda: _deleted(api))}
    try:
        pending: Any = (await api.certificates.operation(vault_head, "db")).pending
    except PendingNotFound:
        pending = None
    _, versions = await api.certificates.versions(vault_head, "db")
    for version in versions:
        certificate = await api.certificates.get(vault_head, "db", version)
        key = await api.keys.get(vault_head, "db", version)
        assert key.material.public == certfacts.facts(parsed_der(certificate)).public
    return {"versions": versions, "attributes": found.attributes, "pending": pending, "policy": found.state.policy}


def parsed_der(found: FoundCertificate) -> bytes:
    assert found.material is not None
    return found.material.certificate


async def _deleted(api: Replica) -> object:
    return await api.certificates.deleted(await api.vault(), "db")


async def _merge(api: Replica) -> object:
    vault_head = await api.vault()
    request = (await api.certificates.operation(vault_head, "db")).request
    return await api.certificates.merge(vault_head, "db", [signed_outside(request, api.world.now)], NOTHING)


async def test_a_certificate_signs_itself_a_second_after_it_was_asked_for() -> None:
    world = await make_world()
    api = Replica(world)
    asked = await api.certificates.create(await api.vault(), "db", by(POLICY), Wanted(tags={"team": "a"}))
    assert asked.pending.status is Progress.IN_PROGRESS
    assert x509.load_der_x509_csr(asked.request).is_signature_valid
    waiting = await api.certificates.get(await api.vault(), "db")
    assert (waiting.version, waiting.attributes.enabled, waiting.material) == ("", False, None)
    with pytest.raises(CertificateNotFound):
        await api.certificates.update(await api.vault(), "db", "", NOTHING)

    await tend(world)
    api.hear()
    found = await api.certificates.get(await api.vault(), "db")
    certificate = parsed(found)
    certificate.verify_directly_issued_by(certificate)
    assert certificate.subject.rfc4514_string() == "CN=app.example"
    assert found.attributes.tags == {"team": "a"}
    assert (found.attributes.not_before, found.attributes.expires) == (
        int(certificate.not_valid_before_utc.timestamp()),
        int(certificate.not_valid_after_utc.timestamp()),
    )
    done = await api.certificates.operation(await api.vault(), "db")
    assert (done.pending.status, done.pending.version) == (Progress.COMPLETED, found.version)
    assert done.request == asked.request


@pytest.mark.parametrize("policy", [POLICY, HSM_POLICY], ids=["software", "hsm"])
async def test_the_three_faces_are_one_key(policy: CertificatePolicy) -> None:
    world = await make_world()
    found = await issue(world, policy)
    api = Replica(world)
    vault_head = await api.vault()

    key = await api.keys.get(vault_head, "db", found.version)
    assert key.material.spec == policy.key
    digest = bytes(32)
    _, made = await api.keys.use(vault_head, "db", "", "ES256", Operation.SIGN, Given(digest))
    _, verified = await api.keys.use(
        vault_head, "db", "", "ES256", Operation.VERIFY, Given(digest, signature=made.value)
    )
    assert verified.valid

    _, secret = await api.secrets.get(vault_head, "db")
    private, certificate, more = pkcs12.load_key_and_certificates(base64.b64decode(secret.payload), None)
    assert [certificate or more[0]] == [parsed(found)]
    assert (private is not None) is policy.exportable
    if private is not None:
        assert private.public_key() == parsed(found).public_key()


async def test_pem_holds_the_private_key_only_where_the_policy_lets_it_out() -> None:
    world = await make_world()
    found = await issue(world, replace(POLICY, content_type=PEM))
    _, secret = await Replica(world).secrets.get(await Replica(world).vault(), "db")
    bundle = certfiles.read(secret.payload, "", pem=True)
    assert bundle.chain[bundle.leaf] == parsed_der(found)
    kept = await make_world()
    await issue(kept, replace(POLICY, content_type=PEM, exportable=False))
    _, secret = await Replica(kept).secrets.get(await Replica(kept).vault(), "db")
    assert b"PRIVATE KEY" not in secret.payload
    assert b"BEGIN CERTIFICATE" in secret.payload


async def test_a_certificate_is_renewed_in_the_tenth_after_its_policys_time_and_keeps_what_it_had() -> None:
    world = await make_world()
    first = await issue(world, tags={"team": "a"})
    head = await world.head()
    assert head is not None
    due = head.faces[Kind.CERTIFICATE].due
    begins, ends = first.attributes.created, first.attributes.expires
    assert due is not None
    assert ends is not None
    window = begins + (ends - begins) * 80 // 100
    assert window <= due <= window + 86_400
    world.now = due - 3
    await tend(world)
    assert (await view(world))["versions"] == [first.version]
    await tend(world)

    second = await Replica(world).certificates.get(await Replica(world).vault(), "db")
    assert second.version != first.version
    assert second.attributes.tags == {"team": "a"}
    assert parsed(second).public_key() != parsed(first).public_key()
    assert (await view(world))["versions"] == [second.version, first.version]


async def test_a_key_is_kept_where_the_policy_says_so() -> None:
    world = await make_world()
    policy = replace(HSM_POLICY, reuse_key=True)
    first, second = await issue(world, policy), await issue(world, policy)
    assert first.version != second.version
    assert parsed(first).public_key() == parsed(second).public_key()
    api = Replica(world)
    for version in (first.version, second.version):
        _, made = await api.keys.use(await api.vault(), "db", version, "ES256", Operation.SIGN, Given(bytes(32)))
        assert made.value


async def test_what_an_issuer_outside_made_is_merged_into_what_waits() -> None:
    world = await make_world()
    api = Replica(world)
    await ask(api, OUTSIDE)
    await tend(world, after=10**6)
    api.hear()
    other = await make_world()
    await ask(Replica(other), OUTSIDE)
    theirs = (await Replica(other).certificates.operation(await Replica(other).vault(), "db")).request
    with pytest.raises(InvalidInput):
        await api.certificates.merge(await api.vault(), "db", [signed_outside(theirs, world.now)], NOTHING)
    await _merge(api)
    found = await api.certificates.get(await api.vault(), "db")
    assert found.attributes.enabled
    with pytest.raises(NotPending):
        await _merge(api)


async def test_only_one_version_is_on_its_way_at_a_time_and_it_can_be_cancelled_and_forgotten() -> None:
    world = await make_world()
    api = Replica(world)
    vault_head = await api.vault()
    await ask(api)
    with pytest.raises(PendingInProgress):
        await ask(api)
    cancelled = await api.certificates.cancel(vault_head, "db")
    assert cancelled.pending.cancelling
    with pytest.raises(InvalidInput):
        await api.certificates.cancel(vault_head, "db")
    await tend(world, after=10**6)
    api.hear()
    assert (await api.certificates.operation(vault_head, "db")).pending.status is Progress.CANCELLED
    await api.certificates.forget(vault_head, "db")
    with pytest.raises(PendingNotFound):
        await api.certificates.operation(vault_head, "db")
    assert (await api.certificates.get(vault_head, "db")).version == ""
    assert (await issue(world)).version
    await api.certificates.delete(vault_head, "db")


@pytest.mark.parametrize("door", ["keys", "secrets"])
async def test_a_certificates_key_and_secret_change_only_with_it(door: str) -> None:
    world = await make_world()
    await issue(world)
    api = Replica(world)
    vault_head = await api.vault()
    objects: Any = getattr(api, door)
    make = {
        "keys": lambda: api.keys.create(vault_head, "db", EC, NOTHING),
        "secrets": lambda: api.set("mine"),
    }[door]
    for act in (
        make,
        lambda: objects.update(vault_head, "db", "", Wanted(enabled=False)),
        lambda: objects.delete(vault_head, "db"),
    ):
        with pytest.raises(Managed):
            await act()
    if door == "keys":
        with pytest.raises(Managed):
            await api.keys.rotate(vault_head, "db")
    else:
        with pytest.raises(Managed):
            await api.backups.backup(vault_head, "db")


@pytest.mark.parametrize("door", ["keys", "secrets"])
async def test_a_name_that_is_taken_is_no_certificates_and_the_other_way_round(door: str) -> None:
    world = await make_world()
    api = Replica(world)
    vault_head = await api.vault()

    async def make() -> object:
        return await (api.keys.create(vault_head, "db", EC, NOTHING) if door == "keys" else api.set("mine"))

    await make()
    with pytest.raises(AlreadyExists):
        await ask(api)
    objects: Any = getattr(api, door)
    await objects.delete(vault_head, "db")
    assert await outcome(lambda: ask(api)) in ("ObjectDeleted", "AlreadyExists")
    await objects.purge(vault_head, "db")
    await ask(api)
    with pytest.raises(Managed):
        await make()
    await api.certificates.delete(vault_head, "db")
    with pytest.raises(ObjectDeleted):
        await make()
    with pytest.raises(ObjectDeleted):
        await ask(api)


async def test_a_standard_vault_has_no_certificates_with_hsm_keys() -> None:
    world = World()
    controller = world.process()
    world.apply(vault())
    await controller.reconcile(vault_key())
    before = dict(world.backend.blobs)
    with pytest.raises(TierRefused):
        await ask(Replica(world), HSM_POLICY)
    assert world.backend.blobs == before


class Refuses:
    """An issuer that gives nothing, and remembers when it was asked."""

    def __init__(self, error: StrongroomError) -> None:
        self._error = error
        self.asked: list[int] = []

    def issuing(self, world: World) -> CertificateIssuing:
        api = Replica(world)
        store = PartStore(api.store, Kind.CERTIFICATE)

        def clock() -> int:
            return world.now

        forge = CertificateForge(keys=KeyForge(store=store, token=world.keys, monotonic=lambda: 0.0), clock=clock)
        versions = CertificateVersions(store=store, forge=forge, clock=clock)
        self._world = world
        return CertificateIssuing(
            store=store, versions=versions, issuers=api.issuers, authorities={"test": self}, clock=clock
        )

    async def issue(self, *_: Any) -> tuple[bytes, ...]:
        self.asked.append(self._world.now)
        raise self._error


async def with_issuer(world: World) -> CertificatePolicy:
    api = Replica(world)
    await api.issuers.change(await api.vault(), "Ours", lambda _: Issuer("Ours", "Test"))
    return replace(POLICY, issuer="Ours")


async def test_what_an_issuer_refuses_is_given_up_and_says_why() -> None:
    world = await make_world()
    stale, policy = Replica(world), await with_issuer(world)
    await ask(stale, policy)
    world.now += 2
    refuses = Refuses(Refused("the account is closed"))
    carried = await refuses.issuing(world).carry_on(await Replica(world).vault(), "db")
    assert carried.reason == "CertificateFailed"
    pending = (await Replica(world).certificates.operation(await Replica(world).vault(), "db")).pending
    assert (pending.status, pending.message) == (Progress.FAILED, "the account is closed")
    assert (await issue(world)).version


async def test_waiting_for_a_turn_is_no_failure_and_does_not_get_slower() -> None:
    world = await make_world()
    await ask(Replica(world), await with_issuer(world))
    world.now += 2
    busy = Refuses(IssuerBusy("others are asked for", 7))
    for _ in range(20):
        assert not (await busy.issuing(world).carry_on(await Replica(world).vault(), "db")).reason
        pending = (await Replica(world).certificates.operation(await Replica(world).vault(), "db")).pending
        assert (pending.status, pending.attempts, pending.due) == (Progress.IN_PROGRESS, 0, world.now + 7)
        world.now += 7
    assert len(busy.asked) == 20


@pytest.mark.parametrize("error", [Refused("the account is closed"), HsmUnavailable("away")])
async def test_a_renewal_that_fails_is_tried_again_ever_more_slowly_while_the_old_version_serves(
    error: StrongroomError,
) -> None:
    world = await make_world()
    policy = await with_issuer(world)
    first = await issue(world)
    await Replica(world).certificates.set_policy(await Replica(world).vault(), "db", by(policy))
    head = await world.head()
    assert head is not None
    begun = world.now = head.faces[Kind.CERTIFICATE].due or 0
    refuses = Refuses(error)
    for _ in range(20):
        head = await world.head()
        assert head is not None
        assert head.tending_due is not None
        world.now = max(world.now, head.tending_due)
        await refuses.issuing(world).carry_on(await Replica(world).vault(), "db")
    waits = [after - before for before, after in itertools.pairwise(refuses.asked)]
    assert refuses.asked[0] - begun <= 60
    assert waits == sorted(waits)
    assert waits[0] <= 60
    assert waits[-1] == 4 * 3600
    assert (await Replica(world).certificates.get(await Replica(world).vault(), "db")).version == first.version


async def test_a_renewal_that_cannot_be_asked_for_fails_as_one_that_is_refused_and_heals() -> None:
    world = await make_world()
    first = await issue(world, HSM_POLICY)
    world.apply(vault(tier="Standard"))
    await world.process().reconcile(vault_key())
    world.now = (await _live(world)).faces[Kind.CERTIFICATE].due or 0
    waits = []
    for attempts in range(1, 12):
        await tend(world, after=0)
        head = await _live(world)
        assert head.pending is not None
        assert (head.pending.status, head.pending.attempts, head.pending.code) == (
            Progress.IN_PROGRESS,
            attempts,
            "TierRefused",
        )
        waits.append((head.pending.due or 0) - world.now)
        world.now = head.pending.due or 0
    assert waits[0] <= 60
    assert waits == sorted(waits)
    assert waits[-1] == 4 * 3600
    api = Replica(world)
    shown = await api.certificates.operation(await api.vault(), "db")
    assert certfacts.facts(parsed_der(first)).public in shown.request
    with pytest.raises(NotPending):
        await api.certificates.merge(await api.vault(), "db", [signed_outside(shown.request, world.now)], NOTHING)
    world.apply(vault(tier="Premium"))
    await world.process().reconcile(vault_key())
    await tend(world, after=0)
    renewed = await Replica(world).certificates.get(await Replica(world).vault(), "db")
    assert renewed.version != first.version
    assert (await view(world))["pending"].status is Progress.COMPLETED


async def _live(world: World) -> ObjectHead:
    head = await world.head()
    assert head is not None
    return head


async def test_an_issuer_that_is_not_there_is_named_when_it_is_asked_of() -> None:
    world = await make_world()
    with pytest.raises(InvalidInput, match="no issuer Ours"):
        await ask(Replica(world), replace(POLICY, issuer="Ours"))
    policy = await with_issuer(world)
    api = Replica(world)
    await api.issuers.change(await api.vault(), "ours", lambda present: replace(present, enabled=False))  # type: ignore[type-var]
    with pytest.raises(InvalidInput, match="disabled"):
        await ask(Replica(world), policy)


async def test_a_certificate_is_never_too_full_to_be_renewed() -> None:
    """Half of what an object may have is kept; older versions are pruned, and go when the retention has passed."""
    world = await make_world(limits={"versionsPerObject": 8}, softDelete={"retentionDays": 7})
    made = [(await issue(world)).version for _ in range(7)]
    assert (await view(world))["versions"] == made[:2:-1] + made[2::-1]
    head = await world.head()
    assert head is not None
    assert set(head.faces[Kind.CERTIFICATE].pruned) == set(made[:3])
    world.now += 8 * 86_400
    await tend(world)
    await tend(world)
    assert (await view(world))["versions"] == made[:2:-1]
    assert len(list(world.records())) == 4


@pytest.mark.parametrize("protected", [False, True])
async def test_more_versions_than_a_head_can_remember_are_removed_unless_nothing_may_be(protected: bool) -> None:
    world = await make_world(limits={"versionsPerObject": 2}, softDelete={"purgeProtection": protected})
    found = await issue(world)
    vault_head, chain = await Replica(world).vault(), [f"{number:032x}" for number in range(300)]
    if protected:
        with pytest.raises(LimitExceeded):
            planning.without_oldest(vault_head, found.head, (found.version, *chain), world.now)
        return
    after = planning.without_oldest(vault_head, found.head, (found.version, *chain), world.now)
    times = after.faces[Kind.CERTIFICATE].pruned
    assert sum(until > 0 for until in times.values()) == FULL
    assert all(times[version] == 0 for version in chain[FULL:])


async def test_what_has_no_version_yet_has_no_backup() -> None:
    world = await make_world()
    api = Replica(world)
    await ask(api)
    backups = ApiBackups(
        store=PartStore(api.store, Kind.CERTIFICATE),
        collector=Collector(api.store),
        objects=api.certificates,
        codec=Backups(world.keys),
        clock=lambda: world.now,
    )
    with pytest.raises(CertificateNotFound):
        await backups.backup(await api.vault(), "db")


Act = Callable[[Replica], Awaitable[object]]


async def _import(api: Replica) -> object:
    key, certificate = self_signed(api.world.now)
    bundle = certfiles.Bundle(key.private, (certificate,), 0)

    def change(present: CertificatePolicy | None) -> CertificatePolicy:
        assert present is not None
        return present

    return await api.certificates.take(await api.vault(), "db", bundle, change, NOTHING, ordered=False)


async def _issue(api: Replica) -> object:
    found = await issue(api.world)
    api.hear()
    return found


async def _cancel(api: Replica) -> object:
    return await api.certificates.cancel(await api.vault(), "db")


async def _forget(api: Replica) -> object:
    return await api.certificates.forget(await api.vault(), "db")


async def _set_policy(api: Replica) -> object:
    return await api.certificates.set_policy(await api.vault(), "db", by(replace(POLICY, months=3)))


async def _update(api: Replica) -> object:
    return await api.certificates.update(await api.vault(), "db", "", Wanted(enabled=False))


async def _delete(api: Replica) -> object:
    return await api.certificates.delete(await api.vault(), "db")


async def _recover(api: Replica) -> object:
    return await api.certificates.recover(await api.vault(), "db")


async def _purge(api: Replica) -> object:
    return await api.certificates.purge(await api.vault(), "db")


async def _ask_outside(api: Replica) -> object:
    return await ask(api, OUTSIDE)


async def _carry(api: Replica) -> object:
    api.world.now += 2
    process = api.world.process()
    vault_head = await api.vault()
    stored = await process.store.object(vault_head, "db")
    assert stored is not None
    return await process.loop._tending.tend(vault_head.id, (await api.world.object_key()).name)


ACTS: dict[str, tuple[tuple[Act, ...], Act, int]] = {
    "ask": ((), ask, 2),
    "ask again": ((_issue,), ask, 2),
    "carry on": ((ask,), _carry, 2),
    "merge": ((_ask_outside,), _merge, 2),
    "import": ((), _import, 2),
    "import again": ((_import,), _import, 2),
    "cancel": ((ask,), _cancel, 1),
    "forget": ((_issue,), _forget, 1),
    "set a policy": ((_issue,), _set_policy, 1),
    "update": ((_issue,), _update, 1),
    "delete": ((_issue,), _delete, 1),
    "delete what waits": ((ask,), _delete, 1),
    "recover": ((_issue, _delete), _recover, 1),
    "purge": ((_issue, _delete), _purge, 3),
}
FAULTS = [
    pytest.param(name, write, after, error, id=f"{name}-{write}-{'after' if after else 'before'}-{error.__name__}")
    for name, (_, _, writes) in ACTS.items()
    for write in range(1, writes + 1)
    for after in (False, True)
    for error in (StoreUnavailable, Conflict)
]


@pytest.mark.parametrize(("name", "write", "after", "error"), FAULTS)
async def test_a_write_that_fails_leaves_the_old_or_the_new_and_can_be_repeated(
    name: str, write: int, after: bool, error: type[Exception]
) -> None:
    before, act, _ = ACTS[name]
    world = await make_world()
    first = Replica(world)
    for each in before:
        await each(first)
        first.hear()
    old = await view(world)
    world.backend.fault = Fault(world.backend.writes + write, after, error)

    try:
        await act(Replica(world))
        failed = False
    except (StoreUnavailable, Conflict):
        failed = True
    assert world.backend.fault is None, "the write was never reached"

    seen = await view(world)
    if failed and seen == old:
        await act(Replica(world))
        seen = await view(world)
    assert seen != old
    assert len(seen.get("versions", [])) <= len(old.get("versions", [])) + 1 + failed
    await tend(world)
    await tend(world, after=60)
    await view(world)
