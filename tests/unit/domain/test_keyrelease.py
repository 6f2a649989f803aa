"""Which keys get a release policy, which may be released, and to whom."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from strongroom.domain import keyrelease, releasepolicies
from strongroom.domain.apiobjects import Wanted
from strongroom.domain.errors import InvalidInput, KeyDisabled, NotReleasable
from strongroom.domain.objects import Attributes
from tests.helpers.attestation import policy

WHO = "https://attest.example"
POLICY = policy(WHO)
NEITHER = Wanted()
BOTH = Wanted(exportable=True, release_policy=POLICY)
EXPORTABLE = Attributes(0, 0, exportable=True, release_policy=POLICY)
BOUND = replace(EXPORTABLE, release_policy_immutable=True)
ORDINARY = Attributes(0, 0)


@pytest.mark.parametrize(
    "wanted", [NEITHER, Wanted(exportable=False), BOTH, replace(BOTH, release_policy_immutable=True)]
)
def test_new_versions(wanted: Wanted) -> None:
    keyrelease.check_new(wanted)


@pytest.mark.parametrize(
    ("wanted", "why"),
    [
        (Wanted(exportable=True), "needs a release_policy"),
        (Wanted(release_policy=POLICY), "for exportable keys only"),
        (Wanted(release_policy=POLICY, exportable=False), "for exportable keys only"),
        (Wanted(release_policy_immutable=True), "release_policy.data"),
        (Wanted(exportable=True, release_policy_immutable=True), "needs a release_policy"),
        (Wanted(exportable=True, release_policy=""), "is not JSON"),
        (Wanted(exportable=True, release_policy="{}"), "has version and anyOf"),
    ],
)
def test_new_versions_that_are_refused(wanted: Wanted, why: str) -> None:
    with pytest.raises(InvalidInput, match=why):
        keyrelease.check_new(wanted)


@pytest.mark.parametrize(
    ("present", "wanted"),
    [
        (ORDINARY, NEITHER),
        (ORDINARY, Wanted(release_policy_immutable=False)),
        (EXPORTABLE, Wanted(release_policy=policy(WHO, ("a", 1)))),
        (EXPORTABLE, Wanted(release_policy_immutable=True)),
        (BOUND, Wanted(release_policy=POLICY, release_policy_immutable=True)),
    ],
)
def test_changes(present: Attributes, wanted: Wanted) -> None:
    keyrelease.check_change(present, wanted)


@pytest.mark.parametrize(
    ("present", "wanted", "why"),
    [
        (ORDINARY, Wanted(release_policy=POLICY), "not exportable"),
        (ORDINARY, Wanted(release_policy_immutable=True), "not exportable"),
        (EXPORTABLE, Wanted(release_policy=""), "is not JSON"),
        (EXPORTABLE, Wanted(release_policy='{"version": "1.0.0", "anyOf": []}'), "lists that are not empty"),
    ],
)
def test_changes_that_are_refused(present: Attributes, wanted: Wanted, why: str) -> None:
    with pytest.raises(InvalidInput, match=why):
        keyrelease.check_change(present, wanted)


@pytest.mark.parametrize("wanted", [Wanted(release_policy_immutable=False), Wanted(release_policy="{}")])
def test_what_is_immutable_is_not_changed_by_the_last_of_two_who_ask(wanted: Wanted) -> None:
    with pytest.raises(InvalidInput, match="immutable"):
        wanted.applied(BOUND, 5)


@pytest.mark.parametrize("dates", [{}, {"not_before": 2**40}, {"expires": 1}])
def test_a_version_can_be_released_at_any_time(dates: dict[str, Any]) -> None:
    assert keyrelease.policy_of(replace(EXPORTABLE, **dates)) == releasepolicies.parse(POLICY)


@pytest.mark.parametrize(
    ("version", "error", "why"),
    [
        (replace(EXPORTABLE, enabled=False), KeyDisabled, "disabled"),
        (ORDINARY, NotReleasable, "not exportable"),
        (replace(ORDINARY, release_policy=POLICY), NotReleasable, "not exportable"),
        (replace(EXPORTABLE, release_policy=""), NotReleasable, "not exportable"),
        (replace(EXPORTABLE, release_policy="{}"), NotReleasable, "cannot be read"),
    ],
)
def test_versions_that_are_released_to_nobody(version: Attributes, error: type[Exception], why: str) -> None:
    with pytest.raises(error, match=why):
        keyrelease.policy_of(version)


def test_whom_a_policy_names() -> None:
    found = releasepolicies.parse(POLICY)
    keyrelease.check_attested(found, WHO, {"sdk-test": True})
    keyrelease.check_attested(found, f"{WHO}/", {"sdk-test": True})
    with pytest.raises(NotReleasable, match="not what it demands"):
        keyrelease.check_attested(found, WHO, {"sdk-test": False})
    with pytest.raises(NotReleasable, match="does not name https://other"):
        keyrelease.check_attested(found, "https://other", {"sdk-test": True})


def test_claims_count_only_from_the_authority_that_they_are_demanded_of() -> None:
    other = json.loads(policy("https://other", ("sdk-test", False)))["anyOf"]
    both = releasepolicies.parse(json.dumps({"version": "1.0.0", "anyOf": json.loads(POLICY)["anyOf"] + other}))
    keyrelease.check_attested(both, "https://other", {"sdk-test": False})
    with pytest.raises(NotReleasable, match="not what it demands of https://other"):
        keyrelease.check_attested(both, "https://other", {"sdk-test": True})
