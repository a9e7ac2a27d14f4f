"""Conditions on a record, such as `channel == 'web' and amount > 100`: which events a history feature is of."""

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fraud_detection_api.contract.formula import (
    OF_FLOATS,
    Formula,
    InvalidFormula,
    Values,
    called,
    formula_of,
    function_of,
    is_one_comparison,
    shown,
    syntax_of,
)

Mask: TypeAlias = NDArray[np.bool_]
Holds: TypeAlias = Callable[[Values], Mask]
Expressions: TypeAlias = Mapping[str, ast.expr]


@dataclass(frozen=True, slots=True)
class Condition:
    """A parsed condition. A comparison with a missing value is false, `!=` too, and `not` of it is true.

    `names` are the columns that it reads, in order of appearance. `texts` are those that it compares with texts, and the
    texts of each; all others are numbers.
    """

    source: str
    names: tuple[str, ...]
    texts: Mapping[str, frozenset[str]]
    _holds: Holds
    _expression: Callable[[Expressions], ast.expr]

    def __reduce__(self) -> tuple[Any, ...]:
        # compiled functions do not go to another process, which compiles them again
        return parse_condition, (self.source,)

    def evaluate(self, columns: Values) -> Mask:
        """Whether it holds, for columns of shape (n,) as in `contract.columns`: float64, or object arrays of texts.

        >>> columns = {"amount": np.array([5.0, np.nan]), "channel": np.array(["web", "web"], dtype=object)}
        >>> parse_condition("channel == 'web' and amount > 1").evaluate(columns)
        array([ True, False])
        """
        return self._holds(columns)

    def for_one_record(self) -> Callable[[Mapping[str, Any]], bool]:
        """A function that says whether a record satisfies it. A column that is None or absent is missing.

        >>> parse_condition("channel == 'web' and amount > 1").for_one_record()({"channel": "web", "amount": 5})
        True
        """
        variables = {name: f"field_{index}" for index, name in enumerate(self.names)}
        reads: list[ast.expr] = [_read(name, variables[name], is_text=name in self.texts) for name in self.names]
        holds = self._expression({name: _loaded(variable) for name, variable in variables.items()})
        both = ast.Tuple([ast.List(reads, ast.Load()), holds], ast.Load())
        return function_of("record", ast.Subscript(both, ast.Constant(1), ast.Load()), {**OF_FLOATS, "float": float})


def parse_condition(source: str) -> Condition:
    """Condition from text: comparisons of formulas, or of a column with a text, joined by `and`, `or`, `not`.

    Names that are not plain identifiers are written in backquotes, and texts in quotes. Raises InvalidFormula.
    """
    tree, quoted = syntax_of(source)
    part = _part(tree, quoted, source)
    texts = {
        name: frozenset(text for other, text in part.reads if other == name and text is not None)
        for name, text in part.reads
        if text is not None
    }
    if both := [name for name, text in part.reads if text is None and name in texts]:
        raise InvalidFormula(f"compares {both[0]!r} with a text and with a number; keep one of them")
    return Condition(source, tuple(dict.fromkeys(name for name, _ in part.reads)), texts, part.holds, part.expression)


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of a condition: the columns that it reads, each with its text or None, and its two forms."""

    reads: tuple[tuple[str, str | None], ...]
    holds: Holds
    expression: Callable[[Expressions], ast.expr]


def _part(node: ast.expr, quoted: Mapping[str, str], source: str) -> _Part:
    match node:
        case ast.BoolOp(op=op, values=values):
            return _joined(op, [_part(value, quoted, source) for value in values])
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return _negated(_part(operand, quoted, source))
        case ast.Compare() if not is_one_comparison(node):
            raise InvalidFormula(f"{shown(source)} has a comparison that is not one of <=, <, >=, >, ==, !=")
        case ast.Compare(
            left=ast.Name(id=token), ops=[ast.Eq() | ast.NotEq() as op], comparators=[ast.Constant(value=str() as text)]
        ):
            return _of_text(quoted.get(token, token), op, text)
        case ast.Compare() if any(
            isinstance(each, ast.Constant) and isinstance(each.value, str) for each in ast.walk(node)
        ):
            raise InvalidFormula("a text may only follow a column and == or !=, as in channel == 'web'")
        case ast.Compare():
            return _of_numbers(node, quoted)
    raise InvalidFormula(f"{shown(source)} must consist of comparisons, such as amount > 100 or channel == 'web'")


def _joined(op: ast.boolop, parts: list[_Part]) -> _Part:
    join = np.logical_and if isinstance(op, ast.And) else np.logical_or

    def holds(columns: Values) -> Mask:
        mask = parts[0].holds(columns)
        for part in parts[1:]:
            mask = join(mask, part.holds(columns))
        return mask

    reads = tuple(read for part in parts for read in part.reads)
    return _Part(reads, holds, lambda operands: ast.BoolOp(op, [part.expression(operands) for part in parts]))


def _negated(part: _Part) -> _Part:
    return _Part(
        part.reads,
        lambda columns: np.logical_not(part.holds(columns)),
        lambda operands: ast.UnaryOp(ast.Not(), part.expression(operands)),
    )


def _of_text(name: str, op: ast.cmpop, text: str) -> _Part:
    constant = ast.Constant(text)
    if isinstance(op, ast.Eq):
        return _Part(
            ((name, text),),
            lambda columns: np.asarray(columns[name] == text, dtype=np.bool_),
            lambda operands: ast.Compare(operands[name], [ast.Eq()], [constant]),
        )

    def holds(columns: Values) -> Mask:
        column = columns[name]
        return np.asarray((column != text) & (column != None), dtype=np.bool_)  # noqa: E711

    missing = ast.Constant(None)
    return _Part(
        ((name, text),),
        holds,
        lambda operands: ast.BoolOp(
            ast.And(),
            [
                ast.Compare(operands[name], [ast.IsNot()], [missing]),
                ast.Compare(operands[name], [ast.NotEq()], [constant]),
            ],
        ),
    )


def _of_numbers(node: ast.Compare, quoted: Mapping[str, str]) -> _Part:
    if isinstance(node.ops[0], ast.NotEq):  # which is true of NaN: a number that is less or greater is another one
        orders: tuple[ast.cmpop, ...] = (ast.Lt(), ast.Gt())
        compared = [ast.Compare(node.left, [order], node.comparators) for order in orders]
        return _joined(ast.Or(), [_of_formula(formula_of(each, quoted, source=ast.unparse(each))) for each in compared])
    return _of_formula(formula_of(node, quoted, source=ast.unparse(node)))


def _of_formula(formula: Formula) -> _Part:
    return _Part(
        tuple((name, None) for name in formula.names),
        lambda columns: np.asarray(formula.evaluate(columns), dtype=np.bool_),
        formula.of_floats,
    )


def _read(name: str, variable: str, *, is_text: bool) -> ast.expr:
    """An expression that reads a column of `record` into a variable: a text or None, or a float, which is NaN for none."""
    get = ast.Call(ast.Attribute(_loaded("record"), "get", ast.Load()), [ast.Constant(name)], [])
    sent = ast.NamedExpr(ast.Name(variable, ast.Store()), get)
    if is_text:
        return sent
    is_missing = ast.Compare(sent, [ast.Is()], [ast.Constant(None)])
    number = ast.IfExp(is_missing, _loaded("nan"), called("float", _loaded(variable)))
    return ast.NamedExpr(ast.Name(variable, ast.Store()), number)


def _loaded(name: str) -> ast.expr:
    return ast.Name(name, ast.Load())
