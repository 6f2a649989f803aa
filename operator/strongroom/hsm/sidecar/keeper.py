"""Opens the token, keeps proving that it works, and says when the worker has to go.

::

    open ──ok──► probe every second ──lost──► end(REINITIALISE)
     │ ▲                           └─many objects──► end(DRAINED)
     │ └── not there yet: refresh the module, wait, again
     └── login refused, or attacks succeed: stop here; status says why until somebody restarts the sidecar
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from pkcs11.exceptions import PKCS11Error

from strongroom.domain.errors import HsmUnavailable, InvalidInput, LoginRefused, Refused, StrongroomError
from strongroom.hsm.sidecar import exits, faults, metrics, module, provisioning
from strongroom.hsm.sidecar.condition import Condition, Open
from strongroom.hsm.sidecar.faults import Uninitialised
from strongroom.hsm.sidecar.keys import Keys
from strongroom.hsm.sidecar.module import Module
from strongroom.hsm.sidecar.pins import PinFile
from strongroom.hsm.sidecar.session import OpenToken, open_token
from strongroom.hsm.sidecar.settings import Settings
from strongroom.hsm.states import State

_PROBE_EVERY = 1.0  # seconds
_LOOK_EVERY = 5  # probes; a search goes through all objects of the token


class Keeper:
    """Runs in a thread of its own, the only one inside the module until the token is open.

    ``end`` is called with an exit code when the worker has to go, ``refused`` with the reason when the token refused
    the PIN, so that the supervisor can keep the next worker from trying again.
    """

    def __init__(
        self,
        settings: Settings,
        condition: Condition,
        *,
        end: Callable[[int], None],
        refused: Callable[[str], None],
    ) -> None:
        self._settings = settings
        self._condition = condition
        self._end = end
        self._refused = refused
        self._module: Module | None = None
        self._stopping = threading.Event()
        self._progress = time.monotonic()
        self._thread = threading.Thread(target=self._run, name="keeper", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> Module | None:
        """Wait for the thread and return the module, in which then no keeper is any more."""
        self._stopping.set()
        self._thread.join()
        return self._module

    def is_hung(self) -> bool:
        """Say whether the thread is stuck in the module, which no exception will ever tell."""
        return self._thread.is_alive() and time.monotonic() - self._progress > self._settings.hung_after

    def lose(self, detail: str) -> None:
        """Stop serving and have the worker replaced. Any thread that meets a dead token calls it."""
        self._condition.become(State.TOKEN_LOST, detail)
        self._end(exits.REINITIALISE)

    def _run(self) -> None:
        try:
            opened = self._open()
            if opened is not None:
                self._watch(opened)
        except Exception as error:
            # A bug, not a token: let the supervisor try afresh rather than serve without a probe.
            self.lose(f"the keeper failed ({type(error).__name__})")
            raise

    def _open(self) -> Open | None:
        while not self._stopping.is_set():
            self._progress = time.monotonic()
            try:
                token = self._try()
            except LoginRefused as error:
                self._condition.become(State.LOGIN_REFUSED, str(error))
                self._refused(str(error))
                return None
            except (InvalidInput, Uninitialised) as error:
                self._condition.become(State.UNINITIALISED, str(error))
            except Refused as error:
                self._condition.become(State.TOKEN_REFUSED, str(error))
                return None
            except HsmUnavailable as error:
                self._condition.become(State.TOKEN_LOST, str(error))
            else:
                opened = Open(token, Keys(token))
                self._condition.become(State.SERVING, token.caveat, opened)
                return opened
            self._stopping.wait(_PROBE_EVERY)
        return None

    def _try(self) -> OpenToken:
        try:
            fresh = self._fresh_module()
            token = provisioning.find_token(fresh, self._settings.token_label)
            pin = PinFile(self._settings.pin_file).read()
            return open_token(fresh, token, pin, self._count_login, dedicated=self._settings.dedicated)
        except PKCS11Error as error:
            raise faults.TokenLost(f"the token cannot be opened ({faults.name(error)})") from error

    def _fresh_module(self) -> Module:
        if self._module is None:
            self._module = module.load(self._settings.module, self._settings.module_parameters)
        else:
            self._module.refresh()
        return self._module

    def _count_login(self) -> None:
        self._condition.logins += 1
        metrics.LOGINS.inc()

    def _watch(self, opened: Open) -> None:
        probes = 0
        while not self._stopping.wait(_PROBE_EVERY):
            self._progress = time.monotonic()
            probes += 1
            try:
                opened.token.probe()
                if probes % _LOOK_EVERY == 0:
                    opened.token.look_for_worlds()
            except (StrongroomError, PKCS11Error) as error:
                self.lose(str(error) if isinstance(error, StrongroomError) else faults.name(error))
                return
            metrics.SESSIONS.set(opened.token.sessions)
            metrics.CACHED_KEYS.set(opened.token.cached_keys)
            metrics.MADE_OBJECTS.set(opened.keys.made_objects)
            if opened.keys.made_objects >= self._settings.recycle_after:
                self._condition.become(State.DRAINING, "replacing the worker to free leaked memory")
                self._end(exits.DRAINED)
                return
