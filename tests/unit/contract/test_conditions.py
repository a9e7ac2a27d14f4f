"""Conditions are comparisons joined by and, or, not, with the same truth for a record as for columns."""

import math
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fraud_detection_api.contract.conditions import parse_condition
from fraud_detection_api.contract.formula import MAX_DEPTH, InvalidFormula

TEXTS = st.sampled_from(["web", "in shop", "it's", "a`b`", 'say "x"', ""])
NUMBERS = st.one_of(st.none(), st.sampled_from([0.0, -0.0, 1.0, 2.5, math.inf]), st.floats(allow_nan=False))
COMPARISONS = st.one_of(
    st.tuples(
        st.sampled_from(["a", "`b c`", "a / `b c`", "max(a, 1)", "-a"]),
        st.sampled_from(["<=", "<", ">=", ">", "==", "!="]),
        st.sampled_from(["`b c`", "0", "2.5", "abs(a)"]),
    ).map(" ".join),
    st.tuples(st.sampled_from(["channel", "`the country`"]), st.sampled_from(["==", "!="]), TEXTS.map(repr)).map(
        " ".join
    ),
)
CONDITIONS = st.recursive(
    COMPARISONS,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(lambda parts: f"({' '.join(parts)})"),
        inner.map(lambda part: f"not ({part})"),
    ),
    max_leaves=8,
)


def numbers(content: float | None) -> np.ndarray:
    """A number between two others, as columns have it."""
    return np.array([1.0, math.nan if content is None else content, math.nan])


def texts(content: str | None) -> np.ndarray:
    return np.array(["web", content, None], dtype=object)


@given(CONDITIONS, NUMBERS, NUMBERS, st.none() | TEXTS, st.none() | TEXTS)
def test_a_record_alone_satisfies_what_it_satisfies_among_others(source, a, b, channel, country):
    condition = parse_condition(source)
    record = {"a": a, "b c": b, "channel": channel, "the country": country}
    columns = {"a": numbers(a), "b c": numbers(b), "channel": texts(channel), "the country": texts(country)}
    among = np.broadcast_to(condition.evaluate(columns), 3)
    assert condition.for_one_record()(record) == among[1]
    present = {name: content for name, content in record.items() if content is not None}
    assert condition.for_one_record()(present) == among[1]


@pytest.mark.parametrize(
    ("source", "holds"),
    [
        ("amount > 5 and channel == 'web'", True),
        ("amount > 50 or channel == 'web'", True),
        ("amount > 50 or channel == 'web' and is_night == 0", False),
        ("(amount > 50 or channel == 'web') and not is_night == 0", True),
        ("channel != 'web'", False),
        ('channel != "shop" and channel != "post"', True),
        ("amount / limit > 1", False),
        ("limit != 5", False),
        ("not limit != 5", True),
        ("country == 'AT'", False),
        ("country != 'AT'", False),
        ("not country == 'AT'", True),
    ],
)
def test_a_comparison_with_a_missing_value_is_false(source, holds):
    record = {"amount": 10, "channel": "web", "is_night": True, "limit": None, "country": None}
    assert parse_condition(source).for_one_record()(record) is holds


def test_columns_and_the_texts_they_are_compared_with_are_listed():
    condition = parse_condition("b > a and (channel == 'web' or channel != 'a`b`') and `c d` < b")
    assert condition.names == ("b", "a", "channel", "c d")
    assert condition.texts == {"channel": {"web", "a`b`"}}


@pytest.mark.parametrize(
    "source",
    [
        "amount",
        "amount + 1",
        "'web'",
        "amount > 1 and is_night",
        "not is_night",
        "'web' == channel",
        "channel < 'web'",
        "channel + 'a' == 1",
        "channel in ('web', 'shop')",
        "1 < amount < 5",
        "amount is 1",
        "amount > 1 if channel == 'web' else amount > 2",
        "(amount > 1) == (limit > 1)",
        "amount == True",
        "amount > 1 and",
        "channel == f'{amount}'",
        "channel == b'web'",
        "a == 'web' and a > 1",
        "__import__('os').getcwd() == 'a'",
        "not " * (MAX_DEPTH + 1) + "a > 1",
    ],
)
def test_anything_else_is_refused(source):
    with pytest.raises(InvalidFormula):
        parse_condition(source)


def test_a_condition_goes_to_another_process():
    condition = pickle.loads(pickle.dumps(parse_condition("channel == 'web'")))
    assert condition.for_one_record()({"channel": "web"})
