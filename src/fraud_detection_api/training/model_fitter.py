"""ModelFitter: data → split → scorer → evaluation → bundle → registry."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fraud_detection_api.contract.loading import CREDIT, load_contract
from fraud_detection_api.contract.shown.advice import protected_advice
from fraud_detection_api.model.bundle import SealedBundle, seal_bundle
from fraud_detection_api.model.calibration import RiskScale
from fraud_detection_api.model.engine import Scorer
from fraud_detection_api.model.reference import Training, reference_histograms
from fraud_detection_api.policy.outcomes import Policy
from fraud_detection_api.services.models.aliases import CHAMPION, Cause
from fraud_detection_api.services.models.registry import ModelRegistry
from fraud_detection_api.services.workers.pool import Workers
from fraud_detection_api.training.beside import baseline_card, champion_beside
from fraud_detection_api.training.boosters.devices import Device
from fraud_detection_api.training.card import Learned, Making, model_card, timestamp
from fraud_detection_api.training.data.dataset import Dataset
from fraud_detection_api.training.data.leaks import leak_warnings
from fraud_detection_api.training.data.load import dataset_from_frame
from fraud_detection_api.training.data.quality import quality_notes, too_good
from fraud_detection_api.training.data.splits import SplitSettings, hold_out
from fraud_detection_api.training.data.synthetic import simulate_credit_records
from fraud_detection_api.training.demonstrate import TRAINING_SHARES, demonstrate
from fraud_detection_api.training.evaluate import Evaluation, score_dataset
from fraud_detection_api.training.fairness import Groups, fairness_of
from fraud_detection_api.training.fit_scorer import MeasuredTest, ScorerFitter, measure
from fraud_detection_api.training.policies import decided_policy, unseen_card, with_records_a_day
from fraud_detection_api.training.recipes import Changes, race
from fraud_detection_api.training.report.card import card_markdown
from fraud_detection_api.training.report.contents import report_html
from fraud_detection_api.training.train_xgboost import Progress, XGBoostSettings, stages


@dataclass(frozen=True, slots=True)
class FittedModel:
    """A registered model: its version, its bundle's digest, its card, and how good it is on the test part.

    `measured` is the scorer that was measured there. It was not trained on the test part, and the registered one may be.
    `champion` is what `beside.champion_beside` found.
    """

    version: str
    digest: str
    evaluation: Evaluation
    card: dict[str, Any]
    measured: Scorer
    champion: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class ModelFitter:
    """Trains models and registers them. `seed` determines the split and the trees; `threads` is 0 for all cores.

    `workers` grow the boosters, if they are given; the larger ones `together`, if that is true (see `XGBoostTrainer`).

    `deployed_base_rate` is the share of fraud where the model will be used, if the records are a sample with another one.
    `policy` states the costs and the capacity; it becomes the version after `succeeds`. If `training_shares` is empty, the
    report does not say whether more records would help, and those trainings are saved. With `any_contract`, the registry may
    hold models of other contracts. With `recipes`, the one that suits the training part best changes the settings. With
    `refit`, the model is trained on all records once it was measured; else it is the one that was measured. The bundle
    depends only on the data, the seed and the settings.
    """

    registry: ModelRegistry
    seed: int
    settings: XGBoostSettings = field(default_factory=XGBoostSettings)
    split: SplitSettings = field(default_factory=SplitSettings)
    threads: int = 0
    deployed_base_rate: float | None = None
    policy: Policy = field(default_factory=Policy)
    succeeds: Policy | None = None
    training_shares: Sequence[int] = TRAINING_SHARES
    any_contract: bool = False
    recipes: Mapping[str, Changes] = field(default_factory=dict)
    refit: bool = True
    workers: Workers | None = None
    together: bool = False
    device: Device = "cpu"

    def fit(
        self,
        dataset: Dataset,
        *,
        now: datetime,
        tuning: Mapping[str, Any] | None = None,
        circumstances: Mapping[str, str] | None = None,
        groups: Groups | None = None,
        on_progress: Progress = lambda _share: None,
    ) -> FittedModel:
        """Train on `dataset` and register the bundle, created at `now`; if anything fails, nothing is registered.

        `tuning` is recorded in the card, and `circumstances` (`by` whom, from which `source`) in the manifest. `groups`
        of all records, beside the protected features, are those of the report on fairness. Raises
        InvalidDataset where the split would leave a part without frauds, InvalidPolicy where a review capacity is stated
        and the number of records a day is not known, ContractMismatch where the registry's models follow a contract of
        another name.
        """
        terms = with_records_a_day(self.policy, dataset, self.deployed_base_rate)
        split = hold_out(dataset, self.split, seed=self.seed)
        train, test = dataset.take(split.train), dataset.take(split.test)
        given = ScorerFitter(
            self.settings, self.seed, self.threads, self.deployed_base_rate, self.workers, self.together, self.device
        )
        pricing = 10 if dataset.contract.monotone_columns else 0
        learned = [train, dataset] if self.refit else [train]
        efforts = 10 if self.recipes else 0, 10 * len(learned), pricing, 1 + len(self.training_shares)
        on_race, on_fits, on_prices, on_evidence = stages(on_progress, *efforts)
        raced = race(given, train, self.recipes, on_progress=on_race) if self.recipes else None
        fitter = given if raced is None else replace(given, settings=raced.settings)
        fitted, *refitted = fitter.fit_each(learned, on_progress=on_fits)
        prices = fitter.constraint_prices(train, fitted, on_progress=on_prices)
        measured = measure(fitter, fitted, test)
        final = Learned([fitted, *refitted][-1], learned[-1])
        decided = decided_policy(
            terms, final.data, final.fitted, deployed_base_rate=self.deployed_base_rate, succeeds=self.succeeds
        )
        warnings = [
            *leak_warnings(dataset, split),
            *quality_notes(train),
            *too_good(test.is_fraud, measured.probability, dataset.contract.purpose),
            *protected_advice(dataset.contract),
        ]
        beside = {"baseline": baseline_card(fitter, train, measured)} | _fairness(
            measured, decided.policy, {name: values[split.test] for name, values in (groups or {}).items()}
        )
        beside |= unseen_card(fitted.scorer, measured, decided.policy)
        champion = champion_beside(self.registry, dataset, split, self.split, measured, seed=self.seed)
        parts = fitter, fitted, measured, final, raced, warnings, prices, decided.card, tuning, beside
        made = Making(dataset, split, self.split, *parts)
        evidence = demonstrate(
            fitter, fitted, train, measured, training_shares=self.training_shares, on_progress=on_evidence
        ) | {"policy": decided.evidence}
        known = {**(circumstances or {}), **({} if champion is None else {"champion": champion})}
        card, sealed = _sealed(made, decided.policy, evidence, now=now, circumstances=known)
        version = self.registry.register(sealed.files, contract=None if self.any_contract else dataset.contract.name)
        return FittedModel(version, sealed.digest, measured.after, card, fitted.scorer, champion)


def _fairness(measured: MeasuredTest, policy: Policy, groups: Groups) -> dict[str, Any]:
    """The card's part on fairness, if there are groups."""
    found = fairness_of(measured.data, measured.probability, policy, weights=measured.weights, groups=groups)
    return {"fairness": found} if found else {}


def _sealed(
    made: Making, policy: Policy, evidence: dict[str, Any], *, now: datetime, circumstances: Mapping[str, Any]
) -> tuple[dict[str, Any], SealedBundle]:
    """The card and the bundle of a new model."""
    card, measured, final = model_card(made), made.measured, made.final
    learned = final.data
    return card, seal_bundle(
        final.fitted.scorer,
        final.fitted.booster,
        policy=policy,
        risk=RiskScale.of(measured.margins[~measured.data.is_fraud]),
        card=card,
        reference=reference_histograms(
            learned.contract,
            learned.columns,
            _usual_probabilities(made),
            Training(lambda name: learned.records.values(name, learned.rows), learned.is_fraud),
        ),
        evidence=evidence,
        documents={"card.md": card_markdown(card, evidence), "report.html": report_html(card, evidence)},
        created_at=timestamp(now),
        circumstances=circumstances,
    )


def _usual_probabilities(made: Making) -> NDArray[np.float64]:
    """Probabilities that the model is known to give, float64 (n,), with which drift compares those that it will give.

    Of records that it was not trained on, where there are any. Otherwise of all: another model's, although of held-out
    records, differ by more than a whole alarm where many records have nearly equal probabilities.
    """
    measured, final = made.measured, made.final
    if final.fitted is made.fitted:
        return measured.probability
    return score_dataset(final.fitted.scorer, final.data).probabilities


DEFAULT_ROWS, DEFAULT_SEED = 100_000, 7
"""Simulated credit records that the model of a fresh installation is trained on."""


def fit_default_model(registry: ModelRegistry, *, by: str, now: datetime, on_progress: Progress) -> FittedModel:
    """Register a model of the credit contract and make it champion; `by` is recorded as who asked for it."""
    frame = simulate_credit_records(DEFAULT_ROWS, seed=DEFAULT_SEED)
    dataset = dataset_from_frame(frame, load_contract(CREDIT), source="simulated records")
    # Whether more records would help is no question where a simulator makes them, and answering it takes as long as the fit.
    # Nor is it a question there what the last fifth of the records would add.
    fitter = ModelFitter(registry, DEFAULT_SEED, training_shares=(), refit=False)
    made_by = {"by": by, "source": "simulated records"}
    fitted = fitter.fit(dataset, now=now, circumstances=made_by, on_progress=on_progress)
    reasons = ("there was no intact champion to compare with",)
    cause = Cause("promote", by, "the default model, on simulated records", gate_reasons=reasons, digest=fitted.digest)
    registry.assign(CHAMPION, fitted.version, cause)
    return fitted
