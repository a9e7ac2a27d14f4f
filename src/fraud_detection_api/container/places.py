"""Opens the places of files that the command line names: folders and Delta tables, on a disk or in object storage."""

import hashlib
import json
import re
from dataclasses import replace
from functools import partial
from pathlib import Path

from fraud_detection_api.adapters.delta import DeltaFiles, DeltaLocation, DeltaTarget, delta_types
from fraud_detection_api.adapters.object_storage import (
    PATIENCE_SECONDS,
    SCHEMES,
    ObjectLocation,
    ObjectStorage,
    secret_in,
)
from fraud_detection_api.errors import InvalidDataset, InvalidSetting
from fraud_detection_api.services.batch.parts import PartScoring, ScoredParts
from fraud_detection_api.services.batch.places import EVERYTHING, DiskFolder, Place, split_glob
from fraud_detection_api.tables.parquet import parquet_schema


def open_place(text: str, *, patience_seconds: float = PATIENCE_SECONDS) -> Place:
    """The folder at a path, or at `s3://`, `gs://`, `az://` or `abfss://`; nothing is read yet.

    Storage that does not answer is asked again for `patience_seconds`. Raises InvalidSetting for a URL of another kind, or
    one that holds credentials or a query; MissingExtra without the extra `cloud`; FilesUnavailable where the environment
    does not say which account.
    """
    if not is_url(text):
        return DiskFolder(Path(text))
    if text.partition("://")[0] not in SCHEMES:
        known = ", ".join(f"{scheme}://" for scheme in SCHEMES)
        raise InvalidSetting("a place of files", f"must be a path, or begin with {known}")
    storage = ObjectStorage(ObjectLocation.parse(text), patience_seconds)
    storage.require()
    return storage


def open_parts(text: str, *, patience_seconds: float = PATIENCE_SECONDS) -> tuple[Place, str]:
    """The place and the pattern of what a person names: a file, a folder, a Delta table, or a glob.

    Of a folder with a Delta log, the place is the table's latest version. Raises as `open_place`, `Place.parts` and
    `DeltaFiles.of`.
    """
    if is_url(text):
        if _QUERY.search(text):  # elsewhere a question mark stands for a character
            raise secret_in(text.partition("://")[0])
        folder, pattern = split_glob(text)
        above, _, name = text.rpartition("/")
        names_file = folder == text and name and not above.endswith("/")
        if names_file and open_place(above, patience_seconds=patience_seconds).parts(name):
            folder, pattern = above, name
    elif Path(text).is_file():
        folder, pattern = str(Path(text).parent), Path(text).name
    else:
        folder, pattern = (text, EVERYTHING) if Path(text).is_dir() else split_glob(text)
    if open_place(f"{folder.rstrip('/')}/_delta_log", patience_seconds=patience_seconds).parts("*"):
        return open_delta(folder, patience_seconds=patience_seconds), pattern
    return open_place(folder, patience_seconds=patience_seconds), pattern


def open_delta(text: str, version: int | None = None, *, patience_seconds: float = PATIENCE_SECONDS) -> Place:
    """A version of the Delta table in that folder, or its latest one. Raises as `open_place` and `DeltaFiles.of`."""
    return DeltaFiles.of(_delta_location(text, patience_seconds), version)


def open_delta_target(text: str, run: str, *, patience_seconds: float = PATIENCE_SECONDS) -> DeltaTarget:
    """The Delta table in that folder, which there need not be yet, for the files of a run. Raises as `open_place`."""
    location = _delta_location(text, patience_seconds)
    return DeltaTarget(location, run, open_place(f"{text.rstrip('/')}/{run}", patience_seconds=patience_seconds))


def to_delta(scoring: PartScoring, text: str) -> PartScoring:
    """The same scoring, whose scores are a run of the Delta table in that folder. Raises as `open_place`, MissingExtra."""
    run = hashlib.sha256(json.dumps(scoring.run, sort_keys=True).encode()).hexdigest()[:32]
    target = open_delta_target(text, f"run-{run}")
    target.location.table()
    return replace(scoring, target=target, suffix=".parquet", types=partial(delta_types, source=text), only_adds=True)


def commit(scoring: PartScoring, found: ScoredParts) -> None:
    """Add all scores of a run to its Delta table. Raises as `DeltaTarget.commit`."""
    assert isinstance(scoring.target, DeltaTarget)
    first, *others = found.marks
    for mark in others:
        if mark.columns != first.columns:
            raise InvalidDataset(
                f"{scoring.source}/{mark.name}", [f"has other columns or types than {first.name}; a table has one kind"]
            )
    rows = {scoring.target_name(mark.name): mark.records for mark in found.marks}
    with scoring.target.fetched(next(iter(rows))) as path:
        schema = parquet_schema(path)
    scoring.target.commit(schema, rows)


def _delta_location(text: str, patience_seconds: float) -> DeltaLocation:
    place = open_place(text, patience_seconds=patience_seconds)
    if isinstance(place, ObjectStorage):
        return DeltaLocation(place, str(place), place.options)
    return DeltaLocation(place, str(Path(text).absolute()))


_QUERY = re.compile(r"#|\?[^/?]*=")


def is_url(text: str) -> bool:
    """Whether a person names object storage, and not a path."""
    return "://" in text
