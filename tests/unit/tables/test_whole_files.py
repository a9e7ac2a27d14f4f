"""A file is written whole, in the place of a file or of nothing."""

import os
from pathlib import Path

import pytest

from fraud_detection_api.errors import InvalidDataset
from fraud_detection_api.tables.whole_files import written_whole


def test_a_file_takes_the_place_of_another_at_the_end(tmp_path):
    target = tmp_path / "ünï cödé.csv"
    target.write_text("before")
    with written_whole(target) as waiting:
        waiting.write_text("after")
        assert target.read_text() == "before"
    assert target.read_text() == "after"
    assert list(tmp_path.iterdir()) == [target]


def test_no_folder_or_device_is_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for target in (tmp_path / "pipe", tmp_path, Path()):
        with pytest.raises(InvalidDataset, match="it is not a file"), written_whole(target) as waiting:
            waiting.write_text("after")
    assert (tmp_path / "pipe").is_fifo()
    assert [path.name for path in tmp_path.iterdir()] == ["pipe"]
