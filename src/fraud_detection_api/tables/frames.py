"""Writes data frames, made one after another, to a file that may be larger than memory."""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import polars as pl
from polars.io.plugins import register_io_source

from fraud_detection_api.errors import FraudError


def write_frames(frames: Iterator[pl.DataFrame], schema: Mapping[str, pl.DataType], target: Path) -> None:
    """Write frames to a CSV or Parquet file, by suffix. An error in making a frame is raised unchanged."""
    failure: list[FraudError] = []
    stopping = Event()

    def pieces(*_pushdown: object) -> Iterator[pl.DataFrame]:
        try:
            for frame in frames:
                if stopping.is_set():
                    return
                yield frame
        except FraudError as error:
            failure.append(error)  # Polars would wrap it, and lose its message
            raise

    source = register_io_source(pieces, schema=dict(schema))
    sink = source.sink_parquet if target.suffix == ".parquet" else source.sink_csv
    # Python handles signals in its main thread, and not while that thread is inside Polars
    with ThreadPoolExecutor(max_workers=1) as pool:
        try:
            pool.submit(sink, target).result()
        except pl.exceptions.PolarsError as error:
            raise (failure[0] if failure else error) from None
        finally:
            stopping.set()  # after a signal, wait for the current piece alone
