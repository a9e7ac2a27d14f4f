"""A stored decision is declared once: JSON, seals, SQL and the wire follow from its fields."""

from typing import Annotated, NamedTuple, get_type_hints

import pytest
from pydantic import Field
from pydantic_core import from_json, to_json

from fraud_detection_api.adapters.sql.decisions import DecisionTable, SqlDecisionStore
from fraud_detection_api.adapters.sql.sqlite import SqliteDatabase
from fraud_detection_api.decision.row_format import RowFormat, Stored, columns_of
from fraud_detection_api.decision.stored import ERASED, ROWS, StoredDecision, StoredRequest
from support.kept import kept

KEY = b"k" * 32
NEW_COLUMN = {"rule": Annotated[str | None, Stored(name="rule_name", sealed_since=4), Field(description="The rule.")]}
_DECLARED = get_type_hints(StoredDecision, include_extras=True)
_SEAL = _DECLARED.pop("seal")
Extended = NamedTuple("Extended", [*_DECLARED.items(), *NEW_COLUMN.items(), ("seal", _SEAL)])
EXTENDED = RowFormat(Extended)


def extended(rule: str | None = "velocity") -> Extended:
    """Decision 1 as a version of the software with one more column makes it, sealed."""
    return EXTENDED.sealed(Extended(**kept(1)._asdict(), rule=rule), KEY)


def test_a_row_comes_back_from_its_json():
    row = kept(1, margin=0.1 + 0.2, entity='"Ærø"')
    assert ROWS.row(from_json(to_json(ROWS.values(row)))) == row


def test_the_seal_of_a_new_row_is_that_of_its_fields():
    row = kept(1, margin=0.1 + 0.2, entity='"Ærø"')
    texts = [to_json(field).decode() for field in row[:-1]]
    assert ROWS.seals([texts], KEY) == [ROWS.sealed(row, KEY).seal]


def test_the_first_versions_seals_stay_as_they_are():
    """Of rows in stores that are in use."""
    for key, seal in ((b"", "012f97632c2c45c31371c62a5067fb2b0d"), (KEY, "019acbe4104745a72c0c24c6b13ae36371")):
        earlier = kept(1, seal=bytes.fromhex(seal))
        assert ROWS.is_intact(earlier, key)
        assert not ROWS.is_intact(earlier._replace(warnings="[]"), key)


@pytest.mark.parametrize("field", [field for field in StoredDecision._fields if field != "seal"])
def test_a_seal_covers_every_field(field):
    row = ROWS.sealed(kept(1), KEY)
    assert ROWS.is_intact(row, KEY)
    assert not ROWS.is_intact(row._replace(**{field: "changed"}), KEY)


@pytest.mark.parametrize("seal", [b"", b"\x01", b"\x00" * 17, b"\x04" * 17])
def test_a_seal_of_no_version_is_not_intact(seal):
    assert not ROWS.is_intact(kept(1)._replace(seal=seal), b"")


def test_an_erasure_removes_what_says_something_about_the_entity():
    assert ERASED == {"entity": None, "record": None, "reasons": None}


@pytest.mark.parametrize("values", [[], [1, 2, "00"], [*ROWS.values(kept(1)), "00"]])
def test_values_of_no_version_are_refused(values):
    with pytest.raises((TypeError, ValueError)):
        ROWS.row(values)


def test_a_new_column_is_sealed_and_earlier_seals_stay_valid():
    earlier = ROWS.sealed(kept(1), KEY)
    assert EXTENDED.is_intact(Extended(**earlier._asdict(), rule=None), KEY)
    assert not EXTENDED.is_intact(Extended(**earlier._asdict(), rule="forged"), KEY)
    assert EXTENDED.is_intact(extended(), KEY)
    assert not EXTENDED.is_intact(extended()._replace(rule=None), KEY)
    assert extended().seal[:1] == b"\x04"


def test_json_that_was_written_before_a_column_existed_is_read():
    earlier = ROWS.sealed(kept(1), KEY)
    assert EXTENDED.row(ROWS.values(earlier)) == Extended(**earlier._asdict(), rule=None)
    assert EXTENDED.row(EXTENDED.values(extended())) == extended()


def test_a_new_column_needs_one_line_and_a_migration(tmp_path):
    database = SqliteDatabase(tmp_path / "decisions.db", timeout_seconds=5)
    store = SqlDecisionStore(database, idempotency_seconds=1)
    store.migrate()
    store.save([StoredRequest([kept(2)])])
    table = DecisionTable(Extended)
    with database.writing() as session:
        session.change("ALTER TABLE decisions ADD COLUMN rule_name TEXT")
        table.insert(session, [extended()], table.deciders.ids(session))
        rows = [table.decision(values) for values in session.rows(f"{table.select} ORDER BY decided_at")]
    database.close()
    assert rows == [extended(), Extended(**kept(2)._asdict(), rule=None)]


def test_a_column_with_a_wire_field_is_on_the_wire():
    shown = {column.name for column in columns_of(Extended) if column.wire is not None}
    assert shown == {"request_id", "place", "idempotency_key", "contract", "margin", "latency_ms", "rule_name"}
