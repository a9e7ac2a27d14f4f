"""`fraud` in the tests' own process: what a command does, without the seconds that starting a Python takes."""

import contextlib
import logging
import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
from click.testing import Result
from typer.testing import CliRunner

from fraud_detection_api.cli import app
from fraud_detection_api.jobs import training
from fraud_detection_api.training import model_fitter
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
def quick_training() -> Iterator[None]:
    """While the block runs, every training of this process takes a moment: few trees, two folds."""
    fitter = model_fitter.ModelFitter
    with pytest.MonkeyPatch.context() as patch:
        for module in (model_fitter, training):
            patch.setattr(module, "ModelFitter", lambda **given: fitter(**{**given, "settings": QUICK, "threads": 1}))
        yield


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
