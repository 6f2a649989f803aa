"""The confused deputy: what a resource may make the controller touch, by every reference that can lead elsewhere."""

from __future__ import annotations

import pytest

from strongroom.domain.access import Policy, Subject, SubjectKind
from strongroom.domain.references import NEVER, may_adopt, may_write

OWN, OTHER = "team-a", "team-b"


def grant(namespace: str, *permissions: str, kind: SubjectKind = SubjectKind.NAMESPACE) -> Policy:
    return Policy(Subject(kind, namespace), secrets=permissions)


GRANTS = {
    "nothing": ((), ""),
    "the vault": ((grant(OTHER, "get"),), ""),
    "the namespace": ((), OWN),
    "both": ((grant(OTHER, "get"),), f"x, {OWN}"),
    "another permission": ((grant(OTHER, "set", "list"),), OWN),
    "another subject": ((grant(OWN, "get"), grant(OTHER, "get", kind=SubjectKind.USER)), OWN),
    "consent to another": ((grant(OTHER, "get"),), f"{OWN}-x,x-{OWN}"),
    "everything": ((grant(OTHER, "all"), *(grant(each, "all") for each in NEVER)), OWN),
}


@pytest.mark.parametrize("granted", GRANTS)
@pytest.mark.parametrize("wanted", [OWN, OTHER, *sorted(NEVER)])
def test_a_target_elsewhere_needs_both_sides(wanted: str, granted: str) -> None:
    policies, accepts = GRANTS[granted]
    expected = wanted == OWN or (wanted == OTHER and granted in ("both", "everything"))
    complaint = may_write(OWN, wanted, policies, accepts)
    assert (complaint is None) is expected
    if complaint:
        assert wanted in complaint


def test_not_even_the_system_namespace_itself_has_targets() -> None:
    assert may_write("strongroom-system", "strongroom-system", (), "") is not None
    assert may_write("kube-system", "kube-system", (), "") is None


@pytest.mark.parametrize(
    ("origin", "policies", "generates", "allowed"),
    [
        (OWN, (), True, True),
        ("", (), False, False),
        ("", (grant(OWN, "get"),), False, True),
        ("", (grant(OWN, "get"),), True, False),
        ("", (grant(OWN, "get", "set"),), True, True),
        ("", (grant(OWN, "all"),), True, True),
        ("", (grant(OTHER, "all"),), True, False),
        (OTHER, (), True, False),
        (OTHER, (grant(OWN, "get", "set"),), True, True),
    ],
)
def test_an_object_of_somebody_else_is_adopted_by_a_grant(
    origin: str, policies: tuple[Policy, ...], generates: bool, allowed: bool
) -> None:
    complaint = may_adopt(origin, OWN, policies, generates)
    assert (complaint is None) is allowed
    if complaint:
        assert OWN in complaint
