"""Exports stored records and their labels in force as a file to train on."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl
from pydantic_core import from_json

from fraud_detection_api.contract.declaration import LABEL_AGE, LABEL_REVIEWER, Contract
from fraud_detection_api.contract.times import DAY_MS, parse_time
from fraud_detection_api.contract.written import NUMBER_FORMATS
from fraud_detection_api.decision.label import Label
from fraud_detection_api.decision.stored import StoredDecision
from fraud_detection_api.errors import InvalidContract, InvalidSetting, NothingToExport
from fraud_detection_api.services.deciding.recording import Recorder
from fraud_detection_api.services.labels.recording import LabelStore
from fraud_detection_api.services.models.contracts import RecordContracts
from fraud_detection_api.services.models.registry import ModelRegistry
from fraud_detection_api.services.models.stored_models import Absent, StoredModels
from fraud_detection_api.services.storage.decision_store import DecisionFilter, DecisionStore
from fraud_detection_api.tables.checking import column_types
from fraud_detection_api.tables.files import is_csv, require_suffix, write_frames
from fraud_detection_api.tables.targets import written_negative
from fraud_detection_api.tables.whole_files import written_whole
from fraud_detection_api.telemetry import utc_text

ROWS_A_PAGE = 5_000
_IDS_A_PAGE = 100_000

_WRITTEN = ("fraud", "legitimate", "assumed_legitimate")


@dataclass
class Exported:
    """Counts of the decisions that an export read, each once; only `untimed` ones are counted among the written, too."""

    fraud: int = 0
    legitimate: int = 0
    assumed_legitimate: int = 0
    unlabelled: int = 0
    other_contract: int = 0
    erased: int = 0
    tampered: int = 0
    untimed: int = 0

    @property
    def rows(self) -> int:
        """How many records were written."""
        return sum(getattr(self, kind) for kind in _WRITTEN)


@dataclass(frozen=True)
class TrainingSetExporter:
    """Writes training sets of one contract. Calls `on_progress` with the share of the range that is done, 0 to 1.

    The models of `registry` say which records of earlier releases follow the contract.
    """

    store: DecisionStore
    labels: LabelStore
    recorder: Recorder
    contract: Contract
    on_progress: Callable[[float], None] = lambda _share: None
    registry: ModelRegistry | None = None

    @cached_property
    def _contracts(self) -> RecordContracts:
        return RecordContracts(self.contract, self.registry)

    @cached_property
    def _models(self) -> StoredModels | None:
        return None if self.registry is None else StoredModels(self.registry)

    @cached_property
    def _declared_by(self) -> dict[tuple[str, str], frozenset[str]]:
        """The contract's history features that the models of decisions declare alike, by version and digest."""
        return {}

    def export(
        self, target: Path, *, since: int, until: int, assumed_before: int | None, young_until: int | None = None
    ) -> Exported:
        """Write the labelled records decided from `since` to before `until`, in milliseconds since 1970.

        Records without a label that were decided before `assumed_before` count as legitimate. Where there is nothing to
        export, those decided from `until` to before `young_until` are counted as too young. The file holds the contract's
        columns, the history features that all its records have, its target, the days from decision to label, null if the
        label is assumed, and who said it; it is written whole or not at all. Raises NothingToExport, InvalidContract,
        InvalidSetting, InvalidDataset, StoreUnavailable.
        """
        require_suffix(target)
        own = {*self.contract.record_columns, *self.contract.history, self.contract.target.name}
        if taken := [name for name in (LABEL_AGE, LABEL_REVIEWER) if name in own]:
            raise InvalidContract(
                self.contract.name, [f"{name} is a column of the export; rename the contract's" for name in taken]
            )
        done = Exported()
        where = DecisionFilter(since=since, until=until)
        with written_whole(target) as waiting:
            history = self._stored_history(where, assumed_before)
            frames, schema = self._frames(where, assumed_before, history, done), self._schema(history)
            if is_csv(target):  # as the contract says that files are
                frames = (_with_commas(frame, self._commas) for frame in frames)
                schema |= dict.fromkeys(self._commas, pl.String())
            write_frames(frames, schema, waiting)
            if not done.rows:
                young = 0 if young_until is None else self._count(DecisionFilter(since=until, until=young_until))
                raise NothingToExport(done.unlabelled, done.other_contract, done.erased, done.tampered, young=young)
        return done

    def _count(self, where: DecisionFilter) -> int:
        counted, after = 0, None
        while ids := self.store.ids(where, limit=_IDS_A_PAGE, after=after):
            counted, after = counted + len(ids), ids[-1]
        return counted

    @property
    def _commas(self) -> list[str]:
        """The columns whose numbers have a decimal comma in files."""
        formats = {name: NUMBER_FORMATS.get(each.format or "") for name, each in self.contract.features.items()}
        return [name for name, format_ in formats.items() if format_ is not None and format_.decimal == ","]

    def _schema(self, history: Sequence[str]) -> dict[str, pl.DataType]:
        types, target = column_types(self.contract), self.contract.target
        columns = {name: types[name] for name in (*self.contract.record_columns, *history)}
        if self.contract.identifier is not None and self.recorder.pseudonym_key is not None:
            columns[self.contract.identifier.name] = pl.String()
        kinds: dict[type, pl.DataType] = {bool: pl.Boolean(), int: pl.Int64(), str: pl.String()}
        return {
            **columns,
            target.name: kinds[type(target.positive)],
            LABEL_AGE: pl.Float64(),
            LABEL_REVIEWER: pl.String(),
        }

    def _frames(
        self, where: DecisionFilter, assumed_before: int | None, history: Sequence[str], done: Exported
    ) -> Iterator[pl.DataFrame]:
        schema, begins_at = self._schema(history), 0.5 if self.contract.history else 0.0
        for written, share in self._pages(where, assumed_before, done):
            rows = [self._row(decision, label, history, done) for decision, label in written]
            if rows:
                yield pl.DataFrame(rows, schema=schema, orient="row")
            self.on_progress(begins_at + share * (1 - begins_at))

    def _pages(
        self, where: DecisionFilter, assumed_before: int | None, done: Exported
    ) -> Iterator[tuple[list[tuple[StoredDecision, Label | None]], float]]:
        """The decisions to write, with their labels, a page at a time, and the share of the range that is done."""
        assert where.since is not None
        assert where.until is not None
        after = None
        while page := self.store.following(where, limit=ROWS_A_PAGE, after=after):
            in_force = self.labels.in_force([decision.decision_id for decision in page])
            after, last, written = page[-1].decision_id, page[-1].decided_at, []
            for decision in page:
                label = in_force.get(decision.decision_id)
                kind = self._kind(decision, label, assumed_before)
                setattr(done, kind, getattr(done, kind) + 1)
                if kind in _WRITTEN:
                    written.append((decision, label))
            yield written, (last - where.since) / max(where.until - where.since, 1)

    def _stored_history(self, where: DecisionFilter, assumed_before: int | None) -> list[str]:
        """The history features that all decisions to write have, as the contract declares them.

        A reader of the file computes the others from its records.
        """
        names = dict.fromkeys(self.contract.history)
        if not names:
            return []
        for written, share in self._pages(where, assumed_before, Exported()):
            for decision, _label in written:
                stored = from_json(decision.record or "{}").keys() & self._declared_alike(decision)
                if not names.keys() <= stored:
                    names = dict.fromkeys(name for name in names if name in stored)
            if not names:
                break
            self.on_progress(share / 2)
        return list(names)

    def _declared_alike(self, decision: StoredDecision) -> frozenset[str]:
        """The contract's history features that the model which decided declares alike; without a registry, all of them."""
        made_by = decision.model_version, decision.model_digest
        if made_by not in self._declared_by:
            names = frozenset(self.contract.history)
            if self._models is not None:
                model = self._models.find(*made_by)
                names = frozenset(
                    name
                    for name in names
                    if not isinstance(model, Absent) and self.contract.shares_history(name, model.contract)
                )
            self._declared_by[made_by] = names
        return self._declared_by[made_by]

    def _row(
        self, decision: StoredDecision, label: Label | None, history: Sequence[str], done: Exported
    ) -> Sequence[Any]:
        age = None if label is None else (label.effective_at - decision.decided_at) / DAY_MS
        target = self._target(is_fraud=label is not None and label.is_fraud)
        return (*self._record(decision, history, done), target, age, None if label is None else label.reviewer)

    def _kind(self, decision: StoredDecision, label: Label | None, assumed_before: int | None) -> str:
        """The field of Exported that counts the decision."""
        if not self.recorder.is_intact(decision):  # before using any of its values
            return "tampered"
        if decision.record is None:
            return "erased"
        if not self._contracts.follows(decision.contract):
            return "other_contract"
        if label is not None:
            return "fraud" if label.is_fraud else "legitimate"
        is_assumed = assumed_before is not None and decision.decided_at < assumed_before
        return "assumed_legitimate" if is_assumed else "unlabelled"

    def _record(self, decision: StoredDecision, history: Sequence[str], done: Exported) -> list[Any]:
        """The record's values as they were sent, in the contract's order, and its history features."""
        assert decision.record is not None
        contract, sent = self.contract, from_json(decision.record)
        if contract.identifier is not None:
            sent[contract.identifier.name] = self._identifier(sent.get(contract.identifier.name), decision)
        # training needs a time, and a record without one is of the time of its decision
        if contract.time is not None and sent.get(contract.time.name) is None:
            done.untimed += 1
            sent[contract.time.name] = utc_text(decision.decided_at)
        for name in contract.times:
            sent[name] = None if sent.get(name) is None else parse_time(sent[name])
        return [sent.get(name) for name in (*contract.record_columns, *history)]

    def _identifier(self, entity_id: int | str | None, decision: StoredDecision) -> int | str | None:
        """The record's id; with pseudonyms, its pseudonym, so that an entity's records stay together."""
        if self.recorder.pseudonym_key is not None:
            return decision.entity if entity_id is None else self.recorder.entity(entity_id)
        if entity_id is None:
            raise InvalidSetting("FRAUD_PSEUDONYM_KEY", "the store holds pseudonyms; set the key that the server has")
        return entity_id

    def _target(self, *, is_fraud: bool) -> bool | int | str:
        return self.contract.target.positive if is_fraud else written_negative(self.contract)


def _with_commas(frame: pl.DataFrame, columns: Sequence[str]) -> pl.DataFrame:
    return frame.with_columns(pl.col(columns).cast(pl.String).str.replace(".", ",", literal=True))
