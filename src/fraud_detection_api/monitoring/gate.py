"""Whether a challenger may become champion: its comparison against limits, what speaks against it, and what was found."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Literal, NamedTuple, TypeAlias

from fraud_detection_api.monitoring.comparison import ModelComparison
from fraud_detection_api.policy.consequences import PER
from fraud_detection_api.statistics.estimates import Estimate

CHEAP_US = 500.0
"""A record that is scored and explained within so many microseconds passes however fast the champion is."""


@dataclass(frozen=True, slots=True)
class GateLimits:
    """What a challenger must meet.

    `decisions` and `frauds` are the fewest compared decisions, and frauds among those of known truth. `roc_auc_loss` and
    `average_precision_loss` are how much lower than the champion's they may be at the lower end of the paired 95 % interval.
    `calibration` is how far frauds may be from those expected, as a share of the expected. `cost_increase` is how much
    more than the champion's its decisions may cost at the lower end of the paired 95 % interval, as a share of the
    champion's cost. `latency_ratio` is how many times the champion's a record may take.
    """

    decisions: int = 1000
    frauds: int = 50
    roc_auc_loss: float = 0.005
    average_precision_loss: float = 0.01
    calibration: float = 0.2
    cost_increase: float = 0.0
    latency_ratio: float = 3.0


@dataclass(frozen=True, slots=True)
class GateVerdict:
    """Whether the gate is passed; else `reasons` say why not, each a sentence with its figures.

    `evidence` is what was found and by which limits, passed or not: without it, a pass by limits that somebody loosened
    would look like any other.
    """

    reasons: tuple[str, ...]
    evidence: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        return not self.reasons


Check: TypeAlias = Literal["traffic", "ranking", "calibration", "cost", "latency"]


class Requirement(NamedTuple):
    """One of the gate's checks: what must hold, what was found, and the reasons why it does not hold; none where it does."""

    check: Check
    required: str
    found: tuple[str, ...]
    reasons: tuple[str, ...]


def requirements(comparison: ModelComparison, limits: GateLimits, *, events: str = "frauds") -> tuple[Requirement, ...]:
    """Every check of `judge`, one by one, in its order."""
    required: dict[Check, str] = {
        "traffic": f"at least {limits.decisions:,} decisions by both, with {limits.frauds:,} known {events} among them",
        "ranking": (
            f"at most {limits.roc_auc_loss:g} of ROC AUC and {limits.average_precision_loss:g} of average precision may be "
            "lost, at the lower end of the 95 % interval"
        ),
        "calibration": (
            f"{events} are {1 - limits.calibration:.2f} to {1 + limits.calibration:.2f} times those expected, or the 95 % "
            "interval includes 1"
        ),
        "cost": f"at the champion's costs, decisions are not shown to cost {_allowed_more(limits)}",
        "latency": f"a record takes at most {limits.latency_ratio:g} times as long as with the champion, or {CHEAP_US:g} µs",
    }
    checks = dict(zip(required, _CHECKS, strict=True))
    found = dict(zip(required, _FINDINGS, strict=True))
    return tuple(
        Requirement(
            name, words, tuple(found[name](comparison, events)), tuple(checks[name](comparison, limits, events))
        )
        for name, words in required.items()
    )


def _allowed_more(limits: GateLimits) -> str:
    percent = f"over {100 * limits.cost_increase:g} % " if limits.cost_increase else ""
    return f"{percent}more than the champion's"


def judge(comparison: ModelComparison, limits: GateLimits, *, events: str = "frauds") -> GateVerdict:
    """The verdict on a challenger. What was not measured does not pass: the reason says what is missing.

    `events` is what the models predict, as people call several of them.
    """
    reasons = tuple(reason for check in _CHECKS for reason in check(comparison, limits, events))
    changed, default = _limits(limits, defaults=False), _limits(limits, defaults=True)
    found = (sentence for finding in _FINDINGS for sentence in finding(comparison, events))
    return GateVerdict(reasons, (*changed, *found, *default))


def _traffic(comparison: ModelComparison, limits: GateLimits, events: str) -> Iterator[str]:
    if comparison.decisions < limits.decisions:
        yield f"{comparison.decisions:,} decisions were compared; {limits.decisions:,} are needed"
    if comparison.frauds < limits.frauds:
        yield (
            f"{comparison.frauds:,} {events} are known among the {comparison.known:,} compared decisions of known truth; "
            f"{limits.frauds:,} are needed"
        )


def _ranking(comparison: ModelComparison, limits: GateLimits, events: str) -> Iterator[str]:
    allowed = {"roc_auc": limits.roc_auc_loss, "average_precision": limits.average_precision_loss}
    for name, loss in allowed.items():
        words = _words(name)
        difference = comparison.differences.get(name)
        if difference is None:
            yield f"the difference of {words} cannot be measured: too few {events} or other decisions are known"
        elif difference.lower < -loss:
            yield _worse(words, difference, loss, events)


def _words(measure: str) -> str:
    return measure.replace("_", " ").replace("roc auc", "ROC AUC")


def _worse(words: str, difference: Estimate, loss: float, events: str) -> str:
    interval = f"{difference.estimate:+.4f} (95 % interval {difference.lower:+.4f} to {difference.upper:+.4f})"
    if difference.upper < 0:
        return f"{words} is worse than the champion's: {interval}; at most {loss:g} may be lost"
    return (
        f"{words} is not shown to be as good as the champion's: {interval}, whose lower end may be "
        f"{-loss:g} at the lowest; more known {events} narrow it"
    )


def _calibration(comparison: ModelComparison, limits: GateLimits, events: str) -> Iterator[str]:
    ratio = comparison.observed_to_expected
    if ratio is None:
        yield "calibration cannot be measured: the truth of no decision is known"
    elif abs(ratio.estimate - 1) > limits.calibration and not ratio.lower <= 1 <= ratio.upper:
        interval = f"95 % interval {ratio.lower:.2f} to {ratio.upper:.2f}"
        allowed = f"{1 - limits.calibration:.2f} to {1 + limits.calibration:.2f} times is allowed"
        yield f"calibration is off: {events} are {ratio.estimate:.2f} times those expected ({interval}); {allowed}"


def _cost(comparison: ModelComparison, limits: GateLimits, _events: str) -> Iterator[str]:
    """Decisions that are shown to cost more, however well they are ranked: a policy may approve everything.

    At the champion's costs alone: at its own, a challenger could declare that whatever it does is cheap. Without a decision
    of known truth there are no costs, and no calibration either, which is refused already: saying it twice would not help.
    """
    for money in comparison.money[:1]:
        difference = money.difference
        if difference.lower > limits.cost_increase * money.champion:
            estimate, lower, upper = (_amount(number, "+") for number in difference)
            yield (
                f"decisions cost more than the champion's, at the champion's costs: {estimate} per {PER:,} (95 % interval "
                f"{lower} to {upper}) beside {_amount(money.champion)}; at most {100 * limits.cost_increase:g} % more may "
                "be shown"
            )


def _amount(cost: float, sign: str = "") -> str:
    return f"{cost:{sign},.0f}" if abs(cost) >= 100 else f"{cost:{sign}.3g}"


def _latency(comparison: ModelComparison, limits: GateLimits, _events: str) -> Iterator[str]:
    latency = comparison.latency
    if latency is None:
        yield "latency was not measured"
    elif latency.challenger_us > max(limits.latency_ratio * latency.champion_us, CHEAP_US):
        yield (
            f"a record takes {latency.challenger_us:,.0f} µs, the champion's {latency.champion_us:,.0f} µs; "
            f"{limits.latency_ratio:g} times that is allowed"
        )


_CHECKS = (_traffic, _ranking, _calibration, _cost, _latency)


def _found_traffic(comparison: ModelComparison, events: str) -> Iterator[str]:
    """What was measured, here and below in few words, for a registry keeps them with each promotion."""
    yield (
        f"{comparison.decisions:,} decisions were compared; the truth of {comparison.known:,} is known, "
        f"{comparison.frauds:,} are {events}"
    )


def _found_ranking(comparison: ModelComparison, _events: str) -> Iterator[str]:
    for name, difference in comparison.differences.items():
        yield f"{_words(name)} {difference.estimate:+.4f} ({difference.lower:+.4f} to {difference.upper:+.4f})"


def _found_calibration(comparison: ModelComparison, events: str) -> Iterator[str]:
    if (ratio := comparison.observed_to_expected) is not None:
        yield f"{events} are {ratio.estimate:.2f} times those expected ({ratio.lower:.2f} to {ratio.upper:.2f})"


def _found_cost(comparison: ModelComparison, _events: str) -> Iterator[str]:
    for money in comparison.money[:1]:
        estimate, lower, upper = (_amount(number, "+") for number in money.difference)
        champion = _amount(money.champion)
        yield f"{PER:,} decisions cost {estimate} ({lower} to {upper}) beside {champion}, at the champion's costs"


def _found_latency(comparison: ModelComparison, _events: str) -> Iterator[str]:
    if (latency := comparison.latency) is not None:
        yield f"a record takes {latency.challenger_us:,.0f} µs, the champion's {latency.champion_us:,.0f} µs"


_FINDINGS = (_found_traffic, _found_ranking, _found_calibration, _found_cost, _found_latency)


def _limits(limits: GateLimits, *, defaults: bool) -> Iterator[str]:
    """Those that are the defaults of today, or those that are not; with numbers, for defaults change over the years."""
    numbers = ((field.name, getattr(limits, field.name), field.default) for field in fields(limits))
    stated = [f"{name} {number:g}" for name, number, default in numbers if (number == default) is defaults]
    if stated:
        yield f"{'default' if defaults else 'changed'} limits: {', '.join(stated)}"
