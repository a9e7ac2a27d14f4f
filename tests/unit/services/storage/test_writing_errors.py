"""The error that a writer reports while the store is unavailable."""

from contextlib import closing

import pytest

from fraud_detection_api.adapters.journal import FileJournal
from fraud_detection_api.errors import StoreUnavailable
from fraud_detection_api.services.storage.writing import GroupCommit
from support.polling import eventually


class UnavailableStore:
    """A store that cannot be reached."""

    def migrate(self) -> None:
        raise StoreUnavailable("the store is unavailable")

    def close(self) -> None:
        pass


@pytest.fixture
def writer_beside(tmp_path):
    """Starts a writer whose store is unavailable, with or without a journal."""

    def start(journal: FileJournal | None) -> GroupCommit:
        writer = GroupCommit(UnavailableStore(), limit=1, journal=journal)
        writer.start()
        return writer

    return start


def test_without_a_journal_the_stores_error_is_the_writers(writer_beside):
    with closing(writer_beside(None)) as writer:
        assert writer.error == "the store is unavailable"
        with pytest.raises(StoreUnavailable, match="the store is unavailable"):
            writer.require_room()


def test_with_a_journal_decisions_can_be_stored(writer_beside, tmp_path):
    with closing(writer_beside(FileJournal(tmp_path))) as writer:
        assert writer.error is None
        writer.require_room()


def test_a_failing_journal_is_reported_before_the_first_decision(writer_beside, tmp_path):
    blocked = tmp_path / "journal"
    blocked.write_text("a file where the folder should be")
    with closing(writer_beside(FileJournal(blocked))) as writer:
        eventually(lambda: writer.error is not None, "the journal's error is reported")
        with pytest.raises(StoreUnavailable, match="cannot be written"):
            writer.require_room()
        blocked.unlink()
        eventually(lambda: writer.error is None, "the journal works again")
