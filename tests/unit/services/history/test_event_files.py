"""Files of events: recorded as if they were sent, once, whole or not at all."""

from itertools import count

import polars as pl
import pytest
from pydantic_core import to_json

from fraud_detection_api.errors import InvalidDataset, NoHistory, NoStore, StoreUnavailable
from fraud_detection_api.schemas.events import parse_events
from fraud_detection_api.services.deciding.recording import Recorder
from fraud_detection_api.services.history import files
from fraud_detection_api.services.history.events import EventService
from fraud_detection_api.services.history.files import EventLoader, Loaded
from support.builders import every_dtype_contract
from support.payments import payments_contract, payments_frame
from support.refusals import numbers_in

PAYMENTS = payments_contract()
UNREAD = ["instalments", "is_night", "device", "opened_at"]


class Kept:
    """An EventStore in memory that fails in its transaction `failing`, from 1."""

    def __init__(self, failing=0):
        self.events, self.failing, self._calls = {}, failing, count(1)

    def record(self, events):
        if next(self._calls) == self.failing:
            raise StoreUnavailable("away")
        before = len(self.events)
        for event in events:
            self.events.setdefault(event.external_id, event)
        return len(self.events) - before

    def seen(self):
        """What was recorded, in order, but for ids and times of recording."""
        return [(each.entity, each.record, each.contract, each.is_fraud) for each in self.events.values()]


@pytest.fixture
def load(tmp_path, monkeypatch):
    """Loads a frame as a file into a store."""
    monkeypatch.setattr(files, "EVENTS_A_TRANSACTION", 7)
    monkeypatch.setattr(files, "ROWS_A_BATCH", 20)

    def loaded(frame, store, suffix="parquet", contract=PAYMENTS, **options):
        path = tmp_path / f"payments.{suffix}"
        frame.write_csv(path) if suffix == "csv" else frame.write_parquet(path)
        return EventLoader(EventService(store, Recorder()), contract, **options).load_file(path)

    return loaded


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_row_is_recorded_as_if_it_were_sent(load, suffix):
    frame, from_file, sent = payments_frame(60), Kept(), Kept()
    frame = frame.with_columns(pl.col("paid_at") + pl.duration(microseconds=pl.int_range(pl.len()) % 3 * 1_500))
    assert load(frame, from_file, suffix) == Loaded(60, 60, 0)
    events = [
        {"event_id": str(number), "record": {**row, "is_fraud": None}, "is_fraud": bool(row["is_fraud"])}
        for number, row in enumerate(frame.to_dicts())
    ]
    for event in events:
        del event["record"]["is_fraud"]
    EventService(sent, Recorder()).record(PAYMENTS, parse_events(to_json({"events": events}), PAYMENTS, limit=60))
    assert from_file.seen() == sent.seen()


@pytest.mark.parametrize("id_column", [None, "payment"])
def test_a_file_that_is_loaded_again_or_has_grown_adds_what_is_new(load, id_column):
    frame, store = payments_frame(90).with_row_index("payment"), Kept()
    assert load(frame[:60], store, id_column=id_column) == Loaded(60, 60, 0)
    assert load(frame[:60], store, id_column=id_column) == Loaded(60, 0, 60)
    assert load(frame, store, id_column=id_column) == Loaded(90, 30, 60)


@pytest.mark.parametrize("failing", [1, 4, 9])
def test_a_load_that_ended_half_way_goes_on(load, failing):
    frame, store, whole = payments_frame(60), Kept(failing), Kept()
    with pytest.raises(StoreUnavailable):
        load(frame, store)
    done = len(store.events)
    assert done < 60
    assert load(frame, store) == Loaded(60, 60 - done, done)
    load(frame, whole)
    assert sorted(map(str, store.seen())) == sorted(map(str, whole.seen()))


def test_what_no_history_feature_reads_may_be_missing(load):
    store = Kept()
    assert load(payments_frame(3).drop(*UNREAD, "is_fraud"), store).recorded == 3
    (first, *_) = store.events.values()
    assert first.record == ('{"card":"C-0","paid_at":"2026-09-01T00:00:00Z","terminal":0,"amount":1.25,"channel":null}')
    assert first.is_fraud is None


def test_every_column_that_is_needed_is_named(load):
    with pytest.raises(InvalidDataset) as caught:
        load(payments_frame(3).drop("card", "paid_at", "terminal", "amount", "channel"), Kept(), id_column="payment")
    assert len(caught.value.problems) == 6


def test_bad_rows_are_counted_over_the_file_and_nothing_is_recorded(load):
    row, store = pl.int_range(pl.len()), Kept()
    frame = payments_frame(60).with_columns(
        pl.when(row.is_in([3, 50])).then(-1.0).otherwise(pl.col("amount")).alias("amount"),
        pl.when(row == 21).then(None).otherwise(pl.col("card")).alias("card"),
        pl.when(row == 22).then(None).otherwise(pl.col("paid_at")).alias("paid_at"),
        pl.when(row == 59).then(pl.lit(" ")).otherwise(pl.lit("a") + row.cast(pl.String)).alias("payment"),
    )
    with pytest.raises(InvalidDataset) as caught:
        load(frame, store, id_column="payment")
    found = {problem.split()[0]: numbers_in(problem.rpartition(":")[2]) for problem in caught.value.problems}
    assert found == {"amount": [2, 4, 51], "card": [1, 22], "paid_at": [1, 23], "payment": [1, 60]}
    assert not store.events


@pytest.mark.parametrize(
    ("positive", "fraud", "other", "dtype"),
    [
        (1, "true", "FALSE", pl.String),
        (1, "true", "false", pl.Boolean),
        (True, "1", "0", pl.Int64),
        (1, "1.0", "NaN", pl.Float64),
        ("yes", "YES", "not yes", pl.String),
        ("yes", "yes", "", pl.String),
    ],
)
@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_target_is_read_as_training_reads_it(load, suffix, positive, fraud, other, dtype):
    contract, store = _positive(positive), Kept()
    target = pl.when(pl.col("is_fraud") == 1).then(pl.lit(fraud)).otherwise(pl.lit(other)).alias("is_fraud")
    frame = payments_frame(60).with_row_index("payment")
    if dtype == pl.Boolean:
        target = pl.col("is_fraud") == 1
    elif dtype != pl.String:
        target = target.cast(dtype)
    assert load(frame.with_columns(target), store, suffix, contract, id_column="payment").warning is None
    known = None if other in {"", "NaN"} else 0
    expected = [1 if each else known for each in frame["is_fraud"].to_list()]
    assert [each.is_fraud for each in store.events.values()] == expected


def test_a_third_value_of_the_target_is_refused_with_its_row(load):
    store = Kept()
    values = ["no" if row else "yes" for row in range(60)]
    values[44] = "maybe"
    frame = payments_frame(60).with_columns(pl.Series("is_fraud", values))
    with pytest.raises(InvalidDataset) as caught:
        load(frame, store, contract=_positive("yes"))
    assert numbers_in(caught.value.problems[0]) == [3, 45]
    assert "is_fraud" in caught.value.problems[0]
    assert not store.events


def test_two_values_of_which_none_is_positive_are_refused_and_one_is_noted(load):
    store, frame = Kept(), payments_frame(60)
    with pytest.raises(InvalidDataset):
        load(frame.with_columns(is_fraud=pl.Series(["Y", "N"] * 30)), store)
    assert not store.events
    assert "is_fraud" in load(frame.with_columns(is_fraud=pl.lit("N")), store).warning
    assert {each.is_fraud for each in store.events.values()} == {0}


def _positive(positive):
    return PAYMENTS.model_copy(update={"target": PAYMENTS.target.model_copy(update={"positive": positive})})


def test_a_contract_without_history_has_no_events(load):
    with pytest.raises(NoHistory):
        load(payments_frame(3), Kept(), contract=every_dtype_contract())
    with pytest.raises(NoStore):
        load(payments_frame(3), None)
