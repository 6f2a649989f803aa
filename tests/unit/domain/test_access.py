"""Who may do what."""

from __future__ import annotations

import pytest

from strongroom.domain.access import Area, Policy, Subject, SubjectKind, allowed

TEAM = Subject(SubjectKind.NAMESPACE, "team")
APP = Subject(SubjectKind.SERVICE_ACCOUNT, "app", "team")
POLICIES = (
    Policy(TEAM, secrets=("get",), keys=("all",)),
    Policy(TEAM, secrets=("list",)),
    Policy(APP, secrets=("set",)),
)


@pytest.mark.parametrize(
    ("subject", "area", "permission", "granted"),
    [
        (TEAM, Area.SECRETS, "get", True),
        (TEAM, Area.SECRETS, "list", True),
        (TEAM, Area.SECRETS, "set", False),
        (TEAM, Area.KEYS, "sign", True),
        (TEAM, Area.CERTIFICATES, "get", False),
        (APP, Area.SECRETS, "set", True),
        (APP, Area.SECRETS, "get", False),
        (Subject(SubjectKind.SERVICE_ACCOUNT, "app", "other"), Area.SECRETS, "set", False),
        (Subject(SubjectKind.USER, "team"), Area.SECRETS, "get", False),
        (Subject(SubjectKind.NAMESPACE, "TEAM"), Area.SECRETS, "get", False),
    ],
)
def test_only_what_is_granted_to_this_very_subject(
    subject: Subject, area: Area, permission: str, granted: bool
) -> None:
    assert allowed(POLICIES, subject, area, permission) is granted


def test_without_policies_nothing_is_allowed() -> None:
    assert not allowed((), TEAM, Area.SECRETS, "get")
