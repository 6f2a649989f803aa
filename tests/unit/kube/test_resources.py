"""Paths of resources."""

import pytest

from strongroom.domain.errors import InvalidInput
from strongroom.kube.resources import ALL_NAMESPACES, EVENTS, NAMESPACES, SECRETS, VAULTS


def test_paths() -> None:
    assert SECRETS.path("a", "b") == "/api/v1/namespaces/a/secrets/b"
    assert SECRETS.path(ALL_NAMESPACES) == "/api/v1/secrets"
    assert NAMESPACES.path(None, "a") == "/api/v1/namespaces/a"
    assert VAULTS.path("a", "b", "status") == "/apis/strongroom.dev/v1alpha1/namespaces/a/vaults/b/status"
    assert EVENTS.api_version == "events.k8s.io/v1"
    assert SECRETS.api_version == "v1"


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a%2fb", "a?b", "a#b", "a b", "a\n", "ä", "x" * 254])
def test_a_name_cannot_lead_to_another_object(name: str) -> None:
    with pytest.raises(InvalidInput):
        SECRETS.path("a", name)
    with pytest.raises(InvalidInput):
        SECRETS.path(name, "b")


def test_the_scope_must_fit() -> None:
    for namespace, name in ((None, None), (ALL_NAMESPACES, "b")):
        with pytest.raises(ValueError, match="does not fit"):
            SECRETS.path(namespace, name)
    with pytest.raises(ValueError, match="does not fit"):
        NAMESPACES.path("a", "b")
