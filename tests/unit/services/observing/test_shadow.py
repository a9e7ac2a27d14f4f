"""The challenger's decisions stand beside the champion's; whatever it does, counting goes on."""

from collections import Counter
from dataclasses import replace

import pytest
from pydantic_core import from_json

from fraud_detection_api.metrics import catalogue
from fraud_detection_api.policy.outcomes import OUTCOMES
from support.builders import every_dtype_files
from support.decided import BEGINNING
from support.http import flipped
from support.observing import Observed, credit_model, made, strict_files, strict_model


@pytest.fixture
def observed():
    """The strict model is challenger."""
    observed = Observed()
    observed.registry.assign("challenger", "2")
    return observed


def test_each_decision_has_the_challengers_beside_it_as_it_would_have_answered_it(observed):
    rows = observed.keep(made(40))
    observed.observe()
    pairs = observed.shadows()
    assert [row for row, _ in pairs] == rows
    bundle = strict_model().bundle
    for row, shadow in pairs:
        record = from_json(row.record)
        said = bundle.engine.assess_records([record])
        assert (shadow.margin, shadow.fraud_probability) == (said.margins[0], said.probabilities[0])
        assert shadow.outcome == OUTCOMES[said.outcomes[0]]
        assert (shadow.model_version, shadow.model_digest) == ("2", bundle.digest)
        assert (shadow.policy_version, shadow.observed_at) == (bundle.policy.version, observed.now)
        assert 0 < shadow.duration_us < 1e6


def test_shadows_are_told_for_the_metrics(observed):
    observed.keep(made(40))
    observed.observe()
    changes = Counter((row.outcome, shadow.outcome) for row, shadow in observed.shadows())
    assert any(champion != challenger for champion, challenger in changes), "the policies differ too little"
    for (champion, challenger), count in changes.items():
        told = observed.counter(catalogue.SHADOW_OUTCOME_CHANGES, "2", champion, challenger)
        assert told == (count if champion != challenger else 0)
    assert observed.counter(catalogue.SHADOW_RECORDS, "2") == 40
    assert sum(observed.tallies.histogram(catalogue.SHADOW_DURATION, "2").counts) == 40


def test_without_a_challenger_nothing_is_shadowed():
    observed = Observed()
    observed.keep(made(5))
    observed.observe()
    assert observed.rows_counted() == 5
    assert observed.shadows() == []


def test_a_models_own_decisions_have_no_shadow_by_it(observed):
    observed.keep(made(5, model=strict_model()))
    observed.observe()
    assert observed.rows_counted() == 5
    assert observed.shadows() == []


def test_a_challenger_that_is_assigned_or_withdrawn_is_noticed(observed):
    observer = observed.observer()
    observed.keep(made(3))
    observed.observe(observer)
    observed.registry.assign("challenger", "1")
    observed.challenger.refresh()
    observed.keep(made(4, at=BEGINNING + 1))
    observed.observe(observer)
    assert len(observed.shadows()) == 3
    assert observed.shadows(credit_model().bundle.digest) == []


def test_a_challenger_of_another_contract_is_refused_once_in_the_log_and_counted(observed, caplog):
    observed.registry.assign("challenger", observed.registry.register(every_dtype_files()))
    observed.keep(made(3))
    observer = observed.observer()
    with caplog.at_level("INFO"):
        observed.observe(observer)
        observed.keep(made(4, at=BEGINNING + 1))
        observed.observe(observer)
    assert observed.rows_counted() == 7
    assert observed.counter(catalogue.SHADOW_ERRORS, "3") == 7
    assert [entry.message for entry in caplog.records].count("challenger_refused") == 1


def test_a_challenger_that_does_not_verify_scores_nothing_and_is_told_of_once(observed, caplog):
    observed.registry.assign("challenger", observed.registry.register(flipped(strict_files())))
    with caplog.at_level("INFO"):
        observer = observed.observer()
        observed.challenger.refresh()
    observed.keep(made(3))
    observed.observe(observer)
    assert observed.rows_counted() == 3
    assert observed.challenger.current is None
    assert [entry.message for entry in caplog.records].count("challenger_refused") == 1


class BrokenPolicy:
    """A policy of which nothing comes."""

    version = "1"

    def outcomes(self, *_):
        raise ZeroDivisionError


def test_a_challenger_that_fails_stops_no_counting_and_is_told_of_once(observed, caplog):
    observer = observed.observer()
    served = observed.challenger.current
    observed.challenger.current = replace(served, bundle=replace(served.bundle, policy=BrokenPolicy()))
    with caplog.at_level("INFO"):
        for second in range(3):
            observed.keep(made(5, at=BEGINNING + second))
            observed.observe(observer)
    assert observed.rows_counted() == 15
    assert observed.shadows() == []
    assert observed.counter(catalogue.SHADOW_ERRORS, "2") == 15
    assert [entry.message for entry in caplog.records].count("challenger_failed") == 1
