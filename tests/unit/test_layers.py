"""The lint contracts on imports bite: a planted import that breaks one is found, by that contract."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = "fraud_detection_api"

PLANTED = {
    "a lower layer imports a higher one": (
        "model/trees/forest.py",
        f"import {PACKAGE}.services.deciding.recording",
        "Layers",
    ),
    "the decision layer knows a model": ("decision/label.py", f"import {PACKAGE}.model.trees.forest", "Layers"),
    "services import training": ("services/deciding/recording.py", f"import {PACKAGE}.training.data.splits", "Layers"),
    "metrics know a service": ("metrics/sharing.py", f"import {PACKAGE}.services.admission.api_keys", "Layers"),
    "main imports cli": ("main.py", f"import {PACKAGE}.cli.terminal", "Layers"),
    "a job imports the command line": ("jobs/listener.py", f"import {PACKAGE}.cli.terminal", "Layers"),
    "a process imports a job": ("processes/sigterm.py", f"import {PACKAGE}.jobs.listener", "Layers"),
    "a job names an adapter": ("jobs/labels.py", f"import {PACKAGE}.adapters.file_registry", "Only the container"),
    "a job writes to a terminal": ("jobs/training.py", "import typer", "The command line alone"),
    "two rooms import each other": ("contract/formula.py", f"import {PACKAGE}.contract.declaration", "No two modules"),
    "a module without a room": ("utils.py", "", "Layers"),
    "a service reads settings": ("services/deciding/recording.py", f"import {PACKAGE}.settings", "Settings are read"),
    "a route names an adapter": ("routes/health.py", f"import {PACKAGE}.adapters.file_registry", "Only the container"),
    "adapters know each other": ("adapters/other.py", f"import {PACKAGE}.adapters.file_registry", "Adapters ignore"),
    "MLflow is imported elsewhere": ("services/deciding/recording.py", "import mlflow", "MLflow is imported"),
    "MLflow is imported beside its connection": ("adapters/mlflow/tracker.py", "import mlflow", "MLflow is imported"),
    "OpenTelemetry is imported elsewhere": (
        "services/tracing/tracer.py",
        "import opentelemetry",
        "OpenTelemetry is",
    ),
    "OpenTelemetry is imported by a route": (
        "routes/protocol/context.py",
        "import opentelemetry",
        "OpenTelemetry is imported",
    ),
    "a password is hashed elsewhere": ("services/accounts/sessions.py", "import argon2", "Passwords are hashed"),
    "a template is rendered elsewhere": ("console/service.py", "import jinja2", "Templates are rendered"),
    "the console names an adapter": (
        "console/signing_in.py",
        f"import {PACKAGE}.adapters.file_registry",
        "Only the container",
    ),
    "the console reads settings": ("console/words.py", f"import {PACKAGE}.settings", "Settings are read"),
    "object storage is reached elsewhere": ("services/batch/places.py", "import obstore", "Object storage's library"),
    "a Delta table is read elsewhere": ("services/batch/places.py", "import deltalake", "Delta's libraries"),
    "a web framework below the container": ("services/deciding/recording.py", "import starlette", "No web framework"),
    "serving imports training": ("routes/health.py", f"import {PACKAGE}.training.data.splits", "Serving never imports"),
    "serving imports a training library": ("services/admission/api_keys.py", "import sklearn", "Serving never imports"),
    "serving imports Polars": ("services/deciding/recording.py", "import polars", "Polars stays out"),
}

REPORTED = {
    "two rooms import each other": "- .formula -> .declaration (1 import)",
    "a module without a room": f"- {PACKAGE}.utils\n",
}


def lint(folder: Path) -> str:
    program = Path(sys.executable).parent / "lint-imports"
    environment = {**os.environ, "PYTHONPATH": str(folder / "src"), "COLUMNS": "200"}
    done = subprocess.run(
        [str(program), "--no-cache"], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode in {0, 1}, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def sections(tmp_path_factory) -> dict[str, str]:
    """What is reported under the name of each contract, about a source in which every import is planted."""
    folder = tmp_path_factory.mktemp("planted")
    source = shutil.copytree(
        ROOT / "src" / PACKAGE, folder / "src" / PACKAGE, ignore=shutil.ignore_patterns("__pycache__")
    )
    shutil.copy(ROOT / "pyproject.toml", folder)
    for name, line, _ in PLANTED.values():
        with (source / name).open("a", encoding="utf-8") as file:
            file.write(f"\n{line}\n")
    return dict(re.findall(r"^(.+)\n-{3,}\n\n((?:.*\n)*?)(?=.+\n-{3,}\n|\Z)", lint(folder), re.MULTILINE))


def test_the_source_keeps_every_contract():
    assert " 0 broken" in lint(ROOT)


@pytest.mark.parametrize("case", PLANTED)
def test_a_planted_import_is_found_by_its_contract(sections, case):
    name, line, contract = PLANTED[case]
    module = ".".join((PACKAGE, *Path(name).with_suffix("").parts))
    reported = REPORTED.get(case, f"{module} -> {line.removeprefix('import ')} (l.")
    assert reported in next(text for title, text in sections.items() if title.startswith(contract))
