"""Makes what a demo serves: a champion, a challenger, and days of decisions with what was found out about them."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl

from fraud_detection_api.container.registry import build_registry
from fraud_detection_api.contract.loading import load_contract
from fraud_detection_api.jobs.demo.past import Past, SetClock
from fraud_detection_api.jobs.demo.scale import ORDER, Scale
from fraud_detection_api.jobs.listener import Bar, Listener
from fraud_detection_api.policy.outcomes import Policy
from fraud_detection_api.settings import Settings
from fraud_detection_api.tables.files import write_frame
from fraud_detection_api.training.data.card_world import DAY_US, CardWorld
from fraud_detection_api.training.data.load import dataset_from_frame
from fraud_detection_api.training.model_fitter import ModelFitter
from fraud_detection_api.training.train_xgboost import XGBoostSettings

CONTRACT = "demo_payments"
POLICY = Policy(amount_at_risk=50.0, review_cost=3.0, wrong_decline_cost=40.0, reviews_a_day=60.0)
"""Money is in EUR."""

_QUICK = XGBoostSettings(folds=3, learning_rate=0.1)
_MADE_BEFORE_US = 3_600_000_000
"""The challenger is an hour old when its challenge begins."""

_WINDOW_DAYS = 30.0
"""The longest window of a history feature. Payments without so much before them would have another distribution."""


@dataclass(frozen=True)
class DemoMaker:
    """Makes a demo of a world in the registry and the store of these settings, from nothing."""

    settings: Settings
    world: CardWorld
    scale: Scale
    listener: Listener

    def make(self) -> None:
        """Train, load what was before the past, and play it up to the world's origin."""
        scale = self.scale
        begin, challenged = self._day(scale.days), self._day(scale.challenger_days)
        before = self._payments(self._day(scale.days + scale.training_days + _WINDOW_DAYS), begin)
        past = self._payments(begin, self.world.origin_us)
        with self.listener.step("Training the champion") as progress:
            champion = self._fit(before, begin, progress)
        clock = SetClock(begin / 1e6)
        played = Past(self.settings, clock, champion, ORDER, self.world.seed)
        with self.listener.step("Loading what cards did before"):
            seed_history(played, before.filter(_since(begin - int(_WINDOW_DAYS * DAY_US))))
        with self.listener.step("Playing the past") as progress:
            played.play(past.filter(~_since(challenged)), progress)
        with self.listener.step("Training the challenger") as progress:
            # what is younger than the labels' delay is not known yet
            known = pl.concat([before, past]).filter(~_since(challenged - self._delay_us))
            played.challenge(self._fit(known, challenged - _MADE_BEFORE_US, progress), challenged / 1e6)
        with self.listener.step("Playing the last days") as progress:
            played.play(past.filter(_since(challenged)), progress)
        played.end(self.world.origin_us / 1e6)

    def _fit(self, frame: pl.DataFrame, at_us: int, progress: Bar) -> str:
        """Register a model of the payments; returns its version."""
        registry, contract = build_registry(self.settings.registry), load_contract(CONTRACT)
        whole = dataset_from_frame(frame, contract, source="made-up payments")
        learned = _since(int(frame["paid_at"].dt.timestamp("us")[-1]) - int(self.scale.training_days * DAY_US))
        dataset = whole.take(frame.select(learned.arg_true()).to_series().to_numpy().astype(np.int64))
        policy = replace(POLICY, records_a_day=self.scale.payments_a_day)
        fitter = ModelFitter(registry, self.world.seed, settings=_QUICK, policy=policy, training_shares=())
        now, made = datetime.fromtimestamp(at_us / 1e6, UTC), {"by": ORDER.by, "source": "made-up payments"}
        return fitter.fit(dataset, now=now, circumstances=made, on_progress=progress).version

    def _payments(self, first_us: int, last_us: int) -> pl.DataFrame:
        return self.world.payments(first_us, last_us, a_day=self.scale.payments_a_day)

    def _day(self, days: float) -> int:
        return self.world.origin_us - int(days * DAY_US)

    @property
    def _delay_us(self) -> int:
        return int(load_contract(CONTRACT).target.label_delay_days * DAY_US)


def seed_history(past: Past, payments: pl.DataFrame) -> None:
    """Load payments as events, as `fraud history load` does."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "before.parquet"
        write_frame(payments.drop("kind"), file)
        past.seed(file)


def _since(moment_us: int) -> pl.Expr:
    return pl.col("paid_at") >= datetime.fromtimestamp(moment_us / 1e6, UTC)
