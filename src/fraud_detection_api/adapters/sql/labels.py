"""LabelStore in SQL."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from fraud_detection_api.adapters.sql.cases import close_cases
from fraud_detection_api.adapters.sql.database import Database, Row, Session, alone, parts
from fraud_detection_api.adapters.sql.decisions import have_records
from fraud_detection_api.decision.identifiers import first_uuid7, uuid_bytes, uuid_text
from fraud_detection_api.decision.label import (
    EntityAt,
    EventNamed,
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

SUBJECT = "coalesce(decision_id, event_id)"
"""A label's decision or event; their ids are of one kind, and no two are equal."""

ABOUT = "(decision_id IN ({marks}) OR event_id IN ({marks}))"
"""The condition on labels of some decisions and events, whose ids are parameters twice."""

_PLAIN = [field for field in Label._fields if field not in {"subject_id", "is_fraud"}]
_plain = picked(Label, _PLAIN)
_STORED = ["decision_id", "event_id", "is_fraud", *_PLAIN, "seal"]
_INSERT = f"INSERT INTO labels ({', '.join(_STORED)}) VALUES ({', '.join('?' * len(_STORED))})"  # noqa: S608
_COLUMNS = [SUBJECT, "is_fraud", *_PLAIN]
_SELECT = f"SELECT {', '.join(_COLUMNS)} FROM labels"  # noqa: S608

_SELECT_SEALED = f"SELECT label_id, {', '.join([*_COLUMNS, 'seal'])} FROM labels"  # noqa: S608

_LAST_ID = "SELECT COALESCE(MAX(label_id), 0) FROM labels"

_LAST_OF_ENTITY = (
    "SELECT decision_id FROM decisions WHERE entity = ? AND decision_id < ? ORDER BY decision_id DESC LIMIT 1"
)

_NAMED = "SELECT event_id FROM events WHERE external_id = ?"

_WITHOUT_KEY = Recorder()


class _Subject(NamedTuple):
    """What a finding is about: a decision or an event, whose other id is None."""

    decision_id: bytes | None
    event_id: bytes | None = None

    @property
    def id_(self) -> bytes:
        packed = self.event_id if self.decision_id is None else self.decision_id
        assert packed is not None
        return packed

    @property
    def unknown(self) -> LabelResult:
        return "unknown_event" if self.decision_id is None else "unknown_decision"


class _Known(NamedTuple):
    """What findings are about, and the labels that were recorded of it up to `last_id`, by subject."""

    subjects: Sequence[_Subject | LabelResult]
    histories: Mapping[bytes, LabelHistory]
    last_id: int

    @classmethod
    def read(cls, session: Session, findings: Sequence[Finding]) -> "_Known":
        """As it is now."""
        subjects = [_subject(session, finding.about) for finding in findings]
        known = sorted({subject.id_ for subject in subjects if isinstance(subject, _Subject)})
        last_id = session.rows(_LAST_ID)[0][0]
        labels = _labels(session, known, "label_id <= ?", last_id)
        return cls(subjects, {subject_id: LabelHistory(each) for subject_id, each in labels.items()}, last_id)

    def read_newer(self, session: Session) -> None:
        """Add the labels that were recorded since."""
        for subject_id, newer in _labels(session, list(self.histories), "label_id > ?", self.last_id).items():
            for label in newer:
                self.histories[subject_id].add(label)


class SqlLabelStore:
    """Stores labels in the database of the decisions, sealed by `recorder`."""

    def __init__(
        self, database: Database, recorder: Recorder = _WITHOUT_KEY, *, wall_clock: Callable[[], float] = time.time
    ) -> None:
        self._database, self._recorder, self._wall_clock = database, recorder, wall_clock

    def record(self, findings: Sequence[Finding]) -> list[LabelResult]:
        # before this blocks writers: each entity or event is a query, and a decision may have thousands of labels
        with self._database.reading() as session:
            known = _Known.read(session, findings)
        with self._database.writing() as session:
            alone(session, self._database.dialect)
            known.read_newer(session)
            return self._record(session, findings, known.subjects, known.histories)

    def record_within(self, session: Session, findings: Sequence[Finding]) -> list[LabelResult]:
        """The same as a part of a transaction that runs `alone`."""
        known = _Known.read(session, findings)
        return self._record(session, findings, known.subjects, known.histories)

    def history(self, decision_id: str) -> list[Label]:
        packed = _packed(decision_id)
        with self._database.reading() as session:
            if packed is None or packed not in have_records(session, [packed]):
                raise UnknownDecision
            return _labels(session, [packed])[packed]

    def in_force(self, subject_ids: Sequence[str]) -> Mapping[str, Label]:
        with self._database.reading() as session:
            histories = _labels(session, [uuid_bytes(identifier) for identifier in subject_ids])
        return {label.subject_id: label for history in histories.values() if (label := label_in_force(history))}

    def _record(
        self,
        session: Session,
        findings: Sequence[Finding],
        subjects: Sequence[_Subject | LabelResult],
        histories: Mapping[bytes, LabelHistory],
    ) -> list[LabelResult]:
        known = [subject for subject in subjects if isinstance(subject, _Subject)]
        has_record = have_records(session, [each.decision_id for each in known if each.decision_id is not None])
        has_record |= have_records(session, [each.event_id for each in known if each.event_id is not None], of="events")
        now = int(self._wall_clock() * 1000)
        results: list[LabelResult] = []
        rows: list[Row] = []
        for finding, subject in zip(findings, subjects, strict=True):
            if not isinstance(subject, _Subject):
                results.append(subject)
            elif not has_record.get(subject.id_):
                results.append("erased" if subject.id_ in has_record else subject.unknown)
            elif (history := histories[subject.id_]).repeats(finding):
                results.append("repeated")
            else:
                label = _label(finding, uuid_text(subject.id_), now)._replace(recorded_at=history.free_time(now))
                history.add(label)
                rows.append((*subject, int(label.is_fraud), *_plain(label), self._recorder.sealed_label(label).seal))
                results.append("recorded")
        if rows:
            session.change_each(_INSERT, rows)
            close_cases(session, [decision_id for decision_id, *_ in rows if decision_id is not None])
        return results


def _label(finding: Finding, subject_id: str, now: int) -> Label:
    effective_at = now if finding.effective_at is None else finding.effective_at
    return Label(subject_id, finding.is_fraud, finding.source, effective_at, finding.note, now, finding.reviewer)


def _subject(session: Session, about: str | EntityAt | EventNamed) -> _Subject | LabelResult:
    if isinstance(about, EventNamed):
        named = session.rows(_NAMED, (about.external_id,))
        return _Subject(None, bytes(named[0][0])) if named else "unknown_event"
    if not isinstance(about, EntityAt):
        packed = _packed(about)
        return _Subject(packed) if packed is not None else "unknown_decision"
    if about.at < 0:
        return "nothing_by_then"
    found = session.rows(_LAST_OF_ENTITY, (about.entity, uuid_bytes(first_uuid7(about.at + 1))))
    return _Subject(bytes(found[0][0])) if found else "nothing_by_then"


def _packed(decision_id: str) -> bytes | None:
    try:
        return uuid_bytes(decision_id)
    except ValueError:
        return None


def _labels(
    session: Session, subject_ids: Sequence[bytes], condition: str = "label_id >= ?", label_id: int = 0
) -> dict[bytes, list[Label]]:
    """Labels of each decision or event whose number meets the condition, in the order of recording."""
    found: dict[bytes, list[Label]] = {subject_id: [] for subject_id in subject_ids}
    for marks, some in parts(subject_ids):
        for packed, is_fraud, *others in session.rows(
            f"{_SELECT} WHERE {ABOUT.format(marks=marks)} AND {condition} ORDER BY label_id", [*some, *some, label_id]
        ):
            found[bytes(packed)].append(Label(uuid_text(packed), bool(is_fraud), *others))
    return found


def sealed_labels(session: Session, subject_ids: Sequence[bytes]) -> Iterator[tuple[int, SealedLabel]]:
    """Each label of these decisions and events, after its number; those of one in the order of recording."""
    for marks, some in parts(subject_ids):
        for label_id, packed, is_fraud, *others in session.rows(
            f"{_SELECT_SEALED} WHERE {ABOUT.format(marks=marks)} ORDER BY label_id", [*some, *some]
        ):
            yield label_id, SealedLabel(uuid_text(packed), bool(is_fraud), *others)
