"""Who is measured: this product, and what others reach for, each with its defaults."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from xgboost import XGBClassifier

from fraud_detection_api.training.calibrate import uncalibrated
from fraud_detection_api.training.data.dataset import Dataset
from fraud_detection_api.training.evaluate import score_dataset
from fraud_detection_api.training.fit_scorer import ScorerFitter
from fraud_detection_api.training.recipes import RECIPES, race
from fraud_detection_api.training.train_xgboost import XGBoostSettings

Scores: TypeAlias = dict[str, NDArray[np.float64]]
"""`probability` float64 (n,), and where a model is calibrated afterwards, what it was `before`."""

Rival: TypeAlias = Callable[[Dataset, Dataset], Scores]
SEED = 7
THREADS = 1
"""For all alike, so that their seconds can be compared."""


def ours(settings: XGBoostSettings | None = None) -> Rival:
    """This product's training with those settings, or with those of the recipe that it chooses by default."""

    def score(train: Dataset, test: Dataset) -> Scores:
        fitter = ScorerFitter(settings or XGBoostSettings(), SEED, THREADS)
        if settings is None:
            fitter = replace(fitter, settings=race(fitter, train, RECIPES).settings)
        scorer = fitter.fit(train).scorer
        margins, probability = score_dataset(scorer, test)
        return {"probability": probability, "before": uncalibrated(margins)}

    return score


def numbered(train: Dataset, test: Dataset) -> tuple[NDArray[np.float32], NDArray[np.float32], list[int]]:
    """Matrices whose categories hold the number of their level, missing its own, and where those columns are."""
    records = train.records
    tables = {
        name: np.arange(len(levels) + 1, dtype=np.float32)[np.newaxis, :, np.newaxis]
        for name, levels in records.levels.items()
    }
    return train.matrix(tables), test.matrix(tables), [records.position(name) for name in records.levels]


def _xgboost(train: Dataset, test: Dataset) -> Scores:
    fitting, measuring, categories = numbered(train, test)
    kinds = ["c" if position in categories else "float" for position in range(fitting.shape[1])]
    model = XGBClassifier(random_state=SEED, n_jobs=THREADS, enable_categorical=True, feature_types=kinds)
    return {"probability": model.fit(fitting, train.is_fraud).predict_proba(measuring)[:, 1]}


def _forest(train: Dataset, test: Dataset) -> Scores:
    return _one_hot(
        train, test, make_pipeline(SimpleImputer()), RandomForestClassifier(random_state=SEED, n_jobs=THREADS)
    )


def _logistic(train: Dataset, test: Dataset) -> Scores:
    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    return _one_hot(train, test, numbers, LogisticRegression(max_iter=2000))


def _one_hot(train: Dataset, test: Dataset, numbers: Pipeline, classifier: ClassifierMixin) -> Scores:
    """A classifier of scikit-learn that gets a column for each level of a category, and the numbers prepared."""
    fitting, measuring, categories = numbered(train, test)
    others = [position for position in range(fitting.shape[1]) if position not in categories]
    prepared = ColumnTransformer(
        [("numbers", numbers, others), ("categories", OneHotEncoder(handle_unknown="ignore"), categories)]
    )
    model = make_pipeline(prepared, classifier)
    return {"probability": model.fit(fitting, train.is_fraud).predict_proba(measuring)[:, 1]}


def _lightgbm(train: Dataset, test: Dataset) -> Scores:
    from lightgbm import LGBMClassifier  # noqa: PLC0415 the group `benchmark` alone has it

    fitting, measuring, categories = numbered(train, test)
    model = LGBMClassifier(random_state=SEED, n_jobs=THREADS, verbose=-1)
    model.fit(fitting, train.is_fraud, categorical_feature=categories)
    return {"probability": model.predict_proba(measuring)[:, 1]}


def _catboost(train: Dataset, test: Dataset) -> Scores:
    from catboost import CatBoostClassifier  # noqa: PLC0415 the group `benchmark` alone has it

    fitting, measuring, categories = numbered(train, test)
    model = CatBoostClassifier(random_seed=SEED, thread_count=THREADS, verbose=0, allow_writing_files=False)
    model.fit(catboost_pool(fitting, categories, train.is_fraud))
    return {"probability": model.predict_proba(catboost_pool(measuring, categories))[:, 1]}


def catboost_pool(matrix: NDArray[np.float32], categories: list[int], labels: NDArray[np.bool_] | None = None) -> Any:
    """Records as CatBoost takes them."""
    from catboost import Pool  # noqa: PLC0415 the group `benchmark` alone has it

    return Pool(_with_texts(matrix, categories), labels, cat_features=categories)


def _with_texts(matrix: NDArray[np.float32], categories: list[int]) -> NDArray[np.float32] | NDArray[np.object_]:
    """The matrix as it is, or with its categories as the text that CatBoost wants."""
    if not categories:
        return matrix
    table = matrix.astype(object)
    for position in categories:
        numbers: NDArray[np.int64] = matrix[:, position].astype(np.int64)
        table[:, position] = [str(number) for number in numbers.tolist()]
    return table


RIVALS: dict[str, Rival] = {
    "XGBoost 3, defaults": _xgboost,
    "logistic regression (scikit-learn)": _logistic,
    "random forest (scikit-learn)": _forest,
    "LightGBM, defaults": _lightgbm,
    "CatBoost, defaults": _catboost,
}

NEEDED = {"XGBoost": "xgboost", "LightGBM": "lightgbm", "CatBoost": "catboost"}
"""The module of a rival by the first word of its name, else scikit-learn's. CatBoost has no wheel for Python 3.14."""
