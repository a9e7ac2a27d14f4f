"""What all commands share: help with an example, errors of one line, statuses, settings."""

import json
import subprocess
import sys

import pytest
import typer

from fraud_detection_api import __version__
from fraud_detection_api.cli import app


def commands() -> dict[str, object]:
    """Every command by its words, such as "models list"."""
    found, open_groups = {}, [("", typer.main.get_command(app))]
    while open_groups:
        words, group = open_groups.pop()
        for name in group.commands:
            path, command = f"{words} {name}".strip(), group.get_command(None, name)
            if hasattr(command, "commands"):
                open_groups.append((path, command))
            else:
                found[path] = command
    return found


COMMANDS = sorted(commands())
ARGUMENTS = {
    "audit accept-registry": [],
    "audit export": ["roots.jsonl"],
    "audit prove": ["0199"],
    "audit verify": [],
    "contract check": ["credit"],
    "contract infer": ["none.csv", "--target", "bad"],
    "contract reasons": [],
    "contract show": ["credit"],
    "data payments": ["--out", "out.csv"],
    "data synth": ["--out", "out.csv", "--rows", "10"],
    "decisions list": [],
    "decisions notice": ["0199"],
    "decisions show": ["0199"],
    "demo": [],
    "evaluate": ["1", "none.csv"],
    "export training-set": ["--since", "2026-01-01T00:00:00Z", "--out", "out.parquet"],
    "history features": ["none.csv", "--out", "features.csv"],
    "history load": ["none.csv"],
    "history show": ["C-1"],
    "keys new": ["payments", "--role", "score"],
    "labels import": ["none.csv"],
    "labels show": ["0199"],
    "models challenge": ["1"],
    "models compare": [],
    "models history": [],
    "models list": [],
    "models promote": ["1"],
    "models reword": ["1", "--contract", "none.toml"],
    "models report": ["1", "--out", "report.html"],
    "models rollback": [],
    "models show": ["1"],
    "monitor report": ["--out", "report.html"],
    "monitor show": [],
    "policy set": ["none.toml"],
    "policy show": [],
    "policy simulate": ["--policy", "none.toml"],
    "replay": ["--sample", "1"],
    "retrain": [],
    "score": ["none.csv", "--out", "out.csv"],
    "serve": [],
    "store backup": ["copy.db"],
    "store check": [],
    "store compact": [],
    "store erase": ["1"],
    "store info": [],
    "store migrate": [],
    "store purge": ["--older-than", "400d"],
    "store restore": ["copy.db"],
    "train": ["none.csv"],
    "tune": ["none.csv"],
    "users add": ["ada", "--role", "analyst"],
    "users audit": [],
    "users list": [],
    "users password": ["ada"],
    "users remove": ["ada"],
}


def test_the_commands_are_the_published_ones():
    assert sorted(ARGUMENTS) == COMMANDS


@pytest.mark.parametrize("command", COMMANDS)
def test_help_holds_an_example_of_the_command(fraud, command):
    result = fraud(*command.split(), "--help", COLUMNS="200")
    assert result.exit_code == 0
    assert f"Example: fraud {command}" in result.stdout.replace("`", "")


@pytest.mark.parametrize(
    "group", ["", "audit", "contract", "data", "decisions", "export", "labels", "models", "policy", "store", "users"]
)
def test_a_group_alone_shows_its_help(fraud, group):
    result = fraud(*group.split())
    assert result.exit_code == 2
    assert "Usage" in result.output


def test_the_version_is_printed(fraud):
    result = fraud("--version")
    assert (result.exit_code, result.stdout) == (0, f"{__version__}\n")


@pytest.mark.parametrize(
    "arguments",
    [
        ["unknown"],
        ["train"],
        ["score", "in.csv"],
        ["models", "promote"],
        ["data", "synth", "--rows", "0", "--out", "x.csv"],
        ["data", "synth", "--rows", "many", "--out", "x.csv"],
        ["data", "synth", "--seed", "-1", "--out", "x.csv"],
        ["train", "in.csv", "--seed", "-1"],
        ["contract", "infer", "in.csv"],
        ["serve", "--port", "http"],
        ["train", "in.csv", "--nonsense"],
    ],
    ids=" ".join,
)
def test_a_wrong_use_has_status_2(fraud, arguments):
    result = fraud(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "Usage" in result.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_an_unknown_setting_stops_the_command_with_one_line(fraud, command):
    result = fraud(*command.split(), *ARGUMENTS[command], FRAUD_REGISTRI="x")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr == "error: FRAUD_REGISTRI: no such setting; did you mean FRAUD_REGISTRY?\n"


def test_a_setting_of_a_bad_value_is_told_by_name(fraud):
    result = fraud("models", "list", FRAUD_PORT="eighty")
    assert result.exit_code == 1
    assert result.stderr.startswith("error: FRAUD_PORT: ")
    assert "eighty" not in result.stderr


def test_help_needs_no_sound_environment(fraud):
    assert fraud("train", "--help", FRAUD_REGISTRI="x").exit_code == 0


def test_an_option_beats_the_environment(fraud, file_registry_path, tmp_path):
    arguments = ["models", "list", "--json"]
    empty = str(tmp_path / "empty")
    assert json.loads(fraud(*arguments, FRAUD_REGISTRY=empty).stdout) == []
    given = fraud(*arguments, "--registry", file_registry_path, FRAUD_REGISTRY=empty)
    assert [model["version"] for model in json.loads(given.stdout)] == ["1"]


def test_the_environment_beats_the_default(fraud, file_registry_path):
    result = fraud("models", "list", "--json", FRAUD_REGISTRY=str(file_registry_path))
    assert [model["version"] for model in json.loads(result.stdout)] == ["1"]


def test_the_list_of_commands_says_what_each_says_itself():
    group = typer.main.get_command(app)
    for name, listed in group.commands.items():
        command = group.get_command(None, name)
        assert listed.help == command.help.split("\n\n")[0].strip().replace("\n", " ")


def test_help_imports_no_command_and_no_library_of_one():
    script = (
        "import sys; from fraud_detection_api.cli import app\n"
        "try: app(['--help'])\nexcept SystemExit: print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    imported = set(done.stderr.split())
    package = {
        name.removeprefix("fraud_detection_api.") for name in imported if name.startswith("fraud_detection_api.")
    }
    assert package == {"cli", "cli.hints", "cli.lazy_group", "cli.terminal", "errors", "jobs", "jobs.listener"}
    assert not imported & {"numpy", "polars", "sklearn", "uvicorn", "xgboost"}
