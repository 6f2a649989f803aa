"""The ``WWW-Authenticate`` header of a 401: where a token is to be had, and for what.

Exactly the shape of the real service, because clients parse no more than that: Python's splits at every comma and
equals sign, Go's at every space.
"""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass

import orjson


@dataclass(frozen=True, slots=True)
class Challenge:
    """Both are URLs: the token service, and the resource that a token must be for."""

    authorization: str
    resource: str

    def first(self) -> str:
        """Return the header for a request without a valid token."""
        return f'Bearer authorization="{self.authorization}", resource="{self.resource}"'

    def revoked(self, now: int) -> str:
        """Return the header for a token that was good once: continuous access evaluation.

        ``now``, Unix seconds: the client is to ask for a token issued from then on. The claims are JSON (OpenID Connect
        Core 1.0, section 5.5) in base64, filled up with spaces: padding would be equals signs, which Go's parser takes
        for another value.
        """
        claims = orjson.dumps({"access_token": {"nbf": {"essential": True, "value": str(now)}}})
        encoded = b64encode(claims + b" " * (-len(claims) % 3)).decode("ascii")
        return f'{self.first()}, error="insufficient_claims", claims="{encoded}"'
