"""What is news about a custom resource, and what is not."""

from __future__ import annotations

import copy
import json
import zlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.controllers.resources import Known, Resources, canonical, read
from strongroom.controllers.workqueue import Key, Kind
from strongroom.domain.errors import InvalidInput
from strongroom.kinds.vaultsecret import VaultSecretResource
from tests.helpers import controllers
from tests.helpers.controllers import annotated, secret_key, vault_key

KEY = secret_key()


class Listener:
    """Resources, and what they told since the last time of asking."""

    def __init__(self) -> None:
        self.resources = Resources(self._changed, lambda key, uid: self.told.append(("gone", uid)))
        self.told: list[tuple[str, str]] = []

    def _changed(self, key: Key, is_new: bool) -> None:
        known = self.resources.get(key)
        assert known is not None, "whoever is told can look"
        self.told.append(("new" if is_new else "changed", known.uid))

    def take(self, body: dict[str, Any], event: str | None = "MODIFIED", kind: Kind = Kind.SECRET) -> list[Any]:
        self.resources.take(kind, event, body)
        return self.heard()

    def heard(self) -> list[tuple[str, str]]:
        told, self.told = self.told, []
        return told


def seen(version: int, uid: str = "u1", base: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    body = copy.deepcopy(base or controllers.secret())
    generation = zlib.crc32(json.dumps(body["spec"]).encode())  # as the API server's: another one for another spec
    metadata = {**body["metadata"], "uid": uid, "resourceVersion": str(version), "generation": generation}
    return {**body, **fields, "metadata": metadata}


@pytest.fixture
def listener() -> Listener:
    made = Listener()
    assert made.take(seen(10), "ADDED") == [("new", "u1")]
    return made


CONDITION = {"conditions": [{"type": "Ready", "status": "True"}]}


CASES = {
    "another spec": (seen(11, base=controllers.secret(rotation={"every": "30d"})), True),
    "the rotate annotation": (seen(11, base=annotated(controllers.secret(), rotate="1")), True),
    "the sync annotation": (seen(11, base=annotated(controllers.secret(), sync="1")), True),
    "the recover annotation": (seen(11, base=annotated(controllers.secret(), recover="true")), True),
    "somebody else's status": (seen(11, status=CONDITION), True),
    "a spec that cannot be read": (seen(11, base=controllers.secret(generate={})), True),
    "an irrelevant annotation": (seen(11, base=annotated(controllers.secret(), hobby="chess")), False),
    "another resourceVersion alone": (seen(11), False),
    "the same resourceVersion": (seen(10, status=CONDITION), False),
    "an older resourceVersion": (seen(9, base=controllers.secret(rotation={"every": "30d"})), False),
}


@pytest.mark.parametrize(("body", "told"), CASES.values(), ids=CASES)
def test_what_is_a_change(listener: Listener, body: dict[str, Any], told: bool) -> None:
    assert listener.take(body) == ([("new" if not body.get("status") else "changed", "u1")] if told else [])


def test_versions_are_compared_as_numbers(listener: Listener) -> None:
    assert listener.take(seen(100, status=CONDITION)) == [("changed", "u1")]
    assert listener.take(seen(99)) == []


@pytest.mark.parametrize("echo_first", [False, True])
def test_an_own_status_write_is_no_news_when_it_is_echoed(listener: Listener, echo_first: bool) -> None:
    written = seen(11, status=CONDITION)
    if echo_first:
        listener.take(written)
        listener.heard()
    listener.resources.keep(Kind.SECRET, written)
    assert listener.heard() == []
    assert listener.take(written) == []
    known = listener.resources.get(KEY)
    assert known is not None
    assert known.status == canonical(CONDITION)


def test_an_own_status_write_that_brings_another_spec_is_news(listener: Listener) -> None:
    listener.resources.keep(Kind.SECRET, seen(12, base=annotated(controllers.secret(), rotate="1"), status=CONDITION))
    assert listener.heard() == [("changed", "u1")]


def test_an_answer_about_a_successor_or_an_older_state_is_not_kept(listener: Listener) -> None:
    listener.resources.keep(Kind.SECRET, seen(12, "u2", status=CONDITION))
    listener.resources.keep(Kind.SECRET, seen(9, status=CONDITION))
    known = listener.resources.get(KEY)
    assert known is not None
    assert (known.uid, known.token) == ("u1", "10")


def test_a_deletion_is_told_once(listener: Listener) -> None:
    assert listener.take(seen(11), "DELETED") == [("gone", "u1")]
    assert listener.take(seen(11), "DELETED") == []
    assert listener.resources.get(KEY) is None
    assert list(listener.resources.of_vault("default", "demo")) == []


def test_a_recreation_is_a_deletion_and_a_new_resource(listener: Listener) -> None:
    assert listener.take(seen(12, "u2"), "ADDED") == [("gone", "u1"), ("new", "u2")]
    assert listener.take(seen(11), "DELETED") == [], "late news of the earlier resource"
    known = listener.resources.get(KEY)
    assert known is not None
    assert known.uid == "u2"


def test_a_listing_that_is_slower_than_the_watch_does_not_bring_an_earlier_resource_back(listener: Listener) -> None:
    listener.take(seen(12, "u2"), "ADDED")
    assert listener.take(seen(10), None) == []
    known = listener.resources.get(KEY)
    assert known is not None
    assert known.uid == "u2"


def test_a_complaint_is_kept_and_told_once() -> None:
    listener = Listener()
    bad = controllers.secret(generate={"password": {"length": 3}})
    assert listener.take(seen(1, base=bad), "ADDED") == [("new", "u1")]
    assert listener.take(seen(2, base=bad)) == []
    known = listener.resources.get(KEY)
    assert known is not None
    assert isinstance(known.parsed, InvalidInput)
    assert "spec.generate.password.length" in str(known.parsed)
    assert listener.take(seen(3)) == [("new", "u1")]


def test_a_vault_is_told_like_a_secret() -> None:
    listener = Listener()
    assert listener.take(seen(1, base=controllers.vault()), "ADDED", Kind.VAULT) == [("new", "u1")]
    assert listener.take(seen(2, base=annotated(controllers.vault(), recover="true")), kind=Kind.VAULT)
    assert listener.take(seen(3, base=annotated(controllers.vault(), recover="true")), kind=Kind.VAULT) == []
    assert listener.resources.keys(Kind.VAULT) == [vault_key()]


def test_forget_missing_drops_what_a_complete_listing_does_not_show(listener: Listener) -> None:
    before = {KEY: listener.resources.get(KEY)}
    listener.resources.forget_missing(Kind.SECRET, {("default", "db", "u1")}, before)
    assert listener.heard() == []
    listener.resources.forget_missing(Kind.SECRET, {("default", "db", "u0")}, before)
    assert listener.heard() == [("gone", "u1")]


def test_forget_missing_spares_what_came_or_changed_during_the_listing(listener: Listener) -> None:
    before: dict[Key, Known | None] = {KEY: listener.resources.get(KEY)}
    listener.take(seen(11, status=CONDITION))
    listener.take(seen(12, base=controllers.secret("new")), "ADDED")
    listener.heard()
    listener.resources.forget_missing(Kind.SECRET, set(), before)
    assert listener.heard() == []


def test_forget_missing_looks_at_one_kind_only(listener: Listener) -> None:
    listener.take(seen(1, base=controllers.vault()), "ADDED", Kind.VAULT)
    listener.heard()
    before = {KEY: listener.resources.get(KEY), vault_key(): listener.resources.get(vault_key())}
    listener.resources.forget_missing(Kind.VAULT, set(), before)
    assert listener.resources.keys(Kind.SECRET) == [KEY]
    assert listener.resources.keys(Kind.VAULT) == []


def test_secrets_are_found_by_their_vault() -> None:
    listener = Listener()
    for number, vault in enumerate(("demo", "demo", "other")):
        listener.take(seen(number + 1, f"u{number}", controllers.secret(f"s{number}", vaultRef={"name": vault})))
    listener.take(seen(9, "u9", controllers.secret("s0", namespace="elsewhere")))
    found = {key.name for key, _ in listener.resources.of_vault("default", "demo")}
    assert found == {"s0", "s1"}
    listener.take(seen(20, "u0", controllers.secret("s0", vaultRef={"name": "other"})))
    assert {key.name for key, _ in listener.resources.of_vault("default", "other")} == {"s0", "s2"}
    listener.take(seen(21, "u0", controllers.secret("s0", generate={})))
    assert {key.name for key, _ in listener.resources.of_vault("default", "other")} == {"s2"}


def test_certificates_are_found_by_the_passwords_of_their_keystores() -> None:
    listener = Listener()

    def take(version: int, name: str, *passwords: str, event: str = "MODIFIED") -> None:
        stores = {
            form: {"passwordSecretRef": {"name": each}}
            for form, each in zip(("jks", "pkcs12"), passwords, strict=False)
        }
        target = {"name": "t", "keystores": stores} if stores else {"name": "t"}
        body = controllers.vaultcertificate(name, target=target)
        listener.take(seen(version, name, body), event, Kind.CERTIFICATE)

    def found(name: str, vault: str = "demo") -> set[str]:
        return {key.name for key in listener.resources.opened_by("default", vault, name)}

    take(1, "one", "Pw", "pw")
    take(2, "two", "pw", "other")
    assert (found("pW"), found("other"), found("pw", "another"), found("none")) == (
        {"one", "two"},
        {"two"},
        set(),
        set(),
    )
    take(3, "two")
    assert (found("pw"), found("other")) == ({"one"}, set())
    take(4, "one", event="DELETED")
    assert found("pw") == set()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["vaultRef", "name", "generate", "password", "length", "rotation", "every", "target", "tier"]
            )
            | st.text(max_size=5),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(
    spec=JSON,
    kind=st.sampled_from([Kind.VAULT, Kind.SECRET, Kind.KEY]),
    name=st.sampled_from(["db", "demo", "a.b", "x" * 60]),
)
def test_no_spec_whatever_breaks_the_reader(spec: Any, kind: Kind, name: str) -> None:
    """A resource that cannot be read costs itself a condition, and nobody else anything."""
    known = read(kind, seen(1, base={"metadata": {"namespace": "default", "name": name}, "spec": spec}))
    assert isinstance(known.parsed, InvalidInput) or known.parsed.name == name


def test_a_spec_is_read_into_domain_words() -> None:
    known = read(Kind.SECRET, seen(1, base=annotated(controllers.secret(rotation={"every": "12h"}), rotate="x")))
    assert isinstance(known.parsed, VaultSecretResource)
    assert (known.parsed.schedule.every, known.parsed.rotate) == (43_200, "x")
    assert [target.name for target in known.parsed.all_targets] == ["db"]
