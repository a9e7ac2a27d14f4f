"""A past that is played through the services of a server."""

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from fraud_detection_api.adapters.file_registry import FileRegistry
from fraud_detection_api.cli.terminal import LISTENER
from fraud_detection_api.container.storage import existing_stores
from fraud_detection_api.contract.loading import load_contract
from fraud_detection_api.decision.identifiers import uuid_text
from fraud_detection_api.jobs.demo.past import GOLDEN, LATENCY_SECONDS, Past, SetClock
from fraud_detection_api.jobs.demo.scale import ORDER
from fraud_detection_api.jobs.replaying import Choice, refold_decisions
from fraud_detection_api.policy.outcomes import Policy
from fraud_detection_api.services.models.registered import ModelService
from fraud_detection_api.services.storage.decision_store import DecisionFilter
from fraud_detection_api.settings import Settings
from fraud_detection_api.training.data.card_world import DAY_US, CardWorld
from fraud_detection_api.training.data.load import dataset_from_frame
from fraud_detection_api.training.model_fitter import ModelFitter
from support.builders import QUICK

NOW_US = 1_795_000_000_000_000
A_DAY = 100
CAUTIOUS = Policy(amount_at_risk=500.0, review_cost=1.0, wrong_decline_cost=100.0)
WORLD = CardWorld(3, NOW_US)
BEGIN_US, CHALLENGED_US = NOW_US - 4 * DAY_US, NOW_US - DAY_US


def payments(first_us: int, last_us: int):
    return WORLD.payments(first_us, last_us, a_day=A_DAY)


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    """The settings of a store with four days of decisions, of which a challenger has seen the last, and the payments."""
    folder = tmp_path_factory.mktemp("past")
    settings = Settings(registry=str(folder / "registry"), store=f"sqlite:///{folder / 'decisions.db'}")
    before = payments(BEGIN_US - 40 * DAY_US, BEGIN_US)
    dataset = dataset_from_frame(before, load_contract("demo_payments"), source="payments")
    registry = FileRegistry(folder / "registry")
    champion, challenger = (
        ModelFitter(registry, seed, settings=QUICK, policy=CAUTIOUS, training_shares=(), refit=False)
        .fit(dataset, now=datetime.fromtimestamp(BEGIN_US / 1e6, UTC))
        .version
        for seed in (1, 2)
    )
    past = Past(settings, SetClock(BEGIN_US / 1e6), champion, ORDER, 3)
    before.drop("kind").write_parquet(folder / "before.parquet")
    past.seed(folder / "before.parquet")
    first, last = payments(BEGIN_US, CHALLENGED_US), payments(CHALLENGED_US, NOW_US)
    past.play(first, lambda _share: None)
    past.challenge(challenger, CHALLENGED_US / 1e6)
    past.play(last, lambda _share: None)
    past.end(NOW_US / 1e6)
    return settings, first, last


@pytest.fixture(scope="module")
def decisions(played):
    stores = existing_stores(played[0])
    yield stores.decisions.following(DecisionFilter(), limit=10_000), stores
    stores.decisions.close()


def test_each_payment_was_decided_on_a_moment_after_it(played, decisions):
    _, first, last = played
    paid = [*first["paid_at"].to_list(), *last["paid_at"].to_list()]
    assert [row.decided_at / 1000 for row in decisions[0]] == pytest.approx(
        [moment.timestamp() + LATENCY_SECONDS for moment in paid], abs=0.002
    )


def test_history_is_folded_again_to_the_same_bits(played, decisions):
    rows, _ = decisions
    assert all(row.history is not None for row in rows)
    assert sum('"mean_amount_30d":null' not in row.record for row in rows) > len(rows) / 4
    refolded = refold_decisions(played[0], Choice(), listener=LISTENER)
    assert dict(refolded.counts) == {"equal": len(rows)}


def test_payments_that_are_decided_together_see_each_other_as_if_they_were_not(played, decisions):
    before = payments(BEGIN_US - DAY_US, BEGIN_US)
    paid = pl.concat([before, *played[1:]]).select("card", "paid_at").rows()
    seen = [json.loads(row.record)["payments_15m"] for row in decisions[0]]
    counted = [
        sum(card == other and timedelta() <= at - earlier < timedelta(minutes=15) for other, earlier in paid[:number])
        for number, (card, at) in enumerate(paid)
    ]
    assert seen == counted[before.height :]
    assert max(seen) >= 4


def test_labels_came_after_their_decisions_and_before_the_end(decisions):
    rows, stores = decisions
    labels = stores.labels.in_force([row.decision_id for row in rows])
    made_at = {row.decision_id: row.decided_at for row in rows}
    assert len(labels) > 3
    assert all(made_at[each.subject_id] < each.recorded_at <= NOW_US / 1000 for each in labels.values())
    assert len({label.recorded_at for label in labels.values()}) > 1


def test_open_reviews_wait_in_the_queue_with_what_approving_them_is_expected_to_cost(played, decisions):
    rows, stores = decisions
    reviewed = {row.decision_id for row in rows if row.outcome == "review"}
    with closing(sqlite3.connect(played[0].store.removeprefix("sqlite:///"))) as database:
        cases = database.execute("SELECT decision_id, expected_loss FROM reviews").fetchall()
    assert {uuid_text(packed) for packed, _ in cases} == reviewed - stores.labels.in_force(sorted(reviewed)).keys()
    assert all(loss > 0 for _, loss in cases)
    assert cases


def test_some_reviews_whose_label_is_the_truth_check_reviewers(played, decisions):
    rows, stores = decisions
    with closing(sqlite3.connect(played[0].store.removeprefix("sqlite:///"))) as database:
        golden = database.execute("SELECT decision_id, is_fraud FROM golden_decisions").fetchall()
    labels = stores.labels.in_force([row.decision_id for row in rows])
    assert 3 <= len(golden) <= GOLDEN
    assert all(labels[uuid_text(packed)].is_fraud == bool(is_fraud) for packed, is_fraud in golden)


def test_the_challenger_scored_from_its_challenge_on(played, decisions):
    _, stores = decisions
    _, _, last = played
    service = ModelService(FileRegistry(Path(played[0].registry)))
    digest = service.load("challenger").bundle.digest
    compared = stores.observations.compared(digest, DecisionFilter(), limit=10_000)
    assert len(compared) == last.height
    assert all(champion.model_version != shadow.model_version for champion, shadow in compared)


def test_what_people_did_to_models_has_the_time_at_which_it_was_played(played):
    challenge, promotion = FileRegistry(Path(played[0].registry)).audit()[::-1]
    assert (promotion.cause.action, challenge.cause.action) == ("promote", "challenge")
    assert promotion.at == BEGIN_US // 1000
    assert challenge.at == CHALLENGED_US // 1000
