"""Tables, progress and errors, as people and programs see them."""

import io
import json
import logging
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from fraud_detection_api.cli import terminal
from fraud_detection_api.cli.terminal import TeachingGroup, print_json, print_table, progress, say
from fraud_detection_api.errors import GateRefused, InvalidDataset, NoChampion
from fraud_detection_api.telemetry import log_event


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def failing_app(error: BaseException) -> typer.Typer:
    app = typer.Typer(cls=TeachingGroup, pretty_exceptions_enable=False)

    @app.callback()
    def root() -> None:
        pass

    @app.command()
    def fail() -> None:
        raise error

    return app


def status_of(error: BaseException) -> int:
    with pytest.raises(SystemExit) as caught:
        failing_app(error)(["fail"])
    return caught.value.code


def test_an_expected_failure_is_one_line_and_status_1(capsys):
    assert status_of(NoChampion("there is none; train one")) == 1
    assert capsys.readouterr() == ("", "error: there is none; train one\n")


def test_one_problem_of_a_file_is_one_line(capsys):
    assert status_of(InvalidDataset("a.csv", ["holds no rows"])) == 1
    assert capsys.readouterr().err == "error: a.csv: holds no rows\n"


def test_several_problems_of_a_file_have_a_line_each(capsys):
    assert status_of(InvalidDataset("a.csv", ["x is empty", "y is missing"])) == 1
    assert capsys.readouterr().err == "error: a.csv: 2 problems\n  x is empty\n  y is missing\n"


def test_an_unexpected_failure_is_not_hidden():
    with pytest.raises(ZeroDivisionError):
        failing_app(ZeroDivisionError())(["fail"])


def test_a_full_disk_under_stdout_is_one_line_on_stderr():
    command = [sys.executable, "-m", "fraud_detection_api", "keys", "new", "payments", "--role", "score"]
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stderr) == (1, "error: the output cannot be written: No space left on device\n")


def test_a_reader_that_went_away_is_status_1_and_silent(monkeypatch):
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    assert status_of(BrokenPipeError()) == 1
    assert stream.closed


def test_json_keeps_letters_as_they_are(capsys):
    print_json({"name": "Zürich"})
    assert '"name": "Zürich"' in capsys.readouterr().out


def test_people_are_told_on_stderr(capsys):
    say("done")
    assert capsys.readouterr() == ("", "done\n")


def test_a_table_in_a_pipe_is_not_cut(capsys):
    print_table(["name", "text"], [["x", "long " * 30]])
    assert ("long " * 30).strip() in capsys.readouterr().out


def test_a_table_holds_its_title_and_every_cell(capsys):
    print_table(["name", "value"], [["a", "1"], ["b", "2"]], title="Things")
    printed = capsys.readouterr().out
    assert all(text in printed for text in ("Things", "name", "value", "a", "1", "b", "2"))


@pytest.mark.parametrize("text", ["[eur]", "[/eur]", "[bold]x[/bold]", "limits [a, b]"])
def test_brackets_in_a_cell_are_text(capsys, text):
    print_table([f"head {text}"], [[text]], title=f"title {text}")
    printed = capsys.readouterr().out
    assert printed.count(text) == 3


def test_several_reasons_of_the_gate_are_a_line_each(capsys):
    reasons = ["a record takes too long", "12 frauds are known"]
    assert status_of(GateRefused("version 7 did not pass the gate", reasons, remedy="Wait")) == 1
    first, *listed, remedy = capsys.readouterr().err.splitlines()
    assert first == "error: version 7 did not pass the gate:"
    assert listed == ["  a record takes too long", "  12 frauds are known"]
    assert remedy == "  Wait"
    assert status_of(GateRefused("version 7 did not pass the gate", reasons[:1], remedy="Wait")) == 1
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_there_is_no_progress_bar_in_a_pipe(capsys):
    with progress("Working") as report:
        report(0.5)
    assert capsys.readouterr() == ("", "")


def test_there_is_a_progress_bar_on_a_terminal(monkeypatch):
    stream = Terminal()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", stream)
    with terminal.progress("Working") as report:
        report(1.0)
    assert "Working" in stream.getvalue()
    assert "100%" in stream.getvalue()


def test_no_heading_title_or_error_can_command_a_terminal(capsys):
    terminal.print_table(("note \x1b[31m",), [("x",)], title="of \x1b[32m")
    assert status_of(NoChampion("model \x1b[33m")) == 1
    printed = capsys.readouterr()
    assert "\x1b" not in printed.out + printed.err
    assert all(text in printed.out for text in ("note \\x1b[31m", "of \\x1b[32m"))
    assert printed.err == "error: model \\x1b[33m\n"


def test_json_commands_no_terminal_and_says_the_same(capsys):
    document = {"note": "\x1b[31m \x9b31m \u202e \U000e0001 é"}
    print_json(document)
    printed = capsys.readouterr().out
    assert all(each.isprintable() or each == "\n" for each in printed)
    assert "é" in printed
    assert json.loads(printed) == document


def test_no_cell_or_line_can_command_a_terminal(capsys):
    terminal.print_table(("note",), [("\x1b[31mred",)])
    terminal.say("a note: \x9b31m\nand another line")
    printed = capsys.readouterr()
    assert "\\x1b[31mred" in printed.out
    assert printed.err == "a note: \\x9b31m\nand another line\n"


def test_what_is_logged_without_a_log_is_a_line_that_says_how_grave_it_is(capsys, monkeypatch):
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    status_of(NoChampion("none"))
    capsys.readouterr()
    log_event("contract_deprecated", level=logging.WARNING, detail="rename\x1b it")
    assert capsys.readouterr().err == "warning: rename\\x1b it\n"
