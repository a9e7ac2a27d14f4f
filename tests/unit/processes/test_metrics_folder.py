"""The folder that `fraud serve` makes for the metrics of its processes."""

import fcntl
import os
import tempfile
from pathlib import Path

import pytest

from fraud_detection_api.errors import InvalidSetting
from fraud_detection_api.processes.scratch_folders import FOLDER, metrics_folder


@pytest.fixture(autouse=True)
def temporary(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_the_processes_are_told_of_it_and_it_goes_in_the_end():
    with metrics_folder(None):
        folder = Path(os.environ[FOLDER])
        assert folder.is_dir()
        assert folder.stat().st_mode & 0o077 == 0
        (folder / "worker-0.json").write_text("[]")
    assert not folder.exists()
    assert FOLDER not in os.environ


def test_those_of_servers_that_live_stay_and_those_of_killed_ones_go(temporary):
    abandoned, beginning, living = (
        temporary / f"fraud-metrics-{name}" for name in ("abandoned", "beginning", "living")
    )
    for folder in (abandoned, beginning, living):
        folder.mkdir()
    (abandoned / "owner.lock").touch()
    with (living / "owner.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with metrics_folder(None):
            assert not abandoned.exists()
    assert living.exists()
    assert beginning.exists()


def test_of_a_named_one_the_files_of_slots_go_and_nothing_else(temporary):
    ours = ["worker-0.json", "worker-12.lock", "keeper.json", "keeper-1.json", "observer.new"]
    others = ["settings.json", "worker.txt", "poetry.lock"]
    for name in [*ours, *others]:
        (temporary / name).touch()
    with metrics_folder(temporary):
        assert FOLDER not in os.environ
        assert sorted(path.name for path in temporary.iterdir()) == sorted(others)
    assert temporary.is_dir()


def test_a_named_one_that_cannot_be_made_stops_the_start(temporary):
    (temporary / "file").touch()
    with (
        pytest.raises(InvalidSetting, match=r"FRAUD_METRICS_FOLDER: .*cannot be made or emptied"),
        metrics_folder(temporary / "file"),
    ):
        pytest.fail("it started")
