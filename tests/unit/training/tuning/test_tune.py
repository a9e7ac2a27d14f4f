"""Tuning begins with the default, never returns something worse on its own folds, and finds a ratio that matters."""

from dataclasses import replace

import numpy as np
import optuna
import polars as pl
import pytest

from fraud_detection_api.adapters.local_processes import LocalProcesses
from fraud_detection_api.contract.encoding import Encoder
from fraud_detection_api.contract.loading import contract_from_toml, load_contract, parse_contract
from fraud_detection_api.training.data.load import dataset_from_frame
from fraud_detection_api.training.data.splits import PrequentialSettings, validation_folds
from fraud_detection_api.training.train_xgboost import XGBoostSettings
from fraud_detection_api.training.tuning.objective import Objective
from fraud_detection_api.training.tuning.study import StudyUnavailable, open_study
from fraud_detection_api.training.tuning.tune import (
    MOST_CANDIDATES,
    OF_CATEGORIES,
    SEARCH_SPACE,
    Tuner,
    candidate_ratios,
    contract_for_tuning,
    search_space,
    with_ratios,
)

TINY = XGBoostSettings(folds=2, max_rounds=40, early_stopping_rounds=10, learning_rate=0.1, max_bin=64)
CONTRACT = contract_from_toml(
    """
name = "payments"
[target]
name = "bad"
[features.amount]
dtype = "float"
unit = "EUR"
[features.usual]
dtype = "float"
unit = "EUR"
[features.hour]
dtype = "int"
""",
    source="payments.toml",
)


def payments(rows: int = 3000):
    """Payments that are fraud where they are many times the usual amount, whatever either is."""
    rng = np.random.default_rng(4)
    usual = np.exp(rng.normal(4, 2, rows))
    times = np.exp(rng.normal(0, 1, rows))
    bad = rng.random(rows) < 1 / (1 + np.exp(-4 * (np.log(times) - 1.5)))
    frame = pl.DataFrame(
        {"amount": usual * times, "usual": usual, "hour": rng.integers(0, 24, rows), "bad": bad.astype(int)}
    )
    return dataset_from_frame(frame, contract_for_tuning(CONTRACT), source="payments")


@pytest.fixture(scope="module")
def data():
    return payments()


@pytest.fixture(scope="module")
def folds(data):
    return validation_folds(data, PrequentialSettings(folds=2), seed=1)


def tuned(path, data, folds, *, trials=6, **options):
    seen = []
    settings = {"defaults": TINY, "seed": 1, "threads": 1, **options}
    found = Tuner(path, **settings).tune(data, folds, contract=CONTRACT, trials=trials, on_progress=seen.append)
    return found, seen


@pytest.fixture(scope="module")
def found(tmp_path_factory, data, folds):
    return tuned(tmp_path_factory.mktemp("study") / "s.db", data, folds, trials=18)


def test_the_first_trial_is_the_default_without_ratios(found):
    summary = found[0].summary
    assert summary["history"][0] == {"trial": 0, "value": summary["default_value"]}


def test_recipes_are_tried_next(tmp_path, data, folds):
    depths = [{"max_depth": depth} for depth in (4, 7)]  # the first is that of the default
    tuned(tmp_path / "s.db", data, folds, trials=3, recipes=depths)
    study = optuna.load_study(study_name=None, storage=f"sqlite:///{tmp_path / 's.db'}")
    assert [trial.params["max_depth"] for trial in study.trials[:2]] == [4, 7]
    assert study.trials[1].params["learning_rate"] == TINY.learning_rate


@pytest.mark.parametrize("levels", [{}, {"hour": ("0", "1")}])
def test_how_categories_are_read_is_searched_where_there_are_some(data, levels):
    space = search_space(replace(data, records=replace(data.records, levels=levels)))
    assert set(space) == {*SEARCH_SPACE, *(OF_CATEGORIES if levels else ())}


def test_the_best_is_no_worse_than_the_default(found):
    summary = found[0].summary
    assert summary["best_value"] >= summary["default_value"]
    assert summary["best_value"] == max(t["value"] for t in summary["history"] if t["value"] is not None)


def test_a_ratio_that_matters_is_found(found):
    assert found[0].summary["ratios"] == ["amount / usual"]
    assert list(found[0].contract.derived) == ["amount / usual"]
    assert found[0].summary["best_value"] > found[0].summary["default_value"] + 0.02


def test_the_settings_are_those_of_the_best_trial(found):
    chosen = found[0].summary["settings"]
    assert {name: getattr(found[0].settings, name) for name in SEARCH_SPACE} == {
        name: chosen[name] for name in SEARCH_SPACE
    }
    assert found[0].settings.folds == TINY.folds


def test_progress_counts_finished_trials_and_tells_the_best_so_far(found):
    told = found[1]
    assert [progress.finished for progress in told] == list(range(1, 19))
    best = [progress.best_value for progress in told]
    assert best == sorted(best)


def test_the_importance_of_each_parameter_is_told(found):
    importance = found[0].summary["importance"]
    assert set(importance) == {*SEARCH_SPACE, "ratios"}
    assert sum(importance.values()) == pytest.approx(1)


def test_trials_that_fall_behind_are_given_up(found):
    assert any(trial["value"] is None for trial in found[0].summary["history"])


def test_the_same_seed_finds_the_same(tmp_path, data, folds):
    first, second = (tuned(tmp_path / name, data, folds, trials=3)[0] for name in ("a.db", "b.db"))
    assert first.settings == second.settings
    assert first.summary["digest"] == second.summary["digest"]


def test_a_complete_study_is_only_read_and_more_trials_continue_it(tmp_path, data, folds):
    first, _ = tuned(tmp_path / "s.db", data, folds, trials=2)
    again, told = tuned(tmp_path / "s.db", data, folds, trials=2)
    assert [progress.finished for progress in told] == [2]  # where it stood when it was opened
    assert again.summary == first.summary
    more, told = tuned(tmp_path / "s.db", data, folds, trials=3)
    assert [progress.finished for progress in told] == [2, 3]  # from where it goes on, then each
    assert more.summary["history"][:2] == first.summary["history"]


def test_time_runs_out_after_one_trial_at_the_least(tmp_path, data, folds):
    tuner = Tuner(tmp_path / "s.db", defaults=TINY, seed=1, threads=1)
    found = tuner.tune(data, folds, contract=CONTRACT, trials=500, timeout_seconds=1e-9)
    assert found.summary["trials"] == 1
    assert found.settings == TINY


def test_trials_that_another_process_measures_are_the_same(tmp_path, data, folds):
    here, _ = tuned(tmp_path / "here.db", data, folds, trials=3)
    there, _ = tuned(tmp_path / "there.db", data, folds, trials=3, workers=LocalProcesses(1))
    assert there.summary["digest"] == here.summary["digest"]


def test_two_workers_finish_the_trials_that_were_asked_for(tmp_path, data, folds):
    found, _ = tuned(tmp_path / "s.db", data, folds, trials=3, at_once=2)
    assert found.summary["trials"] >= 3


def test_another_objective_and_other_defaults_are_another_study(tmp_path, data, folds):
    tuned(tmp_path / "s.db", data, folds, trials=1)
    with pytest.raises(StudyUnavailable, match="objective"):
        tuned(tmp_path / "s.db", data, folds, trials=1, objective=Objective("roc_auc"))
    with pytest.raises(StudyUnavailable, match="defaults"):
        tuned(tmp_path / "s.db", data, folds, trials=1, defaults=replace(TINY, max_depth=2))


def test_a_study_of_an_earlier_release_goes_on(tmp_path):
    path, problem = tmp_path / "s.db", {"contract": "sha256:now", "seed": 1}
    with open_study(path, {**problem, "contract": "sha256:former"}, seed=1, first={}):
        pass
    with pytest.raises(StudyUnavailable, match="contract"), open_study(path, problem, seed=1, first={}):
        pass
    for formerly in ({"contract": "sha256:former"}, {}):
        with open_study(path, problem, seed=1, first={}, formerly=formerly) as study:
            assert study.user_attrs["problem"] == problem


def test_a_contract_without_ratios_is_tuned_too(tmp_path):
    plain = contract_from_toml(
        'name = "p"\n[target]\nname = "bad"\n[features.x]\ndtype = "float"\n', source="plain.toml"
    )
    rng = np.random.default_rng(0)
    x = rng.normal(size=800)
    frame = pl.DataFrame({"x": x, "bad": (rng.random(800) < 1 / (1 + np.exp(1 - 2 * x))).astype(int)})
    data = dataset_from_frame(frame, plain, source="x")
    folds = validation_folds(data, PrequentialSettings(folds=2), seed=1)
    found = Tuner(tmp_path / "s.db", defaults=TINY, threads=1).tune(data, folds, contract=plain, trials=2)
    assert found.summary["ratios"] == []


IS_FRAUD = np.array([True, False, True, False, False])
PROBABILITY = np.array([0.9, 0.8, 0.3, 0.2, 0.1])


def test_average_precision_is_that_of_the_metrics():
    assert Objective("average_precision").value(IS_FRAUD, PROBABILITY) == pytest.approx((1 + 2 / 3) / 2)


def test_roc_auc_counts_pairs():
    assert Objective("roc_auc").value(IS_FRAUD, PROBABILITY) == pytest.approx(5 / 6)


@pytest.mark.parametrize(("rate", "recall"), [(0.01, 0.5), (0.34, 1.0)])
def test_recall_is_taken_at_the_rate_that_is_asked_for(rate, recall):
    assert Objective("recall_at_fpr", false_positive_rate=rate).value(IS_FRAUD, PROBABILITY) == recall


def test_cost_counts_missed_frauds_and_needless_alerts():
    # a ratio of 1 alerts from .5 on: one needless alert, one missed fraud
    assert Objective("expected_cost", cost_ratio=1).value(IS_FRAUD, PROBABILITY) == pytest.approx(-2 / 5)
    # a ratio of 3 alerts from .25 on: one needless alert
    assert Objective("expected_cost", cost_ratio=3).value(IS_FRAUD, PROBABILITY) == pytest.approx(-1 / 5)


def test_a_costly_miss_weighs_more():
    silent = np.full(5, 0.001)
    assert Objective("expected_cost", cost_ratio=10).value(IS_FRAUD, silent) == pytest.approx(-20 / 5)


@pytest.mark.parametrize("name", ["average_precision", "roc_auc", "recall_at_fpr", "expected_cost"])
def test_every_objective_says_in_words_what_it_is(name):
    assert Objective(name).text.strip()


def contract_of(features: str, rest: str = ""):
    return contract_from_toml(f'name = "x"\n[target]\nname = "bad"\n{features}{rest}', source="x.toml")


def feature(name: str, unit: str, dtype: str = "float") -> str:
    return f'[features."{name}"]\ndtype = "{dtype}"\nunit = "{unit}"\n'


PAYMENT = contract_of(feature("amount", "EUR") + feature("usual amount", "EUR") + feature("age", "years", "int"))


def test_two_columns_of_one_unit_have_a_ratio():
    assert list(candidate_ratios(PAYMENT)) == ["amount / usual amount"]


def test_history_features_are_divided_by_what_is_measured_alike():
    rest = "".join(
        f'[history.{name}]\nby = "card"\nwindow = "7d"\n{given}\n'
        for name, given in {
            "mean": 'measure = "mean"\nof = "amount"',
            "count": 'measure = "count"',
            "few": 'measure = "count"\nwhere = "amount > 5"',
            "share": 'measure = "share_fraud"',
        }.items()
    )
    rest += '[time]\nname = "at"\n[keys.card]\n'
    assert list(candidate_ratios(contract_of(feature("amount", "EUR"), rest))) == ["amount / mean", "count / few"]


def test_columns_without_a_unit_have_none():
    assert candidate_ratios(contract_of(feature("a", "") + feature("b", ""))) == {}


def test_a_category_has_none():
    assert candidate_ratios(contract_of(feature("a", "EUR") + feature("b", "EUR", "category"))) == {}


def test_a_ratio_that_the_contract_has_already_is_left_out():
    derived = '[derived.own]\nformula = "`amount` / `usual amount`"\n'
    contract = contract_of(feature("amount", "EUR") + feature("usual amount", "EUR"), derived)
    assert candidate_ratios(contract) == {}


def test_candidates_are_bounded():
    wide = contract_of("".join(feature(f"amount_{n}", "EUR") for n in range(40)))
    assert len(candidate_ratios(wide)) == MOST_CANDIDATES


def test_a_chosen_ratio_is_computed_from_the_record():
    contract = with_ratios(PAYMENT, candidate_ratios(PAYMENT), ["amount / usual amount"])
    columns = {"amount": np.array([30.0, 1.0]), "usual amount": np.array([10.0, 0.0]), "age": np.array([1.0, 2.0])}
    matrix = Encoder(contract).encode(columns)
    assert matrix[0].tolist() == [30.0, 10.0, 1.0, 3.0]
    assert np.isnan(matrix[1, 3])


def test_the_new_contract_has_another_fingerprint_and_the_same_records():
    contract = with_ratios(PAYMENT, candidate_ratios(PAYMENT), ["amount / usual amount"])
    assert contract.fingerprint != PAYMENT.fingerprint
    assert contract.record_fingerprint == PAYMENT.record_fingerprint
    assert parse_contract(contract.as_json(), source="json").fingerprint == contract.fingerprint


def test_no_ratio_chosen_leaves_the_contract_as_it_was():
    assert with_ratios(PAYMENT, candidate_ratios(PAYMENT), []).fingerprint == PAYMENT.fingerprint


def test_another_range_is_another_record():
    narrower = contract_of(feature("amount", "EUR") + "maximum = 5\n")
    assert narrower.record_fingerprint != contract_of(feature("amount", "EUR")).record_fingerprint


@pytest.mark.parametrize("name", ["amount / usual amount"])
def test_a_ratio_explains_itself(name):
    ratio = candidate_ratios(PAYMENT)[name]
    assert ratio.reason.code == "RATIO_AMOUNT_TO_USUAL_AMOUNT"
    assert ratio.reason.text == "amount is {value} times usual amount"


def test_the_credit_contract_has_candidates_beyond_its_own():
    assert set(candidate_ratios(load_contract("credit"))) == {
        "number_of_open_accounts / number_of_accounts_in_arrears",
        "total_credit_limit / total_balance",
    }


def test_purpose_and_the_delay_of_labels_are_nothing_that_callers_send():
    other = contract_from_toml(
        'name = "x"\npurpose = "credit"\n[target]\nname = "bad"\nlabel_delay_days = 30\n' + feature("amount", "EUR"),
        source="x.toml",
    )
    plain = contract_of(feature("amount", "EUR"))
    assert other.fingerprint != plain.fingerprint
    assert other.record_fingerprint == plain.record_fingerprint
