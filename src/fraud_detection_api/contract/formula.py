"""Formulas of derived features and constraints: arithmetic over named columns, parsed by a whitelist.

The text itself is never run. A formula is rebuilt from a few operations, all of which IEEE 754 defines to the last bit (no
`log`, no `exp`), so that a derived feature has the same bits on every machine.
"""

import ast
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np


class InvalidFormula(ValueError):
    """A text that is not a formula; the message says what is not understood."""


Values: TypeAlias = Mapping[str, Any]
Evaluate: TypeAlias = Callable[[Values], Any]

MAX_DEPTH = 50

LONGEST_SHOWN = 80

_QUOTED = re.compile(r"""`([^`]+)`|'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\"""")


Operations: TypeAlias = Mapping[type[ast.AST] | str, Callable[..., Any]]


def _divide(numerator: Any, denominator: Any) -> Any:
    """Division. An undefined quotient (x / 0, 0 / 0) is missing, not infinite."""
    quotient = np.divide(numerator, denominator)
    return np.where(np.isfinite(quotient), quotient, np.nan)


_ELEMENTWISE: Operations = {
    ast.Add: np.add,
    ast.Sub: np.subtract,
    ast.Mult: np.multiply,
    ast.Div: _divide,
    ast.USub: np.negative,
    ast.LtE: np.less_equal,
    ast.Lt: np.less,
    ast.GtE: np.greater_equal,
    ast.Gt: np.greater,
    ast.Eq: np.equal,
    ast.NotEq: np.not_equal,
    "min": np.minimum,
    "max": np.maximum,
    "abs": np.abs,
}
OF_FLOATS: Mapping[str, Any] = {"isfinite": math.isfinite, "nan": math.nan, "abs": abs}
"""Names in the expression of `Formula.of_floats`. Python's floats round as NumPy's do, in a tenth of the time."""

_COMPARISONS = (ast.LtE, ast.Lt, ast.GtE, ast.Gt, ast.Eq, ast.NotEq)
_ARITIES = {"min": 2, "max": 2, "abs": 1}


@dataclass(frozen=True, slots=True)
class Formula:
    """A parsed expression.

    `names` are the columns that it reads, in order of appearance. `is_comparison` distinguishes a constraint's check from a
    derived feature's value.
    """

    source: str
    names: tuple[str, ...]
    is_comparison: bool
    _evaluate: Evaluate
    _tree: ast.expr

    def __reduce__(self) -> tuple[Any, ...]:
        # compiled functions do not go to another process, which compiles them again
        return parse_formula, (self.source,)

    def evaluate(self, values: Values) -> Any:
        """The value for arrays of one shape, elementwise. A missing (NaN) operand gives NaN, or False in a comparison.

        >>> parse_formula("balance / max(limit, 1)").evaluate({"balance": np.array([50.0]), "limit": np.array([0.0])})
        array([50.])
        """
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            return self._evaluate(values)

    def of_floats(self, operands: Mapping[str, ast.expr]) -> ast.expr:
        """The formula as a Python expression over the names in OF_FLOATS; `operands` are the columns, as floats.

        Its value is a float, or a bool for a comparison: the value that `evaluate` gives for an array of one, to the bit.
        """
        return _of_floats(self._tree, operands)

    @property
    def floors(self) -> tuple["Floor", ...]:
        """The divisors that have a floor.

        >>> [(floor.divisor.source, floor.at_least) for floor in parse_formula("balance / max(limit, 1)").floors]
        [('limit', 1.0)]
        """
        return tuple(floor for node in ast.walk(self._tree) for floor in _floor(node))

    def for_one_record(self) -> Callable[[Mapping[str, float]], Any]:
        """A function from a record's floats to the formula's value.

        >>> parse_formula("balance / max(limit, 1)").for_one_record()({"balance": 50.0, "limit": 0.0})
        50.0
        """
        return function_of("record", self.of_floats(_record_operands(self.names)), OF_FLOATS)


@dataclass(frozen=True, slots=True)
class Floor:
    """A divisor that counts as `at_least` where it is less, as in `x / max(divisor, at_least)`."""

    divisor: Formula
    at_least: float

    def for_one_record(self) -> Callable[[Mapping[str, Any]], bool]:
        """A function from a record that has the formula's columns to whether its divisor counts as `at_least`.

        >>> (floor,) = parse_formula("balance / max(limit, 1)").floors
        >>> [floor.for_one_record()({"balance": 50, "limit": limit}) for limit in (0, 1)]
        [True, False]
        """
        operands: dict[str, ast.expr] = {
            name: called("float", operand) for name, operand in _record_operands(self.divisor.names).items()
        }
        is_less = ast.Compare(self.divisor.of_floats(operands), [ast.Lt()], [ast.Constant(self.at_least)])
        return function_of("record", is_less, {**OF_FLOATS, "float": float})


def parse_formula(source: str) -> Formula:
    """Formula from text such as "`total balance` / max(limit, 1)" or "arrears <= accounts".

    Names that are not plain identifiers are written in backquotes. Raises InvalidFormula.
    """
    tree, quoted = syntax_of(source)
    if isinstance(tree, ast.Compare) and not is_one_comparison(tree):
        raise InvalidFormula(f"{shown(source)} must be one comparison: <=, <, >=, >, == or !=")
    return formula_of(tree, quoted, source=source)


def syntax_of(source: str) -> tuple[ast.expr, Mapping[str, str]]:
    """The syntax of an expression, and the names in backquotes by the placeholders that stand for them in it.

    Raises InvalidFormula where it is none, or nests too deeply.
    """
    quoted: dict[str, str] = {}

    def placeholder(match: re.Match[str]) -> str:
        if match[1] is None:  # a text
            return match[0]
        token = f"quoted_name_{len(quoted)}_"
        quoted[token] = match[1]
        return token

    text = _QUOTED.sub(placeholder, source)
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        hint = "; write == to compare" if _ASSIGNS.search(_TEXT.sub("", source)) else ""
        raise InvalidFormula(f"{shown(source)} is not a formula{hint}") from None
    _require_shallow(tree)
    return tree, quoted


_TEXT = re.compile("'[^']*'|\"[^\"]*\"|`[^`]*`")
_ASSIGNS = re.compile("(?<![<>=!])=(?!=)")


def is_one_comparison(tree: ast.Compare) -> bool:
    """Whether it compares two numbers, in a way that formulas know."""
    return len(tree.ops) == 1 and isinstance(tree.ops[0], _COMPARISONS)


def formula_of(tree: ast.expr, quoted: Mapping[str, str], *, source: str) -> Formula:
    """The formula of a syntax from `syntax_of`, or of a part of one. Raises InvalidFormula."""
    names: dict[str, None] = {}
    evaluate = _compile(tree, names, quoted, _ELEMENTWISE)
    return Formula(source, tuple(names), isinstance(tree, ast.Compare), evaluate, _Unquoted(quoted).visit(tree))


def _require_shallow(tree: ast.expr) -> None:
    """A formula is evaluated by nested calls, which must not exhaust the stack of a request."""
    level: list[ast.AST] = [tree]
    for _ in range(MAX_DEPTH):
        level = [child for node in level for child in ast.iter_child_nodes(node)]
        if not level:
            return
    raise InvalidFormula(f"nests more than {MAX_DEPTH} operations; split it or use a shorter one")


def shown(source: str) -> str:
    """The beginning of a text that a person wrote, for an error."""
    return repr(source if len(source) <= LONGEST_SHOWN else source[:LONGEST_SHOWN] + "…")


def _compile(node: ast.expr, names: dict[str, None], quoted: Mapping[str, str], operations: Operations) -> Evaluate:
    def compiled(inner: ast.expr) -> Evaluate:
        if isinstance(inner, ast.Compare):
            raise _not_understood()
        return _compile(inner, names, quoted, operations)

    match node:
        case ast.Constant(value=bool()):
            raise InvalidFormula("True and False are not numbers; compare with 1 or 0")
        case ast.Constant(value=int() | float() as number):
            return _constant(number)
        case ast.Name(id=token):
            name = quoted.get(token, token)
            names[name] = None
            return lambda values: values[name]
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return _applied(operations[ast.USub], [compiled(operand)])
        case ast.BinOp(left=left, op=op, right=right) if type(op) in operations:
            return _applied(operations[type(op)], [compiled(left), compiled(right)])
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            return _applied(operations[type(op)], [compiled(left), compiled(right)])
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]) if name in _ARITIES:
            operands = [compiled(argument) for argument in arguments]
            _require_arity(name, len(operands))
            return _applied(operations[name], operands)
    raise _not_understood()


def _floor(node: ast.AST) -> Iterator[Floor]:
    """The floor of a division, if it has one. The node's columns have their own names."""
    match node:
        case ast.BinOp(
            op=ast.Div(),
            right=ast.Call(
                func=ast.Name(id="max"),
                args=[divisor, ast.Constant(value=at_least)] | [ast.Constant(value=at_least), divisor],
            ),
        ):
            yield Floor(formula_of(divisor, {}, source=ast.unparse(divisor)), float(at_least))  # type: ignore[arg-type]


class _Unquoted(ast.NodeTransformer):
    """Replaces placeholders by the quoted names that they stand for."""

    def __init__(self, quoted: Mapping[str, str]) -> None:
        self._quoted = quoted

    def visit_Name(self, node: ast.Name) -> ast.Name:
        return ast.Name(self._quoted.get(node.id, node.id), ast.Load())


def _of_floats(node: ast.expr, operands: Mapping[str, ast.expr]) -> ast.expr:
    """The expression for a tree that `_compile` accepted."""

    def inner(operand: ast.expr) -> ast.expr:
        return _of_floats(operand, operands)

    made: ast.expr
    match node:
        case ast.Constant(value=int() | float() as number):
            made = ast.Constant(float(number))
        case ast.Name(id=name):
            made = operands[name]
        case ast.UnaryOp(op=op, operand=operand):
            made = ast.UnaryOp(op, inner(operand))
        case ast.BinOp(left=left, op=ast.Div(), right=right):
            made = _divided(node, inner(left), inner(right))
        case ast.BinOp(left=left, op=op, right=right):
            made = ast.BinOp(inner(left), op, inner(right))
        case ast.Compare(left=left, ops=ops, comparators=[right]):
            made = ast.Compare(inner(left), ops, [inner(right)])
        case ast.Call(func=ast.Name(id="abs"), args=[argument]):
            made = called("abs", inner(argument))
        case ast.Call(func=ast.Name(id=name), args=[first, second]):
            made = _chosen(node, name, inner(first), inner(second))
        case _:
            raise _not_understood()
    return made


def _divided(node: ast.expr, numerator: ast.expr, denominator: ast.expr) -> ast.expr:
    """The expression `nan if not (d := denominator) else q if isfinite(q := numerator / d) else nan`."""
    (set_divisor, divisor), (set_quotient, quotient) = _variable(node, "d", denominator), _variable(node, "q", None)
    set_quotient.value = ast.BinOp(numerator, ast.Div(), divisor)
    finite = ast.IfExp(called("isfinite", set_quotient), quotient, ast.Name("nan", ast.Load()))
    return ast.IfExp(ast.UnaryOp(ast.Not(), set_divisor), ast.Name("nan", ast.Load()), finite)


def _chosen(node: ast.expr, name: str, first: ast.expr, second: ast.expr) -> ast.expr:
    """For `max`: `a if (a := first) >= (b := second) or a != a else b`, so that NaN stays NaN, as in NumPy."""
    (set_one, one), (set_other, other) = _variable(node, "a", first), _variable(node, "b", second)
    order = ast.GtE() if name == "max" else ast.LtE()
    is_nan = ast.Compare(one, [ast.NotEq()], [one])
    return ast.IfExp(ast.BoolOp(ast.Or(), [ast.Compare(set_one, [order], [set_other]), is_nan]), one, other)


def _variable(node: ast.expr, letter: str, value: ast.expr | None) -> tuple[ast.NamedExpr, ast.Name]:
    """A variable for a part of that node, which no other node uses: an expression that sets it, and one that reads it."""
    name = f"{letter}_{type(node).__name__}_{node.col_offset}_{node.end_col_offset}"
    read = ast.Name(name, ast.Load())
    return ast.NamedExpr(ast.Name(name, ast.Store()), read if value is None else value), read


def _record_operands(names: Sequence[str]) -> dict[str, ast.expr]:
    """The columns of a variable `record`."""
    record = ast.Name("record", ast.Load())
    return {name: ast.Subscript(record, ast.Constant(name), ast.Load()) for name in names}


def called(function: str, *arguments: ast.expr) -> ast.expr:
    """A call, as a Python expression."""
    return ast.Call(ast.Name(function, ast.Load()), list(arguments), [])


def function_of(parameter: str, body: ast.expr, names: Mapping[str, Any]) -> Callable[[Any], Any]:
    """The function of one parameter that returns `body`, an expression over `names` alone."""
    arguments = ast.arguments([], [ast.arg(parameter)], None, [], [], None, [])
    code = compile(ast.fix_missing_locations(ast.Expression(ast.Lambda(arguments, body))), "<contract>", "eval")
    # the tree was built here, node by node: no text that a person wrote is run
    function: Callable[[Any], Any] = eval(code, {**names, "__builtins__": {}})  # noqa: S307
    return function


def _not_understood() -> InvalidFormula:
    return InvalidFormula("only + - * / min(a, b) max(a, b) abs(a), numbers and column names can be used")


def _constant(number: float) -> Evaluate:
    try:
        constant = float(number)
    except OverflowError:
        constant = math.inf
    if math.isinf(constant):
        raise InvalidFormula("a number is too large; the largest is about 1.8e308")
    return lambda _values: constant


def _applied(operation: Callable[..., Any], arguments: list[Evaluate]) -> Evaluate:
    if len(arguments) == 1:
        (only,) = arguments
        return lambda values: operation(only(values))
    first, second = arguments
    return lambda values: operation(first(values), second(values))


def _require_arity(name: str, count: int) -> None:
    arity = _ARITIES[name]
    if count != arity:
        raise InvalidFormula(f"{name} takes {arity} argument{'s' if arity > 1 else ''}, not {count}")
