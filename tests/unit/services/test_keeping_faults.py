"""What a keeper says of itself while the store is away."""

from contextlib import closing

import pytest

from fraud_detection_api.adapters.journal import FileJournal
from fraud_detection_api.errors import StoreUnavailable
from fraud_detection_api.services.keeping import DecisionKeeper


class AwayStore:
    """A store that cannot be reached."""

    def migrate(self) -> None:
        raise StoreUnavailable("the store is away")

    def close(self) -> None:
        pass


@pytest.fixture
def keeper_beside(tmp_path):
    """Starts a keeper whose store is away, with a journal or without."""

    def start(journal: FileJournal | None) -> DecisionKeeper:
        keeper = DecisionKeeper(AwayStore(), limit=1, journal=journal)
        keeper.start()
        return keeper

    return start


def test_without_a_journal_the_stores_fault_is_the_keepers(keeper_beside):
    with closing(keeper_beside(None)) as keeper:
        assert keeper.fault == "the store is away"
        with pytest.raises(StoreUnavailable, match="the store is away"):
            keeper.require_room()


def test_with_a_journal_decisions_can_be_kept(keeper_beside, tmp_path):
    with closing(keeper_beside(FileJournal(tmp_path))) as keeper:
        assert keeper.fault is None
        keeper.require_room()
