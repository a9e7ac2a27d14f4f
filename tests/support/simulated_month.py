"""A month of simulated traffic as the observer's gauges would tell of it, on a clock that nobody waits for."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import polars as pl

from fraud_detection_api.metrics import catalogue
from fraud_detection_api.metrics.tallies import Tallies
from fraud_detection_api.model.bundle import Bundle
from fraud_detection_api.monitoring.counts import Bins, Counts
from fraud_detection_api.monitoring.performance import measure
from fraud_detection_api.services.models.deployment import ServedModel
from fraud_detection_api.services.observing.observation_store import CountedSlot
from fraud_detection_api.services.reporting.drift import DriftReader
from fraud_detection_api.services.reporting.monitoring import MaturedPerformance, tell_drift, tell_performance
from fraud_detection_api.tables.checking import check_table
from fraud_detection_api.training.data.synthetic import simulate_credit_records

BEGINNING = 1_767_225_600  # 2026-01-01, seconds since 1970
SLOT, HOUR, DAY = 300, 3_600, 86_400
DAYS = 30
_RECORDS_A_SLOT = (3, 80)  # at night, at noon
_MATURED_RECORDS = 5_000
_DAYS_BETWEEN_MEASUREMENTS = 4
HOURS_BETWEEN_LOOKS = 12
_TOLD = {
    metric.name
    for metric in (catalogue.DRIFT_PSI, catalogue.DRIFT_PSI_ALARM_LEVEL, catalogue.DRIFT_RECORDS, catalogue.PERFORMANCE)
}


@dataclass
class Slots:
    """The slots of an ObservationStore, as far as a DriftReader asks for them."""

    _slots: dict[int, list[CountedSlot]] = field(default_factory=lambda: {SLOT: [], HOUR: []})

    def add(self, slot: CountedSlot) -> None:
        self._slots[slot.seconds].append(slot)

    def slots(self, *, since: int, seconds: int) -> list[CountedSlot]:
        return [slot for slot in self._slots[seconds][-200:] if slot.start >= since]


def records(count: int, *, seed: int, shifted: str | None = None) -> pl.DataFrame:
    """Simulated records; of the feature that is `shifted`, each value lies half a standard deviation higher."""
    frame = simulate_credit_records(count, seed=seed)
    if shifted is None:
        return frame
    higher = pl.col(shifted) + 0.5 * pl.col(shifted).std()
    return frame.with_columns(
        (higher.round() if frame[shifted].dtype.is_integer() else higher).cast(frame[shifted].dtype)
    )


@dataclass(frozen=True)
class Month:
    """Traffic with its daily rhythm; from `drift_hour` on, where there is one, `shifted` is higher and frauds hide."""

    bundle: Bundle
    seed: int
    drift_hour: int = DAYS * 24
    shifted: str | None = None

    def samples(self, **labels: str) -> Iterator[str]:
        """Lines of an OpenMetrics file: the gauges at the ends of hours, with these labels more and the time."""
        told, slots = Tallies(), Slots()
        model, reader = ServedModel("1", self.bundle), DriftReader(slots, psi_level=0.1)
        more = ",".join(f'{name}="{value}"' for name, value in labels.items())
        for hour, whole, parts in self._hours():
            start, digest = BEGINNING + hour * HOUR, self.bundle.digest
            slots.add(CountedSlot(start * 1000, HOUR, digest, whole.as_json()))
            if not parts:
                continue
            for place, part in enumerate(parts):
                slots.add(CountedSlot((start + place * SLOT) * 1000, SLOT, digest, part.as_json()))
            tell_drift(reader.windows(model, (start + HOUR - 1) * 1000), told)
            if hour // 24 % _DAYS_BETWEEN_MEASUREMENTS == 0:
                tell_performance(self._performance(hour // 24), told)
            yield from _lines(told, more, start + HOUR)

    def looked_at(self, hour: int) -> bool:
        """Around noon and midnight, and at the end of each hour of the first day of the drift."""
        return hour % HOURS_BETWEEN_LOOKS == HOURS_BETWEEN_LOOKS - 1 or 0 <= hour - self.drift_hour < 24

    def _hours(self) -> Iterator[tuple[int, Counts, list[Counts]]]:
        """Each hour, its counts, and those of its twelve slots where they are looked at."""
        for day in range(DAYS):
            rng = np.random.default_rng([self.seed, day])
            middle, half = np.mean(_RECORDS_A_SLOT), np.ptp(_RECORDS_A_SLOT) / 2
            rhythm = middle - half * np.cos(np.arange(DAY // SLOT) / (DAY // SLOT) * 2 * np.pi)
            ends = [0, *rng.poisson(rhythm).cumsum().tolist()]
            counted = self._counter(day, ends)
            for hour in range(24):
                here = ends[hour * 12 : hour * 12 + 13]
                looked_at = self.looked_at(day * 24 + hour)
                parts = [counted(begin, end) for begin, end in pairwise(here)] if looked_at else []
                yield day * 24 + hour, counted(here[0], here[-1]), parts

    def _counter(self, day: int, ends: list[int]) -> Callable[[int, int], Counts]:
        """Counts of a stretch of a day's records, of which so many came by the end of each slot."""
        count, seed = ends[-1], self.seed * 100 + day
        before = ends[min(max(self.drift_hour - day * 24, 0), 24) * 12]
        frame = pl.concat(
            [
                records(count, seed=seed).head(before),
                records(count, seed=seed, shifted=self.shifted).tail(count - before),
            ]
        )
        columns = check_table(frame, self.bundle.contract).columns
        _, probabilities = self.bundle.scorer.score(columns)
        bins = Bins(self.bundle.reference)

        def counted(begin: int, end: int) -> Counts:
            part = {name: values[begin:end] for name, values in columns.items()}
            picked = np.ones(end - begin, dtype=bool)
            return bins.count(part, probabilities[begin:end], ["approve"] * (end - begin), picked)

        return counted

    def _performance(self, day: int) -> MaturedPerformance:
        """Of decisions whose labels mature by then; once drifted, every other fraud looks like anybody."""
        frame = records(_MATURED_RECORDS, seed=self.seed * 100 + 50 + day)
        columns = check_table(frame, self.bundle.contract).columns
        _, probabilities = self.bundle.scorer.score(columns)
        frauds = frame["is_fraud"].to_numpy().astype(bool)
        if day * 24 >= self.drift_hour:
            rng = np.random.default_rng([self.seed, day])
            disguised = frauds & (rng.random(len(frauds)) < 0.5)
            probabilities = np.where(disguised, rng.permutation(probabilities), probabilities)
        performance = measure(frauds, probabilities, np.ones(len(frauds), dtype=np.int8))
        return MaturedPerformance(0, 0, len(frauds), complete=True, performance=performance)


def _lines(told: Tallies, more: str, seconds: int) -> Iterator[str]:
    """The gauges, and what a rule records of the performance."""
    for name, values, (number, _) in told.snapshot("observer").series:
        labels = zip(catalogue.METRIC_NAMED[name].labels, values, strict=True)
        pairs = ",".join([*(f'{label}="{value}"' for label, value in labels), more])
        if name not in _TOLD:
            continue
        yield f"{name}{{{pairs}}} {number!r} {seconds}"
        if name == catalogue.PERFORMANCE.name:
            yield f"job:fraud_performance:max{{{pairs}}} {number!r} {seconds}"
