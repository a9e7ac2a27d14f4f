"""The view of the page Service: what runs here, and whether it works."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from fraud_detection_api.container.accounts import People
from fraud_detection_api.contract.times import parse_moment
from fraud_detection_api.errors import FraudError, RegistryUnavailable
from fraud_detection_api.policy.outcomes import Outcome
from fraud_detection_api.routes.health import Readiness
from fraud_detection_api.schemas.records.parser import RecordParser
from fraud_detection_api.services.models.aliases import CHALLENGER, CHAMPION, AliasChange
from fraud_detection_api.services.models.deployment import Deployment
from fraud_detection_api.services.models.registered import ModelService
from fraud_detection_api.services.models.rollout import RolloutService
from fraud_detection_api.services.reporting.traffic import Today, Traffic
from fraud_detection_api.telemetry import utc_text

HistoryState = Literal["none", "unused", "known", "missing"]
"""Of the newest decision. `none`: the contract has no history features; `unused`: nothing was decided yet."""

_DIGITS = 12
"""Of a digest, as many as tell models apart."""


class Promotion(NamedTuple):
    """The change that made the champion, in the words of whoever asked for it."""

    at: str
    by: str
    reason: str


class ChampionView(NamedTuple):
    """The model in service. `made_at` is empty where the bundle has no readable time."""

    version: str
    digest: str
    made_at: str
    contract: str
    description: str
    features: int
    history_features: int
    policy: str
    promotion: Promotion | None


class OutcomeRow(NamedTuple):
    """An outcome's decisions of today, and their share of all, from 0 to 1."""

    outcome: Outcome
    decisions: str
    share: float


@dataclass(frozen=True, slots=True)
class ServiceView:
    """What the page shows. `problem` says why no decision can be made or stored now; empty where one can."""

    problem: str
    champion: ChampionView | None
    challenger: str | None
    registry_is_read: bool
    since: str
    total: str
    outcomes: tuple[OutcomeRow, ...]
    newest: str
    history: HistoryState
    has_accounts: bool


@dataclass(frozen=True, slots=True)
class ServiceReader:
    """Reads what the page shows from the services of this process."""

    readiness: Readiness
    models: ModelService
    rollout: RolloutService
    traffic: Traffic
    people: People | None

    def view(self) -> ServiceView:
        """Raises StoreUnavailable, NoStore."""
        today, newest = self.traffic.today(), self.traffic.newest()
        deployment, changes = self.readiness.champion.current, self._changes()
        return ServiceView(
            problem=self._problem(),
            champion=None if deployment is None else champion_view(deployment, changes or ()),
            challenger=self._challenger(),
            registry_is_read=changes is not None,
            since=moment(today.since),
            total=_total(today),
            outcomes=outcome_rows(today),
            newest="" if newest is None else moment(newest.decided_at),
            history=_history(deployment, None if newest is None else newest.history is not None),
            has_accounts=self.people is not None and self.people.must_sign_in(),
        )

    def _problem(self) -> str:
        try:
            self.readiness.require()
        except FraudError as error:
            return error.neutral or str(error)
        return ""

    def _challenger(self) -> str | None:
        try:
            return self.models.assigned(CHALLENGER)
        except RegistryUnavailable:
            return None

    def _changes(self) -> list[AliasChange] | None:
        """Changes of aliases, the newest first; None while the registry cannot be read."""
        try:
            return self.rollout.history()
        except RegistryUnavailable:
            return None


def champion_view(deployment: Deployment[RecordParser], changes: Sequence[AliasChange]) -> ChampionView:
    """The champion, and the last change that made it champion."""
    model, contract = deployment.champion, deployment.contract
    made_at = parse_moment(model.bundle.created_at)
    made_by = [each for each in changes if each.alias == CHAMPION and each.after == model.version and each.took_effect]
    return ChampionView(
        version=model.version,
        digest=model.bundle.digest.removeprefix("sha256:")[:_DIGITS],
        made_at="" if made_at is None else moment(made_at),
        contract=contract.name,
        description=contract.description,
        features=len(contract.features),
        history_features=len(contract.history),
        policy=deployment.policy.version,
        promotion=_promotion(made_by[0]) if made_by else None,
    )


def _promotion(change: AliasChange) -> Promotion:
    return Promotion(moment(change.at), change.cause.by, change.cause.reason)


def outcome_rows(today: Today) -> tuple[OutcomeRow, ...]:
    """Outcomes in the order of the policy. A count that was not finished ends with a plus."""
    total = sum(each.decisions for each in today.outcomes) or 1
    return tuple(
        OutcomeRow(each.outcome, _number(each.decisions, is_capped=each.is_capped), each.decisions / total)
        for each in today.outcomes
    )


def _total(today: Today) -> str:
    is_capped = any(each.is_capped for each in today.outcomes)
    return _number(sum(each.decisions for each in today.outcomes), is_capped=is_capped)


def _number(count: int, *, is_capped: bool) -> str:
    return f"{count:,}{'+' if is_capped else ''}"


def _history(deployment: Deployment[RecordParser] | None, is_known: bool | None) -> HistoryState:  # noqa: FBT001 of three
    if deployment is None or not deployment.contract.history:
        return "none"
    return "unused" if is_known is None else "known" if is_known else "missing"


def moment(milliseconds: int) -> str:
    """A time as people read it, from milliseconds since 1970.

    >>> moment(1_795_341_600_123)
    '2026-11-22 10:00 UTC'
    """
    return f"{utc_text(milliseconds)[:16].replace('T', ' ')} UTC"
