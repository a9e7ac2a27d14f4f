"""What a report shows of a scorer beyond its measures: curves, reasons, weak spots, and whether more data would help."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from fraud_detection_api.training.data.dataset import Dataset
from fraud_detection_api.training.data.splits import MIN_FRAUDS, cross_fitting_folds
from fraud_detection_api.training.evaluate import Evaluation, evaluate, score_dataset
from fraud_detection_api.training.evidence.gather import Explained, HeldOut, gather_evidence
from fraud_detection_api.training.fit_scorer import FittedScorer, MeasuredTest, ScorerFitter
from fraud_detection_api.training.train_xgboost import Progress

EXPLAINED_ROWS = 1_000
TRAINING_SHARES = (16, 4)
"""Trainings on a sixteenth and a quarter of the records show what four times as many records gained."""
TRAINING_FOLDS = 3
LARGEST_TRAINING = 200_000


def demonstrate(
    fitter: ScorerFitter,
    fitted: FittedScorer,
    train: Dataset,
    measured: MeasuredTest,
    *,
    training_shares: Sequence[int],
    on_progress: Progress,
) -> dict[str, Any]:
    """The evidence of `training.evidence.gather_evidence` about a fitted scorer, whose test part is `measured`.

    It is also trained on one of so many parts of the records, for each of `training_shares`.
    """
    test = measured.data
    curve = {**fitted.trees.learning_curve, "kept_rounds": list(fitted.trees.rounds)}
    sizes = list(_training_sizes(fitter, train, measured, training_shares, on_progress))
    sizes += [_size_point(len(train), measured.after)] if sizes else []
    evidence = gather_evidence(
        HeldOut(
            is_fraud=test.is_fraud,
            probability=measured.probability,
            raw_probability=measured.raw_probability,
            columns=test.columns,
            matrix=test.matrix(test.tables_of(fitted.scorer.encoder.level_codes)),
            weights=measured.weights,
            dtypes={name: feature.dtype for name, feature in test.contract.inputs.items()},
        ),
        _explained(fitted, test),
        learning_curve={**curve, "training_size": sizes} if sizes else curve,
        seed=fitter.seed,
    )
    on_progress(1.0)
    return evidence


def _explained(fitted: FittedScorer, test: Dataset) -> Explained:
    names, scorer = fitted.scorer.encoder.column_names, fitted.scorer
    gain = fitted.trees.booster.get_score(importance_type="total_gain")
    some = test.take(np.linspace(0, len(test) - 1, min(len(test), EXPLAINED_ROWS)).astype(np.int64))
    return Explained(
        column_names=names,
        score=lambda matrix: scorer.score_matrix(matrix).probabilities,
        gain={name: float(gain.get(f"f{position}", 0.0)) for position, name in enumerate(names)},  # type: ignore[arg-type]
        contributions=scorer.forest.contributions(some.matrix(some.tables_of(scorer.encoder.level_codes))),
        level_codes={
            name: {**codes.levels, "(missing)": codes.missing} for name, codes in scorer.encoder.level_codes.items()
        },
    )


def _training_sizes(
    fitter: ScorerFitter, train: Dataset, measured: MeasuredTest, training_shares: Sequence[int], on_progress: Progress
) -> Iterator[dict[str, float]]:
    test, smaller = measured.data, replace(fitter, settings=replace(fitter.settings, folds=TRAINING_FOLDS, repeats=1))
    for done, parts in enumerate(training_shares):
        share = train.take(cross_fitting_folds(train, parts, seed=fitter.seed) == 0)
        rarer = min(int(share.is_fraud.sum()), int((~share.is_fraud).sum()))
        if len(share) <= LARGEST_TRAINING and rarer >= TRAINING_FOLDS * MIN_FRAUDS:
            _margins, probability = score_dataset(smaller.fit(share).scorer, test)
            yield _size_point(
                len(share), evaluate(test.is_fraud, probability, weights=measured.weights, seed=smaller.seed)
            )
        on_progress((done + 1) / (len(training_shares) + 1))


def _size_point(rows: int, evaluation: Evaluation) -> dict[str, float]:
    precision = evaluation.metrics["average_precision"]
    return {
        "rows": rows,
        "average_precision": precision.estimate,
        "roc_auc": evaluation.metrics["roc_auc"].estimate,
        "low": precision.lower,
        "high": precision.upper,
    }
