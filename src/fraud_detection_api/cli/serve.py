"""fraud serve."""

import errno
import json
import os
import shlex
import socket
from contextlib import nullcontext
from datetime import UTC, datetime
from typing import Annotated

import typer
import uvicorn
from uvicorn.supervisors import Multiprocess

from fraud_detection_api.cli.options import ContractOption, Registry, order_of, settings_with
from fraud_detection_api.cli.terminal import progress, say
from fraud_detection_api.cli.training import require_training_libraries
from fraud_detection_api.container.process import Container, build_container
from fraud_detection_api.contract.loading import CREDIT
from fraud_detection_api.errors import FraudError, InvalidSetting
from fraud_detection_api.processes.metrics_folder import metrics_folder
from fraud_detection_api.processes.observer_process import observer_process
from fraud_detection_api.processes.writer_process import keeper_process
from fraud_detection_api.routes.protocol.connection import HttpProtocol
from fraud_detection_api.schemas.contract import example_record
from fraud_detection_api.services.models.aliases import CHAMPION
from fraud_detection_api.settings import PREFIX, Settings
from fraud_detection_api.telemetry import configure_logging

APP = "fraud_detection_api.main:app_from_environment"


def serve(
    host: Annotated[
        str | None,
        typer.Option("--host", metavar="H", help="Address to listen on; 127.0.0.1 if not set. [env: FRAUD_HOST]"),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option("--port", metavar="P", help="Port; 8000 if not set, 0 picks a free one. [env: FRAUD_PORT]"),
    ] = None,
    workers: Annotated[
        int | None, typer.Option("--workers", metavar="N", help="Processes; 1 if not set. [env: FRAUD_WORKERS]")
    ] = None,
    registry: Registry = None,
    contract: ContractOption = None,
    train_if_empty: Annotated[
        bool, typer.Option("--train-if-empty", help="Train the default model on simulated records where there is none.")
    ] = False,
) -> None:
    """Serve the champion over HTTP.

    Example: `fraud serve --port 8000 --workers 2`
    """
    overrides = {"host": host, "port": port, "workers": workers, "registry": registry, "contract": contract}
    settings = settings_with(**overrides)
    # the worker processes read their settings from the environment that they inherit
    os.environ.update({PREFIX + name.upper(): str(given) for name, given in overrides.items() if given is not None})
    configure_logging(settings.log_level, settings.log_format)
    container = build_container(settings)
    settings.require_safe_address(has_keys=bool(container.keys))
    if train_if_empty and container.registry.assigned(CHAMPION) is None:
        _train_default(container)
    _run(settings, container)


def _run(settings: Settings, container: Container) -> None:
    """Listen, then announce, then serve until SIGTERM or Ctrl-C; requests in flight are finished first."""
    config = uvicorn.Config(
        APP,
        factory=True,
        host=settings.host,
        port=settings.port,
        workers=settings.workers,
        http=HttpProtocol,
        ws="none",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=settings.drain_seconds,
    )
    listening = _bind(settings.host, settings.port)
    _announce(_address(settings.host, listening.getsockname()[1]), _example(container))
    keeps = container.store is not None and settings.keeper is None
    observes = container.store is not None and settings.observer
    with (
        metrics_folder(settings.metrics_folder),
        keeper_process() if keeps else nullcontext(),
        observer_process() if observes else nullcontext(),
    ):
        if settings.workers > 1:
            Multiprocess(config, sockets=[listening]).run()
        else:
            uvicorn.Server(config).run(sockets=[listening])


def _bind(host: str, port: int) -> socket.socket:
    """A socket that the worker processes inherit. Raises InvalidSetting where the address is taken or not this machine's.

    uvicorn's own `bind_socket` would log the failure and end the process with status 3.
    """
    listening = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        fault = f"cannot listen on {_address(host, port)}: {error.strerror}; stop what listens there, or name another"
        raise InvalidSetting("FRAUD_PORT" if error.errno == errno.EADDRINUSE else "FRAUD_HOST", fault) from error
    listening.set_inheritable(True)
    return listening


def _address(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _example(container: Container) -> str:
    """A record of the champion's contract, as JSON."""
    try:
        contract = container.deployment.models.load(CHAMPION).bundle.contract
    except FraudError:
        contract = container.deployment.contract
    return json.dumps([example_record(contract)], ensure_ascii=False)


def _announce(address: str, example: str) -> None:
    say(
        f"""
fraud-detection-api listens on {address}
  documentation   {address}/docs
  try it          curl --location '{address}/fraud_detection' --header 'Content-Type: application/json' \\
                  --data {shlex.quote(example)}
  stop            Ctrl-C
"""
    )


def _train_default(container: Container) -> None:
    """Train on simulated credit records. Raises InvalidSetting where another contract is asked for."""
    if container.settings.contract not in (None, CREDIT):
        mend = "train on your own file first: fraud train FILE --contract PATH"
        raise InvalidSetting("FRAUD_CONTRACT", f"the default model is for the contract {CREDIT!r} only; {mend}")
    require_training_libraries()
    from fraud_detection_api.training.default_model import fit_default_model

    with progress("Training the default model on simulated records") as report:
        fitted = fit_default_model(container.registry, by=order_of().by, now=datetime.now(UTC), on_progress=report)
    auc = fitted.evaluation.metrics["roc_auc"]
    say(f"trained the default model: ROC AUC {auc.value:.3f} (best possible {auc.bayes_limit:.3f})")
