"""LabelStore in SQL."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence

from fraud_detection_api.adapters.sql.database import Database, Row, Session, alone, parts
from fraud_detection_api.adapters.sql.decisions import have_records
from fraud_detection_api.decision.identifiers import first_uuid7, uuid_bytes, uuid_text
from fraud_detection_api.decision.label import (
    EntityAt,
    Finding,
    Label,
    LabelHistory,
    LabelResult,
    SealedLabel,
    label_in_force,
)
from fraud_detection_api.decision.row_format import picked
from fraud_detection_api.errors import UnknownDecision
from fraud_detection_api.services.deciding.recording import Recorder

_PLAIN = [field for field in Label._fields if field not in {"decision_id", "is_fraud"}]
_plain = picked(Label, _PLAIN)
_COLUMNS = ["decision_id", "is_fraud", *_PLAIN]
_INSERT = f"INSERT INTO labels ({', '.join([*_COLUMNS, 'seal'])}) VALUES ({', '.join('?' * (len(_COLUMNS) + 1))})"  # noqa: S608
_SELECT = f"SELECT {', '.join(_COLUMNS)} FROM labels"  # noqa: S608

_SELECT_SEALED = f"SELECT label_id, {', '.join([*_COLUMNS, 'seal'])} FROM labels"  # noqa: S608

_LAST_ID = "SELECT COALESCE(MAX(label_id), 0) FROM labels"

_LAST_OF_ENTITY = (
    "SELECT decision_id FROM decisions WHERE entity = ? AND decision_id < ? ORDER BY decision_id DESC LIMIT 1"
)

_WITHOUT_KEY = Recorder()


class SqlLabelStore:
    """Stores labels in the database of the decisions, sealed by `recorder`."""

    def __init__(
        self, database: Database, recorder: Recorder = _WITHOUT_KEY, *, wall_clock: Callable[[], float] = time.time
    ) -> None:
        self._database, self._recorder, self._wall_clock = database, recorder, wall_clock

    def record(self, findings: Sequence[Finding]) -> list[LabelResult]:
        # before this blocks writers: each entity is a query, and a decision may have thousands of labels
        with self._database.reading() as session:
            subjects = [_subject(session, finding.about) for finding in findings]
            known = sorted({subject for subject in subjects if isinstance(subject, bytes)})
            last_id = session.rows(_LAST_ID)[0][0]
            labels = _labels(session, known, "label_id <= ?", last_id)
            histories = {decision_id: LabelHistory(of_decision) for decision_id, of_decision in labels.items()}
        with self._database.writing() as session:
            alone(session, self._database.dialect)
            for decision_id, newer in _labels(session, known, "label_id > ?", last_id).items():
                for label in newer:
                    histories[decision_id].add(label)
            return self._record(session, findings, subjects, histories)

    def history(self, decision_id: str) -> list[Label]:
        packed = _packed(decision_id)
        with self._database.reading() as session:
            if packed is None or packed not in have_records(session, [packed]):
                raise UnknownDecision
            return _labels(session, [packed])[packed]

    def in_force(self, decision_ids: Sequence[str]) -> Mapping[str, Label]:
        with self._database.reading() as session:
            histories = _labels(session, [uuid_bytes(identifier) for identifier in decision_ids])
        return {label.decision_id: label for history in histories.values() if (label := label_in_force(history))}

    def _record(
        self,
        session: Session,
        findings: Sequence[Finding],
        subjects: Sequence[bytes | LabelResult],
        histories: Mapping[bytes, LabelHistory],
    ) -> list[LabelResult]:
        has_record = have_records(session, list(histories))
        now = int(self._wall_clock() * 1000)
        results: list[LabelResult] = []
        rows: list[Row] = []
        for finding, subject in zip(findings, subjects, strict=True):
            if not isinstance(subject, bytes):
                results.append(subject)
            elif not has_record.get(subject):
                results.append("erased" if subject in has_record else "unknown_decision")
            elif (history := histories[subject]).repeats(finding):
                results.append("repeated")
            else:
                label = _label(finding, uuid_text(subject), now)._replace(recorded_at=history.free_time(now))
                history.add(label)
                rows.append((subject, int(label.is_fraud), *_plain(label), self._recorder.sealed_label(label).seal))
                results.append("recorded")
        if rows:
            session.change_each(_INSERT, rows)
        return results


def _label(finding: Finding, decision_id: str, now: int) -> Label:
    effective_at = now if finding.effective_at is None else finding.effective_at
    return Label(decision_id, finding.is_fraud, finding.source, effective_at, finding.note, now, finding.reviewer)


def _subject(session: Session, about: str | EntityAt) -> bytes | LabelResult:
    if not isinstance(about, EntityAt):
        return _packed(about) or "unknown_decision"
    if about.at < 0:
        return "nothing_by_then"
    found = session.rows(_LAST_OF_ENTITY, (about.entity, uuid_bytes(first_uuid7(about.at + 1))))
    return bytes(found[0][0]) if found else "nothing_by_then"


def _packed(decision_id: str) -> bytes | None:
    try:
        return uuid_bytes(decision_id)
    except ValueError:
        return None


def _labels(
    session: Session, decision_ids: Sequence[bytes], condition: str = "label_id >= ?", label_id: int = 0
) -> dict[bytes, list[Label]]:
    """Labels of each decision whose number meets the condition, in the order of recording."""
    found: dict[bytes, list[Label]] = {decision_id: [] for decision_id in decision_ids}
    for marks, some in parts(decision_ids):
        for packed, is_fraud, *others in session.rows(
            f"{_SELECT} WHERE decision_id IN ({marks}) AND {condition} ORDER BY label_id", [*some, label_id]
        ):
            found[bytes(packed)].append(Label(uuid_text(packed), bool(is_fraud), *others))
    return found


def sealed_labels(session: Session, decision_ids: Sequence[bytes]) -> Iterator[tuple[int, SealedLabel]]:
    """Each label of these decisions, after its number; those of a decision in the order of recording."""
    for marks, some in parts(decision_ids):
        for label_id, packed, is_fraud, *others in session.rows(
            f"{_SELECT_SEALED} WHERE decision_id IN ({marks}) ORDER BY label_id", some
        ):
            yield label_id, SealedLabel(uuid_text(packed), bool(is_fraud), *others)
