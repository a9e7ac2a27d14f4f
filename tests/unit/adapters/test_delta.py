"""Delta tables: what a version holds is read, what would be read wrongly is refused, and a run appears in one commit."""

import json
from datetime import UTC, date, datetime

import polars as pl
import pytest
from deltalake import DeltaTable, write_deltalake

from fraud_detection_api.adapters.delta import delta_types
from fraud_detection_api.container.places import open_delta, open_delta_target
from fraud_detection_api.errors import InvalidDataset

FRAME = pl.DataFrame({"id": [1, 2, 3], "channel": ["a b/c:d%é", "web", None], "day": [date(2024, 1, 1)] * 3})


@pytest.fixture(params=["disk", "S3"])
def folder(request, tmp_path) -> str:
    return str(tmp_path / "loans") if request.param == "disk" else f"{request.getfixturevalue('s3').bucket()}/loans"


def write(folder: str, frame: pl.DataFrame, **options) -> None:
    write_deltalake(folder, frame, storage_options={"allow_http": "true"}, **options)


def read(place) -> pl.DataFrame:
    """All parts, each with what its file does not hold."""
    frames = []
    for part in place.parts():
        with place.fetched(part.name) as path:
            scan = pl.scan_parquet(path, hive_partitioning=False)
            frames.append(scan.with_columns(**place.constants(part.name, scan.collect_schema().names())).collect())
    return pl.concat(frames, how="diagonal").sort("id")


def test_values_of_partitions_and_younger_columns_are_in_every_row(folder):
    write(folder, FRAME, partition_by=["channel", "day"])
    younger = FRAME.with_columns(pl.col("id") + 10, amount=pl.lit(1.5))
    write(folder, younger, partition_by=["channel", "day"], mode="append", schema_mode="merge")
    found = read(open_delta(folder)).select("id", "channel", "day", "amount")
    assert found.equals(pl.concat([FRAME, younger], how="diagonal"))


def test_a_version_stays_as_it_was_opened(folder):
    write(folder, FRAME)
    place = open_delta(folder)
    write(folder, FRAME.head(1), mode="overwrite")
    assert read(place).equals(FRAME)
    assert read(open_delta(folder)).equals(FRAME.head(1))
    assert read(open_delta(folder, version=0)).equals(FRAME)
    with pytest.raises(InvalidDataset):
        open_delta(folder, version=9)


def test_a_partition_s_column_that_begins_with_an_underscore_hides_nothing(folder):
    write(folder, FRAME.rename({"day": "_day"}), partition_by=["_day"])
    assert read(open_delta(folder)).height == 3


def test_a_version_is_not_written_to(folder):
    write(folder, FRAME)
    with pytest.raises(InvalidDataset):
        open_delta(folder).written("a.parquet")


def table_of(folder, *, features=(), configuration=None, **add) -> str:
    """A table with a log made by hand, for what no library here writes."""
    pl.DataFrame({"id": range(40)}).write_parquet(folder / "a.parquet")
    field = {"name": "id", "type": "long", "nullable": True, "metadata": {}}
    if "columnMapping" in features:
        field["metadata"] = {"delta.columnMapping.id": 1, "delta.columnMapping.physicalName": "col-1"}
    schema = {"type": "struct", "fields": [field]}
    versions = {"minReaderVersion": 3, "minWriterVersion": 7}
    actions = [
        {"protocol": versions | {"readerFeatures": list(features), "writerFeatures": list(features)}},
        {
            "metaData": {
                "id": "0b0e3bc6-93fc-4c23-a6e8-0e6f0d9e5a55",
                "format": {"provider": "parquet", "options": {}},
                "schemaString": json.dumps(schema),
                "partitionColumns": [],
                "configuration": configuration or {},
                "createdTime": 0,
            }
        },
        {
            "add": {
                "path": "a.parquet",
                "partitionValues": {},
                "size": (folder / "a.parquet").stat().st_size,
                "modificationTime": 0,
                "dataChange": True,
                "stats": '{"numRecords": 40}',
                **add,
            }
        },
    ]
    (folder / "_delta_log").mkdir()
    (folder / "_delta_log" / f"{0:020}.json").write_text("\n".join(map(json.dumps, actions)))
    return str(folder)


# of the protocol's own example: rows 3, 4, 7, 11, 18 and 29
_VECTOR = "^Bg9^0rr910000000000iXQKl0rr91000f55c8Xg0@@D72lkbi5=-{L"


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        (
            {
                "features": ["deletionVectors"],
                "deletionVector": {
                    "storageType": "i",
                    "pathOrInlineDv": _VECTOR,
                    "sizeInBytes": 44,
                    "cardinality": 6,
                },
            },
            "deletion vectors",
        ),
        (
            {
                "features": ["columnMapping"],
                "configuration": {"delta.columnMapping.mode": "name", "delta.columnMapping.maxColumnId": "1"},
            },
            "columnMapping",
        ),
        ({"features": ["typeWidening"]}, "typeWidening"),
        ({"features": ["unheard-of"]}, "cannot be read"),
        ({"path": "s3://other/a.parquet"}, "another table"),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_what_would_be_read_wrongly_is_refused(table, problem, tmp_path):
    with pytest.raises(InvalidDataset, match=problem):
        open_delta(table_of(tmp_path, **table))


def test_features_that_are_not_in_use_are_no_obstacle(tmp_path):
    table = table_of(tmp_path, features=["deletionVectors", "timestampNtz"])
    assert read(open_delta(table)).height == 40


def scored(folder: str, run: str, frame: pl.DataFrame):
    target = open_delta_target(folder, run)
    for name in ("day=1%3A/a.parquet", "b.parquet"):
        with target.written(name) as path:
            frame.write_parquet(path)
    return target


def test_the_files_of_a_run_appear_in_one_commit(folder):
    target = scored(folder, "run-1", FRAME)
    with pytest.raises(InvalidDataset, match="is no Delta table"):
        open_delta(folder)
    assert target.commit(FRAME.schema, {"day=1%3A/a.parquet": 3, "b.parquet": 3}) == 0
    options = {"allow_http": "true"}
    assert DeltaTable(folder, storage_options=options).count() == 6
    assert pl.read_delta(folder, storage_options=options).sort("id").equals(pl.concat([FRAME, FRAME]).sort("id"))
    assert read(open_delta(folder)).height == 6


def test_a_run_is_added_once_and_the_next_one_to_it(folder):
    rows = {"day=1%3A/a.parquet": 3, "b.parquet": 3}
    for _killed_after_the_commit in range(2):
        assert scored(folder, "run-1", FRAME).commit(FRAME.schema, rows) == 0
    assert scored(folder, "run-2", FRAME).commit(FRAME.schema, rows) == 1
    assert read(open_delta(folder)).height == 12


def test_a_run_that_goes_on_adds_what_is_new(folder):
    target = scored(folder, "run-1", FRAME)
    target.commit(FRAME.schema, {"b.parquet": 3})
    assert target.commit(FRAME.schema, {"b.parquet": 3, "day=1%3A/a.parquet": 3}) == 1
    assert read(open_delta(folder)).height == 6


def test_a_file_that_is_missing_or_of_other_columns_is_not_committed(tmp_path):
    folder = str(tmp_path / "loans")
    target = scored(folder, "run-1", FRAME)
    with pytest.raises(InvalidDataset, match=r"c\.parquet"):
        target.commit(FRAME.schema, {"b.parquet": 3, "c.parquet": 3})
    target.commit(FRAME.schema, {"b.parquet": 3})
    with pytest.raises(InvalidDataset, match="other columns"):
        scored(folder, "run-2", FRAME).commit({"id": pl.String()}, {"b.parquet": 3})
    assert open_delta(folder).version == 0


def test_types_that_delta_lacks_become_wider_ones(tmp_path):
    frame = pl.DataFrame(
        {
            "small": pl.Series([255], dtype=pl.UInt8),
            "many": pl.Series([[4_000_000_000]], dtype=pl.List(pl.UInt32)),
            "at": [datetime(2024, 1, 1, tzinfo=UTC)],
            "local": pl.Series([datetime(2024, 1, 1)], dtype=pl.Datetime("ms")),  # noqa: DTZ001
            "level": pl.Series(["a"], dtype=pl.Categorical),
            "none": [None],
            "both": [{"a": 1}],
        }
    )
    types = delta_types(frame.schema, "loans")
    target = open_delta_target(str(tmp_path), "run-1")
    with pytest.raises(InvalidDataset):
        target.commit(frame.schema, {})
    with target.written("a.parquet") as path:
        frame.cast(types).write_parquet(path)
    target.commit(types, {"a.parquet": 1})
    assert pl.read_delta(str(tmp_path)).equals(frame.cast(types))


def test_types_without_a_wider_one_are_named_by_their_columns():
    with pytest.raises(InvalidDataset) as caught:
        delta_types({"id": pl.Int64(), "big": pl.UInt64(), "took": pl.List(pl.Duration())}, "loans")
    assert [problem.split(":")[0] for problem in caught.value.problems] == ["column 'big'", "column 'took'"]
