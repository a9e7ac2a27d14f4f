"""Levels that a contract refuses or folds are read alike by both readers."""

import json

import pytest

from fraud_detection_api.contract.loading import contract_from_toml
from fraud_detection_api.errors import InvalidRecords
from fraud_detection_api.field_texts import MOST_LEVELS_NAMED
from fraud_detection_api.schemas.contract import record_schema
from fraud_detection_api.schemas.records.fast_reader import FastReader
from fraud_detection_api.schemas.records.parser import RecordParser

COMPOSED, APART = "caf\N{LATIN SMALL LETTER E WITH ACUTE}", "cafe\N{COMBINING ACUTE ACCENT}"


def contract_with(keys: str):
    text = f'name = "n"\n[target]\nname = "y"\n[features.channel]\ndtype = "category"\nnullable = true\n{keys}'
    return contract_from_toml(text, source="n.toml")


REFUSING = f'levels = ["WEB", "{COMPOSED}"]\nunseen = "refuse"'


def body_of(level) -> bytes:
    return json.dumps([{"channel": level}], ensure_ascii=False).encode()


@pytest.mark.parametrize(
    ("keys", "sent", "read"),
    [
        (REFUSING, "WEB", "WEB"),
        (REFUSING, APART, COMPOSED),
        (REFUSING, None, None),
        (f"{REFUSING}\nfold_case = true", "web", "web"),
        (f"{REFUSING}\nfold_case = true", APART.upper(), COMPOSED),
        ("fold_case = true", "Stra\N{LATIN SMALL LETTER SHARP S}e", "strasse"),
        ('levels = ["WEB"]', "web", "web"),
    ],
)
def test_both_readers_take_what_is_allowed(keys, sent, read):
    contract, body = contract_with(keys), body_of(sent)
    assert FastReader(contract).read_array(body, limit=1) == [{"channel": read}]
    assert RecordParser(contract)._read(RecordParser(contract).array, body, 1)[1] == [{"channel": read}]


@pytest.mark.parametrize("sent", ["web", "SECRET", " cafe "])
@pytest.mark.parametrize("many", [1, 3000], ids=["one", "a_large_body"])
def test_both_readers_refuse_another_level_and_name_those_that_are_allowed(sent, many):
    contract = contract_with(REFUSING)
    body = json.dumps([{"channel": "WEB"}] * (many - 1) + [{"channel": sent}]).encode()
    assert FastReader(contract).read_array(body, limit=many) is None
    with pytest.raises(InvalidRecords) as caught:
        RecordParser(contract).parse(body, limit=many)
    (problem,) = caught.value.problems
    assert (problem.pointer, problem.detail) == (f"/{many - 1}/channel", f"must be one of 'WEB', '{COMPOSED}'")


def test_an_error_names_a_few_of_many_levels():
    names = [f"L{number:03}" for number in range(1000)]
    with pytest.raises(InvalidRecords) as caught:
        RecordParser(contract_with(f'levels = {json.dumps(names)}\nunseen = "refuse"')).parse(body_of("x"), limit=1)
    (problem,) = caught.value.problems
    assert names[MOST_LEVELS_NAMED - 1] in problem.detail
    assert problem.detail.endswith(" and 968 more")


@pytest.mark.parametrize("level", ["na", "NA"])
def test_a_marker_of_a_folded_category_is_refused_in_either_case(level):
    contract = contract_with('missing = ["NA"]\nfold_case = true')
    assert FastReader(contract).read_array(body_of(level), limit=1) is None
    with pytest.raises(InvalidRecords):
        RecordParser(contract).parse(body_of(level), limit=1)


@pytest.mark.parametrize(
    ("keys", "enum"),
    [(REFUSING, ["WEB", COMPOSED]), ('levels = ["WEB"]', None), (f"{REFUSING}\nfold_case = true", None)],
    ids=["refused", "reviewed", "folded"],
)
def test_the_schema_has_the_levels_where_others_are_refused(keys, enum):
    text, _null = record_schema(contract_with(keys))["properties"]["channel"]["anyOf"]
    assert text.get("enum") == enum
