"""What a run against a live vault needs of the interpreter: names that resolve, and pauses that are not Azure's.

The names below STRONGROOM_LOOPBACK_DOMAIN are the loopback address, as lines in /etc/hosts would have it. The tests and
samples give Azure a minute to purge, and two seconds to let off throttling; here a second is enough for either, and for
times of whole seconds to differ.
"""

import asyncio
import os
import socket
import time

_LONGEST_PAUSE = 1.0  # seconds
_domain = "." + os.environ.get("STRONGROOM_LOOPBACK_DOMAIN", "invalid")
_resolve = socket.getaddrinfo
_pause = time.sleep
_pause_async = asyncio.sleep


def _getaddrinfo(host, *arguments, **options):  # type: ignore[no-untyped-def]
    name = host.decode() if isinstance(host, bytes) else host
    return _resolve("127.0.0.1" if name and name.endswith(_domain) else host, *arguments, **options)


def _sleep(seconds):  # type: ignore[no-untyped-def]
    _pause(min(seconds, _LONGEST_PAUSE))


async def _sleep_async(seconds, result=None):  # type: ignore[no-untyped-def]
    return await _pause_async(min(seconds, _LONGEST_PAUSE), result)


socket.getaddrinfo = _getaddrinfo
time.sleep = _sleep
asyncio.sleep = _sleep_async  # type: ignore[assignment]
