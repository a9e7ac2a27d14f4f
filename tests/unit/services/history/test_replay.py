"""Replay recomputes a stored decision to the bit, and finds every change."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import to_json

from fraud_detection_api.contract.loading import contract_from_toml
from fraud_detection_api.decision.row_format import seal
from fraud_detection_api.decision.stored import ROWS
from fraud_detection_api.model.bundle import read_bundle
from fraud_detection_api.schemas.records.parser import record_parser
from fraud_detection_api.services.deciding.recording import Recorder
from fraud_detection_api.services.history.replay import Replayer, stored_records
from fraud_detection_api.services.models.deployment import ServedModel
from fraud_detection_api.services.models.stored_models import StoredModels
from support.builders import EVERY_DTYPE, credit_files, every_dtype_files, record, registry_with_champion
from support.decided import decided
from support.fakes import InMemoryRegistry
from support.http import flipped

RECORDER = Recorder(seal_key=b"a key of seals")


def model_of(files) -> ServedModel:
    return ServedModel("1", read_bundle(files, source="x"))


@pytest.fixture(scope="module")
def credit():
    return model_of(credit_files())


@pytest.fixture(scope="module")
def payments():
    """The model of a contract with every dtype, and 600 validated records of it."""
    model = model_of(every_dtype_files())
    sent = [
        {
            "application": f"A-{n}",
            **({} if n % 5 else {"applied_at": f"2025-{1 + n % 12:02}-01T10:00:00.{n:06}+02:00"}),
            "amount_eur": 600 + 0.1 * (n * 7919 % 10_007),
            "instalments": 1 + n * 31 % 60,
            **({} if n % 7 == 0 else {"is_employed": None if n % 11 == 0 else n % 3 == 0}),
            **({"channel": None} if n % 13 == 0 else {"channel": ("web", "branch ", "phone", "neu ä")[n % 4]}),
            "opened_at": f"{2000 + n % 25}-02-{1 + n % 28:02}T{n % 24:02}:{n % 60:02}:59.{n:06}Z",
        }
        for n in range(600)
    ]
    parsed = record_parser(model.bundle.contract).parse(json.dumps(sent).encode(), limit=1000)
    return model, parsed


def replay(rows, registry=None, recorder=RECORDER):
    registry = registry or registry_with_champion()
    return Replayer(StoredModels(registry), recorder).run().replay(rows)


def statuses(rows, *given, **more):
    return [result.status for result in replay(rows, *given, **more)]


def resealed(row, recorder=RECORDER):
    """The row with a valid seal, as someone with the key could write it."""
    return ROWS.sealed(row, recorder.seal_key)


@pytest.mark.parametrize("explain", [False, True], ids=["without_reasons", "with_reasons"])
def test_decisions_of_one_request_are_equal(credit, explain):
    records = [record(customer_id=n, total_balance=n * 997 % 250_000) for n in range(400)]
    rows = decided(credit, records, RECORDER, explain=explain)
    assert len({row.outcome for row in rows}) > 1
    assert set(statuses(rows)) == {"equal"}


@pytest.mark.parametrize("size", [1, 3, 600])
def test_every_dtype_comes_back_from_its_text(payments, size):
    model, parsed = payments
    rows = [
        row
        for first in range(0, len(parsed), size)
        for row in decided(model, parsed[first : first + size], RECORDER, explain=True)
    ]
    found = replay(rows, registry_with_champion(every_dtype_files()))
    assert [result for result in found if result.status != "equal"] == []


def test_one_record_by_itself_is_replayed_as_among_many(payments):
    model, parsed = payments
    rows = decided(model, parsed[:100], RECORDER, explain=True)
    broken = [row._replace(margin=0.5, reasons="[]") for row in rows]
    registry = registry_with_champion(every_dtype_files())
    assert replay(broken, registry) == [replay([row], registry)[0] for row in broken]


def test_stored_records_are_the_validated_ones(payments):
    model, parsed = payments
    assert stored_records(model.bundle.contract, decided(model, parsed, RECORDER)) == parsed


NUMBERS = contract_from_toml(EVERY_DTYPE, source="x").features["amount_eur"]


@given(
    amount=st.floats(0, NUMBERS.upper),
    moment=st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC)),  # noqa: DTZ001
    level=st.text(min_size=1, max_size=20).filter(lambda text: text.strip() == text),
)
def test_a_stored_record_keeps_every_bit(payments, amount, moment, level):
    model, parsed = payments
    sent = {**parsed[0], "amount_eur": amount, "opened_at": moment, "channel": level, "applied_at": moment}
    (again,) = stored_records(model.bundle.contract, decided(model, [sent], RECORDER))
    assert again == sent
    assert again["amount_eur"].hex() == amount.hex()


def test_what_is_said_of_an_unseen_level_is_replayed(payments):
    """The 600 records of `payments` have some; a row of an earlier release has none, and the same outcome."""
    model, parsed = payments
    registry = registry_with_champion(every_dtype_files())
    row = next(each for each in decided(model, parsed, RECORDER) if each.warnings is not None)
    assert json.loads(row.warnings)[0]["field"] == "channel"
    earlier = row._replace(warnings=None)
    first = earlier[: row._fields.index("warnings")]
    of_an_earlier_release = earlier._replace(seal=seal(b"\1", to_json(first), RECORDER.seal_key))
    found = replay([row, of_an_earlier_release, resealed(earlier)], registry)
    assert [result.status for result in found] == ["equal", "equal", "differs"]
    assert found[2].differences == [("warnings", None, row.warnings)]


def test_a_pseudonym_does_not_matter(credit):
    recorder = Recorder(seal_key=b"k", pseudonym_key=b"a key of pseudonyms")
    rows = decided(credit, [record()], recorder, explain=True)
    assert "customer_id" not in rows[0].record
    assert statuses(rows, recorder=recorder) == ["equal"]


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"fraud_probability": 0.25}, ["fraud_probability"]),
        ({"margin": 0.5}, ["margin"]),
        ({"risk_score": 7}, ["risk_score"]),
        ({"outcome": "approve"}, ["outcome"]),
        ({"reasons": "[]"}, ["reasons"]),
        ({"reasons": "no JSON"}, ["reasons"]),
        ({"entity": "7"}, []),
        ({"latency_ms": 0.1}, []),
        ({"policy_version": "9"}, ["policy_version"]),
        ({"contract": "sha256:0"}, ["contract"]),
        ({"margin": None, "fraud_probability": None}, ["margin", "fraud_probability"]),
        ({"record": "{"}, ["record"]),
        ({"record": "[]"}, ["record"]),
        ({"record": '{"total_balance":"much"}'}, ["record"]),
        ({"record": "{},{}"}, ["record"]),
    ],
    ids=str,
)
def test_a_changed_field_is_found_and_so_is_what_differs_by_it(credit, changes, fields):
    rows = decided(credit, [record(), record(customer_id=7, total_balance=10)], RECORDER, explain=True)
    changed, beside = replay([rows[0]._replace(**changes), rows[1]])
    assert changed.status == "tampered"
    assert [difference.field for difference in changed.differences] == fields
    assert beside.status == "equal"


def test_a_decision_that_an_earlier_release_stored_is_equal(credit):
    (row,) = decided(credit, [record()], RECORDER, explain=True)
    former = row._replace(contract=credit.bundle.contract.record_fingerprints[1])
    assert former.contract != row.contract
    assert statuses([RECORDER.sealed(former)]) == ["equal"]


def test_a_changed_record_gives_other_values(credit):
    (row,) = decided(credit, [record()], RECORDER)
    changed = row._replace(record=row.record.replace("200000", "100"))
    (result,) = replay([changed])
    assert result.status == "tampered"
    assert {"margin", "fraud_probability"} <= {difference.field for difference in result.differences}


def test_a_valid_seal_does_not_hide_a_changed_value(credit):
    (row,) = decided(credit, [record()], RECORDER)
    (result,) = replay([resealed(row._replace(fraud_probability=0.25))])
    assert result.status == "differs"
    (difference,) = result.differences
    assert difference == ("fraud_probability", 0.25, row.fraud_probability)


def test_the_last_bit_counts(credit):
    (row,) = decided(credit, [record()], RECORDER)
    nearly = float.fromhex(row.fraud_probability.hex()) + 2**-53
    assert nearly != row.fraud_probability
    assert statuses([resealed(row._replace(fraud_probability=nearly))]) == ["differs"]


def test_a_damaged_model_is_found(credit):
    rows = decided(credit, [record()], RECORDER)
    (result,) = replay(rows, registry_with_champion(flipped(credit_files(), "forest.npz")))
    assert result.status == "model_changed"
    assert "forest.npz" in result.problem


def test_another_model_under_the_version_is_found(credit):
    rows = decided(credit, [record()], RECORDER)
    (result,) = replay(rows, registry_with_champion(every_dtype_files()))
    assert (result.status, result.problem) == ("model_changed", "version 1 is another model now")


def test_a_model_is_found_by_its_digest_under_another_version(credit):
    registry = registry_with_champion(every_dtype_files())
    registry.register(flipped(credit_files()))
    registry.register(credit_files())
    assert statuses(decided(credit, [record()], RECORDER), registry) == ["equal"]


def test_a_model_that_is_gone_is_missing(credit):
    rows = decided(credit, [record()], RECORDER)
    (result,) = replay(rows, InMemoryRegistry())
    assert (result.status, result.problem) == ("model_missing", "the registry has no version 1")
    assert statuses([rows[0]._replace(outcome="approve")], InMemoryRegistry()) == ["tampered"]


def test_a_model_is_checked_again_by_each_run(credit):
    rows, registry = decided(credit, [record()], RECORDER), registry_with_champion()
    replayer = Replayer(StoredModels(registry), RECORDER)
    assert replayer.run().replay(rows)[0].status == "equal"
    registry._bundles["1"] = flipped(credit_files())
    assert replayer.run().replay(rows)[0].status == "model_changed"


def test_fallbacks_and_erased_decisions_are_sound(credit):
    (fallback,) = decided(credit, [record()], RECORDER, deadline=0)
    (row,) = decided(credit, [record()], RECORDER)
    erased = resealed(row._replace(record=None, entity=None))
    assert statuses([fallback, erased, row]) == ["fallback", "erased", "equal"]
    assert statuses([fallback._replace(outcome="approve"), row._replace(record=None)]) == ["tampered", "tampered"]


def test_rows_of_several_models_keep_their_order(credit, payments):
    model, parsed = payments
    registry = registry_with_champion()
    registry.register(every_dtype_files())
    other = ServedModel("2", model.bundle)
    rows = [
        *decided(credit, [record()], RECORDER),
        *decided(other, parsed[:2], RECORDER),
        *decided(credit, [record(total_balance=5)], RECORDER),
    ]
    found = replay([*rows[:3], rows[3]._replace(outcome="decline")], registry)
    assert [result.decision_id for result in found] == [row.decision_id for row in rows]
    assert [result.status for result in found] == ["equal", "equal", "equal", "tampered"]
