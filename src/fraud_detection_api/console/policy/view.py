"""The view of the page Policy."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, TypeAlias
from urllib.parse import urlencode

from fraud_detection_api.console.figures.measuring import PATIENTLY, Measurements
from fraud_detection_api.console.figures.money import money_unit
from fraud_detection_api.console.figures.plots import LinePlot
from fraud_detection_api.console.policy.knobs import NAMES, Knob, is_form, knobs, settled, terms_of
from fraud_detection_api.console.policy.whatif import (
    Side,
    ThresholdRow,
    capacity_costs,
    mean_costs,
    outcome_costs,
    side,
    threshold_rows,
)
from fraud_detection_api.console.views.service import moment
from fraud_detection_api.contract.declaration import Contract
from fraud_detection_api.errors import InvalidPolicy
from fraud_detection_api.policy.consequences import PER, price_reviews, require_records_a_day
from fraud_detection_api.policy.outcomes import OUTCOMES, Policy
from fraud_detection_api.policy.population import Population
from fraud_detection_api.report.document import words_for
from fraud_detection_api.report.numbers import count, number, percent
from fraud_detection_api.schemas.records.parser import RecordParser
from fraud_detection_api.services.models.deployment import Deployment, ServedModel
from fraud_detection_api.services.models.follower import AliasFollower
from fraud_detection_api.services.models.registered import ModelService
from fraud_detection_api.services.reporting.recent import RecentBacktests

BACKTEST = "backtest"
"""The parameter of the button that tests a policy on stored decisions."""

A_MINUTE = 60.0

BacktestState: TypeAlias = Literal["offered", "measured", "waiting"]


class SidesRow(NamedTuple):
    """A measure of what was decided and of what would have been, with 95 % intervals."""

    name: str
    kept: str
    new: str
    difference: str
    interval: str


class BacktestView(NamedTuple):
    """What a policy would have done to the newest decisions. `rows` are empty where none could be counted."""

    decisions: str
    labelled: str
    frauds: str
    since: str
    until: str
    rows: tuple[SidesRow, ...]
    left_out: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class PolicyView:
    """What the page shows. `unit` is that of money, empty where the contract names none.

    `problem` says what of the form is no policy.

    `new` is what the form's policy does, None where it is the one in force; then `current` is that at the form's costs.
    """

    model: str
    version: str
    events: str
    event: str
    amounts_known: bool
    unit: str
    in_force: Policy
    knobs: tuple[Knob, ...]
    problem: str
    current: Side
    new: Side | None
    new_policy: Policy | None
    thresholds: tuple[ThresholdRow, ...]
    plots: tuple[LinePlot, ...]
    query: str
    backtest_state: BacktestState
    backtest: BacktestView | None
    most_tested: str


@dataclass(frozen=True)
class PolicyReader:
    """Reads the page from the champion in service."""

    champion: AliasFollower[Deployment[RecordParser]]
    models: ModelService
    backtests: RecentBacktests
    measurements: Measurements
    _populations: dict[str, Population] = field(default_factory=dict)

    def settled(self, query: Mapping[str, str]) -> str | None:
        """The address of what a form asks for, as a query; None for a query that is no form's. Raises ModelNotReady."""
        if not is_form(query):
            return None
        chosen = settled(query, self.champion.require().policy)
        return urlencode(chosen | ({BACKTEST: "yes"} if BACKTEST in query else {}))

    def view(self, query: Mapping[str, str]) -> PolicyView:
        """Raises ModelNotReady, UnknownModel, CorruptBundle, NoStore, StoreUnavailable, RegistryUnavailable."""
        deployment = self.champion.require()
        policy, contract, model = deployment.policy, deployment.contract, deployment.champion
        population = self._population(model)
        terms, new, problem = _asked(query, policy, population)
        words = words_for(contract.purpose)
        judged = new or policy
        state, found = self._backtest(query, judged, contract)
        return PolicyView(
            model=model.version,
            version=policy.version,
            events=words.events,
            event=words.event,
            amounts_known=contract.amount_at_risk is not None,
            unit=money_unit(contract),
            in_force=policy,
            knobs=knobs(terms or policy, policy),
            problem=problem,
            current=side(policy, population, at_costs_of=judged),
            new=None if new is None else side(new, population, at_costs_of=new),
            new_policy=new,
            thresholds=threshold_rows(policy, new, population),
            plots=_plots(judged, population),
            query=urlencode({name: query[name] for name in NAMES if name in query}),
            backtest_state=state,
            backtest=found,
            most_tested=count(self.backtests.most),
        )

    def _population(self, model: ServedModel) -> Population:
        """The scores that the champion's policy was weighed on. They are read once for each champion."""
        digest = model.bundle.digest
        if digest not in self._populations:
            found = self.models.population(model.version)
            self._populations.clear()
            self._populations[digest] = found
            return found
        return self._populations[digest]

    def _backtest(
        self, query: Mapping[str, str], policy: Policy, contract: Contract
    ) -> tuple[BacktestState, BacktestView | None]:
        if BACKTEST not in query:
            return "offered", None

        def measure() -> BacktestView:
            test = self.backtests.test(policy, contract)
            return backtest_view(test.as_json(), test.first, test.last)

        key = (BACKTEST, contract.record_fingerprint, policy)
        found = self.measurements.get(key, measure, fresh_seconds=A_MINUTE, wait_seconds=PATIENTLY).value
        return ("waiting", None) if found is None else ("measured", found)


def _asked(
    query: Mapping[str, str], in_force: Policy, population: Population
) -> tuple[Policy | None, Policy | None, str]:
    """The terms that were asked for, the same priced, and what is wrong with them."""
    try:
        terms = terms_of(query, in_force)
        if terms is None:
            return None, None, ""
        require_records_a_day(terms)
        return terms, price_reviews(terms, population), ""
    except InvalidPolicy as error:
        return terms, None, error.problems[0]
    except ValueError as error:
        return None, None, str(error)


def _plots(policy: Policy, population: Population) -> tuple[LinePlot, ...]:
    drawn = outcome_costs(policy), mean_costs(policy, population), capacity_costs(policy, population)
    return tuple(plot for plot in drawn if plot is not None)


def backtest_view(found: Mapping[str, Any], first: int | None, last: int | None) -> BacktestView:
    """A backtest's document as rows."""
    return BacktestView(
        count(found["decisions"]),
        count(found["labelled"]),
        count(found["labelled_frauds"]),
        "" if first is None else moment(first),
        "" if last is None else moment(last),
        tuple(_rows(found)) if found["decisions"] else (),
        tuple((reason, count(number)) for reason, number in found["left_out"].items()),
    )


def _rows(found: Mapping[str, Any]) -> Iterator[SidesRow]:
    yield _sides("reviews_a_day", found["reviews_a_day"], "reviews")
    yield _sides("cost", found[f"cost_per_{PER}"], "cost")
    for outcome in OUTCOMES:
        kept, new = (percent(found["outcomes"][each][outcome] / found["decisions"]) for each in ("kept", "new"))
        yield SidesRow(f"outcome_{outcome}", kept, new, "", "")


def _sides(name: str, sides: Mapping[str, Mapping[str, float]], figure: str) -> SidesRow:
    kept, new, difference = (number(sides[each][figure]) for each in ("kept", "new", "difference"))
    low, high = (number(sides["difference"][end]) for end in ("low", "high"))
    return SidesRow(name, kept, new, difference, f"{low} to {high}")
