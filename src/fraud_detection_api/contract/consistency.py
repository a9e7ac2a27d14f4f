"""Checks between the parts of a contract, beyond the type of each key."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime

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
    Dtype,
    Feature,
)
from fraud_detection_api.contract.formula import Formula, InvalidFormula
from fraud_detection_api.contract.wording import BANDED, Reason, without_band
from fraud_detection_api.contract.written import NUMBER_FORMATS, TIME_UNITS, is_time_format
from fraud_detection_api.field_texts import plain_number

Problem = tuple[tuple[str, ...], str]

# the target may be called `outcome`: only a labelled file that is to be scored must then leave that column out
_DECIDED = {*DECISION_FIELDS} - {*ADDED_COLUMNS}
_NUMERIC = ("int", "float", "bool")
_EXAMPLE_TYPES = {"int": (int,), "float": (int, float), "bool": (bool,), "category": (str,), "datetime": (str,)}


def contract_problems(contract: Contract) -> Iterator[Problem]:
    """The key path of each contradiction, and what to change; nothing for a consistent contract."""
    if not contract.features:
        yield ("features",), 'declare at least one feature, for example [features.amount] with dtype = "float"'
    yield from _name_clashes(contract)
    yield from _amount_problems(contract)
    time = contract.time
    if time is not None and time.format is not None and (fix := _format_problem("datetime", time.format)):
        yield ("time", "format"), fix
    for name, feature in contract.features.items():
        for key, fix in _feature_problems(contract, name, feature):
            yield ("features", name, key), fix
    yield from _group_problems(contract)
    for name, derived in contract.derived.items():
        for key, fix in _derived_problems(contract, derived):
            yield ("derived", name, key), fix
    for name, constraint in contract.constraints.items():
        for key, fix in _constraint_problems(contract, constraint):
            yield (CONSTRAINTS, name, key), fix


def _name_clashes(contract: Contract) -> Iterator[Problem]:
    uses = [("target", contract.target.name), *(("features", name) for name in contract.features)]
    uses += [("features", column) for name, feature in contract.features.items() for column in feature.encoded(name)]
    uses += [("derived", name) for name in contract.derived]
    uses += [("ignored", name) for name in contract.ignored]
    uses += [("id", contract.identifier.name)] if contract.identifier else []
    uses += [("time", contract.time.name)] if contract.time else []
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
        yield from _reason_problems(feature.reason, None, dtype=feature.dtype)
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
    yield from (("formula", fix) for fix in _operand_problems(contract, formula))
    if derived.reason:
        yield from _reason_problems(derived.reason, formula, dtype="float")


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


def _operand_problems(contract: Contract, formula: Formula) -> Iterator[str]:
    if not formula.names:
        yield "reads no feature; name at least one"
    for name in formula.names:
        feature = contract.features.get(name)
        if feature is None:
            yield f"reads {name!r}, which is not a feature of this contract"
        elif feature.dtype not in _NUMERIC:
            yield f"reads {name!r}, which is a {feature.dtype}, not a number"


def _reason_problems(reason: Reason, formula: Formula | None, *, dtype: Dtype) -> Iterator[tuple[str, str]]:
    for key, text in reason.texts.items():
        if "{band}" in text and dtype not in BANDED:
            yield "reason", f"a {dtype} has no {{band}}; remove the placeholder from the {key}"
        elif _has_other_placeholders(text, ("band",)):
            yield "reason", f"the {key} may contain the placeholders {{value}} and {{band}}, and no other"
        elif not without_band(text).strip():
            yield "reason", f"the {key} must say more than {{band}}, which older models do not know"
    if reason.floored_text is None:
        return
    if formula is None or not formula.floors:
        yield "reason", "floored_text is for formulas that divide by max(column, number); remove the key"
    elif _has_other_placeholders(reason.floored_text, formula.names):
        yield (
            "reason",
            "floored_text may contain {value} and the columns that the formula reads, and no other placeholder",
        )


def _group_problems(contract: Contract) -> Iterator[Problem]:
    declared: dict[str, Feature | Derived] = {**contract.features, **contract.derived}
    used = {item.reason_group for item in declared.values()}
    for name, group in contract.reason_groups.items():
        if name not in used:
            yield (
                ("reason_groups", name),
                f"no feature has reason_group = {name!r}; add it to the features, or remove this",
            )
        if "{" in group.text or "}" in group.text:
            yield ("reason_groups", name, "text"), "stands for several columns, and may contain no placeholder"


def _has_other_placeholders(text: str, columns: tuple[str, ...]) -> bool:
    for name in ("value", *columns):
        text = text.replace(f"{{{name}}}", "")
    return "{" in text or "}" in text
