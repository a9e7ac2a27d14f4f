"""Files that hold customers' records outlive neither the command that wrote them nor, for long, one that was killed."""

import multiprocessing
import os
import signal
import stat
import tempfile

import pytest

from fraud_detection_api.processes.scratch_folders import scratch_folder


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """Where temporary files go in this test."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_the_folder_is_its_users_alone_and_gone_afterwards_whatever_happens(temporary):
    def fail() -> None:
        with scratch_folder("retrain") as folder:
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700
            (folder / "records.parquet").write_bytes(b"records")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert list(temporary.iterdir()) == []


def hold_until_killed(folder):
    tempfile.tempdir = str(folder)
    with scratch_folder("retrain") as held:
        (held / "records.parquet").write_bytes(b"records")
        os.kill(os.getpid(), signal.SIGKILL)


def test_what_a_killed_holder_left_is_removed_and_what_is_in_use_is_not(temporary):
    with scratch_folder("retrain") as in_use:
        process = multiprocessing.get_context("spawn").Process(target=hold_until_killed, args=(temporary,))
        process.start()
        process.join()
        [killed] = [folder for folder in temporary.iterdir() if folder != in_use]
        assert (killed / "records.parquet").exists()
        with scratch_folder("retrain"):
            assert not killed.exists()
            assert in_use.exists()


def test_a_link_in_its_place_leads_nowhere(temporary, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    for name in ("precious", "owner.lock"):
        (elsewhere / name).touch()
    with scratch_folder("retrain") as folder:
        link = temporary / f"{folder.name[:-8]}12345678"
    link.symlink_to(elsewhere)
    with scratch_folder("retrain"):
        assert (elsewhere / "precious").exists()
