"""fraud demo, up to the moment at which it makes something; what follows is tested against a real process."""

import os
import socket

import pytest

from fraud_detection_api.jobs.demo import running


@pytest.fixture
def asked(monkeypatch):
    """What the command asks for, in place of a demo."""
    asked = []
    monkeypatch.setattr(
        running, "run_demo", lambda settings, demo, **_said: asked.append((settings, demo, os.environ.copy()))
    )
    return asked


def test_a_demo_is_on_loopback_in_its_own_folder_whatever_the_environment_says(fraud, asked, tmp_path):
    variables = {"FRAUD_HOST": "0.0.0.0", "FRAUD_REGISTRY": "real", "FRAUD_STORE": "sqlite:///real.db"}
    result = fraud(
        "demo", "--folder", tmp_path / "mine", "--port", "0", FRAUD_API_KEYS="score:" + "k" * 40, **variables
    )
    [(settings, demo, environment)] = asked
    assert result.exit_code == 0
    assert (settings.host, settings.api_keys) == ("127.0.0.1", "")
    assert settings.registry == environment["FRAUD_REGISTRY"] == str(tmp_path / "mine" / "registry")
    assert settings.store == f"sqlite:///{tmp_path / 'mine' / 'decisions.db'}"
    assert demo.folder == tmp_path / "mine"
    assert not demo.with_accounts
    assert "FRAUD_API_KEYS" not in environment


def test_without_a_folder_the_demo_leaves_nothing_behind(fraud, asked):
    assert fraud("demo").exit_code == 0
    assert not asked[0][1].folder.exists()


def test_a_folder_with_something_else_is_refused_and_left_as_it_is(fraud, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    result = fraud("demo", "--folder", tmp_path, "--port", "0")
    assert result.exit_code == 2
    assert "--folder" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_port_that_is_taken_is_reported_before_anything_is_made(fraud, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        result = fraud("demo", "--folder", tmp_path / "mine", "--port", taken.getsockname()[1])
    assert result.exit_code == 1
    assert "cannot listen on http://127.0.0.1:" in result.stderr
    assert not (tmp_path / "mine").exists()
