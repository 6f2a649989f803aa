"""Lists, a page at a time, as Azure Key Vault's clients follow them."""

from __future__ import annotations

import base64
import binascii
from typing import Any, Final
from urllib.parse import quote

import orjson

from strongroom.dataplane.visit import Reply, Visit
from strongroom.domain import base64url
from strongroom.domain.errors import InvalidInput
from strongroom.service.apilists import Order, Page

PAGE: Final = 25
"""Items of a page, at most and by default, as in Azure."""

SKIP_TOKEN_LENGTH: Final = 512
_MARKER: Final = "NextMarker"
ORDERS: Final = {"created": Order.OLDEST, "created asc": Order.OLDEST, "created desc": Order.NEWEST}


def paging(visit: Visit) -> tuple[Order, str, int]:
    """Return the order, where the page begins, and how many items it has at most."""
    query = visit.request.query
    count = query.get("maxresults", str(PAGE))
    if not count.isascii() or not count.isdecimal() or not 1 <= int(count[:4]) <= PAGE:
        raise InvalidInput(f"maxresults must be between 1 and {PAGE}")
    order = query.get("$orderby")
    if order is not None and order not in ORDERS:
        raise InvalidInput(f"$orderby must be one of: {', '.join(ORDERS)}")
    return (ORDERS[order] if order else Order.NAME), _marker(query.get("$skiptoken", "")), int(count)


def _marker(token: str) -> str:
    """Read where a page begins. ``InvalidInput`` for what this API never gave out."""
    if not token:
        return ""
    try:
        if len(token) > SKIP_TOKEN_LENGTH:
            raise ValueError
        plain = orjson.loads(base64.b64decode(token + "=" * (-len(token) % 4), b"-_", validate=True))
        marker = plain[_MARKER]
    except (ValueError, binascii.Error, KeyError, TypeError):
        raise InvalidInput("$skiptoken: take the whole nextLink of the page before") from None
    if not isinstance(marker, str):
        raise InvalidInput("$skiptoken: take the whole nextLink of the page before")
    return marker


def page_reply(visit: Visit, items: list[dict[str, Any]], page: Page[Any]) -> Reply:
    """Return a page with the link to the next one."""
    return Reply({"value": items, "nextLink": _next_link(visit, page.marker) if page.marker else None})


def _next_link(visit: Visit, marker: str) -> str:
    query = visit.request.query
    token = base64url.encode(orjson.dumps({_MARKER: marker, "TargetLocation": 0}))
    link = f"{visit.place.base}{visit.request.path}?api-version={quote(visit.api_version)}&$skiptoken={token}"
    for name in ("maxresults", "$orderby"):
        if name in query:
            link += f"&{name}={quote(query[name])}"
    return link
