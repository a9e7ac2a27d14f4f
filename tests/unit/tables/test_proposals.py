"""A draft proposes history features as comments, where records have times and entities that come back."""

import re
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from fraud_detection_api.contract.loading import contract_from_toml
from fraud_detection_api.tables.inference import infer_contract

ROWS = 200


def payments(**changes) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "card": [f"C-{row % 40}" for row in range(ROWS)],
            "paid_at": [datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=row) for row in range(ROWS)],
            "customer_age": [20 + row % 50 for row in range(ROWS)],
            "terminal_id": [row * 7 % 30 for row in range(ROWS)],
            "score": [row * 1.5 for row in range(ROWS)],
            "amount": [row * 2.5 for row in range(ROWS)],
            "is_fraud": [row % 5 == 0 for row in range(ROWS)],
            **changes,
        }
    )


def draft(frame: pl.DataFrame, **options) -> str:
    given = {"identifier": "card", "time": "paid_at", **options}
    return infer_contract(frame, source="x.csv", name="x", target="is_fraud", **given)


def accepted(text: str):
    """The contract of a person who removes the # of all that is proposed."""
    plain, proposed = re.split(r"^# The server can.*\n.*\n", text, flags=re.MULTILINE)
    for name in re.findall(r"^# in place of (\[.*\]):", proposed, flags=re.MULTILINE):
        plain = re.sub(re.escape(name) + r"\n(.+\n)*", "", plain)
    lines = [line.removeprefix("#").strip() for line in proposed.splitlines()]
    sections = "\n".join(line for line in lines if "out of" not in line and "in place of" not in line)
    return contract_from_toml(plain + sections, source="x")


def test_what_is_proposed_changes_nothing_until_the_comments_are_removed():
    text = draft(payments())
    assert not contract_from_toml(text, source="x").history
    history = accepted(text).history
    assert {name: (each.by, each.measured, each.window) for name, each in history.items()} == {
        "records_1d": (("card",), "count", "1d"),
        "mean_amount_1d": (("card",), "mean of amount", "1d"),
        "records_7d": (("card",), "count", "7d"),
        "mean_amount_7d": (("card",), "mean of amount", "7d"),
        "records_30d": (("card",), "count", "30d"),
        "mean_amount_30d": (("card",), "mean of amount", "30d"),
        "records_by_terminal_id_1d": (("terminal_id",), "count", "1d"),
        "card_by_terminal_id_7d": (("terminal_id",), "distinct of card", "7d"),
        "fraud_by_terminal_id_28d": (("terminal_id",), "share_fraud", "28d"),
    }


@pytest.mark.parametrize(
    "options", [{"time": None}, {"frame": payments().drop("card", "terminal_id"), "identifier": None}]
)
def test_nothing_is_proposed_without_times_or_entities(options):
    assert "history" not in draft(**{"frame": payments(), **options})


def test_an_id_that_does_not_come_back_is_no_entity():
    frame = payments(card=[f"C-{row}" for row in range(ROWS)])
    assert {each.by for each in accepted(draft(frame)).history.values()} == {("terminal_id",)}


def test_a_column_that_is_ignored_is_proposed_as_a_key():
    frame = payments(card_number=[2**60 + row % 25 for row in range(ROWS)]).drop("terminal_id")
    text = draft(frame)
    assert '# take "card_number" out of `ignored`' in text
    contract = accepted(re.sub(r"ignored = \[.*?\n\]", "", text, flags=re.DOTALL))
    assert contract.keys["card_number"].dtype == "int"
    assert contract.history["records_by_card_number_1d"].by == ("card_number",)


def test_names_that_columns_have_and_names_that_need_quotes_are_no_obstacle():
    frame = payments(records_1d=list(range(ROWS))).rename({"amount": "Betrag in €", "terminal_id": "terminal nr"})
    history = accepted(draft(frame)).history
    assert "records_1d" not in history
    assert {"mean_Betrag in €_1d", "records_by_terminal nr_1d"} <= history.keys()


def test_texts_with_many_values_are_proposed_as_a_key_that_may_be_missing():
    devices = [None if row % 9 == 0 else f"D-{row % 70}" for row in range(ROWS)]
    contract = accepted(draft(payments(device=devices).drop("terminal_id")))
    assert (contract.keys["device"].dtype, contract.keys["device"].nullable) == ("str", True)
    assert "device" not in contract.features
    assert contract.history["fraud_by_device_28d"].delay == "7d"
