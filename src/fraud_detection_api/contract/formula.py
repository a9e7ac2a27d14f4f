"""Formulas of derived features and rules: arithmetic over named columns, parsed by a whitelist, never evaluated as code.

Only operations that IEEE 754 defines to the last bit are offered (no `log`, no `exp`), so that a derived feature has the
same bits on every machine.
"""

import ast
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

Values: TypeAlias = Mapping[str, Any]
Evaluate: TypeAlias = Callable[[Values], Any]

MAX_DEPTH = 50

LONGEST_SHOWN = 80

_QUOTED_NAME = re.compile(r"`([^`]+)`")


def _divide(numerator: Any, denominator: Any) -> Any:
    """Division whose undefined cases (x / 0, 0 / 0) are missing, not infinite."""
    with np.errstate(divide="ignore", invalid="ignore"):
        quotient = np.divide(numerator, denominator)
    return np.where(np.isfinite(quotient), quotient, np.nan)


_ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: np.add,
    ast.Sub: np.subtract,
    ast.Mult: np.multiply,
    ast.Div: _divide,
}
_COMPARISONS: dict[type[ast.cmpop], tuple[Callable[[Any, Any], Any], str]] = {
    ast.LtE: (np.less_equal, "at most"),
    ast.Lt: (np.less, "less than"),
    ast.GtE: (np.greater_equal, "at least"),
    ast.Gt: (np.greater, "greater than"),
    ast.Eq: (np.equal, "equal to"),
    ast.NotEq: (np.not_equal, "other than"),
}
_FUNCTIONS: dict[str, tuple[Callable[..., Any], int]] = {
    "min": (np.minimum, 2),
    "max": (np.maximum, 2),
    "abs": (np.abs, 1),
}


@dataclass(frozen=True, slots=True)
class Formula:
    """A parsed expression.

    `names` are the columns it reads, in order of appearance. `is_comparison` tells a rule's check from a derived
    feature's value; `comparison_text` is a comparison in words ("at most"), and empty otherwise.
    """

    source: str
    names: tuple[str, ...]
    comparison_text: str
    _evaluate: Evaluate

    @property
    def is_comparison(self) -> bool:
        return bool(self.comparison_text)

    def evaluate(self, values: Values) -> Any:
        """Value for scalars, or elementwise for arrays of one shape.

        Missing (NaN) operands give NaN, or False for a comparison.

        >>> float(parse_formula("balance / max(limit, 1)").evaluate({"balance": 50.0, "limit": 0.0}))
        50.0
        """
        with np.errstate(over="ignore", invalid="ignore"):
            return self._evaluate(values)


def parse_formula(source: str) -> Formula:
    """Formula from text such as "`total balance` / max(limit, 1)" or "arrears <= accounts".

    Names that are not plain identifiers stand in backquotes. Raises ValueError, saying what is not understood.
    """
    quoted: dict[str, str] = {}

    def placeholder(match: re.Match[str]) -> str:
        token = f"quoted_name_{len(quoted)}_"
        quoted[token] = match.group(1)
        return token

    text = _QUOTED_NAME.sub(placeholder, source)
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise ValueError(f"{_shown(source)} is not a formula") from None
    _require_shallow(tree)
    names: dict[str, None] = {}
    if isinstance(tree, ast.Compare):
        return _comparison(source, tree, names, quoted)
    evaluate = _compile(tree, names, quoted)
    return Formula(source, tuple(names), "", evaluate)


def _require_shallow(tree: ast.expr) -> None:
    """A formula is evaluated by nested calls, and must not exhaust the stack of the request that it serves."""
    level: list[ast.AST] = [tree]
    for _ in range(MAX_DEPTH):
        level = [child for node in level for child in ast.iter_child_nodes(node)]
        if not level:
            return
    raise ValueError(f"nests more than {MAX_DEPTH} operations; split it or use a shorter one")


def _shown(source: str) -> str:
    return repr(source if len(source) <= LONGEST_SHOWN else source[:LONGEST_SHOWN] + "…")


def _comparison(source: str, tree: ast.Compare, names: dict[str, None], quoted: dict[str, str]) -> Formula:
    if len(tree.ops) != 1 or type(tree.ops[0]) not in _COMPARISONS:
        raise ValueError(f"{_shown(source)} must be one comparison: <=, <, >=, >, == or !=")
    compare, text = _COMPARISONS[type(tree.ops[0])]
    left = _compile(tree.left, names, quoted)
    right = _compile(tree.comparators[0], names, quoted)
    return Formula(source, tuple(names), text, lambda values: compare(left(values), right(values)))


def _compile(node: ast.expr, names: dict[str, None], quoted: dict[str, str]) -> Evaluate:
    match node:
        case ast.Constant(value=bool()):
            raise ValueError("True and False are not numbers; compare with 1 or 0")
        case ast.Constant(value=int() | float() as number):
            return _constant(number)
        case ast.Name(id=token):
            name = quoted.get(token, token)
            names[name] = None
            return lambda values: values[name]
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            inner = _compile(operand, names, quoted)
            return lambda values: np.negative(inner(values))
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _ARITHMETIC:
            operation = _ARITHMETIC[type(op)]
            first, second = _compile(left, names, quoted), _compile(right, names, quoted)
            return lambda values: operation(first(values), second(values))
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]) if name in _FUNCTIONS:
            return _call(name, [_compile(argument, names, quoted) for argument in arguments])
    raise ValueError("only + - * / min(a, b) max(a, b) abs(a), numbers and column names can be used")


def _constant(number: float) -> Evaluate:
    try:
        constant = float(number)
    except OverflowError:
        constant = math.inf
    if math.isinf(constant):
        raise ValueError("a number is too large; the largest is about 1.8e308")
    return lambda _values: constant


def _call(name: str, arguments: list[Evaluate]) -> Evaluate:
    function, arity = _FUNCTIONS[name]
    if len(arguments) != arity:
        raise ValueError(f"{name} takes {arity} argument{'s' if arity > 1 else ''}, not {len(arguments)}")
    return lambda values: function(*(argument(values) for argument in arguments))
