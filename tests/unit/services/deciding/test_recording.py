"""Rows that are kept of decisions: everything that was said, sealed, and without a name where names are kept out."""

import json

import pytest

from fraud_detection_api.decision.stored import StoredRequest
from fraud_detection_api.model.bundle import read_bundle
from fraud_detection_api.services.deciding.decisions import NEVER, DecisionService, Task
from fraud_detection_api.services.deciding.recording import Recorder, RequestContext
from fraud_detection_api.services.models.deployment import ServedModel
from fraud_detection_api.telemetry import Stopwatch
from support.builders import credit_files, record
from support.fakes import InMemoryDecisionStore

SEAL, NAMES = b"key of the seals", b"key of the pseudonyms"
RECORDS = [record(customer_id=11), record(customer_id=12, total_balance=100)]


@pytest.fixture(scope="module")
def model():
    return ServedModel("7", read_bundle(credit_files(), source="test"))


def decided(model, *, explain=True, deadline=NEVER):
    service = DecisionService(fallback="review", wall_clock=lambda: 1_795_341_600.1234)
    return service.decide(Task(model, explain, deadline, Stopwatch()), RECORDS).decisions


def rows_of(model, recorder, decisions=None, *, key=None):
    decisions = decided(model) if decisions is None else decisions
    context = RequestContext("a request", key, 0.1 + 0.2, decisions.size)
    return recorder.rows(decisions, RECORDS, model.bundle.contract, [context])


def test_a_row_says_what_the_decision_says(model):
    decisions = decided(model)
    for index, row in enumerate(rows_of(model, Recorder(), decisions)):
        assert (row.decision_id, row.decided_at, row.record_index) == (
            decisions.ids[index],
            decisions.decided_at,
            index,
        )
        assert (row.outcome, row.source) == (decisions.outcomes[index], "model")
        assert row.risk_score == decisions.risk_scores[index]
        assert row.margin.hex() == decisions.margins[index].hex()
        assert row.fraud_probability.hex() == decisions.probabilities[index].hex()
        assert row.reasons == decisions.reasons[index]


def test_a_row_says_what_it_was_decided_from_and_by(model):
    for row, sent in zip(rows_of(model, Recorder(), key="a key"), RECORDS, strict=True):
        assert json.loads(row.record) == sent
        assert json.loads(row.entity) == sent["customer_id"]
        assert (row.contract, row.model_version) == (model.bundle.contract.record_fingerprint, "7")
        assert (row.model_digest, row.policy_version) == (model.bundle.digest, model.bundle.policy.version)
        assert (row.request_id, row.idempotency_key, row.latency_ms) == ("a request", "a key", 0.1 + 0.2)


def test_a_row_says_which_position_its_history_saw(model):
    decisions = decided(model)
    assert [row.history for row in rows_of(model, Recorder(SEAL), decisions)] == [None, None]
    seen = decisions._replace(history=[41, None])
    rows = rows_of(model, Recorder(SEAL), seen)
    assert [row.history for row in rows] == [41, None]
    assert all(map(Recorder(SEAL).is_intact, rows))
    assert seen.part(1, 2).history == [None]


def test_a_fallback_is_kept_as_one(model):
    for row in rows_of(model, Recorder(), decided(model, deadline=0.0)):
        assert (row.source, row.outcome) == ("fallback", "review")
        assert (row.margin, row.fraud_probability, row.risk_score, row.reasons) == (None, None, None, None)
        assert row.model_version == "7"


def test_without_reasons_none_are_kept(model):
    assert [row.reasons for row in rows_of(model, Recorder(), decided(model, explain=False))] == [None, None]


@pytest.mark.parametrize("key", [b"", SEAL])
def test_a_row_is_intact_as_it_was_made_and_after_it_was_kept(model, key):
    recorder, store = Recorder(key), InMemoryDecisionStore()
    rows = rows_of(model, recorder)
    store.save([StoredRequest(rows)])
    assert all(recorder.is_intact(store.find(row.decision_id)) for row in rows)


def test_rows_of_several_requests_say_whose_they_are(model):
    recorder, contexts = Recorder(SEAL), [RequestContext("one", None, 1.5, 1), RequestContext("other", "a key", 2.5, 1)]
    rows = recorder.rows(decided(model), RECORDS, model.bundle.contract, contexts)
    assert [(row.request_id, row.record_index, row.idempotency_key, row.latency_ms) for row in rows] == [
        ("one", 0, None, 1.5),
        ("other", 0, "a key", 2.5),
    ]
    assert all(map(recorder.is_intact, rows))


def changed(field):
    """The field, changed a little."""
    if isinstance(field, float):
        return field + 2**-40
    if isinstance(field, int):
        return field + 1
    return "x" if field is None else field[:-1] + ("y" if field[-1] != "y" else "z")


def test_a_change_to_any_field_breaks_the_seal(model):
    recorder = Recorder(SEAL)
    row = rows_of(model, recorder)[0]
    fields = [name for name in row._fields if name != "seal"]
    assert len(fields) == 21
    assert [name for name in fields if recorder.is_intact(row._replace(**{name: changed(getattr(row, name))}))] == []


def test_a_seal_is_made_by_the_holders_of_its_key_alone(model):
    row = rows_of(model, Recorder(SEAL))[0]
    assert not Recorder(b"another key").is_intact(row)
    assert not Recorder().is_intact(row)
    assert not Recorder(SEAL).is_intact(row._replace(seal=b""))
    assert not Recorder(SEAL).is_intact(row._replace(seal=row.seal[:-1]))


def test_a_pseudonym_stands_for_the_entity_and_the_record_loses_its_id(model):
    for row, sent in zip(rows_of(model, Recorder(pseudonym_key=NAMES)), RECORDS, strict=True):
        assert str(sent["customer_id"]) not in row.entity
        assert len(row.entity) == 32
        assert json.loads(row.record) == {name: value for name, value in sent.items() if name != "customer_id"}


def test_a_pseudonym_is_the_same_for_the_same_entity_and_key_alone(model):
    recorder = Recorder(pseudonym_key=NAMES)
    assert recorder.entity(11) == recorder.entity(11) == rows_of(model, recorder)[0].entity
    others = {recorder.entity(12), recorder.entity("11"), Recorder(pseudonym_key=b"another").entity(11)}
    assert recorder.entity(11) not in others
    assert len(others) == 3


def test_numbers_and_texts_are_different_entities():
    assert Recorder().entity(11) == "11"
    assert Recorder().entity("11") == '"11"'
    assert Recorder().entity(None) is None


def test_the_keys_are_not_printed():
    assert "key of" not in repr(Recorder(SEAL, NAMES))
