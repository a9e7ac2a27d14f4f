"""Reads the keys again when their file changes or a signal asks for it; a bad file changes nothing."""

import asyncio
import logging
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

from fraud_detection_api.errors import InvalidSetting
from fraud_detection_api.metrics.catalogue import KEY_LOADS
from fraud_detection_api.metrics.tallies import CounterCell, Tallies
from fraud_detection_api.services.admission.api_keys import ApiKeys
from fraud_detection_api.services.admission.callers import Caller
from fraud_detection_api.telemetry import log_event, log_failure


def loads_counted(tallies: Tallies) -> dict[str, CounterCell]:
    """Counters of the loads, by result."""
    return {each: tallies.counter(KEY_LOADS, each) for each in ("loaded", "refused")}


class KeyReload:
    """Keeps `keys` at what the file says: `stamp` tells its versions apart, `read` raises InvalidSetting for a bad one."""

    def __init__(
        self,
        keys: ApiKeys,
        *,
        stamp: Callable[[], object],
        read: Callable[[], Sequence[Caller]],
        tallies: Tallies,
    ) -> None:
        self._keys, self._stamp, self._read = keys, stamp, read
        self._loads = loads_counted(tallies)
        self._seen = stamp()
        keys.replace(read())  # after the stamp, so that no change in between is missed
        self._reading = threading.Lock()
        self._asked = asyncio.Event()

    async def watch(self, every_seconds: float) -> None:
        """Look for ever, and at once when SIGHUP comes."""
        with self._on_sighup():
            while True:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._asked.wait(), every_seconds)
                must = self._asked.is_set()
                self._asked.clear()
                try:
                    await asyncio.to_thread(self.look, must=must)
                except Exception as error:  # noqa: BLE001 a watcher that dies would freeze the keys silently
                    log_failure("key_reload_failed", error)

    def look(self, *, must: bool = False) -> None:
        """Read the file where it changed, or where one `must`. A file that is refused is logged once, and the keys stay."""
        with self._reading:
            seen = self._stamp()
            if seen == self._seen and not must:
                return
            self._seen = seen
            try:
                callers = self._read()
            except InvalidSetting as error:
                self._loads["refused"].add()
                log_event("keys_refused", level=logging.ERROR, reason=str(error))
                return
            self._keys.replace(callers)
            self._loads["loaded"].add()
            log_event("keys_loaded", keys=len(callers))

    @contextmanager
    def _on_sighup(self) -> Iterator[None]:
        """Only the main thread receives signals; elsewhere, as in tests, the file's stamp has to do."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGHUP, self._asked.set)
        try:
            yield
        finally:
            loop.remove_signal_handler(signal.SIGHUP)
            signal.signal(signal.SIGHUP, signal.SIG_IGN)  # the process is about to end, and in its own time
