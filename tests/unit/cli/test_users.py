"""`fraud users`: accounts of the console. A password comes from standard input and is shown nowhere."""

import json
import os
import pty
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from typer.testing import CliRunner

from fraud_detection_api.cli import app

PASSWORD = "correct horse battery"


@pytest.fixture
def users(tmp_path):
    """Run `fraud users …` on a store of the test's own."""
    store = f"sqlite:///{tmp_path / 'decisions.db'}"

    def run(*arguments, given=""):
        done = CliRunner().invoke(app, ["users", *arguments, "--store", store], input=given, catch_exceptions=False)
        assert PASSWORD not in done.output
        return done

    return run


def test_an_account_is_added_listed_and_removed(users):
    assert users("add", "mira", "--role", "analyst", "--lead", given=f"{PASSWORD}\n").exit_code == 0
    [account] = json.loads(users("list", "--json").stdout)
    assert account.pop("created_at").endswith("Z")
    assert account == {"name": "mira", "role": "analyst", "is_lead": True, "from_provider": False}
    assert users("password", "mira", given="another horse battery\n").exit_code == 0
    assert users("remove", "mira").exit_code == 0
    assert json.loads(users("list", "--json").stdout) == []
    deeds = [(line["what"], line["about"]) for line in json.loads(users("audit", "--json").stdout)]
    assert deeds == [("account_removed", "mira"), ("password_changed", "mira"), ("account_added", "mira")]


@pytest.mark.parametrize(
    ("arguments", "given"),
    [
        (["add", "Mira", "--role", "admin"], PASSWORD),
        (["add", "a" * 64, "--role", "admin"], PASSWORD),
        (["add", "mira", "--role", "admin"], "short"),
        (["add", "mira", "--role", "admin"], "x" * 257),
        (["add", "mira", "--role", "admin"], ""),
        (["add", "mira", "--role", "admin", "--lead"], PASSWORD),
        (["remove", "mira"], ""),
        (["password", "mira"], PASSWORD),
    ],
)
def test_what_cannot_be_is_one_line_and_changes_nothing(users, arguments, given):
    done = users(*arguments, given=given)
    assert done.exit_code == 1
    assert done.stderr.startswith("error: ")
    assert len(done.stderr.splitlines()) == 1
    assert json.loads(users("audit", "--json").stdout) == []


def test_a_name_has_one_account(users):
    users("add", "mira", "--role", "analyst", given=PASSWORD)
    assert users("add", "mira", "--role", "admin", given=PASSWORD).exit_code == 1


def typed_at_a_terminal(*arguments, lines):
    """What `fraud users …` shows on a terminal where somebody types these lines, and its exit status."""
    terminal, inner = pty.openpty()
    program = str(Path(sys.executable).parent / "fraud")
    with subprocess.Popen(
        [program, "users", *arguments], stdin=inner, stdout=inner, stderr=inner, start_new_session=True
    ) as running:
        os.close(inner)
        shown = b""
        with suppress(OSError):  # the end of a terminal
            while piece := os.read(terminal, 1024):
                shown += piece
                if piece.endswith(b": ") and lines:
                    os.write(terminal, lines.pop(0).encode() + b"\n")
        ended = running.wait(60)
    os.close(terminal)
    return shown.decode(), ended


@pytest.mark.parametrize(("second", "status"), [(PASSWORD, 0), ("correct horse", 2)])
def test_at_a_terminal_a_password_is_typed_twice_and_not_shown(tmp_path, second, status):
    store = ("--store", f"sqlite:///{tmp_path / 'decisions.db'}")
    shown, ended = typed_at_a_terminal("add", "mira", "--role", "admin", *store, lines=[PASSWORD, second])
    assert ended == status
    assert "horse" not in shown


def test_there_is_no_option_for_a_password(users):
    assert users("add", "mira", "--role", "admin", "--password", "x").exit_code == 2


def test_the_tables_are_for_people(users):
    users("add", "mira", "--role", "analyst", given=PASSWORD)
    assert "mira" in users("list").stdout
    assert "account added" in users("audit").stdout
