"""The sequencer signs in time, logs changes of aliases, and stops for nothing but the store."""

import pytest

from fraud_detection_api.decision.log import LogKey
from fraud_detection_api.decision.merkle import Tree
from fraud_detection_api.errors import InvalidEvidence, RegistryUnavailable, StoreUnavailable
from fraud_detection_api.services.auditing.sequencing import (
    ALIAS_CHECK_SECONDS,
    ROOT_LEAVES,
    ROOT_SECONDS,
    Sequencer,
    alias_seal,
)
from fraud_detection_api.services.models.aliases import UNEXPLAINED, AliasChange
from support.fakes import InMemoryDecisionStore, InMemoryLogStore
from support.kept import request_of

KEY = LogKey(b"k" * 32)


class Sequenced:
    """A store, its log, and a sequencer whose clock stands still."""

    def __init__(self):
        self.store = InMemoryDecisionStore()
        self.log = InMemoryLogStore(self.store)
        self.changes, self.copies, self.now = [], [], 0.0
        self.sequencer = self.started()

    def started(self):
        sequencer = Sequencer(
            self.log,
            KEY,
            changes=lambda: self.changes,
            copy=self.copies.append,
            clock=lambda: self.now,
            wall_clock=lambda: 1_700_000_000 + self.now,
        )
        sequencer.begin()
        return sequencer

    def sequence(self):
        while self.sequencer.sequence():
            pass

    def kinds(self):
        return [run.kind for run in self.log.runs(after=0, limit=1_000_000)]


@pytest.fixture
def sequenced():
    return Sequenced()


def test_a_root_is_signed_and_copied_each_minute_in_which_something_was_logged(sequenced):
    sequenced.store.save([request_of(1, 2)])
    sequenced.sequence()
    assert sequenced.log.roots == []
    for minute in (1, 2, 3):
        sequenced.now = minute * ROOT_SECONDS
        sequenced.sequence()
    [root] = sequenced.log.roots
    assert (root.size, root.signed_at) == (2, int((1_700_000_000 + ROOT_SECONDS) * 1000))
    assert KEY.is_signed(root)
    assert sequenced.copies == [root]


def test_a_root_is_signed_each_ten_thousand_leaves(sequenced):
    sequenced.store.save([request_of(*range(ROOT_LEAVES + 1))])
    sequenced.sequence()
    assert [root.size for root in sequenced.log.roots] == [ROOT_LEAVES]


def test_a_sequencer_that_starts_again_continues(sequenced):
    sequenced.store.save([request_of(1)])
    sequenced.sequence()
    sequenced.sequencer = sequenced.started()
    sequenced.store.save([request_of(2)])
    sequenced.sequence()
    runs = sequenced.log.runs(after=0, limit=10)
    assert [run.position for run in runs] == [0, 1]
    assert sequenced.log.state().tree == Tree().with_leaves(leaf for run in runs for leaf in run.leaves())


def test_one_that_fails_again_and_again_signs_all_the_same(sequenced):
    sequenced.store.save([request_of(1)])
    for second in range(0, 2 * int(ROOT_SECONDS), 10):
        sequenced.now = second
        sequenced.sequencer.begin()
        sequenced.sequence()
    assert [root.size for root in sequenced.log.roots] == [1]


def test_one_that_begins_signs_what_nobody_signed(sequenced):
    sequenced.store.save([request_of(1)])
    sequenced.sequence()
    sequenced.sequencer = sequenced.started()
    sequenced.sequence()
    assert [root.size for root in sequenced.log.roots] == [1]


def test_one_that_begins_with_another_key_says_so(sequenced, caplog):
    sequenced.log.sign(LogKey(b"another key").signed(sequenced.log.state(), 1))
    sequenced.started()
    assert "root_forged" in caplog.messages


def test_each_change_of_an_alias_is_logged_once_and_a_lost_one_is_reported(sequenced, caplog):
    for version in ("1", "2"):
        sequenced.changes = [*sequenced.changes, AliasChange(5, "champion", None, version, UNEXPLAINED)]
        sequenced.now += ALIAS_CHECK_SECONDS
        sequenced.sequence()
        sequenced.sequencer = sequenced.started()
        sequenced.sequence()
    runs = sequenced.log.runs(after=0, limit=10)
    assert [seal for run in runs for _, seal in run.pairs()] == [alias_seal(each, KEY) for each in sequenced.changes]
    sequenced.changes = []
    sequenced.now += ALIAS_CHECK_SECONDS
    sequenced.sequence()
    assert sequenced.kinds() == ["alias", "alias"]
    assert "alias_changes_missing" in caplog.messages


def test_a_registry_that_is_away_or_a_copy_that_fails_stops_nothing(sequenced):
    def fail(*_):
        raise InvalidEvidence("full")

    def away():
        raise RegistryUnavailable("away")

    sequenced.sequencer = Sequencer(sequenced.log, KEY, changes=away, copy=fail, clock=lambda: sequenced.now)
    sequenced.sequencer.begin()
    sequenced.store.save([request_of(1)])
    sequenced.now = ROOT_SECONDS
    sequenced.sequence()
    assert [root.size for root in sequenced.log.roots] == [1]


def test_triggers_that_no_longer_feed_the_log_are_reported_each_minute(sequenced, caplog):
    sequenced.log.fed = False
    for minute in (1, 2):
        sequenced.now = minute * ROOT_SECONDS
        sequenced.sequence()
    assert caplog.messages == ["log_not_fed"] * 2


def test_another_leader_that_was_quicker_is_noticed(sequenced):
    other = sequenced.started()
    sequenced.store.save([request_of(1)])
    sequenced.sequence()
    sequenced.store.save([request_of(2)])
    with pytest.raises(StoreUnavailable):
        other.sequence()
    other.begin()
    assert not other.sequence()
    assert sequenced.log.state().tree.size == 2
