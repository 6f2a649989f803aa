"""Resolves the names below STRONGROOM_LOOPBACK_DOMAIN to the loopback address, as lines in /etc/hosts would."""

import os
import socket

_domain = "." + os.environ.get("STRONGROOM_LOOPBACK_DOMAIN", "invalid")
_resolve = socket.getaddrinfo


def _getaddrinfo(host, *arguments, **options):  # type: ignore[no-untyped-def]
    name = host.decode() if isinstance(host, bytes) else host
    return _resolve("127.0.0.1" if name and name.endswith(_domain) else host, *arguments, **options)


socket.getaddrinfo = _getaddrinfo
