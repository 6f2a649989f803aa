"""Which operation a request asks for: Azure Key Vault's paths, in every form that its clients use.

Clients write an empty version as an empty segment, older ones double the first slash, some write ``/deletedSecrets``,
and a method may stand in the header X-HTTP-METHOD of a POST.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from strongroom.dataplane import certpaths, keypaths, secretpaths
from strongroom.dataplane.operations import NotServed, Route

OPERATIONS: Final = (*secretpaths.OPERATIONS, *keypaths.OPERATIONS, *certpaths.OPERATIONS)

_COLLECTIONS: Final = {
    "secrets": secretpaths.live,
    "deletedsecrets": secretpaths.deleted,
    "keys": keypaths.live,
    "deletedkeys": keypaths.deleted,
    "certificates": certpaths.live,
    "deletedcertificates": certpaths.deleted,
    "rng": keypaths.random,
}


@lru_cache(maxsize=8192)
def find(method: str, path: str) -> Route:
    """Return what is asked for. ``MethodNotAllowed``, ``NotServed``, ``InvalidInput`` for a name that is none."""
    segments = path.lstrip("/").split("/")
    rest = segments[1:]
    while rest and not rest[-1]:
        rest.pop()
    if (read := _COLLECTIONS.get(segments[0].lower())) is None:
        raise NotServed(
            "there is nothing under this path; secrets are under /secrets, keys under /keys, "
            "certificates under /certificates"
        )
    return read(method, rest)
