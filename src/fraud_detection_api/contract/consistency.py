"""Checks between the parts of a contract, beyond the type of each key."""

import difflib
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import datetime
from typing import TypeVar

from fraud_detection_api.contract.conditions import Condition
from fraud_detection_api.contract.declaration import (
    ADDED_COLUMNS,
    CONSTRAINTS,
    DECISION_FIELDS,
    FLOAT32_MAX,
    INT_MAX,
    MAX_TEXT,
    OUTCOME,
    Constraint,
    Contract,
    Derived,
    Feature,
)
from fraud_detection_api.contract.formula import Formula, InvalidFormula
from fraud_detection_api.contract.levels import as_id
from fraud_detection_api.contract.windows import FOLDED, NUMERIC_MEASURES, UNLIMITED, HistoryFeature, Key, microseconds
from fraud_detection_api.contract.wording import reason_problems
from fraud_detection_api.contract.written import NUMBER_FORMATS, TIME_UNITS, is_time_format
from fraud_detection_api.field_texts import plain_number

Problem = tuple[tuple[str, ...], str]
Item = TypeVar("Item")

# the target may be called `outcome`: only a labelled file that is to be scored must then leave that column out
_DECIDED = {*DECISION_FIELDS} - {*ADDED_COLUMNS}
_NUMERIC = ("int", "float", "bool")
_DISCRETE, _DISCRETE_COLUMN = ("int", "str", "category"), "the id, a key, or a category or int feature"
_INT64 = 2**63
_LONGEST_DELAY = microseconds("3650d")
_EXAMPLE_TYPES = {"int": (int,), "float": (int, float), "bool": (bool,), "category": (str,), "datetime": (str,)}


def contract_problems(contract: Contract) -> Iterator[Problem]:
    """The key path of each contradiction, and what to change; nothing for a consistent contract."""
    if not contract.features:
        yield ("features",), 'declare at least one feature, for example [features.amount] with dtype = "float"'
    yield from _name_clashes(contract)
    yield from _amount_problems(contract)
    yield from _time_problems(contract)
    yield from _of_each("keys", contract.keys, _key_problems)
    yield from _of_each("features", contract.features, lambda item, name: _feature_problems(contract, name, item))
    yield from _of_each("history", contract.history, lambda item, _: _history_problems(contract, item))
    yield from _group_problems(contract)
    yield from _of_each("derived", contract.derived, lambda item, _: _derived_problems(contract, item))
    yield from _of_each(CONSTRAINTS, contract.constraints, lambda item, _: _constraint_problems(contract, item))


def _of_each(
    section: str, items: Mapping[str, Item], problems: Callable[[Item, str], Iterator[tuple[str, str]]]
) -> Iterator[Problem]:
    return (((section, name, key), fix) for name, item in items.items() for key, fix in problems(item, name))


def _time_problems(contract: Contract) -> Iterator[Problem]:
    time = contract.time
    if time is None:
        for name in list(contract.history)[:1]:
            yield ("history", name), "needs times: add [time] with the name of the column that has a record's time"
        return
    if time.format is not None and (fix := _format_problem("datetime", time.format)):
        yield ("time", "format"), fix
    for key in ("arrival_delay", "late"):
        if fix := _delay_problem(getattr(time, key)):
            yield ("time", key), fix


def _name_clashes(contract: Contract) -> Iterator[Problem]:
    uses = [("target", contract.target.name), *(("features", name) for name in contract.features)]
    uses += [("features", column) for name, feature in contract.features.items() for column in feature.encoded(name)]
    uses += [("keys", name) for name in contract.keys]
    uses += [("history", name) for name in contract.history]
    uses += [("derived", name) for name in contract.derived]
    uses += [("ignored", name) for name in contract.ignored]
    uses += [("id", contract.identifier.name)] if contract.identifier else []
    uses += [("time", contract.time.name)] if contract.time and not _is_feature(contract, contract.time.name) else []
    uses += [("target", contract.target.known_probability)] if contract.target.known_probability else []
    yield from (
        ((section,), f"the column {name!r} is one that scoring adds; rename yours")
        for section, name in uses
        if name in ADDED_COLUMNS and section != "ignored" and (section, name) != ("target", OUTCOME)
    )
    if contract.identifier is not None and contract.identifier.name in _DECIDED:
        yield ("id", "name"), f"{contract.identifier.name!r} is a field of every decision; rename the column"
    counts = Counter(name for _, name in uses)
    for name in (name for name, count in counts.items() if count > 1):
        sections = list(dict.fromkeys(section for section, used in uses if used == name))
        yield (sections[-1],), f"the column {name!r} is declared more than once ({', '.join(sections)}); keep one"


def _is_feature(contract: Contract, time: str) -> bool:
    """Whether the time is a feature too, whose parts the model reads."""
    feature = contract.features.get(time)
    return feature is not None and feature.dtype == "datetime" and not (feature.nullable and contract.history)


def _amount_problems(contract: Contract) -> Iterator[Problem]:
    name = contract.amount_at_risk
    if name is None:
        return
    feature = contract.features.get(name)
    if feature is None:
        yield ("amount_at_risk",), f"{name!r} is not a feature of this contract; name an int or float feature"
    elif feature.dtype not in ("int", "float"):
        yield ("amount_at_risk",), f"{name!r} is a {feature.dtype}, not an amount; name an int or float feature"


def _feature_problems(contract: Contract, name: str, feature: Feature) -> Iterator[tuple[str, str]]:
    ranged = feature.dtype in ("int", "float")
    for key in ("minimum", "maximum"):
        if getattr(feature, key) is not None and not ranged:
            yield key, f"a {feature.dtype} has no range; remove the key"
    if ranged:
        yield from _range_problems(feature)
    if feature.monotone and feature.dtype not in _NUMERIC:
        yield "monotone", f"a {feature.dtype} has no order, and cannot be monotone; remove the key"
    if feature.reason:
        yield from reason_problems(feature.reason, None, dtype=feature.dtype)
    if feature.example is not None and not _example_fits(feature):
        yield "example", f"must be a value of this {feature.dtype} feature, within its range"
    if feature.format is not None and (fix := _format_problem(feature.dtype, feature.format)):
        yield "format", fix
    yield from _datetime_problems(contract, name, feature)
    yield from _level_problems(contract, name, feature)


def _level_problems(contract: Contract, name: str, feature: Feature) -> Iterator[tuple[str, str]]:
    if feature.dtype != "category":
        for key in ("levels", "level_names", "unseen", "fold_case"):
            if getattr(feature, key):
                yield key, "only categories have this key; remove it"
        return
    levels, written = feature.known_levels, contract.written(name)
    if "" in levels:
        yield "levels", "has a blank level; missing values need nullable = true, and no level"
    if len(levels) < len(feature.levels):
        alike = " once their case is folded" if feature.fold_case else ""
        yield "levels", f"has {len(feature.levels) - len(levels)} levels that equal others{alike}; keep one of each"
    if len(feature.shown_levels) < len(feature.level_names):
        yield "level_names", "names a level twice; keep one name of each"
    if levels and (unlisted := feature.shown_levels.keys() - levels):
        yield "level_names", f"names {len(unlisted)} that `levels` lacks; add them to `levels`, or remove them"
    if levels & written.missing_levels:
        yield "levels", "has a text that `missing` says is a missing value; remove it from one of them"
    example = feature.example
    if levels and isinstance(example, str) and feature.level_of(example.strip()) not in levels:
        yield "example", "must be one of the levels"


def _format_problem(dtype: str, format_: str) -> str:
    """What is wrong with a column's format; empty if nothing is."""
    if dtype == "datetime":
        example = 'a pattern with year, month and day, such as "%d/%m/%Y %H:%M"'
        return "" if is_time_format(format_) else f"must be {example}, or one of {', '.join(TIME_UNITS)}"
    if dtype in ("int", "float"):
        return "" if format_ in NUMBER_FORMATS else f"must be one of {', '.join(NUMBER_FORMATS)}"
    return f"a {dtype} has no format; remove the key"


def _range_problems(feature: Feature) -> Iterator[tuple[str, str]]:
    limit = INT_MAX if feature.dtype == "int" else FLOAT32_MAX
    for key in ("minimum", "maximum"):
        bound = getattr(feature, key)
        if bound is None:
            continue
        if not -limit <= bound <= limit:
            yield key, f"must be from {plain_number(-limit)} to {plain_number(limit)}; remove the key for no bound"
        elif feature.dtype == "int" and bound != int(bound):
            yield key, "must be a whole number, because the feature is an int"
    if feature.lower > feature.upper:
        yield "minimum", "is above the maximum; correct one of them"


def _example_fits(feature: Feature) -> bool:
    example = feature.example
    if example is None or type(example) not in _EXAMPLE_TYPES[feature.dtype]:
        return False
    if isinstance(example, str):
        if feature.dtype == "datetime":
            return _is_time(example) and example[10:11] in ("T", " ")
        return bool(example.strip()) and len(example) <= MAX_TEXT
    return feature.dtype == "bool" or feature.lower <= example <= feature.upper


def _datetime_problems(contract: Contract, name: str, feature: Feature) -> Iterator[tuple[str, str]]:
    if feature.dtype != "datetime":
        for key in ("parts", "elapsed_days_since"):
            if getattr(feature, key):
                yield key, "only datetime features have this key; remove it"
        return
    if not feature.parts and feature.elapsed_days_since is None:
        yield "parts", 'state how the model reads it: parts = ["weekday", "hour"], or elapsed_days_since = "2020-01-01"'
    since = feature.elapsed_days_since
    if since is not None and not _is_datetime_reference(contract, name, since):
        yield "elapsed_days_since", "must be an ISO date, another datetime feature or the time column"


def _is_datetime_reference(contract: Contract, name: str, since: str) -> bool:
    if contract.time is not None and since == contract.time.name:
        return True
    if since in contract.features:
        return since != name and contract.features[since].dtype == "datetime"
    return _is_time(since)


def _is_time(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _derived_problems(contract: Contract, derived: Derived) -> Iterator[tuple[str, str]]:
    try:
        formula = derived.parsed
    except InvalidFormula as error:
        yield "formula", str(error)
        return
    if formula.is_comparison:
        yield "formula", "is a comparison; a derived feature is a number (comparisons belong in [constraints])"
    yield from (("formula", fix) for fix in _operand_problems(contract, formula, contract.history))
    if derived.reason:
        yield from reason_problems(derived.reason, formula, dtype="float")


def _constraint_problems(contract: Contract, constraint: Constraint) -> Iterator[tuple[str, str]]:
    try:
        formula = constraint.parsed
    except InvalidFormula as error:
        yield "check", str(error)
        return
    if not formula.is_comparison:
        yield "check", 'must be a comparison, such as "arrears <= accounts"'
    yield from (("check", fix) for fix in _operand_problems(contract, formula))
    if constraint.field not in contract.features:
        yield (
            "field",
            "must be a feature of this contract: the one to report in a record that breaks the constraint",
        )


def _operand_problems(contract: Contract, formula: Formula, numbers: Collection[str] = ()) -> Iterator[str]:
    """What is wrong with the columns of a formula, which may read numeric features and these other numbers."""
    if not formula.names:
        yield "reads no feature; name at least one"
    for name in formula.names:
        feature = contract.features.get(name)
        if name in numbers:
            continue
        if feature is None and name in contract.derived:
            yield f"reads {name!r}, which is derived; formulas cannot read derived features: write out its formula instead"
        elif feature is None and name in contract.history:
            yield f"reads {name!r}, which callers do not send; a constraint may read what they send"
        elif feature is None:
            yield f"reads {name!r}, which is not a feature of this contract"
        elif feature.dtype not in _NUMERIC:
            yield f"reads {name!r}, which is a {feature.dtype}, not a number"


def _key_problems(key: Key, _name: str) -> Iterator[tuple[str, str]]:
    example = key.example
    if key.dtype == "int":
        fits = example is None or (isinstance(example, int) and -_INT64 <= example < _INT64)
    else:
        fits = example is None or (isinstance(example, str) and 0 < len(example.strip()) <= MAX_TEXT)
    if not fits:
        yield "example", f"must be a value of this {key.dtype} key"


def _delay_problem(delay: str) -> str:
    """What is wrong with a delay; empty if nothing is."""
    return "" if microseconds(delay) < _LONGEST_DELAY else "must be less than 3650d"


def _history_problems(contract: Contract, history: HistoryFeature) -> Iterator[tuple[str, str]]:
    yield from (("by", fix) for fix in _entity_problems(contract, history.by))
    yield from (("of", fix) for fix in _measured_problems(contract, history))
    if history.window == UNLIMITED and history.measure not in FOLDED:
        yield "window", f'only {", ".join(sorted(FOLDED))} may be unlimited; give a duration, such as "30d"'
    if history.window_us == 0:
        yield "window", 'is empty; give a longer one, such as "30d"'
    if fix := _delay_problem(history.delay):
        yield "delay", fix
    if history.measure in ("since_last", "since_first") and history.current == "include":
        yield "current", f"a record is no earlier event of itself, which {history.measure} needs; remove the key"
    elif history.delay_us and history.current == "include":
        yield "current", "a delay leaves the record itself out of the window; remove the key, or the delay"
    if history.measure != "distinct" and "at_most" in history.model_fields_set:
        yield "at_most", "is for the measure distinct alone; remove the key"
    if history.reason:
        yield from reason_problems(history.reason, None, dtype="float")
    try:
        condition = history.condition
    except InvalidFormula as error:
        yield "where", str(error)
        return
    if condition is not None:
        yield from (("where", fix) for fix in _condition_problems(contract, condition))


def _column_kind(contract: Contract, name: str) -> str | None:
    """The dtype of a column that a record has, `str` for a text of an id or key; None where a record has no such column."""
    identifier = contract.identifier
    if identifier is not None and name == identifier.name:
        return identifier.dtype
    declared = contract.features.get(name) or contract.keys.get(name)
    return None if declared is None else declared.dtype


def _entity_problems(contract: Contract, by: tuple[str, ...]) -> Iterator[str]:
    if len({*by}) < len(by):
        yield "names a column twice; keep one of them"
    for name in by:
        kind = _column_kind(contract, name)
        if kind not in _DISCRETE:
            is_what = "not a column of a record" if kind is None else f"a {kind}"
            yield f"{name!r} is {is_what}; name {_DISCRETE_COLUMN}{_near(contract, name)}"


def _measured_problems(contract: Contract, history: HistoryFeature) -> Iterator[str]:
    measure, of = history.measure, history.of
    if measure in NUMERIC_MEASURES:
        expected, fits = (
            "an int, float or bool feature",
            of in contract.features and contract.features[of].dtype in _NUMERIC,
        )
    elif measure == "distinct":
        expected = _DISCRETE_COLUMN
        fits = of is not None and _column_kind(contract, of) in _DISCRETE
    elif of is not None:
        yield f"{measure} is of the events themselves; remove the key"
        return
    else:
        return
    if of is None:
        yield f"is required: {measure} is of a column; name {expected}"
    elif of in contract.derived:
        yield f"{of!r} is derived, and history features measure what records have; name {expected}"
    elif not fits:
        yield f"{of!r} cannot be measured by {measure}; name {expected}{_near(contract, of)}"


def _near(contract: Contract, name: str) -> str:
    """A hint at a column whose name is nearly that one."""
    close = difflib.get_close_matches(name, [each for each in contract.record_columns if each != name], n=1)
    return f"; did you mean {close[0]!r}?" if close and _column_kind(contract, name) is None else ""


def _condition_problems(contract: Contract, condition: Condition) -> Iterator[str]:
    if not condition.names:
        yield "reads no column; name at least one"
    for name in condition.names:
        kind = _column_kind(contract, name)
        is_text = kind in ("category", "str")
        if contract.identifier is not None and name == contract.identifier.name:
            yield f"reads {name!r}, which stored records lack where a pseudonym replaces it; read a key or a feature"
        elif kind is None:
            yield f"reads {name!r}, which is not a key or a feature{_near(contract, name)}"
        elif kind == "datetime":
            yield f"reads {name!r}, which is a datetime, and neither a number nor a text"
        elif is_text and name not in condition.texts:
            yield f"reads {name!r} as a number, and it is a {kind}; compare it with a text, as in {name} == 'web'"
        elif not is_text and name in condition.texts:
            yield f"compares {name!r} with a text, and it is a {kind}; compare it with a number"
        elif is_text:
            yield from _level_texts(contract, name, condition.texts[name])


def _level_texts(contract: Contract, name: str, texts: frozenset[str]) -> Iterator[str]:
    """Texts that the column never has."""
    feature = contract.features.get(name)
    for text in sorted(texts):
        read = as_id(text) if feature is None else feature.level_of(text.strip())
        if read != text:
            yield f"compares {name!r} with {text!r}, which is read as {read!r}; write it so"
        elif feature is not None and feature.known_levels and text not in feature.known_levels:
            yield f"compares {name!r} with {text!r}, which is not one of its levels; correct it, or add it to `levels`"


def _group_problems(contract: Contract) -> Iterator[Problem]:
    used = {item.reason_group for item in contract.modelled.values()}
    for name, group in contract.reason_groups.items():
        if name not in used:
            yield (
                ("reason_groups", name),
                f"no feature has reason_group = {name!r}; add it to the features, or remove this",
            )
        if "{" in group.text or "}" in group.text:
            yield ("reason_groups", name, "text"), "stands for several columns, and may contain no placeholder"
