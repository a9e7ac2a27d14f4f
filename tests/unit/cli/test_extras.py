"""What an installation for serving can do without the training libraries, and what it says of the rest."""

import json
import subprocess
import sys

from fraud_detection_api.cli.terminal import TRAINING_LIBRARIES

SCRIPT = """
import json, sys
from importlib.abc import MetaPathFinder
from pathlib import Path

missing = json.loads(sys.argv[1])

class Missing(MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.partition(".")[0] in missing:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Missing())
from typer.testing import CliRunner
from fraud_detection_api.cli import app

def outcome(command):
    result = CliRunner().invoke(app, command.split())
    return [result.exit_code, result.stderr]

print(json.dumps({command: outcome(command) for command in json.loads(sys.argv[2])}))
"""
LACKING = "pip install 'fraud-detection-api[train]'"


def outcomes(commands, folder):
    arguments = [json.dumps(TRAINING_LIBRARIES), json.dumps(commands)]
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *arguments], cwd=folder, capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


def test_without_the_training_libraries_their_commands_say_so_in_one_line_and_the_others_work(
    tmp_path, file_registry_path
):
    (tmp_path / "costs.toml").write_text("review_cost = 8\n")
    training = [
        "contract infer none.csv --target bad",
        "data synth --out records.csv",
        "demo",
        "evaluate 1 none.csv",
        "export training-set --since 2026-01-01T00:00:00Z --out out.parquet",
        "labels import none.csv",
        "policy set costs.toml",
        "policy simulate --policy costs.toml",
        "retrain",
        "score none.csv --out out.csv",
        "serve --train-if-empty",
        "train none.csv",
        "tune none.csv",
    ]
    serving = ["contract show", "models list", "models history", "store migrate", "store info", "decisions list"]
    serving += ["store check", f"replay --sample 1 --registry {file_registry_path}"]
    serving += [f"models report champion --out report.html --registry {file_registry_path}"]
    found = outcomes([*training, *serving], tmp_path)
    for command in training:
        status, said = found[command]
        assert (status, said.count("\n"), LACKING in said) == (1, 1, True), (command, said)
    assert {command: found[command][0] for command in serving} == dict.fromkeys(serving, 0)
