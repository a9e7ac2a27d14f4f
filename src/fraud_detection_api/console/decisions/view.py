"""The view of a decision: what was decided, about what, why, by whom, and what surrounds it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, TypeVar

from pydantic import TypeAdapter

from fraud_detection_api.console.decisions.life import Life, amount_text, life_of, record_of
from fraud_detection_api.console.decisions.links import Links, entity_text, keys_of, links_of
from fraud_detection_api.console.decisions.reasons import ReasonRow, reason_rows
from fraud_detection_api.console.decisions.record import HistoryRow, RecordRow, history_rows, record_rows
from fraud_detection_api.console.decisions.replayed import Replayed, replayed
from fraud_detection_api.console.decisions.similar import Similar, similar_of
from fraud_detection_api.console.decisions.values import clock, percent
from fraud_detection_api.console.decisions.weighed import Weighed, weighed_of
from fraud_detection_api.console.words import say
from fraud_detection_api.contract.declaration import Contract
from fraud_detection_api.decision.label import Label, LabelSource
from fraud_detection_api.decision.stored import StoredDecision
from fraud_detection_api.errors import RegistryUnavailable
from fraud_detection_api.model.bundle import Bundle
from fraud_detection_api.policy.outcomes import Outcome, Policy
from fraud_detection_api.schemas.decisions import ReasonBody, WarningBody, WarningCode
from fraud_detection_api.schemas.records.parser import RecordParser
from fraud_detection_api.services.history.lookup import Found, History
from fraud_detection_api.services.history.replay import ReplayService, reasons_of
from fraud_detection_api.services.history.surroundings import Labelled, Surroundings
from fraud_detection_api.services.labels.recording import LabelService
from fraud_detection_api.services.models.deployment import Deployment
from fraud_detection_api.services.models.follower import AliasFollower
from fraud_detection_api.services.models.shown_models import ShownModels

EARLIER, LATER, EVENTS = 30, 10, 30
"""Decisions and events of the entity that the page shows, around the decision."""

MOST_LINKED, MOST_SIMILAR = 40, 12

Item = TypeVar("Item")
_REASONS, _WARNINGS = TypeAdapter(list[ReasonBody]), TypeAdapter(list[WarningBody])

HistoryKnown = Literal["none", "known", "missing"]
ReasonsFrom = Literal["stored", "computed", "none"]
"""`computed`: no reasons were stored, and the model that decided is in service, so it says them now."""


class LabelRow(NamedTuple):
    """A label of the decision; `is_in_force` for the one that counts."""

    is_fraud: bool
    source: LabelSource
    reviewer: str
    known_at: str
    recorded_at: str
    note: str
    is_in_force: bool


class WarningRow(NamedTuple):
    """What to know before relying on the decision."""

    code: WarningCode
    field: str
    requires_review: bool


@dataclass(frozen=True, slots=True)
class DecisionView:
    """What the page shows. `contract_is_own` says that values are worded by the contract of the model that decided.

    `contract` is empty where no contract is known. Times are in UTC.
    """

    decision_id: str
    outcome: Outcome
    risk_score: int | None
    probability: str
    entity: str
    amount: str
    label: LabelRow | None
    decided_at: str
    is_fallback: bool
    is_erased: bool
    is_intact: bool
    model_version: str
    model_digest: str
    policy_version: str
    contract: str
    contract_is_own: bool
    request: str
    latency_ms: str
    history: HistoryKnown
    warnings: list[WarningRow]
    weighed: Weighed | None
    reasons: list[ReasonRow]
    reasons_from: ReasonsFrom
    record: list[RecordRow]
    history_features: list[HistoryRow]
    life: Life
    links: Links
    similar: Similar
    labels: list[LabelRow]
    replay: Replayed | None


class _Wording(NamedTuple):
    """What words a decision. `bundle` is the model that decided, where it is in service; `policy` is its policy."""

    contract: Contract | None
    reference: Mapping[str, Any]
    is_own: bool
    bundle: Bundle | None = None
    policy: Policy | None = None


@dataclass(frozen=True, slots=True)
class DecisionReader:
    """Reads decisions for the page, from the services of this process."""

    history: History
    labels: LabelService
    surroundings: Surroundings
    models: ShownModels
    replays: ReplayService
    champion: AliasFollower[Deployment[RecordParser]]

    def view(self, decision_id: str, *, replay: bool = False, is_blind: bool = False) -> DecisionView:
        """The view. With `replay`, the registry's files of the model are verified again, which takes longer.

        `is_blind` shows it as it was before its first label: for people who have to find out themselves.

        Raises UnknownDecision, StoreUnavailable, NoStore.
        """
        found, labels = self.history.find(decision_id), self.labels.history(decision_id)
        unlabelled_at = min((each.recorded_at for each in labels), default=None) if is_blind else None
        if unlabelled_at is not None:
            found, labels = found._replace(label=None), []
        row, own, wording = found.row, Labelled(found.row, found.label), self._wording(found.row)
        contract, record = wording.contract, record_of(found.row.record)
        reasons, reasons_from = _reasons(row, wording)
        around = self.surroundings.of_entity(row, earlier=EARLIER, later=LATER, events=EVENTS).at(unlabelled_at)
        linked = [
            each.at(unlabelled_at)
            for each in self.surroundings.linked(row, keys_of(record, contract), limit=MOST_LINKED)
        ]
        code = reasons[0].code if reasons else None
        alike = [each.at(unlabelled_at) for each in self.surroundings.similar(row, code)]
        decided = _decided(found, wording)
        return DecisionView(
            **decided,
            weighed=_weighed(row, record, wording, decided["warnings"]),
            amount=amount_text(contract, record),
            reasons=reason_rows(reasons, contract, wording.reference),
            reasons_from=reasons_from,
            record=record_rows(record, contract, wording.reference),
            history_features=history_rows(record, contract, wording.reference) if record else [],
            life=life_of(own, around, contract),
            links=links_of(own, linked, contract),
            similar=similar_of(alike, code, MOST_SIMILAR),
            labels=[label_row(each, found.label) for each in reversed(labels)],
            replay=self._replay(row, wording.bundle, is_asked=replay),
        )

    def _wording(self, row: StoredDecision) -> _Wording:
        current = self.champion.current
        bundle = None if current is None else current.champion.bundle
        if bundle is not None and bundle.digest == row.model_digest:
            return _Wording(bundle.contract, bundle.reference, is_own=True, bundle=bundle, policy=bundle.policy)
        if (shown := self.models.find(row.model_version, row.model_digest)) is not None:
            return _Wording(shown.contract, shown.reference, is_own=True, policy=shown.policy)
        if bundle is not None:
            return _Wording(bundle.contract, {}, is_own=False)
        return _Wording(None, {}, is_own=False)

    def _replay(self, row: StoredDecision, bundle: Bundle | None, *, is_asked: bool) -> Replayed | None:
        """At once where the model is in memory, or none is needed; otherwise if somebody asks."""
        needs_model = row.record is not None and row.source == "model"
        if needs_model and bundle is None and not is_asked:
            return None
        try:
            return replayed(self.replays.replay_row(row, None if is_asked else bundle), was_read=is_asked)
        except RegistryUnavailable:
            return Replayed("registry_unavailable", is_sound=False, differences=[], was_read=True)


def _decided(found: Found, wording: _Wording) -> dict[str, Any]:
    """The fields that tell what was decided."""
    row, contract = found.row, wording.contract
    return {
        "decision_id": row.decision_id,
        "outcome": row.outcome,
        "risk_score": row.risk_score,
        "probability": "" if row.fraud_probability is None else percent(row.fraud_probability),
        "entity": entity_text(row.entity),
        "label": None if found.label is None else label_row(found.label, found.label),
        "decided_at": clock(row.decided_at),
        "is_fallback": row.source == "fallback",
        "is_erased": row.record is None,
        "is_intact": found.is_intact,
        "model_version": row.model_version,
        "model_digest": row.model_digest.removeprefix("sha256:"),
        "policy_version": row.policy_version,
        "contract": "" if contract is None else contract.name,
        "contract_is_own": wording.is_own,
        "request": say("decided.request_record", request=row.request_id, record=row.record_index + 1),
        "latency_ms": f"{row.latency_ms:.1f}",
        "history": history_state(row, contract),
        "warnings": [
            WarningRow(each.code, each.field, each.requires_review) for each in _listed(_WARNINGS, row.warnings)
        ],
    }


def _weighed(
    row: StoredDecision, record: Mapping[str, Any], wording: _Wording, warnings: list[WarningRow]
) -> Weighed | None:
    if wording.contract is None or wording.policy is None:
        return None
    requires_review = any(each.requires_review for each in warnings)
    return weighed_of(row, record, wording.contract, wording.policy, requires_review=requires_review)


def history_state(row: StoredDecision, contract: Contract | None) -> HistoryKnown:
    """Whether the decision's history features were known."""
    if row.history is not None:
        return "known"
    return "none" if contract is None or not contract.history else "missing"


def _reasons(row: StoredDecision, wording: _Wording) -> tuple[list[ReasonBody], ReasonsFrom]:
    if row.reasons is not None:
        return _listed(_REASONS, row.reasons), "stored"
    if wording.bundle is None or row.record is None or row.source == "fallback":
        return [], "none"
    return _listed(_REASONS, reasons_of(wording.bundle, row)), "computed"


def _listed(adapter: TypeAdapter[list[Item]], text: str | None) -> list[Item]:
    """What a stored JSON array has; nothing where a row that was changed has another text."""
    try:
        return adapter.validate_json(text or "[]")
    except ValueError:
        return []


def label_row(label: Label, in_force: Label | None) -> LabelRow:
    """A label as it is listed."""
    known, recorded = clock(label.effective_at), clock(label.recorded_at)
    is_in_force = label == in_force
    return LabelRow(label.is_fraud, label.source, label.reviewer or "", known, recorded, label.note, is_in_force)
