"""Score files of records: one into one, or a folder's into another folder."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from fraud_detection_api.container.places import commit, is_url, open_parts, open_place, to_delta
from fraud_detection_api.container.registry import existing_registry
from fraud_detection_api.errors import InvalidDataset
from fraud_detection_api.jobs.listener import Listener
from fraud_detection_api.model.bundle import BundleFiles
from fraud_detection_api.processes.sigterm import leaves_on_sigterm
from fraud_detection_api.services.batch.files import BatchScorer, UnseenCount
from fraud_detection_api.services.batch.parts import PartScoring, ScoredParts, score_parts
from fraud_detection_api.services.batch.places import is_glob
from fraud_detection_api.services.models.deployment import ServedModel
from fraud_detection_api.services.models.registered import ModelService
from fraud_detection_api.services.workers.pool import Workers
from fraud_detection_api.settings import Settings
from fraud_detection_api.tables.files import SUFFIXES, is_csv


@dataclass(frozen=True, slots=True)
class ScoringOptions:
    """What is scored, where the scores go, and with which model. Both are paths, or addresses in object storage.

    A target that ends in .csv or .parquet is one file, and any other is a folder, or `as_delta` a Delta table, which gets
    all files in one commit.
    """

    source: str
    target: str
    model: str
    explains: bool = False
    separator: str | None = None
    as_delta: bool = False

    @property
    def is_one_file(self) -> bool:
        return not self.as_delta and self.target.lower().endswith(SUFFIXES)


@dataclass(frozen=True, slots=True)
class Scored:
    """What was scored by which version. `parts` says more where it was a folder."""

    version: str
    records: int
    unseen: UnseenCount
    parts: ScoredParts | None = None

    @property
    def failures(self) -> list[InvalidDataset]:
        """Why parts of a folder have no scores."""
        return [] if self.parts is None else self.parts.failures


def score_records(settings: Settings, options: ScoringOptions, *, workers: Workers, listener: Listener) -> Scored:
    """Score a file, or each file of a folder by `workers`. Raises InvalidDataset, UnknownModel, FilesUnavailable."""
    registry = existing_registry(settings.registry)
    served = ModelService(registry).load(options.model)
    with leaves_on_sigterm():
        if options.is_one_file:
            return _one_file(served, options, listener)
        return _folder(served, options, registry.fetch(served.version), workers, listener)


def _one_file(served: ServedModel, options: ScoringOptions, listener: Listener) -> Scored:
    unseen = UnseenCount()
    name = options.source.rpartition("/")[2]
    with (
        _given(options.source) as source,
        _wanted(options.target) as target,
        listener.step(f"Scoring {name} with version {served.version}") as progress,
    ):
        scorer = BatchScorer(
            served.bundle,
            explains=options.explains,
            on_progress=progress,
            separator=options.separator,
            on_replaced=lambda names: listener.say(f"the file was scored before; {', '.join(names)} are replaced"),
            on_unseen=unseen.add,
        )
        try:
            records = scorer.score_file(source, target)
        except InvalidDataset as error:
            if not is_url(options.source) or error.source != str(source):
                raise
            raise InvalidDataset(options.source, error.problems) from None
    return Scored(served.version, records, unseen)


@contextmanager
def _given(text: str) -> Iterator[Path]:
    """The file itself, or a copy of an object."""
    if not is_url(text):
        yield Path(text)
        return
    place, pattern = open_parts(text)
    if is_glob(pattern):
        raise InvalidDataset(
            text, ["is not one file; name a folder for the scores (--out), which gets a file for each"]
        )
    with place.fetched(pattern) as path:
        yield path


@contextmanager
def _wanted(text: str) -> Iterator[Path]:
    """The file to write, or one that becomes an object at the end."""
    if not is_url(text):
        yield Path(text)
        return
    folder, _, name = text.rpartition("/")
    with open_place(folder).written(name) as path:
        yield path


def _folder(
    served: ServedModel, options: ScoringOptions, files: BundleFiles, workers: Workers, listener: Listener
) -> Scored:
    source, pattern = open_parts(options.source)
    _require_apart(str(source), options.target)
    parts = [part for part in source.parts(pattern) if _is_table(part.name)]
    if not parts:
        raise InvalidDataset(options.source, ["has no .csv, .csv.gz or .parquet files"])
    scoring = PartScoring(
        files,
        served.bundle.digest,
        source,
        open_place(options.target),
        explains=options.explains,
        separator=options.separator,
        threads=1,
    )
    if options.as_delta:
        scoring = to_delta(scoring, options.target)
    with listener.step(f"Scoring {len(parts):,} files with version {served.version}") as progress:

        def report(share: float, done: ScoredParts) -> None:
            failed = f", {len(done.failures):,} failed" if done.failures else ""
            progress(share, f"{done.parts:,} of {len(parts):,} files, {done.records:,} records{failed}")

        found = score_parts(scoring, parts, workers, on_progress=report)
    if options.as_delta and not found.failures:
        commit(scoring, found)
    return Scored(served.version, found.records, found.unseen, found)


def _is_table(name: str) -> bool:
    return is_csv(Path(name)) or name.lower().endswith(".parquet")


def _require_apart(source: str, target: str) -> None:
    """Raise InvalidDataset for scores that would be among the records, and be scored themselves the next time."""
    one, other = (text if is_url(text) else str(Path(text).resolve()) for text in (source, target))
    if f"{other}/".startswith(f"{one}/"):
        raise InvalidDataset(target, ["is in the folder to be scored; name one outside of it"])
