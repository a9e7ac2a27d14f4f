"""Data frames, made one after another, into a file that may be larger than memory."""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import polars as pl
from polars.io.plugins import register_io_source

from fraud_detection_api.errors import FraudError


def write_frames(frames: Iterator[pl.DataFrame], schema: Mapping[str, pl.DataType], target: Path) -> None:
    """Write them to a CSV or Parquet file, by suffix. What a frame's making raises comes out as it is."""
    failure: list[FraudError] = []
    stopping = Event()

    def pieces(*_pushdown: object) -> Iterator[pl.DataFrame]:
        try:
            for frame in frames:
                if stopping.is_set():
                    return
                yield frame
        except FraudError as error:
            failure.append(error)  # Polars would wrap it, and lose what it says
            raise

    source = register_io_source(pieces, schema=dict(schema))
    sink = source.sink_parquet if target.suffix == ".parquet" else source.sink_csv
    # Python hears a signal in its main thread alone, and not while that thread is inside Polars
    with ThreadPoolExecutor(max_workers=1) as pool:
        try:
            pool.submit(sink, target).result()
        except pl.exceptions.PolarsError as error:
            raise (failure[0] if failure else error) from None
        finally:
            stopping.set()  # after a signal no piece but the one at hand is waited for
