"""Formulas are arithmetic over columns and nothing else, with the same bits for scalars and arrays."""

import contextlib
import math
import operator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fraud_detection_api.contract.formula import MAX_DEPTH, InvalidFormula, parse_formula

NUMBERS = st.one_of(
    st.floats(width=64),
    st.integers(-(2**53), 2**53).map(float),
    st.sampled_from([0.0, -0.0, 1.0, math.nan, math.inf, -math.inf, 1e308, 5e-324]),
)
FORMULAS = st.recursive(
    st.sampled_from(["a", "b", "`c d`", "0", "1", "2.5"]),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from("+-*/"), inner).map(lambda parts: f"({parts[0]} {parts[1]} {parts[2]})"),
        st.tuples(st.sampled_from(["min", "max"]), inner, inner).map(lambda p: f"{p[0]}({p[1]}, {p[2]})"),
        inner.map(lambda operand: f"abs({operand})"),
        inner.map(lambda operand: f"-({operand})"),
    ),
    max_leaves=8,
)


def value(formula: str, **columns: float) -> float:
    return float(parse_formula(formula).for_one_record()(columns))


@given(FORMULAS, NUMBERS, NUMBERS, NUMBERS)
def test_one_record_has_the_value_that_it_has_among_others(formula, a, b, c):
    parsed, names = parse_formula(formula), ("a", "b", "c d")
    one = parsed.for_one_record()(dict(zip(names, (a, b, c), strict=True)))
    columns = {name: np.array([1.0, number, np.nan]) for name, number in zip(names, (a, b, c), strict=True)}
    among = np.broadcast_to(parsed.evaluate(columns), 3)[1]
    assert one == among or (math.isnan(one) and math.isnan(among))


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        ("2 + 3 * 4", 14),
        ("(2 + 3) * 4", 20),
        ("10 - 4 - 3", 3),
        ("12 / 4 / 3", 1),
        ("-2 * 3 + 10", 4),
        ("2 - -3", 5),
        ("min(4, 2) + max(1, 7)", 9),
        ("abs(0 - 5)", 5),
        ("  1 +\t1 ", 2),
        ("1_000 / 1e1", 100),
    ],
)
def test_arithmetic_follows_the_usual_precedence(formula, expected):
    assert value(formula) == expected


def test_names_are_listed_once_in_order_of_appearance():
    assert parse_formula("b + a * b - `c d`").names == ("b", "a", "c d")


@pytest.mark.parametrize(
    "name", ["total balance", "a.b", "2nd", "été", "x-y", "lambda", "quoted_name_0_", "min", '"q"']
)
def test_a_name_in_backquotes_may_hold_anything(name):
    formula = parse_formula(f"`{name}` / 2")
    assert formula.names == (name,)
    assert float(formula.evaluate({name: 5.0})) == 2.5


def test_two_quoted_names_are_told_apart():
    assert float(parse_formula("`a b` - `b a`").evaluate({"a b": 5.0, "b a": 3.0})) == 2


@pytest.mark.parametrize("numerator", [1.0, -1.0, 0.0, math.nan, math.inf])
def test_division_by_zero_is_missing(numerator):
    assert math.isnan(value("a / b", a=numerator, b=0.0))


def test_a_quotient_too_large_for_a_float_is_missing():
    assert math.isnan(value("a / b", a=1e308, b=1e-308))


@pytest.mark.parametrize("formula", ["a + 1", "a - 1", "a * 0", "a / 2", "-a", "abs(a)", "min(a, 1)", "max(1, a)"])
def test_a_missing_operand_makes_the_result_missing(formula):
    assert math.isnan(value(formula, a=math.nan))


@pytest.mark.parametrize(
    ("symbol", "compare"),
    [
        ("<=", operator.le),
        ("<", operator.lt),
        (">=", operator.ge),
        (">", operator.gt),
        ("==", operator.eq),
        ("!=", operator.ne),
    ],
)
def test_comparisons_compare(symbol, compare):
    formula = parse_formula(f"a {symbol} b + 1")
    assert formula.is_comparison
    for left in (1.0, 2.0, 3.0):
        assert bool(formula.evaluate({"a": left, "b": 1.0})) == compare(left, 2.0)


def test_arithmetic_is_no_comparison():
    assert not parse_formula("a + b").is_comparison


def test_a_comparison_with_a_missing_operand_is_false():
    assert not parse_formula("a <= 1").evaluate({"a": math.nan})


@pytest.mark.parametrize(
    "formula",
    [
        "a.real",
        "a.__class__.__bases__",
        "__import__('os')",
        "eval(a)",
        "log(a)",
        "a()",
        "`min`(a, 1)",
        "min(a, 1, key=b)",
        "max(*a)",
        "a[0]",
        "lambda: a",
        "lambda a: a",
        "'text'",
        "b'bytes'",
        "f'{a}'",
        "a ** 2",
        "a // 2",
        "a % 2",
        "a @ b",
        "a << 2",
        "a & b",
        "~a",
        "+a",
        "not a",
        "a and b",
        "a if b else 1",
        "[a]",
        "(a, b)",
        "{a}",
        "[a for a in b]",
        "(a := 1)",
        "(a < b) + 1",
        "1j",
        "...",
        "None",
    ],
)
def test_anything_but_arithmetic_is_refused(formula):
    with pytest.raises(InvalidFormula):
        parse_formula(formula)


@pytest.mark.parametrize(
    "formula", ["", "   ", "a +", "a b", "a; b", "a = 1", "import os", "`a", "``", "a\x00b", "(" * 300]
)
def test_text_that_is_no_expression_is_refused(formula):
    with pytest.raises(InvalidFormula):
        parse_formula(formula)


@pytest.mark.parametrize("formula", ["a < b < c", "a in b", "a is b", "a not in b"])
def test_chained_and_other_comparisons_are_refused(formula):
    with pytest.raises(InvalidFormula):
        parse_formula(formula)


@pytest.mark.parametrize("formula", ["a + True", "a == False"])
def test_truth_values_are_refused(formula):
    with pytest.raises(InvalidFormula):
        parse_formula(formula)


@pytest.mark.parametrize("formula", ["min(a)", "abs(a, b)", "max()", "max(a, b, 1)"])
def test_a_wrong_number_of_arguments_is_refused(formula):
    with pytest.raises(InvalidFormula):
        parse_formula(formula)


@pytest.mark.parametrize("number", ["1e999", "1" + "0" * 400])
def test_a_number_beyond_a_float_is_refused(number):
    with pytest.raises(InvalidFormula):
        parse_formula(f"a + {number}")


@pytest.mark.parametrize(
    "formula",
    ["-" * 5000 + "a", "-" * 500 + "a", "+".join(["a"] * 5000), "+".join(["a"] * 200), "abs(" * 60 + "a" + ")" * 60],
)
def test_huge_nesting_is_refused(formula):
    with pytest.raises(InvalidFormula):
        parse_formula(formula)


def test_nesting_up_to_the_limit_is_read():
    # the operator of a negation stands a level below it, and so does its operand
    assert value("-" * (MAX_DEPTH - 2) + "a", a=1.0) == 1.0


@given(FORMULAS, st.lists(st.tuples(NUMBERS, NUMBERS, NUMBERS), min_size=1, max_size=5))
def test_scalars_and_arrays_agree_bit_for_bit(formula, rows):
    parsed = parse_formula(formula)
    columns = {name: np.array(column) for name, column in zip(("a", "b", "c d"), zip(*rows, strict=True), strict=True)}
    whole = np.broadcast_to(np.asarray(parsed.evaluate(columns), dtype=np.float64), len(rows))
    single = [float(parsed.evaluate(dict(zip(("a", "b", "c d"), row, strict=True)))) for row in rows]
    np.testing.assert_array_equal(whole, single)
    np.testing.assert_array_equal(np.signbit(whole[~np.isnan(whole)]), np.signbit(np.array(single)[~np.isnan(whole)]))


@given(st.text(max_size=60))
def test_any_text_is_a_formula_or_refused(text):
    with contextlib.suppress(InvalidFormula):
        assert parse_formula(text).source == text


def test_overflow_gives_no_warning():
    assert value("a * a", a=1e308) == math.inf
    assert math.isnan(value("a - a", a=math.inf))


def test_an_error_shows_the_beginning_of_a_long_formula():
    with pytest.raises(InvalidFormula) as caught:
        parse_formula("a +" * 5000)
    assert len(str(caught.value)) < 120


@pytest.mark.parametrize(
    ("formula", "floors"),
    [
        ("a / b", []),
        ("max(a, 1)", []),
        ("a / max(b, c)", []),
        ("a / max(`c d`, 1)", [("c d", 1)]),
        ("a / max(2.5, b)", [("b", 2.5)]),
        ("a / max(b + c, 1) - b / max(a, 3)", [("b + c", 1), ("a", 3)]),
    ],
)
def test_the_divisors_that_are_kept_from_falling_below_a_number_are_known(formula, floors):
    assert [(floor.divisor.source, floor.at_least) for floor in parse_formula(formula).floors] == floors


def test_a_divisor_that_has_a_floor_can_be_worked_out_by_itself():
    (floor,) = parse_formula("a / max(b + `c d`, 1)").floors
    assert floor.divisor.names == ("b", "c d")
    assert floor.divisor.for_one_record()({"b": 0.25, "c d": 0.5}) == 0.75
