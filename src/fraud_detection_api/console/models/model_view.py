"""The view of a model's page: what it was made of, how good it is, and what it was compared with."""

from dataclasses import dataclass
from typing import Any, NamedTuple

from fraud_detection_api.console.models.cards import (
    BesideRow,
    MetricRow,
    beside_rows,
    card_words,
    made_at,
    metric_rows,
    number_in,
    part,
    records_text,
)
from fraud_detection_api.console.models.registry_view import ChangeRow, RegistryReader, change_row
from fraud_detection_api.report.numbers import count
from fraud_detection_api.services.models.aliases import ALIASES, CHALLENGER, CHAMPION, Alias

_DIGITS = 12
MOST_CHANGES = 10
MOST_WARNINGS = 8


class Beside(NamedTuple):
    """Another model on the same records: the baseline, or the champion of that time, whose version is given."""

    version: str
    method: str
    records: str
    rows: tuple[BesideRow, ...]


@dataclass(frozen=True, slots=True)
class ModelView:
    """What the page shows. Of a damaged version, `problem` says what is wrong, and the rest is empty."""

    version: str
    aliases: tuple[Alias, ...]
    problem: str
    digest: str
    made_at: str
    trained_on: str
    by: str
    source: str
    contract: str
    features: int
    policy: str
    tested_on: str
    metrics: tuple[MetricRow, ...]
    baseline: Beside | None
    champion: Beside | None
    warnings: tuple[str, ...]
    changes: tuple[ChangeRow, ...]
    may_change: bool
    has_champion: bool

    @property
    def is_champion(self) -> bool:
        """Whether it answers requests."""
        return CHAMPION in self.aliases

    @property
    def is_challenger(self) -> bool:
        """Whether it is on trial."""
        return CHALLENGER in self.aliases


@dataclass(frozen=True, slots=True)
class ModelReader:
    """Reads a model's page."""

    registry: RegistryReader

    def view(self, version: str, *, may_change: bool) -> ModelView:
        """Of a version, or of the one that an alias stands for.

        Raises UnknownModel, NoChampion, NoChallenger, RegistryUnavailable.
        """
        version = self.registry.models.resolve(version)
        found, assigned = self.registry.described(version), {each: self.registry.assigned(each) for each in ALIASES}
        card, made = found.card, found.circumstances
        changes = [each for each in self.registry.rollout.history() if version in (each.before, each.after)]
        return ModelView(
            version=version,
            aliases=tuple(alias for alias in ALIASES if assigned[alias] == version),
            problem=found.problem or "",
            digest=found.digest.removeprefix("sha256:")[:_DIGITS],
            made_at=made_at(found),
            trained_on=records_text(card),
            by=str(made.get("by") or ""),
            source=str(made.get("source") or "").replace("\\", "/").rpartition("/")[2],
            contract=str(part(card, "contract").get("name") or ""),
            features=len(card["features"]) if isinstance(card.get("features"), list) else 0,
            policy=str(part(card, "policy").get("version") or ""),
            tested_on=_tested_on(card),
            metrics=metric_rows(card),
            baseline=_beside(card.get("baseline"), card),
            champion=_beside(made.get("champion"), card),
            warnings=_warnings(card),
            changes=tuple(map(change_row, changes[:MOST_CHANGES])),
            may_change=may_change,
            has_champion=assigned[CHAMPION] is not None,
        )


def _tested_on(card: dict[str, Any]) -> str:
    evaluation, words = part(card, "evaluation"), card_words(card)
    rows, frauds = number_in(evaluation, "rows"), number_in(evaluation, "frauds")
    if rows is None or frauds is None:
        return ""
    return f"{count(rows)} held-out records, {count(frauds)} {words.events}"


def _beside(found: Any, card: dict[str, Any]) -> Beside | None:
    rows = beside_rows(part(found), card_words(card))
    if not rows:
        return None
    records = number_in(found, "records")
    return Beside(
        str(found.get("version") or ""), str(found.get("method") or ""), "" if records is None else count(records), rows
    )


def _warnings(card: dict[str, Any]) -> tuple[str, ...]:
    warnings = card.get("warnings")
    return tuple(map(str, warnings[:MOST_WARNINGS])) if isinstance(warnings, list) else ()
