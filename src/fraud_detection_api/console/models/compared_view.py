"""The view of a comparison: the gate's requirements one by one, and champion beside challenger with intervals."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, TypeAlias

from fraud_detection_api.console.figures.measuring import Measurements, wait_of
from fraud_detection_api.console.figures.money import money_unit
from fraud_detection_api.console.models.cards import part
from fraud_detection_api.console.views.service import moment
from fraud_detection_api.console.words import say
from fraud_detection_api.contract.times import epoch_milliseconds, parse_time
from fraud_detection_api.monitoring.comparison import ModelComparison
from fraud_detection_api.monitoring.gate import Requirement
from fraud_detection_api.report.document import Words, words_for
from fraud_detection_api.report.numbers import (
    MONITORED,
    count,
    decimal,
    measure_text,
    number,
    percent,
    range_of,
    shown_difference,
)
from fraud_detection_api.schemas.records.parser import RecordParser
from fraud_detection_api.services.models.aliases import CHALLENGER
from fraud_detection_api.services.models.deployment import Deployment
from fraud_detection_api.services.models.follower import AliasFollower
from fraud_detection_api.services.models.registered import ModelService
from fraud_detection_api.services.models.rollout import Judged, RolloutService
from fraud_detection_api.services.reporting.comparison import Compared, ComparisonService
from fraud_detection_api.statistics.estimates import Estimate

FRESH_SECONDS = 60.0


Learned: TypeAlias = Literal["none", "some", "unknown"]
"""Whether the challenger may have learned from the decisions that it is judged on."""


class MeasureRow(NamedTuple):
    """A measure of both models; a figure is empty where it cannot be measured, an interval where none is known."""

    measure: str
    name: str
    champion: str
    champion_interval: str
    challenger: str
    challenger_interval: str
    difference: str
    difference_interval: str


class MoneyRow(NamedTuple):
    """Mean cost of 1,000 decisions at the costs of one policy."""

    policy: str
    champion: str
    challenger: str
    difference: str
    interval: str


@dataclass(frozen=True, slots=True)
class ComparedView:
    """What the page shows of a comparison. `swaps` are rows of counts by the champion's outcome and the challenger's.

    `begun` is when the version first challenged, empty where it never did; `learned_to` is the day of the newest record that
    it was made from. `unit` is that of money, empty where the contract names none.
    """

    champion: str
    challenger: str
    since: str
    until: str
    decisions: str
    known: str
    frauds: str
    events: str
    by_chance: str
    begun: str
    learned_to: str
    learned: Learned
    unit: str
    agreement: str
    passed: bool
    requirements: tuple[Requirement, ...]
    measures: tuple[MeasureRow, ...]
    money: tuple[MoneyRow, ...]
    swaps: tuple[tuple[str, tuple[str, ...]], ...]
    age_seconds: int = 0


@dataclass(frozen=True, slots=True)
class ComparisonPage:
    """The page of a version's comparison; `compared` is None while it is measured."""

    version: str
    compared: ComparedView | None


@dataclass(frozen=True)
class ComparisonReader:
    """Compares in the background: loading models and reading 200,000 decisions can take a minute."""

    champion: AliasFollower[Deployment[RecordParser]]
    models: ModelService
    rollout: RolloutService
    comparisons: ComparisonService
    measurements: Measurements

    def page(self, version: str, *, patiently: bool) -> ComparisonPage:
        """A version beside the champion. Raises UnknownModel, ModelNotReady, and as `ComparisonService.compare`."""
        version, served = self.models.describe(version).version, self.champion.require().champion

        def measure() -> Compared:
            return self.comparisons.compare(served, self.models.load(version))

        key = ("compared", served.bundle.digest, version)
        found = self.measurements.get(
            key, measure, fresh_seconds=FRESH_SECONDS, wait_seconds=wait_of(patiently=patiently)
        )
        if found.value is None:
            return ComparisonPage(version, None)
        begun = self._begun(version)
        return ComparisonPage(version, compared_view(found.value, begun=begun, age_seconds=int(found.age_seconds)))

    def _begun(self, version: str) -> int | None:
        """When the version first became challenger; None if it never did."""
        began = (each.at for each in self.rollout.history() if (each.alias, each.after) == (CHALLENGER, version))
        return min(began, default=None)

    def judged(self, version: str, champion: str | None, *, patiently: bool) -> Judged | None:
        """What the gate says to a promotion; None while it is measured. Raises as `RolloutService.judged`."""
        key = ("judged", champion, version)
        return self.measurements.get(
            key,
            lambda: self.rollout.judged(version),
            fresh_seconds=FRESH_SECONDS,
            wait_seconds=wait_of(patiently=patiently),
        ).value


def compared_view(compared: Compared, *, begun: int | None = None, age_seconds: int = 0) -> ComparedView:
    """The comparison as figures with intervals, of a challenger whose first challenge had `begun` then."""
    contract = compared.champion.bundle.contract
    found, words = compared.comparison, words_for(contract.purpose)
    learned, learned_to = learned_from(compared.challenger.bundle.card, begun)
    return ComparedView(
        champion=compared.champion.version,
        challenger=compared.challenger.version,
        since=moment(max(compared.since, begun or 0, 0)),
        until=moment(max(compared.until, 0)),
        decisions=count(found.decisions),
        known=count(found.known),
        frauds=count(found.frauds),
        events=words.events,
        by_chance=_by_chance(found),
        begun="" if begun is None else moment(begun),
        learned_to=learned_to,
        learned=learned,
        unit=money_unit(contract),
        agreement="" if found.agreement is None else percent(found.agreement.estimate),
        passed=compared.verdict.passed,
        requirements=compared.requirements,
        measures=tuple(_measures(found, words)),
        money=tuple(_money(found)),
        swaps=tuple((was, tuple(count(number) for number in row.values())) for was, row in found.swaps.items()),
        age_seconds=age_seconds,
    )


def learned_from(card: Mapping[str, Any], begun: int | None) -> tuple[Learned, str]:
    """Whether a challenger knew decisions from its challenge on, and the day of the newest record it was made from."""
    period = part(card, "data").get("period")
    newest = parse_time(str(period[1])) if isinstance(period, list) and len(period) == 2 else None
    if newest is None or begun is None:
        return "unknown", ""
    return "none" if epoch_milliseconds(newest) < begun else "some", str(newest.date())


def _by_chance(found: ModelComparison) -> str:
    sides = [side.calibration_error_by_chance for side in (found.champion, found.challenger)]
    champion, challenger = ("" if each is None else decimal(each) for each in sides)
    return say("comparison.by_chance", champion=champion, challenger=challenger)


def _measures(found: ModelComparison, words: Words) -> Iterator[MeasureRow]:
    for name in MONITORED:
        champion, challenger = (side.measures.get(name) for side in (found.champion, found.challenger))
        if champion is None and challenger is None:
            continue
        yield MeasureRow(
            name,
            measure_text(name, words),
            *_figure(champion),
            *_figure(challenger),
            *_difference(champion, challenger, found.differences.get(name)),
        )


def _difference(champion: Estimate | None, challenger: Estimate | None, gained: Estimate | None) -> tuple[str, str]:
    """The difference with its interval; for measures without one, what a reader who subtracts finds."""
    if gained is not None:
        return f"{gained.estimate:+.4f}", f"{gained.lower:+.4f} to {gained.upper:+.4f}"
    if champion is None or challenger is None:
        return "", ""
    return f"{shown_difference(challenger.estimate, champion.estimate):+.4f}", ""


def _figure(each: Estimate | None) -> tuple[str, str]:
    return ("", "") if each is None else (decimal(each.estimate), range_of(each.lower, each.upper))


def _money(found: ModelComparison) -> Iterator[MoneyRow]:
    for each in found.money:
        difference = each.difference
        yield MoneyRow(
            each.policy_version,
            number(each.champion),
            number(each.challenger),
            number(difference.estimate),
            f"{number(difference.lower)} to {number(difference.upper)}",
        )
