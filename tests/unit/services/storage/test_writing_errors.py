"""What a keeper says of itself while the store is away."""

from contextlib import closing

import pytest

from fraud_detection_api.adapters.journal import FileJournal
from fraud_detection_api.errors import StoreUnavailable
from fraud_detection_api.services.storage.writing import GroupCommit
from support.polling import eventually


class AwayStore:
    """A store that cannot be reached."""

    def migrate(self) -> None:
        raise StoreUnavailable("the store is away")

    def close(self) -> None:
        pass


@pytest.fixture
def keeper_beside(tmp_path):
    """Starts a keeper whose store is away, with a journal or without."""

    def start(journal: FileJournal | None) -> GroupCommit:
        keeper = GroupCommit(AwayStore(), limit=1, journal=journal)
        keeper.start()
        return keeper

    return start


def test_without_a_journal_the_stores_fault_is_the_keepers(keeper_beside):
    with closing(keeper_beside(None)) as keeper:
        assert keeper.error == "the store is away"
        with pytest.raises(StoreUnavailable, match="the store is away"):
            keeper.require_room()


def test_with_a_journal_decisions_can_be_kept(keeper_beside, tmp_path):
    with closing(keeper_beside(FileJournal(tmp_path))) as keeper:
        assert keeper.error is None
        keeper.require_room()


def test_a_journal_that_cannot_be_written_is_told_before_a_decision_is_lost_on_it(keeper_beside, tmp_path):
    blocked = tmp_path / "journal"
    blocked.write_text("a file where the folder should be")
    with closing(keeper_beside(FileJournal(blocked))) as keeper:
        eventually(lambda: keeper.error is not None, "the journal's fault is told")
        with pytest.raises(StoreUnavailable, match="cannot be written"):
            keeper.require_room()
        blocked.unlink()
        eventually(lambda: keeper.error is None, "the journal works again")
