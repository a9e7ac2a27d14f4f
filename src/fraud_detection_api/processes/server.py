"""The server: workers that share a listening socket, and the processes beside them."""

import errno
import os
import signal
import socket
from collections.abc import Callable
from contextlib import ExitStack, nullcontext

import uvicorn
from uvicorn.supervisors import Multiprocess

from fraud_detection_api.errors import InvalidSetting
from fraud_detection_api.processes.decision_writer import decision_writer_process
from fraud_detection_api.processes.entity_history import entity_history_process
from fraud_detection_api.processes.observer import observer_process
from fraud_detection_api.processes.scratch_folders import metrics_folder
from fraud_detection_api.settings import Settings

APP = "fraud_detection_api.main:app_from_environment"
HTTP = "fraud_detection_api.routes.wire.connection:HttpProtocol"
"""Names, so that a supervising process does not import FastAPI."""


def run_server(settings: Settings, *, stores: bool, on_listening: Callable[[str], None]) -> None:
    """Listen, call `on_listening` with the address, then serve until SIGTERM or Ctrl-C. Requests in flight are finished.

    Where the server `stores` decisions, the processes run that write and observe them. Raises InvalidSetting.
    """
    config = uvicorn.Config(
        APP,
        factory=True,
        host=settings.host,
        port=settings.port,
        workers=settings.workers,
        http=HTTP,
        ws="none",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=settings.drain_seconds,
    )
    if settings.api_keys_file is not None:
        # SIGHUP asks workers to read the keys again; until they listen for it, and in the processes beside, it means nothing
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    listeners = _listeners(settings)
    on_listening(_address(settings.host, listeners[0].getsockname()[1]))
    with (
        metrics_folder(settings.metrics_folder),
        decision_writer_process() if stores and settings.keeper is None else nullcontext(),
        entity_history_process() if stores and settings.history is None else nullcontext(),
        observer_process() if stores and settings.observer else nullcontext(),
    ):
        if settings.workers > 1:
            supervisor = Multiprocess if settings.api_keys_file is None else _Supervisor
            supervisor(config, sockets=listeners).run()
        else:
            uvicorn.Server(config).run(sockets=listeners)


def require_free(host: str, port: int) -> None:
    """Raise InvalidSetting where somebody listens there: what comes before the server may take long."""
    _bind(host, port).close()


def _listeners(settings: Settings) -> list[socket.socket]:
    """The socket for callers, and the one for health routes if there is one. Raises InvalidSetting."""
    with ExitStack() as bound:
        listeners = [bound.enter_context(_bind(settings.host, settings.port))]
        if settings.health_port == listeners[0].getsockname()[1]:  # the second socket would be bound all the same
            raise InvalidSetting("FRAUD_HEALTH_PORT", "is the port of all other routes; name another")
        if settings.health_port is not None:
            listeners.append(_bind(settings.host, settings.health_port, "FRAUD_HEALTH_PORT"))
        bound.pop_all()  # all of them: they stay open
        return listeners


class _Supervisor(Multiprocess):
    """Passes SIGHUP on to its workers, which read the keys again; uvicorn's own replaces every worker.

    A worker that is still starting has just read them, and SIGHUP would end it.
    """

    def handle_hup(self) -> None:
        for worker in self.processes:
            if worker.pid is not None and worker.is_ready(timeout=1):
                os.kill(worker.pid, signal.SIGHUP)


def _bind(host: str, port: int, setting: str = "FRAUD_PORT") -> socket.socket:
    """A socket that workers inherit; uvicorn's `bind_socket` would end the process with status 3. Raises InvalidSetting."""
    listening = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        problem = f"cannot listen on {_address(host, port)}: {error.strerror}; stop what listens there, or name another"
        raise InvalidSetting(setting if error.errno == errno.EADDRINUSE else "FRAUD_HOST", problem) from error
    listening.set_inheritable(True)
    return listening


def _address(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
