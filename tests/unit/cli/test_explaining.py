"""Every error has an exit code, and a message that a terminal cannot be harmed by."""

from __future__ import annotations

import pytest

from strongroom.cli import explaining
from strongroom.client import errors as vault
from strongroom.domain import errors as domain
from strongroom.kube import errors as kube


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (vault.VaultError("a", 400), 1),
        (vault.Unreachable("a"), 1),
        (vault.OutcomeUnknown("a"), 1),
        (vault.Untrusted("a"), 1),
        (vault.NotFound("a", 404), 3),
        (vault.Denied("a", 401), 4),
        (vault.Denied("a", 403), 4),
        (vault.Clash("a", 409), 5),
        (vault.Clash("a", 412), 5),
        (kube.NotFound(404, "NotFound", "a"), 3),
        (kube.Forbidden(403, "Forbidden", "a"), 4),
        (kube.Conflict(409, "Conflict", "a"), 5),
        (kube.Invalid(422, "Invalid", "a"), 1),
        (kube.Unavailable(0, "NoConnection", "a"), 1),
        (domain.InvalidInput("a"), 2),
        (domain.NotFound("a"), 3),
        (domain.StoreUnavailable("a"), 1),
    ],
    ids=lambda value: type(value).__name__,
)
def test_exit_codes(error: domain.StrongroomError, code: int) -> None:
    assert explaining.exit_code(error) == code


def test_exit_codes_differ() -> None:
    codes = [getattr(explaining, name) for name in ("OK", "ERROR", "USAGE", "MISSING", "DENIED", "CLASH")]
    assert codes == [0, 1, 2, 3, 4, 5]


def test_a_message_is_one_line_and_harmless() -> None:
    error = vault.Denied("Caller is not\r\nauthorized \x1b[2J\u202e", 403, "ForbiddenByRbac")
    first, second = explaining.explain(error).splitlines()
    assert first == "Caller is not authorized \\x1b[2J\\u202e"
    assert second.startswith("hint: a Role")


@pytest.mark.parametrize(
    ("error", "hint"),
    [
        (vault.Denied("a", 401, "Unauthorized"), "strongroom login"),
        (vault.Denied("a", 403, "ForbiddenByFirewall"), "spec.networkRules"),
        (vault.NotFound("a", 404, "SecretNotFound"), "--deleted"),
        (vault.NotFound("a", 404, "CertificateNotFound"), "--include-pending"),
        (vault.Clash("a", 409, "PendingInProgress"), "certificates cancel"),
        (vault.Clash("a", 409, "ObjectIsDeletedButRecoverable"), "recover"),
        (vault.Untrusted("a"), "--ca-file"),
        (kube.Unavailable(401, "Unauthorized", "a"), "--kubeconfig"),
    ],
)
def test_hints(error: domain.StrongroomError, hint: str) -> None:
    assert hint in explaining.explain(error)


def test_without_a_hint_there_is_none() -> None:
    assert explaining.explain(vault.VaultError("a", 400, "BadParameter")) == "a"
