"""HTTP answers to errors."""

import json

import pytest

from strongroom.domain import errors as domain
from strongroom.kube import answers, errors

VALUE = "hunter2"


def status(code: int, reason: str, message: str = "", **details: object) -> bytes:
    body = {"kind": "Status", "code": code, "reason": reason, "message": message, "details": details}
    return json.dumps(body).encode()


@pytest.mark.parametrize(
    ("code", "payload", "write", "expected", "domain_class"),
    [
        (404, status(404, "NotFound", 'secrets "a" not found'), False, errors.NotFound, domain.NotFound),
        (404, b"404 page not found", False, errors.Unavailable, domain.StoreUnavailable),
        (409, status(409, "AlreadyExists"), True, errors.AlreadyExists, domain.Conflict),
        (409, status(409, "Conflict"), True, errors.Conflict, domain.Conflict),
        (410, status(410, "Expired"), False, errors.Gone, domain.Retryable),
        (422, status(422, "Invalid"), True, errors.Invalid, domain.InvalidInput),
        (400, status(400, "BadRequest"), True, errors.Invalid, domain.InvalidInput),
        (403, status(403, "Forbidden"), False, errors.Forbidden, domain.Refused),
        (413, b"", True, errors.TooLarge, domain.LimitExceeded),
        (500, status(500, "", "etcdserver: request is too large"), True, errors.TooLarge, domain.LimitExceeded),
        (401, status(401, "Unauthorized"), True, errors.Unavailable, domain.StoreUnavailable),
        (429, status(429, "TooManyRequests"), True, errors.Unavailable, domain.StoreUnavailable),
        (503, b"", True, errors.Unavailable, domain.StoreUnavailable),
        (500, b"", False, errors.Unavailable, domain.StoreUnavailable),
        (500, b"", True, errors.OutcomeUnknown, domain.StoreUnavailable),
        (502, b"<html>", True, errors.OutcomeUnknown, domain.StoreUnavailable),
        (504, status(504, "Timeout"), True, errors.OutcomeUnknown, domain.StoreUnavailable),
        (405, status(405, "MethodNotAllowed"), True, errors.ApiError, domain.StrongroomError),
    ],
)
def test_each_status_has_its_class(
    code: int,
    payload: bytes,
    write: bool,
    expected: type[errors.ApiError],
    domain_class: type[domain.StrongroomError],
) -> None:
    error = answers.to_error(code, payload, write=write)
    assert type(error) is expected
    assert isinstance(error, domain_class)
    assert error.status == code


def test_a_terminating_namespace_is_told_apart_from_other_refusals() -> None:
    payload = status(403, "Forbidden", "no", causes=[{"reason": "NamespaceTerminating"}])
    assert type(answers.to_error(403, payload, write=True)) is errors.NamespaceTerminating


def test_an_invalid_object_is_described_by_fields_only() -> None:
    causes = [
        {"field": "data.password", "reason": "FieldValueInvalid", "message": f'Invalid value: "{VALUE}": bad'},
        {"field": "type", "reason": "FieldValueRequired", "message": "Required value"},
    ]
    error = answers.to_error(422, status(422, "Invalid", f"it is {VALUE}", causes=causes), write=True)
    assert isinstance(error, errors.Invalid)
    assert error.fields == (("data.password", "FieldValueInvalid"), ("type", "FieldValueRequired"))
    assert "data.password: FieldValueInvalid" in str(error)
    assert VALUE not in repr(error.args)


def test_strict_decoding_names_the_unknown_field() -> None:
    message = f'strict decoding error: unknown field "spec.colour", value {VALUE}'
    error = answers.to_error(400, status(400, "BadRequest", message), write=True)
    assert 'unknown field "spec.colour"' in str(error)
    assert VALUE not in str(error)


@pytest.mark.parametrize(
    "message",
    [
        f'admission webhook "a.b" denied the request: {VALUE} is weak',
        f"ValidatingAdmissionPolicy 'p' with binding 'p' denied request: {VALUE}",
        f'admission webhook "a.b" denied the request:\n {VALUE}',
    ],
)
def test_what_an_admission_webhook_says_is_cut(message: str) -> None:
    error = answers.to_error(403, status(403, "Forbidden", message), write=True)
    assert "denied" in str(error)
    assert VALUE not in str(error)


@pytest.mark.parametrize(("code", "write"), [(404, True), (500, True), (502, False), (403, True), (422, True)])
def test_bodies_that_are_no_status_are_never_quoted(code: int, write: bool) -> None:
    for payload in (VALUE.encode(), json.dumps({"kind": "Secret", "message": VALUE}).encode(), b"\xff\xfe"):
        assert VALUE not in str(answers.to_error(code, payload, write=write))


@pytest.mark.parametrize(
    ("header", "details", "expected"),
    [("3", {}, 3.0), (None, {"retryAfterSeconds": 2}, 2.0), ("soon", {}, None), (None, {}, None), ("-1", {}, None)],
)
def test_retry_after_is_carried(header: str | None, details: dict[str, int], expected: float | None) -> None:
    payload = status(429, "TooManyRequests", **details)
    error = answers.to_error(429, payload, write=True, retry_after=header)
    assert isinstance(error, errors.Unavailable)
    assert error.retry_after == expected
