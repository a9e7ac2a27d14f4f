"""The fast reader and pydantic: what one accepts, the other makes the same of, to the bit."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fraud_detection_api.contract.loading import contract_from_toml
from fraud_detection_api.errors import FraudError, InvalidRecords
from fraud_detection_api.schemas.records.fast_reader import FastReader
from fraud_detection_api.schemas.records.parser import RecordParser
from support.builders import OVERDRAWN
from support.parsing import CREDIT, LOAN, LOANS, PAYMENT, PAYMENTS

LIMIT = 3


class Passes(FastReader):
    """A reader that passes everything on."""

    def read_array(self, body, *, limit):
        return None

    def read_request(self, body, *, limit):
        return None


def by_pydantic_alone(parser: RecordParser) -> RecordParser:
    other = RecordParser(parser.contract)
    other._fast = Passes(parser.contract)
    return other


SLOW = {parser: by_pydantic_alone(parser) for parser in (CREDIT, LOANS, PAYMENTS)}


def verdict(parse, body: bytes) -> str:
    """The records in every bit and type, or the kind of error."""
    try:
        return repr(parse(body, limit=LIMIT))
    except FraudError as error:
        return type(error).__name__


def assert_same(parser: RecordParser, records: bytes) -> None:
    slow = SLOW[parser]
    assert verdict(parser.parse, records) == verdict(slow.parse, records)
    for request in (
        b'{"records":%b}',
        b'{"explain":true,"records": %b }',
        b'{"records":%b,"explain":true,"explain":false}',
    ):
        assert verdict(parser.parse_decisions, request % records) == verdict(slow.parse_decisions, request % records)


NUMBERS = """
0 -0 0.0 -0.0 1.0 12.0 12.5e0 1.2e1 600.0 601.0 9007199254740991.0 9007199254740992.0 -9007199254740993.0
1e400 1e0 1E1 2e-1 5 600 601 1e5 12.5 0.1 0.30000000000000004441 1e-400 4.9e-324 1e999 -1e999 1e12 1.1e12
9007199254740991 9007199254740992 9007199254740993 9223372036854775807 9223372036854775808
18446744073709551616 3.5e38 123456789012345678901234567890 01 1. .5 +1 1e NaN Infinity -Infinity 0x1 1_0 --1
""".split()  # noqa: SIM905 a list would take 40 lines
NUMBERS += ["1" + "0" * 400, "0.1" + "0" * 900 + "1", "1" * 5000, "0." + "3" * 800]
TEXTS = [
    '""',
    '" "',
    '" web"',
    '"web "',
    '"web"',
    '"w:b"',
    '"\\u0077eb"',
    '"w\\u003ab"',
    '"\\u0000"',
    '"\\ud800"',
    '"\\ud83d\\ude00"',
]
TEXTS += [
    '"Andre\N{COMBINING ACUTE ACCENT}"',
    '"' + "e\N{COMBINING ACUTE ACCENT}" * 128 + '"',
    '"' + "e\N{COMBINING ACUTE ACCENT}" * 129 + '"',
    '"' + "\N{DEVANAGARI LETTER QA}" * 129 + '"',
    '"\N{EN QUAD}web"',
    '"\x1cweb"',
    '"web\x85"',
    '"\xa0web"',
    '"\u200bweb"',
    '"é{}\U0001f600"',
    f'"{"a" * 256}"',
    f'"{"é" * 256}"',
    f'"{"a" * 257}"',
    '"a\nb"',
    '"',
]
TIMES = [
    '"2026-01-01T00:00:00Z"',
    '"2026-01-01"',
    '" 2026-01-01 10:00:00+02 "',
    '"2026-02-30"',
    '"20260101"',
    '"2026-01-01T00:00:00.1234567891Z"',
    '"1767225600"',
]
OTHERS = ["null", "true", "false", "True", "[]", "{}", '{"a":1}', "[[[[]]]]", "", '"1"', "/**/1", "undefined"]
VALUES = (
    st.sampled_from(NUMBERS + TEXTS + TIMES + OTHERS)
    | st.floats().map(repr)
    | st.integers().map(str)
    | st.text().map(json.dumps)
)
KEYS = st.sampled_from(
    ['"x"', '""', '"custom\\u0065r_id"', '"a:b"', "x", '"\\ud800"', '"amount_eur"', '"total_balance"', '"channel"']
)
GAPS = st.sampled_from(["", "", "", " ", "\n\t\r", "\x0c", "\ufeff", "\xa0", ",", "//"])


@st.composite
def bodies(draw, good: dict[str, object]) -> bytes:
    """Arrays whose records are good but for a field or two, or a key, a gap, an end."""
    records = []
    for _ in range(draw(st.integers(0, LIMIT + 1))):
        pairs = [(json.dumps(name), json.dumps(content)) for name, content in good.items()]
        for _ in range(draw(st.integers(0, 2))):
            at = draw(st.integers(0, len(pairs) - 1))
            change = draw(st.sampled_from(["value", "value", "value", "key", "twice", "out", "more"]))
            name, content = pairs[at]
            if change == "value":
                pairs[at] = (name, draw(VALUES))
            elif change == "key":
                pairs[at] = (draw(KEYS), content)
            elif change == "twice":
                pairs.append((name, draw(VALUES | st.just(content))))
            elif change == "out" and len(pairs) > 1:
                del pairs[at]
            else:
                pairs.insert(at, (draw(KEYS), draw(VALUES)))
        gap = draw(GAPS)
        records.append("{" + ",".join(f"{name}{gap}:{gap}{content}" for name, content in pairs) + "}")
    text = "[" + draw(st.sampled_from([",", ",", ",", " , ", ",,"])).join(records) + "]"
    start, end = draw(GAPS), draw(st.sampled_from(["", "", "", " ", "\x00", "x", "]"]))
    return (start + text + end).encode("utf-8", "surrogatepass")


@settings(max_examples=300)
@given(bodies(OVERDRAWN))
def test_both_roads_say_the_same_of_records_of_numbers(body):
    assert_same(CREDIT, body)


@settings(max_examples=300)
@given(bodies(LOAN))
def test_both_roads_say_the_same_of_records_of_every_dtype(body):
    assert_same(LOANS, body)


@settings(max_examples=300)
@given(bodies(PAYMENT))
def test_both_roads_say_the_same_of_records_with_keys(body):
    assert_same(PAYMENTS, body)


@settings(max_examples=100)
@given(st.binary(max_size=30))
def test_both_roads_say_the_same_of_any_bytes(body):
    assert_same(CREDIT, body)


@pytest.mark.parametrize("text", [*NUMBERS, *TEXTS, *TIMES, *OTHERS])
@pytest.mark.parametrize(("parser", "good"), [(CREDIT, OVERDRAWN), (LOANS, LOAN), (PAYMENTS, PAYMENT)])
def test_both_roads_say_the_same_of_every_odd_value_of_every_field(parser, good, text):
    for field in good:
        body = json.dumps([{**good, field: "PLACEHOLDER"}]).replace('"PLACEHOLDER"', text)
        assert_same(parser, body.encode("utf-8", "surrogatepass"))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[",
        b"\xef\xbb\xbf[]",
        b"[]\xff",
        b"[" * 2000,
        b'{"a":' * 2000,
        b'[{"a":1}',
        b"null",
        b'"x"',
        b"[null]",
        b"[[]]",
        b"{}",
        json.dumps([OVERDRAWN]).encode().replace(b"345435", b'"\xed\xa0\x80"'),
        json.dumps([OVERDRAWN]).encode("utf-16"),
    ],
)
def test_both_roads_say_the_same_of_bodies_of_another_form(body):
    assert_same(CREDIT, body)


@pytest.mark.parametrize(("parser", "good"), [(CREDIT, OVERDRAWN), (LOANS, LOAN), (PAYMENTS, PAYMENT)])
def test_good_bodies_are_accepted(parser, good):
    reader = FastReader(parser.contract)
    records = json.dumps([good] * LIMIT).encode()
    assert reader.read_array(records, limit=LIMIT) is not None
    assert reader.read_request(b'{"records": %b, "explain": true}' % records, limit=LIMIT) is not None


@pytest.mark.parametrize(
    ("parser", "good", "field"),
    [(CREDIT, OVERDRAWN, "customer_id"), (LOANS, LOAN, "instalments"), (PAYMENTS, PAYMENT, "terminal")],
)
def test_integers_that_are_sent_as_floats_are_read_as_integers(parser, good, field):
    body = json.dumps([{**good, field: 12.0}]).encode()
    [read] = FastReader(parser.contract).read_array(body, limit=1)
    assert repr(read[field]) == repr(parser.parse(body, limit=1)[0][field]) == "12"


def test_levels_are_composed():
    sent = {**LOAN, "channel": "Andre\N{COMBINING ACUTE ACCENT}"}
    body = json.dumps([sent], ensure_ascii=False).encode()
    [read] = FastReader(LOANS.contract).read_array(body, limit=1)
    assert read["channel"] == "Andr\N{LATIN SMALL LETTER E WITH ACUTE}"


MARKED = contract_from_toml(
    """
name = "marked"
missing = ["-999"]
[id]
name = "account"
dtype = "str"
[target]
name = "y"
[keys.shop]
nullable = true
[keys.device]
dtype = "str"
nullable = true
[features.amount]
dtype = "float"
nullable = true
[features.channel]
dtype = "category"
nullable = true
missing = ["NA"]
""",
    source="marked.toml",
)


@pytest.mark.parametrize(
    ("field", "sent"),
    [
        ("amount", -999),
        ("amount", -999.0),
        ("channel", "NA"),
        ("channel", " NA "),
        ("channel", "-999"),
        ("shop", -999),
        ("shop", -999.0),
        ("device", " -999"),
    ],
)
def test_what_marks_a_missing_value_in_files_is_refused(field, sent):
    body = json.dumps([{"account": "7", "amount": 1, "channel": "web", field: sent}]).encode()
    assert FastReader(MARKED).read_array(body, limit=1) is None
    with pytest.raises(InvalidRecords) as caught:
        RecordParser(MARKED).parse(body, limit=1)
    [problem] = caught.value.problems
    assert problem.pointer == f"/0/{field}"
    assert "null" in problem.detail


@pytest.mark.parametrize("sent", [None, 999, -999.5])
def test_other_values_are_accepted_beside_markers(sent):
    body = json.dumps([{"account": "7", "amount": sent, "channel": "na"}]).encode()
    assert FastReader(MARKED).read_array(body, limit=1) == RecordParser(MARKED).parse(body, limit=1)


def test_blanks_around_a_text_id_are_ignored_as_in_files():
    for body, account in ((b'[{"account":" 7 "}]', "7"), (b'[{"account":"7"}]', "7")):
        assert RecordParser(MARKED).parse(body, limit=1) == [{"account": account}]
    with pytest.raises(InvalidRecords):
        RecordParser(MARKED).parse(b'[{"account":"  "}]', limit=1)
