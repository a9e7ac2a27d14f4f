"""Files that hold customers' records outlive neither the command that wrote them nor, for long, one that was killed."""

import stat
import tempfile

import pytest

from fraud_detection_api.cli.scratch import scratch_folder


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """Where temporary files go in this test."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_the_folder_is_its_users_alone_and_gone_afterwards_whatever_happens(temporary):
    def fail() -> None:
        with scratch_folder("retrain", "a store") as folder:
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700
            (folder / "records.parquet").write_bytes(b"records")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert list(temporary.iterdir()) == []


def test_what_a_killed_holder_left_is_removed_and_what_is_anothers_is_not(temporary):
    with scratch_folder("retrain", "a store") as folder:
        killed = temporary / f"{folder.name[:-8]}12345678"
    killed.mkdir()
    (killed / "records.parquet").write_bytes(b"records")
    with scratch_folder("retrain", "another store") as others, scratch_folder("retrain", "a store"):
        assert not killed.exists()
        assert others.exists()


def test_a_link_in_its_place_leads_nowhere(temporary, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "precious").touch()
    with scratch_folder("retrain", "a store") as folder:
        link = temporary / f"{folder.name[:-8]}12345678"
    link.symlink_to(elsewhere)
    with scratch_folder("retrain", "a store"):
        assert (elsewhere / "precious").exists()
