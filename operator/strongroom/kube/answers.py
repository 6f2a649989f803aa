"""From an HTTP answer that is not a success to the error tree, without a value in any message."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from strongroom.kube import errors

MESSAGE_LIMIT: Final = 512
"""Characters of a server's message that are kept."""

_FIELD_FAULT: Final = re.compile(r'(?:unknown|duplicate) field "[^"]{1,200}"')
_DENIAL: Final = re.compile(r"(denied(?: the)? request)\b.*", re.DOTALL)


def to_error(status: int, payload: bytes, *, write: bool, retry_after: str | None = None) -> errors.ApiError:
    """Return the error that an HTTP answer means.

    ``write``: whether the request could have changed something.
    """
    return from_status(status, _parse_status(payload), write=write, retry_after=retry_after)


def from_status(
    code: int, body: Mapping[str, Any], *, write: bool = False, retry_after: str | None = None
) -> errors.ApiError:
    """The same for a ``kind: Status`` object, as watches deliver it inside the stream."""
    if code == 404 and not body:
        # Not "no such object": the kind itself is missing, as while a CRD is not served yet. Nothing may be
        # concluded about the object.
        return errors.Unavailable(code, "NotServed", "the API server does not serve this kind: CRD missing?")
    reason = str(body.get("reason") or f"HTTP{code}")
    message = str(body.get("message") or "")
    details = body.get("details") or {}
    if code in (400, 422):
        return _invalid(code, reason, message, details)
    if code == 413 or "request is too large" in message:
        return errors.TooLarge(code, reason, "the object is larger than the API server accepts")
    if code in (401, 429) or code >= 500:
        wait = _seconds(retry_after) or _seconds(details.get("retryAfterSeconds"))
        return _unavailable(code, reason, wait, write=write)
    return _refusal_class(code, reason, details)(code, reason, _public(code, reason, message))


def _refusal_class(code: int, reason: str, details: Mapping[str, Any]) -> type[errors.ApiError]:
    if code == 409:
        return errors.AlreadyExists if reason == "AlreadyExists" else errors.Conflict
    if code == 403:
        causes = details.get("causes") or []
        terminating = any(cause.get("reason") == "NamespaceTerminating" for cause in causes)
        return errors.NamespaceTerminating if terminating else errors.Forbidden
    return {404: errors.NotFound, 410: errors.Gone}.get(code, errors.ApiError)


def _invalid(code: int, reason: str, message: str, details: Mapping[str, Any]) -> errors.Invalid:
    """Keep field paths and reasons. The sentences in between quote the offending value, so they go."""
    causes = details.get("causes") or []
    fields = tuple((str(c.get("field") or "(object)"), str(c.get("reason") or "Invalid")) for c in causes)
    said = [f"{field}: {why}" for field, why in fields] or _FIELD_FAULT.findall(message)
    text = "; ".join(dict.fromkeys(said)) or "the API server gave no field"
    return errors.Invalid(code, reason, f"{reason}: {text}"[:MESSAGE_LIMIT], fields)


def _unavailable(code: int, reason: str, retry_after: float | None, *, write: bool) -> errors.Unavailable:
    """5xx other than 503 come from inside the API server or a proxy, when etcd may already hold the write."""
    if write and code >= 500 and code != 503:
        text = f"the API server failed during a write ({code} {reason}): it may have taken effect"
        return errors.OutcomeUnknown(code, reason, text, retry_after)
    return errors.Unavailable(code, reason, f"the API server cannot serve now ({code} {reason})", retry_after)


def _public(code: int, reason: str, message: str) -> str:
    """The server's own sentence, cut where an admission webhook's free text begins."""
    return _DENIAL.sub(r"\1", message)[:MESSAGE_LIMIT] or f"the API server answered {code} {reason}"


def _parse_status(payload: bytes) -> Mapping[str, Any]:
    """Only ``kind: Status`` bodies are read: who knows what a proxy's error page or another body holds."""
    try:
        body = json.loads(payload)
    except ValueError:
        return {}
    return body if isinstance(body, dict) and body.get("kind") == "Status" else {}


def _seconds(value: Any) -> float | None:
    try:
        return max(0.0, float(value)) or None
    except (TypeError, ValueError):
        return None
