"""An environment for each peer, installed by the run itself with pip, kept for the next run."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.serving.pins import Environment

OTHER_PYTHONS = ("python3.12", "python3.13", "python3.10")
"""Tried where a peer cannot be installed for the Python that runs this."""

STATED = (
    "import importlib.metadata as m, json, sys; print(json.dumps({name: m.version(name) for name in sys.argv[1:]}))"
)


class NotMeasured(Exception):
    """Why a peer cannot be measured, in words for the page: no paths, no hosts."""


def install(environment: Environment, folder: Path, say: Callable[[str], None]) -> Path:
    """The Python of the environment under `folder`, made if need be. Raises NotMeasured where no Python can have it."""
    home = folder / environment.name
    python, stamp, constraints = home / "bin" / "python", home / "requirements.txt", folder / "constraints.txt"
    wanted = "".join(f"{line}\n" for line in (*environment.requirements, *environment.constraints))
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted:
        return python
    folder.mkdir(parents=True, exist_ok=True)
    for candidate in _pythons():
        say(f"{environment.name}: installing {' '.join(environment.requirements)}")
        constraints.write_text("".join(f"{line}\n" for line in environment.constraints), encoding="utf-8")
        shutil.rmtree(home, ignore_errors=True)
        if _made(candidate, home, environment, constraints, say):
            stamp.write_text(wanted, encoding="utf-8")
            return python
    raise NotMeasured(f"pip could not install its environment, {environment.name}")


def stated_versions(python: Path, distributions: tuple[str, ...]) -> dict[str, str]:
    """What is installed there, with the version of Python."""
    printed = _run([str(python), "-c", STATED, *distributions])
    interpreter = _run([str(python), "-c", "import platform; print(platform.python_version())"])
    return {**json.loads(printed.stdout), "Python": interpreter.stdout.strip()}


def _pythons() -> Iterator[str]:
    yield sys.executable
    yield from filter(None, map(shutil.which, OTHER_PYTHONS))


def _made(python: str, home: Path, environment: Environment, constraints: Path, say: Callable[[str], None]) -> bool:
    pip = [str(home / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    pip += ["--constraint", str(constraints)]
    for command in ([python, "-m", "venv", str(home)], [*pip, *environment.requirements]):
        done = _run(command)
        if done.returncode:
            say(f"{environment.name}: not installed: {_last_line(done.stderr)}")
            return False
    return True


def _last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "no reason was given"


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 ours
