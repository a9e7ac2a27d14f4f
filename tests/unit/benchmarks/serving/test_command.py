"""The command around the measurements."""

import pytest

from benchmarks.serving import __main__ as command
from benchmarks.serving.results import to_json


def test_a_page_is_written_anew_from_results(results, tmp_path, capsys):
    (tmp_path / "results.json").write_bytes(to_json(results))
    asked = ["--render", str(tmp_path / "results.json"), "--page", str(tmp_path / "page.md")]
    assert command.main(asked) == 0
    assert (tmp_path / "page.md").read_text(encoding="utf-8").startswith("# ")
    assert "page.md" in capsys.readouterr().err


@pytest.mark.parametrize("content", ["{}", "no JSON"])
def test_a_file_of_something_else_is_refused_in_one_line(content, tmp_path, capsys):
    (tmp_path / "other.json").write_text(content, encoding="utf-8")
    assert command.main(["--render", str(tmp_path / "other.json")]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_missing_wrk_stops_a_run_before_anything_is_made(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PATH", "")
    assert command.main(["--cache", str(tmp_path / "cache")]) == 2
    assert "apt-get install wrk" in capsys.readouterr().err
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("option", ["--only", "--parts"])
def test_an_unknown_name_is_refused_with_those_that_there_are(option, capsys):
    with pytest.raises(SystemExit):
        command.main([option, "score,nobody"])
    assert "there is no" in capsys.readouterr().err
