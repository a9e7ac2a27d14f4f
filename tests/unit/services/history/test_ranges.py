"""A range is replayed whole, each decision once, by however many processes; and samples are fair."""

from collections import Counter
from functools import partial

import pytest

from fraud_detection_api.adapters.file_registry import FileRegistry
from fraud_detection_api.container.storage import build_store
from fraud_detection_api.container.workers import build_workers
from fraud_detection_api.decision.stored import StoredRequest
from fraud_detection_api.errors import UnknownDecision
from fraud_detection_api.jobs.replaying import open_replay
from fraud_detection_api.model.bundle import read_bundle
from fraud_detection_api.services.deciding.recording import Recorder
from fraud_detection_api.services.history import pages, ranges
from fraud_detection_api.services.history.lookup import sampled
from fraud_detection_api.services.history.ranges import replay_ids, replay_range
from fraud_detection_api.services.history.replay import Replayer, ReplayResult
from fraud_detection_api.services.models.deployment import ServedModel
from fraud_detection_api.services.models.stored_models import StoredModels
from fraud_detection_api.services.storage.decision_store import DecisionFilter
from fraud_detection_api.settings import Settings
from support.builders import credit_files, record, registry_with_champion
from support.decided import BEGINNING, decided
from support.fakes import InMemoryDecisionStore
from support.kept import decision_id, kept


@pytest.fixture(scope="module")
def rows():
    """Sixty decisions: half of them in one millisecond, the others a second apart."""
    model = ServedModel("1", read_bundle(credit_files(), source="x"))
    records = [record(customer_id=n, total_balance=5000 * n) for n in range(60)]
    together = decided(model, records[:30])
    return [*together, *(decided(model, [records[n]], at=BEGINNING + 1000 * n)[0] for n in range(30, 60))]


@pytest.fixture
def small_pages(monkeypatch):
    for module in (pages, ranges):
        monkeypatch.setattr(module, "PAGE", 7)


def filled(rows) -> InMemoryDecisionStore:
    store = InMemoryDecisionStore()
    store.save([StoredRequest(rows)])
    return store


def in_memory(rows):
    replayer = Replayer(StoredModels(registry_with_champion()), Recorder())
    return lambda: (filled(rows), replayer)


def replayed(opening, wanted=None, *, jobs=1):
    told = []
    summary = replay_range(
        opening,
        wanted or DecisionFilter(),
        workers=build_workers(jobs=jobs),
        on_progress=lambda *each: told.append(each),
    )
    return summary, told


def test_a_range_is_replayed_page_by_page(rows, small_pages):
    summary, told = replayed(in_memory(rows))
    assert summary.counts == {"equal": 60}
    assert summary.is_sound
    assert [share for share, _ in told] == sorted(share for share, _ in told)
    assert all(0 <= share <= 1 for share, _ in told)


def test_times_bound_the_range(rows):
    assert (
        replayed(in_memory(rows), DecisionFilter(since=BEGINNING + 31_000, until=BEGINNING + 40_000))[0].decisions == 9
    )


def test_a_range_without_decisions_is_sound(rows):
    summary, told = replayed(in_memory(rows), DecisionFilter(since=BEGINNING + 10**9))
    assert (summary.decisions, summary.is_sound, told) == (0, True, [])


def test_unsound_decisions_are_listed_up_to_a_limit(rows, monkeypatch):
    monkeypatch.setattr(ranges, "MOST_LISTED", 3)
    changed = [row._replace(outcome="decline") if n % 10 == 0 else row for n, row in enumerate(rows)]
    summary, _ = replayed(in_memory(changed))
    assert not summary.is_sound
    assert summary.counts == {"equal": 54, "tampered": 6}
    assert [result.status for result in summary.unsound] == ["tampered"] * 3


def test_processes_share_a_range_and_miss_nothing(rows, tmp_path, monkeypatch):
    registry = FileRegistry(tmp_path / "registry")
    registry.register(credit_files())
    settings = Settings(registry=str(tmp_path / "registry"), store=f"sqlite:///{tmp_path / 'decisions.db'}")
    store = build_store(settings)
    store.migrate()
    store.save([StoredRequest([*rows[:-1], rows[-1]._replace(outcome="decline")])])
    monkeypatch.setattr(pages, "PAGE", 20)  # of this process: the others find what is left at once
    summary, told = replayed(partial(open_replay, settings), jobs=2)
    assert summary.counts == {"equal": 59, "tampered": 1}
    assert [result.decision_id for result in summary.unsound] == [rows[-1].decision_id]
    assert told[-1] == (1, 60)


def test_windows_are_halved_until_every_process_has_work():
    whole = pages.Window(0, 8, "x")
    assert whole.halves() == [pages.Window(0, 4, "x"), pages.Window(4, 8)]
    parts = [whole]
    while (parted := pages._split(parts)) is not None:
        parts = parted
    assert sorted(parts) == [pages.Window(n, n + 1, None if n else "x") for n in range(8)]
    assert pages._split([]) is None


def test_decisions_are_replayed_by_their_ids(rows):
    store, replayer = in_memory(rows)()
    told = []
    ids = [rows[5].decision_id, rows[40].decision_id]
    assert replay_ids(store, replayer, ids, lambda *each: told.append(each)).counts == {"equal": 2}
    assert told == [(1, 2)]
    with pytest.raises(UnknownDecision):
        replay_ids(store, replayer, [decision_id(1)], lambda *_each: None)


def test_a_sample_is_of_the_range_and_repeatable(monkeypatch):
    store = filled([kept(n, outcome=("approve", "review", "decline")[n % 3]) for n in range(500)])
    wanted = DecisionFilter(since=kept(100).decided_at, until=kept(400).decided_at)
    drawn = sampled(store, wanted, 50, seed=1)
    assert drawn == sampled(store, wanted, 50, seed=1) == sorted(set(drawn))
    assert drawn != sampled(store, wanted, 50, seed=2)
    assert len(drawn) == 50
    assert all(decision_id(100) <= drawn_id < decision_id(400) for drawn_id in drawn)
    assert len(sampled(store, wanted, 1000, seed=1)) == 300


def test_each_decision_is_as_likely_to_be_drawn_as_any_other(monkeypatch):
    outcomes = ["approve"] * 24 + ["review"] * 5 + ["decline"]
    store = filled([kept(n * n, outcome=outcomes[n]) for n in range(30)])
    times = Counter(drawn for seed in range(2000) for drawn in sampled(store, DecisionFilter(), 6, seed=seed))
    assert len(times) == 30
    assert all(abs(count - 400) < 90 for count in times.values())  # five standard deviations of 18


def test_a_summary_counts_what_it_does_not_list():
    one = ranges.Summary.of([ReplayResult("a", "equal"), ReplayResult("b", "differs")])
    one.add(ranges.Summary.of([ReplayResult("c", "fallback"), ReplayResult("d", "erased")]))
    assert one.decisions == 4
    assert [result.decision_id for result in one.unsound] == ["b"]
    assert not one.is_sound
