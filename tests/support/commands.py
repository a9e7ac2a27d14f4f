"""`fraud` in the tests' own process: what a command does, without the seconds that starting a Python takes."""

import contextlib
import inspect
import logging
import os
import shlex
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
from click.testing import Result
from typer.testing import CliRunner

from fraud_detection_api.cli import app
from fraud_detection_api.training.model_fitter import ModelFitter
from support.builders import QUICK
from support.sketches import plots_made_by, sketch


class Printed(NamedTuple):
    """What the commands of a block printed, up to the first that failed, and its exit status."""

    returncode: int
    stdout: str
    stderr: str


def fraud(*arguments: object, **environment: str) -> Result:
    """Run `fraud` with arguments; an exception other than the ones it handles is raised."""
    return CliRunner(env=environment).invoke(app, [str(part) for part in arguments], catch_exceptions=False)


@contextmanager
def own_process_state(folder: Path) -> Iterator[None]:
    """Work in that folder; afterwards the environment and the logging of this process are as they were."""
    environment, root, server = dict(os.environ), logging.getLogger(), logging.getLogger("uvicorn.error")
    handlers, level, server_level = root.handlers[:], root.level, server.level
    try:
        with contextlib.chdir(folder):
            yield
    finally:
        os.environ.clear()
        os.environ.update(environment)
        root.handlers[:] = handlers
        root.setLevel(level)
        server.setLevel(server_level)


@contextmanager
def trainings_with(**fitter: object) -> Iterator[None]:
    """While the block runs, every ModelFitter of this process has these fields, whatever it is given."""
    initialise = ModelFitter.__init__
    given_to = inspect.signature(initialise).bind
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            ModelFitter,
            "__init__",
            lambda *given, **named: initialise(**{**given_to(*given, **named).arguments, **fitter}),
        )
        yield


def quick_training() -> AbstractContextManager[None]:
    """While the block runs, every training of this process takes a moment: few trees, two folds, no smaller trainings."""
    return trainings_with(settings=QUICK, threads=1, training_shares=())


def quick_fraud() -> None:
    """Be `fraud`, with this process's arguments; trainings are quick, and reports have no pictures."""
    with quick_training(), plots_made_by(sketch):
        app()


def run_block(block: str, folder: Path) -> Printed:
    """Run a block of shell in the folder, as far as it is made of `fraud …`, `> FILE`, `export NAME=VALUE` and comments.

    Trainings are quick.
    """
    printed = Printed(0, "", "")
    with own_process_state(folder), quick_training():
        for line in block.replace("\\\n", " ").splitlines():
            if words := shlex.split(line, comments=True):
                done = _run(words)
                printed = Printed(done.returncode, printed.stdout + done.stdout, printed.stderr + done.stderr)
            if printed.returncode:
                break
    return printed


def _run(words: list[str]) -> Printed:
    match words:
        case ["export", assignment]:
            name, _, value = assignment.partition("=")
            os.environ[name] = value
            return Printed(0, "", "")
        case ["fraud", *arguments, ">", file]:
            result = fraud(*arguments)
            Path(file).write_text(result.stdout, encoding="utf-8")
            return Printed(result.exit_code, "", result.stderr)
        case ["fraud", *arguments]:
            result = fraud(*arguments)
            return Printed(result.exit_code, result.stdout, result.stderr)
    raise AssertionError(f"not a command that runs in this process: {shlex.join(words)}")
