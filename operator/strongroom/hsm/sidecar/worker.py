"""The worker process: loads the module, knows the PIN for the length of a login, owns the sockets."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
from types import FrameType
from typing import Any, NoReturn

import prometheus_client

from strongroom.hsm.places import slow_sockets, uses_socket
from strongroom.hsm.sidecar import exits, metrics, process, server
from strongroom.hsm.sidecar.calls import Calls
from strongroom.hsm.sidecar.condition import Condition
from strongroom.hsm.sidecar.keeper import Keeper
from strongroom.hsm.sidecar.settings import Settings
from strongroom.hsm.sidecar.useserver import UseServer, answering
from strongroom.hsm.states import State

_log = logging.getLogger(__name__)

# The default of 5 ms lets a pure-Python thread delay a signature by 10 ms (measured p99: 16 ms against 2.2 ms).
_SWITCH_INTERVAL = 0.0005  # seconds
_DRAIN_SECONDS = 5.0
_LOST_SECONDS = 0.2  # for answers that are on their way when the token is lost
_TICK = 1.0  # seconds between looks at a keeper that may hang


class Worker:
    """One life of the worker. ``report_to`` is a pipe to the supervisor, written when the token refuses the PIN.

    ``refused`` is what an earlier worker reported: then this one never logs in.
    """

    def __init__(self, settings: Settings, *, restarts: int, report_to: int, refused: str | None) -> None:
        self._settings = settings
        self._report_to = report_to
        self._reporter = server.HealthReporter()
        self._condition = Condition(_log_state, metrics.show_state, self._reporter.show)
        self._keeper = Keeper(settings, self._condition, end=self._end, refused=self._report)
        self._calls = Calls(self._condition, self._keeper.lose)
        self._servicer = server.HsmServicer(self._condition, self._calls, restarts)
        self._ended = threading.Event()
        self._code = exits.DRAINED
        self._refused = refused
        metrics.RESTARTS.set(restarts)

    def run(self) -> int:
        """Serve until told to end; return the exit code. Call it in the main thread."""
        signal.signal(signal.SIGTERM, self._on_signal)
        signal.signal(signal.SIGINT, self._on_signal)
        sys.setswitchinterval(_SWITCH_INTERVAL)
        os.umask(0o077)
        if self._settings.metrics_port is not None:
            prometheus_client.start_http_server(self._settings.metrics_port)
        use_servers = self._use_servers()
        grpc_server = server.build(
            f"unix:{self._settings.socket}", self._settings.grpc_threads, self._servicer, self._reporter
        )
        self._settings.socket.chmod(0o600)
        self._start_keeper()
        for each in use_servers:
            each.start()
        grpc_server.start()
        self._wait()
        self._drain(grpc_server, *use_servers)
        self._let_go()
        return self._code

    def _use_servers(self) -> list[UseServer]:
        """One thread each, whatever the number of sockets: a client knows these, and not how many threads there are."""
        quick, slow = uses_socket(self._settings.socket), slow_sockets(self._settings.socket)
        threads = self._settings.slow_threads
        shares = [(quick,), *(slow[at::threads] for at in range(threads))]
        return [UseServer(each, answering(self._calls)) for each in shares]

    def _start_keeper(self) -> None:
        if self._refused is None:
            self._keeper.start()
        else:
            self._condition.become(State.LOGIN_REFUSED, self._refused)

    def _wait(self) -> None:
        while not self._ended.wait(_TICK):
            if self._keeper.is_hung():
                self._keeper.lose("the module does not return from a call")

    def _drain(self, *servers: Any) -> None:
        if self._code == exits.DRAINED:
            self._condition.become(State.DRAINING, "finishing the calls in flight")
        grace = _DRAIN_SECONDS if self._code == exits.DRAINED else _LOST_SECONDS
        until = time.monotonic() + grace + 1  # bounded: a thread may hang in the module for good
        for stopped in [each.stop(grace) for each in servers]:
            stopped.wait(max(0.0, until - time.monotonic()))

    def _let_go(self) -> None:
        """C_Finalize, when nothing is wrong: it closes the sessions. A lost or hung token is simply left."""
        if self._code != exits.DRAINED or self._refused is not None:
            return
        _exit_later(_DRAIN_SECONDS, self._code)
        module = self._keeper.stop()
        if module is not None:
            module.finalise()

    def _end(self, code: int) -> None:
        if not self._ended.is_set():
            self._code = code
            self._ended.set()

    def _report(self, reason: str) -> None:
        os.write(self._report_to, reason.encode())

    def _on_signal(self, number: int, _: FrameType | None) -> None:
        self._end(exits.DRAINED)


def main(settings: Settings, *, parent: int, restarts: int, report_to: int, refused: str | None) -> NoReturn:
    """Run a worker and end the process. It never returns."""
    process.harden()
    process.die_with(parent)
    code = Worker(settings, restarts=restarts, report_to=report_to, refused=refused).run()
    logging.shutdown()
    # Not sys.exit: python-pkcs11's destructors would call into a module that is finalised, or hangs.
    os._exit(code)


def _exit_later(seconds: float, code: int) -> None:
    timer = threading.Timer(seconds, os._exit, (code,))
    timer.daemon = True
    timer.start()


def _log_state(state: State, detail: str) -> None:
    _log.log(
        logging.INFO if state in (State.SERVING, State.DRAINING) else logging.WARNING,
        "%s%s",
        state.name,
        f": {detail}" if detail else "",
    )
