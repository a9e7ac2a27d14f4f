"""A challenger is scored from the history features that decisions have; one that declares others is refused."""

import pytest

from fraud_detection_api.errors import ContractMismatch
from fraud_detection_api.metrics import catalogue
from fraud_detection_api.model.bundle import read_bundle
from fraud_detection_api.services.history.replay import stored_records
from fraud_detection_api.services.models.rollout import RolloutService
from support.cards import CARDS, CardServer, cards_files, with_payments
from support.observing import Observed

FEWER = CARDS.replace(
    '[history.terminal_total]\nby = "terminal"\nmeasure = "sum"\nof = "amount"\nwindow = "unlimited"\n', ""
)
WIDER = CARDS.replace('window = "1d"', 'window = "2d"')


@pytest.fixture
def observed(tmp_path):
    """Decisions by a champion with history; versions 4 and 5 read fewer of its features, and others."""
    observed = Observed()
    for text in (CARDS, FEWER, WIDER):
        observed.registry.register(cards_files(text))
    observed.registry.assign("champion", "3")
    rows = with_payments(CardServer(tmp_path), 30)
    observed.keep([row._replace(record_index=0, request_id=row.decision_id) for row in rows])
    return observed


def test_a_challenger_is_scored_from_what_the_decisions_saw(observed):
    observed.registry.assign("challenger", "4")
    observed.observe()
    bundle = read_bundle(cards_files(FEWER), source="x")
    pairs = observed.shadows(bundle.digest)
    assert len(pairs) == observed.rows_counted() == 30
    for row, shadow in pairs:
        said = bundle.engine.assess_records(stored_records(bundle.contract, [row]))
        assert shadow.margin == said.margins[0]


def test_history_features_are_counted_for_drift(observed):
    observed.observe()
    [counts] = observed.counts(3600).values()
    assert counts.features["payments_1d"].missing == 0
    assert 0 < counts.features["mean_amount_7d"].missing < 30


def test_a_challenger_with_other_history_is_refused(observed, caplog):
    with pytest.raises(ContractMismatch, match="payments_1d"):
        RolloutService(observed.registry).challenge("5")
    assert RolloutService(observed.registry).challenge("4") == "4"
    observed.registry.assign("challenger", "5")  # as another release may have done
    observed.observe()
    assert observed.counter(catalogue.SHADOW_ERRORS, "5") == 30
    assert caplog.text.count("challenger_refused") == 1
