"""A file of records scored into another file, in pieces, so that it may be larger than memory."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import polars as pl
from polars.io.plugins import register_io_source

from fraud_detection_api.contract.files import require_suffix, unreadable, unwritable
from fraud_detection_api.contract.table import check_table, column_types, identifier_problems
from fraud_detection_api.errors import InvalidDataset
from fraud_detection_api.model.bundle import Bundle

PROBABILITY = "fraud_probability"
CHUNK_ROWS = 100_000


def count_rows(source: Path) -> int:
    """Records in a file. Raises InvalidDataset where it cannot be read."""
    try:
        return int(_open(source).select(pl.len()).collect().item())
    except (pl.exceptions.PolarsError, OSError) as error:
        raise unreadable(source, error) from None


def _open(source: Path) -> pl.LazyFrame:
    require_suffix(source)
    if not source.is_file():
        raise InvalidDataset(str(source), ["no such file"])
    return pl.scan_parquet(source) if source.suffix == ".parquet" else pl.scan_csv(source, infer_schema=False)


@dataclass(frozen=True)
class BatchScorer:
    """Scores files with one model; `on_rows` is told how many rows are done."""

    bundle: Bundle
    on_rows: Callable[[int], None] = lambda _rows: None

    def score_file(self, source: Path, target: Path) -> int:
        """Write `source`'s columns and `fraud_probability` to `target`; both are CSV or Parquet by suffix. Returns rows.

        `target` appears whole or not at all. Raises InvalidDataset: unreadable file, missing columns, rows that break
        the contract (first row numbers, no values).
        """
        require_suffix(target)
        scan = self._scan(source)
        waiting = target.with_name(f".{target.stem}.{uuid4().hex}{target.suffix}")
        try:
            rows = self._write(source, scan, waiting)
            waiting.replace(target)
        except OSError as error:
            raise unwritable(target, error) from error
        finally:
            waiting.unlink(missing_ok=True)
        return rows

    def _scan(self, source: Path) -> pl.LazyFrame:
        try:
            scan = _open(source)
            names = scan.collect_schema().names()
        except (pl.exceptions.PolarsError, OSError) as error:
            raise unreadable(source, error) from None
        if PROBABILITY in names:
            raise InvalidDataset(str(source), [f"has a column {PROBABILITY!r} already; rename it"])
        return scan

    def _write(self, source: Path, scan: pl.LazyFrame, waiting: Path) -> int:
        failure: list[InvalidDataset] = []
        done = 0

        def pieces(*_pushdown: object) -> Iterator[pl.DataFrame]:
            nonlocal done
            try:
                for frame in scan.collect_batches(chunk_size=CHUNK_ROWS, maintain_order=True):
                    yield self._score(frame, source, first_row=done + 1, typed=typed)
                    done += frame.height
                    self.on_rows(done)
            except InvalidDataset as error:
                failure.append(error)  # Polars would wrap it, and lose what it says
                raise

        # a CSV's text goes to a Parquet file as what the contract says it is
        typed = source.suffix == ".csv" and waiting.suffix == ".parquet"
        types = column_types(self.bundle.contract) if typed else {}
        schema = {name: types.get(name, dtype) for name, dtype in scan.collect_schema().items()}
        scored = register_io_source(pieces, schema={**schema, PROBABILITY: pl.Float64()})
        try:
            scored.sink_parquet(waiting) if waiting.suffix == ".parquet" else scored.sink_csv(waiting)
        except (pl.exceptions.PolarsError, UnicodeDecodeError) as error:
            raise failure[0] if failure else unreadable(source, error) from None
        _sync(waiting)
        return done

    def _score(self, frame: pl.DataFrame, source: Path, *, first_row: int, typed: bool) -> pl.DataFrame:
        check = check_table(frame, self.bundle.contract, first_row=first_row)
        problems = [*identifier_problems(frame, self.bundle.contract, first_row=first_row), *check.problems]
        if problems:
            raise InvalidDataset(str(source), problems)
        _margins, probabilities = self.bundle.scorer.score(check.columns)
        typed_columns = check.typed(frame, self.bundle.contract) if typed else []
        return frame.with_columns(*typed_columns, pl.Series(PROBABILITY, probabilities))


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
