"""Scored test parts, their evidence and model cards, made up for the tests of evidence and report."""

from functools import cache

import numpy as np

from fraud_detection_api.monitoring.fairness import Decided, fairness
from fraud_detection_api.policy.consequences import policy_card
from fraud_detection_api.policy.outcomes import Policy
from fraud_detection_api.policy.population import Population
from fraud_detection_api.training.evaluate import evaluate
from fraud_detection_api.training.evidence.gather import Explained, HeldOut, gather_evidence

LEARNING_CURVE = {
    "rounds": [1, 2, 3, 4],
    "train_log_loss": [0.3, 0.2, 0.15, 0.12],
    "held_out_log_loss": [0.31, 0.22, 0.2, 0.21],
    "kept_rounds": [3, 4],
    "training_size": [
        {"rows": 500, "average_precision": 0.4, "roc_auc": 0.8, "low": 0.3, "high": 0.5},
        {"rows": 1000, "average_precision": 0.45, "roc_auc": 0.83, "low": 0.37, "high": 0.53},
    ],
}


POLICY = Policy(version="3", reviews_a_day=80, records_a_day=1000, review_price=12.5)


def score(matrix):
    """Probability of a made-up model: it rises with the first column, and is higher where that is missing."""
    first = matrix[:, 0].astype(np.float64)
    return 1 / (1 + np.exp(3 - np.clip(np.nan_to_num(first, nan=2.0), -30, 30)))


def held_out(rows: int = 1200, *, seed: int = 0, name: str = "amount", level: str = "web") -> HeldOut:
    """A test part of the made-up model: one number with gaps that counts, one category, one time, one truth value."""
    rng = np.random.default_rng(seed)
    amount = np.where(rng.random(rows) < 0.1, np.nan, rng.normal(0, 1.5, rows))
    channel = np.array([None if k % 13 == 0 else (level, "branch")[k % 2] for k in range(rows)], dtype=object)
    opened_at = 1.6e9 + 86_400.0 * rng.integers(0, 900, rows)
    employed = (rng.random(rows) < 0.5).astype(np.float64)
    codes = np.array([{level: 0.2, "branch": 0.1}.get(each, 0.15) for each in channel])
    matrix = np.column_stack([amount, codes, opened_at, employed]).astype(np.float32)
    probability = score(matrix)
    is_fraud = rng.random(rows) < probability
    columns = {name: amount, "channel": channel, "opened_at": opened_at, "is_employed": employed}
    dtypes = {name: "float", "channel": "category", "opened_at": "datetime", "is_employed": "bool"}
    return HeldOut(is_fraud, probability, probability**1.3, columns, matrix, dtypes=dtypes)


def explained(*, name: str = "amount", level: str = "web") -> Explained:
    """What the made-up model says of itself."""
    contributions = np.random.default_rng(1).normal(0, [1.2, 0.4, 0.1, 0.0], (300, 4)).astype(np.float32)
    gain = {name: 90.0, "channel": 9.0, "opened_at": 1.0}
    levels = {"channel": {level: 0.2, "branch": 0.1, "(missing)": 0.15}}
    return Explained((name, "channel", "opened_at", "is_employed"), score, gain, contributions, levels)


@cache
def evidence():
    """All evidence about the made-up model, as a bundle holds it. Not to be changed."""
    return gathered() | {"policy": population(held_out()).cells().as_json()}


@cache
def gathered():
    """What is gathered about it on its test part. Not to be changed."""
    return gather_evidence(held_out(), explained(), learning_curve=LEARNING_CURVE)


def population(test: HeldOut, *, with_amounts: bool = True) -> Population:
    """The records of a test part, each with an amount in proportion to its first column where that is there."""
    amounts = 800 + 300 * test.columns[next(iter(test.columns))] if with_amounts else None
    return Population.of_records(test.is_fraud, test.probability, amounts, None)


def card(test: HeldOut | None = None, **changes):
    """A model card of the made-up model with everything that one may have; a change to None leaves a field out."""
    test, evaluation = (test, _evaluation(test)) if test else (held_out(), _usual_evaluation())
    fields = {
        "contract": {"name": "loans", "fingerprint": "sha256:" + "1" * 64},
        "data": {"rows": 6000, "frauds": 700, "period": None, "digest": "sha256:" + "2" * 64},
        "features": ["amount", "channel", "opened_at", "is_employed"],
        "split": {
            "kind": "stratified",
            "test_share": 0.2,
            "delay_days": None,
            "rows_in_delay": 0,
            "leave_out_known": False,
            "rows_of_known": 0,
            "train": {"rows": 3600, "frauds": 420},
            "validation": {"rows": 1200, "frauds": 140},
            "test": {"rows": len(test.is_fraud), "frauds": int(test.is_fraud.sum())},
        },
        "training": {"seed": 1, "settings": {"max_depth": 4, "learning_rate": 0.07}, "rounds": [12, 15]},
        "evaluation": evaluation,
        "software": {"python": "3.11.7", "xgboost": "3.2.0"},
        "purpose": "fraud",
        "policy": _usual_policy(),
        "constraint_prices": [
            {
                "constraints": ["amount"],
                "average_precision": {"difference": -0.0123, "low": -0.02, "high": -0.001},
                "roc_auc": {"difference": 0.0002, "low": -0.001, "high": 0.0014},
            }
        ],
        "baseline": _beside() | {"method": "logistic scorecard", "rows": 3600, "columns": 6},
        "fairness": _fairness(),
        "warnings": ["amount alone has a ROC AUC of 0.99"],
        "calibration": {
            "method": "isotonic",
            "deployed_base_rate": 0.015,
            "before": {"expected_calibration_error": 0.04, "brier": 0.1, "log_loss": 0.3},
            "after": {"expected_calibration_error": 0.01, "brier": 0.09, "log_loss": 0.28},
        },
        "tuning": {
            "study": "loans-1",
            "digest": "sha256:" + "3" * 64,
            "trials": 40,
            "objective": "log_loss",
            "default_value": -0.3,
            "best_value": -0.29,
            "settings": {"max_depth": 6, "ratios": 1},
            "ratios": ["amount / usual"],
            "history": [{"trial": 0, "value": -0.3}, {"trial": 1, "value": None}, {"trial": 2, "value": -0.29}],
            "importance": {"max_depth": 0.8, "ratios": 0.2},
        },
    }
    return {name: value for name, value in {**fields, **changes}.items() if value is not None}


def _evaluation(test: HeldOut):
    return evaluate(test.is_fraud, test.probability).as_json()


@cache
def _usual_evaluation():
    """Its intervals take a tenth of a second, and every card has them. Not to be changed."""
    return _evaluation(held_out())


@cache
def _usual_policy():
    return policy_card(POLICY, population(held_out()))


def _beside():
    """Another model's measures on the test part, and how much higher the made-up one's are."""
    return {
        "records": 1200,
        "frauds": 140,
        "model": {"roc_auc": 0.85, "average_precision": 0.5},
        "other": {"roc_auc": 0.8, "average_precision": 0.49},
        "differences": {
            "roc_auc": {"difference": 0.05, "low": 0.03, "high": 0.07},
            "average_precision": {"difference": 0.01, "low": -0.01, "high": 0.03},
        },
    }


@cache
def _fairness():
    """By channel, where nobody of the branch is approved. Not to be changed."""
    test = held_out()
    channel = test.columns["channel"]
    outcomes = np.where(channel == "branch", 2, np.where(test.probability > 0.2, 1, 0)).astype(np.int8)
    return fairness({"channel": channel}, Decided(test.is_fraud, test.probability, outcomes))
