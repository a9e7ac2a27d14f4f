"""A folder of files scored into another folder, file by file, by several processes.

Beside the scores, the target has a folder MARKS: what is scored there, and a mark for each part whose scores are in
place. A run that was killed, or that found new files since, goes on from the marks.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import polars as pl
from pydantic import TypeAdapter, ValidationError

from fraud_detection_api.errors import InvalidDataset
from fraud_detection_api.model.bundle import Bundle, BundleFiles, read_bundle
from fraud_detection_api.model.trees.forest import CORES
from fraud_detection_api.services.batch.files import BatchScorer, UnseenCount
from fraud_detection_api.services.batch.places import Part, Place
from fraud_detection_api.services.workers.pool import WorkerLost, Workers, results
from fraud_detection_api.tables.checking import folded_columns
from fraud_detection_api.tables.files import is_csv, reading, scan_file, shown_name
from fraud_detection_api.tables.parquet import parquet_schema

MARKS = "_scored"
RUN = f"{MARKS}/run.json"
_READERS = 16
"""Marks that are read at the same time: in object storage, each takes a round trip."""


@dataclass(frozen=True, slots=True)
class ScoredPart:
    """The mark of a part: which version of it was scored, and what was found. `columns` is a digest of names and types."""

    name: str
    version: str
    records: int
    unseen: dict[str, int]
    reviewed: int
    missing: dict[str, int]
    columns: str


_MARK = TypeAdapter(ScoredPart)


@dataclass
class ScoredParts:
    """All parts of a folder: how many have scores, by this run or by an earlier one, and which have none and why.

    `marks` has those of all parts with scores.
    """

    earlier: int = 0
    records: int = 0
    unseen: UnseenCount = field(default_factory=UnseenCount)
    marks: list[ScoredPart] = field(default_factory=list)
    failures: list[InvalidDataset] = field(default_factory=list)

    @property
    def parts(self) -> int:
        """How many have scores."""
        return len(self.marks)

    def add(self, done: ScoredPart) -> None:
        self.records += done.records
        self.marks.append(done)
        self.unseen.by_column += Counter(done.unseen)
        self.unseen.missing += Counter(done.missing)
        self.unseen.reviewed += done.reviewed


@dataclass(frozen=True)
class PartScoring:
    """Scores parts of `source` into `target` with the model whose bundle is `files`. Opens in another process.

    Each part has the name of its source, with another `suffix` if one is given, and columns of the `types` of a schema. Each
    process uses so many `threads`. A target that `only_adds` gets no second scores of a part that has changed.
    """

    files: BundleFiles
    digest: str
    source: Place
    target: Place
    explains: bool = False
    separator: str | None = None
    threads: int = CORES
    suffix: str | None = None
    types: Callable[[Mapping[str, pl.DataType]], Mapping[str, pl.DataType]] = dict
    only_adds: bool = False

    def target_name(self, name: str) -> str:
        """The name of a part's scores, by whose suffix they are written."""
        plain = name[: -len(".gz")] if name.lower().endswith(".gz") else name
        return plain if self.suffix is None else str(PurePosixPath(plain).with_suffix(self.suffix))

    def __call__(self) -> "_Scoring":
        return _Scoring(self, read_bundle(self.files, source=self.digest))

    @property
    def run(self) -> dict[str, Any]:
        """What must be the same for a run to go on where another ended."""
        return {"model": self.digest, "source": str(self.source), "reasons": self.explains, "separator": self.separator}

    def begin(self) -> None:
        """Note what is scored in the target."""
        if self.target.read(RUN) is None:
            with self.target.written(RUN) as waiting:
                waiting.write_text(json.dumps(self.run), encoding="utf-8")

    def require_own_target(self) -> None:
        """Raise InvalidDataset where something else is in the target already."""
        known = self.target.read(RUN)
        if known is None and self.target.parts():
            raise InvalidDataset(str(self.target), ["is not empty; name a new folder for the scores"])
        if known is not None and json.loads(known) != self.run:
            raise InvalidDataset(
                str(self.target),
                ["has scores of another model, of other files, or with other options; name a new folder for these"],
            )

    def done(self, parts: Sequence[Part]) -> list[ScoredPart]:
        """The marks of the parts that have been scored and have not changed since.

        Raises InvalidDataset where one has changed and the target keeps what it has.
        """
        with ThreadPoolExecutor(_READERS) as pool:
            marks = list(pool.map(lambda part: _mark(self.target.read(_mark_name(part.name))), parts))
        if self.only_adds:
            for part, mark in zip(parts, marks, strict=True):
                if mark and mark.version != part.version:
                    raise InvalidDataset(
                        f"{self.source}/{part.name}", ["has changed since it was scored; name a new table"]
                    )
        return [mark for part, mark in zip(parts, marks, strict=True) if mark and mark.version == part.version]


class _Scoring:
    def __init__(self, scoring: PartScoring, bundle: Bundle) -> None:
        self._scoring, self._bundle = scoring, bundle

    def __call__(self, part: Part) -> ScoredPart:
        """Score a part and mark it. Raises InvalidDataset for what is wrong with it, FilesUnavailable for all else."""
        scoring, unseen = self._scoring, UnseenCount()
        scorer = BatchScorer(
            self._bundle,
            explains=scoring.explains,
            separator=scoring.separator,
            on_unseen=unseen.add,
            threads=scoring.threads,
            constants=partial(scoring.source.constants, part.name),
            types=scoring.types,
        )
        with (
            scoring.source.fetched(part.name) as given,
            scoring.target.written(scoring.target_name(part.name)) as waiting,
        ):
            try:
                _require_history(self._bundle, given, scoring.separator)
                records = scorer.score_into(given, waiting)
                columns = "" if is_csv(waiting) else _digest(parquet_schema(waiting))
            except InvalidDataset as error:
                raise InvalidDataset(f"{scoring.source}/{shown_name(part.name)}", error.problems) from None
        counts = dict(unseen.by_column), unseen.reviewed, dict(unseen.missing)
        done = ScoredPart(part.name, part.version, records, *counts, columns)
        with scoring.target.written(_mark_name(part.name)) as waiting:
            waiting.write_text(json.dumps(asdict(done)), encoding="utf-8")
        return done


def _require_history(bundle: Bundle, given: Path, separator: str | None) -> None:
    """Raise InvalidDataset where history features would be computed: an entity's earlier records may be in other parts."""
    if not bundle.contract.history:
        return
    with reading(given, separator):
        names = scan_file(given, separator)[0].collect_schema().names()
    if missing := folded_columns(bundle.contract, names):
        listed = ", ".join(map(repr, missing))
        raise InvalidDataset(
            str(given),
            [f"lacks the history features {listed}: score all records as one file, or add them as columns"],
        )


def score_parts(
    scoring: PartScoring,
    parts: Sequence[Part],
    workers: Workers,
    *,
    on_progress: Callable[[float, ScoredParts], None] = lambda _share, _done: None,
) -> ScoredParts:
    """Score all parts that have no scores yet. A part that cannot be scored is a failure, and the others go on.

    Raises FilesUnavailable where a place is away or full, and InvalidDataset where the target holds something else, or where
    two parts would have scores of one name; parts that were scored until then keep their scores.
    """
    _require_own_names(scoring, parts)
    with scoring.target.claimed():
        scoring.require_own_target()
        found = _scored(scoring, parts, workers, on_progress)
    found.failures.sort(key=lambda error: error.source)
    return found


def _require_own_names(scoring: PartScoring, parts: Sequence[Part]) -> None:
    sources: dict[str, str] = {}
    for part in parts:
        target = scoring.target_name(part.name)
        if (other := sources.setdefault(target, part.name)) != part.name:
            raise InvalidDataset(
                str(scoring.source),
                [f"the scores of {other} and {part.name} would both be {target}; rename one of them"],
            )


def _scored(
    scoring: PartScoring,
    parts: Sequence[Part],
    workers: Workers,
    on_progress: Callable[[float, ScoredParts], None],
) -> ScoredParts:
    found, total, size = ScoredParts(), sum(part.size for part in parts), 0
    sizes = {part.name: part.size for part in parts}
    for done in scoring.done(parts):
        found.add(done)
        found.earlier += 1
        size += sizes.pop(done.name)
    on_progress(size / total if total else 1.0, found)
    # the largest first, so that none of them is begun at the end
    waiting = sorted((part for part in parts if part.name in sizes), key=lambda part: part.size)
    if not waiting:
        return found
    with workers.pool(scoring) as pool:
        scoring.begin()
        for part, future in results(pool, waiting):
            try:
                found.add(future.result())
            except InvalidDataset as error:
                found.failures.append(error)
            except WorkerLost as error:
                found.failures.append(InvalidDataset(f"{scoring.source}/{shown_name(part.name)}", [str(error)]))
            size += part.size
            on_progress(size / total if total else 1.0, found)
    return found


def _mark_name(name: str) -> str:
    return f"{MARKS}/{name}.json"


def _digest(schema: Mapping[str, pl.DataType]) -> str:
    return hashlib.sha256(str(list(schema.items())).encode()).hexdigest()[:16]


def _mark(content: bytes | None) -> ScoredPart | None:
    """A damaged mark is none: the part is scored again."""
    try:
        return None if content is None else _MARK.validate_json(content)
    except ValidationError:
        return None
