"""The view of the page Models: the aliases and what serves, the newest versions, and who changed what."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from fraud_detection_api.console.models.cards import figure, made_at, records_text
from fraud_detection_api.console.views.service import moment
from fraud_detection_api.console.words import say
from fraud_detection_api.errors import CorruptBundle, NoChampion, UnknownModel
from fraud_detection_api.metrics import catalogue
from fraud_detection_api.metrics.catalogue import Metric
from fraud_detection_api.metrics.sharing import SharedMetrics
from fraud_detection_api.services.models.aliases import (
    ALIASES,
    CHALLENGER,
    CHAMPION,
    UNREADABLE,
    Action,
    Alias,
    AliasChange,
    GateState,
)
from fraud_detection_api.services.models.registered import ModelDescription, ModelService
from fraud_detection_api.services.models.rollout import RolloutService

MOST_VERSIONS, MOST_CHANGES = 20, 20
FRESH_SECONDS = 600.0
"""For so long a version's card is not read again: versions never change, but can be damaged. To promote one reads it."""


class VersionRow(NamedTuple):
    """A version. Of a damaged one, `problem` says why, and its figures are empty."""

    version: str
    aliases: tuple[Alias, ...]
    made_at: str
    trained_on: str
    roc_auc: str
    average_precision: str
    problem: str


class ChangeRow(NamedTuple):
    """A change of an alias, with who asked for it and why."""

    at: str
    alias: Alias
    action: Action
    before: str
    after: str
    by: str
    reason: str
    gate: GateState
    forced: bool
    took_effect: bool


class Serving(NamedTuple):
    """Processes that answer with a version."""

    version: str
    processes: tuple[str, ...]


class Shadow(NamedTuple):
    """Records that the challenger scored, failed to score and had no time for, since this server was started."""

    scored: int
    failed: int
    dropped: int


@dataclass(frozen=True, slots=True)
class RegistryView:
    """What the page shows. A version is None where its alias stands for none, and UNREADABLE where it is damaged.

    `previous` is the version that a rollback would restore. `done` is the change that led here, if it is the newest one.
    """

    champion: VersionRow | None
    challenger: VersionRow | None
    serving: tuple[Serving, ...]
    shadow: Shadow
    previous: str | None
    versions: tuple[VersionRow, ...]
    has_more_versions: bool
    changes: tuple[ChangeRow, ...]
    has_more_changes: bool
    may_change: bool
    done: ChangeRow | None = None

    @property
    def follows(self) -> bool:
        """Whether a process still answers with another version than the champion."""
        return self.champion is not None and any(each.version != self.champion.version for each in self.serving)


@dataclass(frozen=True, slots=True)
class RegistryReader:
    """Reads what the page shows. A card is read at most once in FRESH_SECONDS."""

    models: ModelService
    rollout: RolloutService
    metrics: SharedMetrics
    clock: Callable[[], float] = time.monotonic
    _cards: dict[str, tuple[float, ModelDescription]] = field(default_factory=dict)

    def view(self, *, may_change: bool, done: str = "") -> RegistryView:
        """With a word on the action that was just `done`. Raises RegistryUnavailable."""
        versions, assigned = self.models.versions(), {alias: self.assigned(alias) for alias in ALIASES}
        rows = {version: self._row(version, assigned) for version in versions[:MOST_VERSIONS]}
        for version in assigned.values():
            if version is not None and version not in rows:
                rows[version] = self._row(version, assigned)
        changes, gauges = self.rollout.history(), _gauges(self.metrics)
        champion, challenger = (assigned[alias] for alias in (CHAMPION, CHALLENGER))
        return RegistryView(
            champion=None if champion is None else rows[champion],
            challenger=None if challenger is None else rows[challenger],
            serving=_serving(gauges),
            shadow=_shadow(gauges, challenger),
            previous=previous_of(self.rollout),
            versions=tuple(rows[version] for version in versions[:MOST_VERSIONS]),
            has_more_versions=len(versions) > MOST_VERSIONS,
            changes=tuple(map(change_row, changes[:MOST_CHANGES])),
            has_more_changes=len(changes) > MOST_CHANGES,
            may_change=may_change,
            done=_done(changes, done),
        )

    def assigned(self, alias: Alias) -> str | None:
        """The version that an alias stands for; UNREADABLE where that is damaged. Raises RegistryUnavailable."""
        try:
            return self.models.assigned(alias)
        except CorruptBundle:
            return UNREADABLE

    def described(self, version: str) -> ModelDescription:
        """A version, as it was within FRESH_SECONDS. Raises UnknownModel, RegistryUnavailable."""
        now = self.clock()
        known = self._cards.get(version)
        if known is None or now - known[0] >= FRESH_SECONDS:
            known = self._cards[version] = now, self.models.describe(version)
        return known[1]

    def _row(self, version: str, assigned: dict[Alias, str | None]) -> VersionRow:
        aliases = tuple(alias for alias in ALIASES if assigned[alias] == version)
        try:
            found = self.described(version)
        except UnknownModel:  # an alias may outlive its version
            return VersionRow(version, aliases, "", "", "", "", say("failure.UnknownModel"))
        roc_auc, average_precision = (figure(found.card, name) for name in ("roc_auc", "average_precision"))
        return VersionRow(
            version,
            aliases,
            made_at(found),
            records_text(found.card),
            "" if roc_auc is None else roc_auc.value,
            "" if average_precision is None else average_precision.value,
            found.problem or "",
        )


def previous_of(rollout: RolloutService) -> str | None:
    """The version that a rollback would restore; None where there is none. Raises RegistryUnavailable."""
    try:
        return rollout.previous()
    except (NoChampion, CorruptBundle):
        return None


def _done(changes: Sequence[AliasChange], action: str) -> ChangeRow | None:
    """The newest change by that action, if nothing but what it brings with it came after: the end of a challenge."""
    for change in changes[:2]:
        if change.cause.action == action and change.took_effect:
            return change_row(change)
        if change.cause.action != "stop":
            return None
    return None


def change_row(change: AliasChange) -> ChangeRow:
    """A change in words."""
    cause = change.cause
    return ChangeRow(
        moment(change.at),
        change.alias,
        cause.action,
        change.before or "",
        change.after or "",
        cause.by,
        cause.reason,
        cause.gate,
        cause.forced,
        change.took_effect,
    )


Gauges = dict[Metric, list[tuple[tuple[str, ...], float]]]

_SHADOW = (catalogue.SHADOW_RECORDS, catalogue.SHADOW_ERRORS, catalogue.SHADOW_DROPPED_RECORDS)


def _gauges(metrics: SharedMetrics) -> Gauges:
    wanted = {catalogue.MODEL_INFO, *_SHADOW}
    return {family.metric: family.series for family in metrics.families() if family.metric in wanted}


def _serving(gauges: Gauges) -> tuple[Serving, ...]:
    processes: dict[str, list[str]] = {}
    for (process, version, _digest), is_served in gauges.get(catalogue.MODEL_INFO, []):
        if is_served:
            processes.setdefault(version, []).append(process)
    return tuple(Serving(version, tuple(sorted(names))) for version, names in sorted(processes.items()))


def _shadow(gauges: Gauges, challenger: str | None) -> Shadow:
    return Shadow(*(int(sum(_of_version(gauges, metric, challenger))) for metric in _SHADOW))


def _of_version(gauges: Gauges, metric: Metric, version: str | None) -> Iterator[float]:
    return (number for labels, number in gauges.get(metric, []) if labels[0] == version)
