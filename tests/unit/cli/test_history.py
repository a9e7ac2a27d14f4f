"""fraud history load and show."""

import json
import math
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

from fraud_detection_api.errors import InvalidContract, InvalidDataset, NoHistory
from fraud_detection_api.services.entities.of_file import history_of
from support.payments import BEGINNING, PAYMENTS, payments_contract, payments_frame
from support.refusals import refusal_of

OF_THE_CARD = ["payments_1d", "mean_amount_7d", "since_web_payment"]


@pytest.fixture
def loaded(fraud):
    """A store in ./decisions.db that has 200 payments, and what the command told."""
    Path("payments.toml").write_text(PAYMENTS)
    payments_frame(200).write_parquet("payments.parquet")
    return json.loads(fraud("history", "load", "payments.parquet", "--contract", "payments.toml", "--json").stdout)


def none_for_nan(number):
    return None if math.isnan(number) else number


def shown(fraud, *arguments):
    return json.loads(fraud("history", "show", *arguments, "--contract", "payments.toml", "--json").stdout)


def test_load_makes_a_store_and_adds_nothing_the_second_time(fraud, loaded):
    assert loaded == {"rows": 200, "recorded": 200, "repeated": 0, "warning": None}
    again = fraud("history", "load", "payments.parquet", "--contract", "payments.toml")
    assert (again.exit_code, again.stdout) == (0, "")
    assert "200 rows: 0 events recorded, 200 " in again.stderr


def test_a_contract_without_history_is_refused_before_a_store_is_made(fraud, registry):
    payments_frame(3).write_parquet("payments.parquet")
    assert refusal_of(fraud("history", "load", "payments.parquet")) is NoHistory
    assert not Path("decisions.db").exists()
    assert refusal_of(fraud("history", "load", "payments.parquet", "--contract", "none.toml")) is InvalidContract


@pytest.mark.parametrize("hour", [30.5, 150.5, 400.0])
def test_an_entity_has_the_features_that_a_record_of_a_file_would_have(fraud, loaded, hour):
    at, contract = BEGINNING + timedelta(hours=hour), payments_contract()
    asked = payments_frame(1).with_columns(card=pl.lit("C-4"), paid_at=pl.lit(at, pl.Datetime("us", "UTC")))
    folded = history_of(pl.concat([payments_frame(200), asked]).lazy(), contract, list(contract.history), None)
    profile = shown(fraud, "C-4", "--at", at.isoformat(), "--limit", "2")
    assert profile["features"] == {name: none_for_nan(folded[name][-1]) for name in OF_THE_CARD}
    own = payments_frame(200).filter(pl.col("card") == "C-4", pl.col("paid_at") <= at)
    assert [each["at"][:19] for each in profile["events"]] == [
        each.isoformat()[:19] for each in own["paid_at"].sort(descending=True)[:2]
    ]


def test_an_entity_of_another_key_is_read_from_the_log(fraud, loaded):
    profile = shown(fraud, "3", "--key", "terminal", "--at", (BEGINNING + timedelta(days=14)).isoformat())
    own = payments_frame(200).filter(pl.col("terminal") == 3, pl.col("paid_at") <= BEGINNING + timedelta(days=7))
    assert profile["features"] == {"terminal_fraud_28d": own["is_fraud"].mean()}
    assert len(profile["events"]) == 20
    assert {each["kind"] for each in profile["events"]} == {"event"}


def test_an_entity_of_several_columns_has_the_features_that_go_by_them(fraud, loaded):
    at = BEGINNING + timedelta(days=6)
    own = payments_frame(200).filter(pl.col("card") == "C-4", pl.col("channel") == "web", pl.col("paid_at") <= at)
    profile = shown(fraud, "C-4,web", "--key", "card,channel", "--at", at.isoformat())
    assert profile["features"] == {"terminals_7d": own["terminal"].n_unique()}
    assert len(profile["events"]) == min(20, own.height)


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_features_of_a_file_are_those_that_training_reads(fraud, suffix):
    Path("payments.toml").write_text(PAYMENTS)
    frame, contract = payments_frame(300).drop("opened_at"), payments_contract()
    frame.write_parquet("payments.parquet")
    done = fraud(
        "history", "features", "payments.parquet", "--contract", "payments.toml", "--out", f"f.{suffix}", "--json"
    )
    assert json.loads(done.stdout) == {"rows": 300, "features": [*contract.history], "out": f"f.{suffix}"}
    written = pl.read_csv(f"f.{suffix}") if suffix == "csv" else pl.read_parquet(f"f.{suffix}")
    folded = history_of(frame.lazy(), contract, list(contract.history), (frame["is_fraud"] == 1).to_numpy())
    assert written.columns == [*frame.columns, *contract.history]
    for name, values in folded.items():
        assert written[name].to_list() == [none_for_nan(value) for value in values.tolist()]


def test_features_of_bad_rows_are_refused_and_nothing_is_written(fraud):
    Path("payments.toml").write_text(PAYMENTS)
    frame = payments_frame(30).with_columns(amount=pl.when(pl.int_range(pl.len()) == 7).then(-1.0).otherwise(1.0))
    frame.write_parquet("payments.parquet")
    arguments = ("history", "features", "payments.parquet", "--contract", "payments.toml", "--out", "f.parquet")
    assert refusal_of(fraud(*arguments)) is InvalidDataset
    assert not Path("f.parquet").exists()


@pytest.mark.parametrize("key", [(), ("--key", "card"), ("--key", "terminal")])
def test_of_equal_times_the_newest_arrival_comes_first(fraud, key):
    Path("payments.toml").write_text(PAYMENTS)
    frame = payments_frame(1).select(pl.all().repeat_by(5).explode()).with_columns(payment=pl.Series([*"abcde"]))
    frame.with_columns(card=pl.lit("3"), terminal=3).write_parquet("payments.parquet")
    fraud("history", "load", "payments.parquet", "--contract", "payments.toml", "--event-id", "payment")
    assert [each["id"] for each in shown(fraud, "3", *key, "--limit", "3")["events"]] == [*"edc"]


def test_an_entity_is_found_however_its_accents_are_written(fraud):
    Path("payments.toml").write_text(PAYMENTS)
    cards = ["caf\u00e9", "cafe\u0301"] * 2
    payments_frame(4).with_columns(card=pl.Series(cards), device=pl.Series(cards)).write_csv("payments.csv")
    fraud("history", "load", "payments.csv", "--contract", "payments.toml")
    at = ("--at", (BEGINNING + timedelta(hours=23)).isoformat())
    for written in cards[:2]:
        profile = shown(fraud, written, *at)
        assert (len(profile["events"]), profile["features"]["payments_1d"]) == (4, 4.0)
    erased = json.loads(fraud("store", "erase", cards[1], "--json").stdout)
    assert erased["events"] == 4


def test_a_file_of_labels_says_which_loaded_events_were_frauds(fraud):
    Path("payments.toml").write_text(PAYMENTS)
    frame = payments_frame(200).with_columns(payment=pl.format("p-{}", pl.row_index()))
    frame.drop("is_fraud").write_parquet("payments.parquet")
    fraud("history", "load", "payments.parquet", "--contract", "payments.toml", "--event-id", "payment")
    known = frame.select(event_id="payment", is_fraud="is_fraud", source=pl.lit("chargeback"))
    known.filter(pl.col("is_fraud") == 1).write_csv("labels.csv")
    done = fraud("labels", "import", "labels.csv", "--contract", "payments.toml", "--json")
    assert json.loads(done.stdout)["recorded"] == known["is_fraud"].sum() > 0
    profile = shown(fraud, "3", "--key", "terminal", "--at", (BEGINNING + timedelta(days=14)).isoformat())
    own = frame.filter(pl.col("terminal") == 3, pl.col("paid_at") <= BEGINNING + timedelta(days=7))
    assert profile["features"] == {"terminal_fraud_28d": own["is_fraud"].mean()}
    assert own["is_fraud"].sum() > 0
    assert any(each["is_fraud"] for each in profile["events"])
    assert fraud("store", "check").exit_code == 0


@pytest.mark.parametrize(
    "arguments", [("3", "--key", "amount"), ("x", "--key", "terminal"), ("C-1", "--key", "card,channel")]
)
def test_what_names_no_entity_is_an_error_of_usage(fraud, loaded, arguments):
    assert fraud("history", "show", *arguments, "--contract", "payments.toml").exit_code == 2


def test_people_see_tables(fraud, loaded):
    told = fraud("history", "show", "C-4", "--contract", "payments.toml", "--limit", "1")
    assert "row-0000000" in told.stdout
    assert all(name in told.stdout for name in OF_THE_CARD)
    assert fraud("history", "show", "nobody", "--contract", "payments.toml").exit_code == 0
