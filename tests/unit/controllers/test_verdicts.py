"""What is said of each error, and when it is tried again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from strongroom.controllers.verdicts import SLOW_LOOK, Verdict, verdict
from strongroom.domain import errors
from strongroom.kinds.conditions import REASON_MEANINGS, Reason
from strongroom.kube import errors as kube

RETRY, NEVER, SLOWLY = (True, None), (False, None), (False, SLOW_LOOK)

TABLE: dict[type[errors.StrongroomError], tuple[Reason, tuple[bool, float | None]]] = {
    errors.HsmUnavailable: (Reason.HSM_UNAVAILABLE, RETRY),
    errors.StoreUnavailable: (Reason.STORE_UNAVAILABLE, RETRY),
    errors.Conflict: (Reason.PENDING, RETRY),
    errors.InvalidInput: (Reason.INVALID_SPEC, NEVER),
    errors.KeyNotFound: (Reason.FORBIDDEN, SLOWLY),
    errors.CertificateNotFound: (Reason.FORBIDDEN, SLOWLY),
    errors.PendingNotFound: (Reason.FORBIDDEN, SLOWLY),
    errors.PasswordNotFound: (Reason.SOURCE_NOT_FOUND, SLOWLY),
    errors.ContactsNotFound: (Reason.FORBIDDEN, SLOWLY),
    errors.IssuerNotFound: (Reason.FORBIDDEN, SLOWLY),
    errors.NotFound: (Reason.FORBIDDEN, SLOWLY),
    errors.LoginRefused: (Reason.LOGIN_REFUSED, NEVER),
    errors.KeyRefused: (Reason.KEY_REFUSED, SLOWLY),
    errors.Tampered: (Reason.TAMPERED, SLOWLY),
    errors.UnsupportedFormat: (Reason.UNSUPPORTED_FORMAT, SLOWLY),
    errors.LimitExceeded: (Reason.LIMIT_EXCEEDED, SLOWLY),
    errors.RequestRefused: (Reason.FORBIDDEN, SLOWLY),
    kube.NotFound: (Reason.FORBIDDEN, SLOWLY),
    kube.AlreadyExists: (Reason.PENDING, RETRY),
    errors.IssuerUnavailable: (Reason.PENDING, RETRY),
    errors.IssuerBusy: (Reason.PENDING, RETRY),
    errors.SinkUnavailable: (Reason.PENDING, RETRY),
    errors.ReferenceDenied: (Reason.REFERENCE_DENIED, RETRY),
    kube.Conflict: (Reason.PENDING, RETRY),
    kube.Gone: (Reason.STORE_UNAVAILABLE, RETRY),
    kube.Invalid: (Reason.INVALID_SPEC, NEVER),
    kube.NamespaceTerminating: (Reason.NAMESPACE_TERMINATING, NEVER),
    kube.TooLarge: (Reason.LIMIT_EXCEEDED, SLOWLY),
    kube.OutcomeUnknown: (Reason.STORE_UNAVAILABLE, RETRY),
    # Not leaves, but raised too.
    kube.Forbidden: (Reason.FORBIDDEN, SLOWLY),
    kube.Unavailable: (Reason.STORE_UNAVAILABLE, RETRY),
    kube.ApiError: (Reason.FORBIDDEN, SLOWLY),
    errors.Refused: (Reason.FORBIDDEN, SLOWLY),
    errors.Retryable: (Reason.STORE_UNAVAILABLE, RETRY),
    errors.StrongroomError: (Reason.STORE_UNAVAILABLE, RETRY),
}


def made(kind: type[errors.StrongroomError]) -> errors.StrongroomError:
    arguments: tuple[Any, ...] = (400, "Word", "said") if issubclass(kind, kube.ApiError) else ("said",)
    return kind(*arguments)


def every_class(root: type[errors.StrongroomError] = errors.StrongroomError) -> Iterator[type[errors.StrongroomError]]:
    yield root
    for kind in root.__subclasses__():
        if not kind.__module__.startswith("strongroom.dataplane"):  # another test may have loaded that door
            yield from every_class(kind)


@pytest.mark.parametrize("kind", TABLE, ids=lambda kind: f"{kind.__module__.split('.')[1]}.{kind.__name__}")
def test_what_is_said_of_an_error_and_when_it_is_tried_again(kind: type[errors.StrongroomError]) -> None:
    reason, (retry, look_again) = TABLE[kind]
    assert verdict(made(kind)) == Verdict(reason, "said", retry, look_again)


@pytest.mark.parametrize("module", [errors, kube], ids=["domain", "kube"])
def test_every_class_of_both_trees_is_in_the_table(module: Any) -> None:
    of_the_api = set(every_class(errors.RequestRefused)) - {errors.RequestRefused}
    declared = {kind for kind in every_class() if kind.__module__ == module.__name__} - of_the_api
    assert len(declared) > 9
    assert declared <= TABLE.keys()


@pytest.mark.parametrize("kind", sorted(set(every_class()), key=lambda kind: kind.__qualname__))
def test_nothing_is_without_a_documented_reason(kind: type[errors.StrongroomError]) -> None:
    """The loop asks for a verdict while it handles an error: a verdict that raised would end the process."""
    assert verdict(made(kind)).reason in REASON_MEANINGS
