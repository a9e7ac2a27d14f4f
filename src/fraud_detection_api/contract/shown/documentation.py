"""The contract for readers, in tables: the record, its history features, its derived features and its constraints."""

from dataclasses import dataclass

from fraud_detection_api.contract.declaration import Contract, Feature
from fraud_detection_api.contract.windows import HistoryFeature, Key
from fraud_detection_api.field_texts import plain_number


@dataclass(frozen=True, slots=True)
class Table:
    """A titled table of texts; `code` is the heading of the column that has formulas, if there is one."""

    title: str
    headings: tuple[str, ...]
    rows: list[tuple[str, ...]]
    code: str = ""


def contract_tables(contract: Contract) -> list[Table]:
    """The tables that are not empty."""
    record = Table(
        "Record",
        ("column", "what it is", "type", "unit", "range", "may be missing", "monotone"),
        [*_named_columns(contract), *(_feature_row(name, feature) for name, feature in contract.features.items())],
    )
    history = Table(
        "History features",
        ("name", "by", "measure", "window", "delay", "condition", "what it is", "unit", "monotone"),
        [_history_row(name, feature) for name, feature in contract.history.items()],
        code="condition",
    )
    derived = Table(
        "Derived features",
        ("name", "formula", "what it is", "unit", "monotone"),
        [(name, d.formula, d.description, d.unit, d.monotone or "") for name, d in contract.derived.items()],
        code="formula",
    )
    constraints = Table(
        "Constraints",
        ("check", "field", "message"),
        [(constraint.check, constraint.field, constraint.message) for constraint in contract.constraints.values()],
        code="check",
    )
    return [table for table in (record, history, derived, constraints) if table.rows]


def documentation_markdown(contract: Contract) -> str:
    """The tables in Markdown, each under a heading of the second level."""
    return "\n".join(_markdown(table) for table in contract_tables(contract))


def _markdown(table: Table) -> str:
    lines = [table.headings, ("---",) * len(table.headings)]
    for row in table.rows:
        texts = [
            _code(text) if heading == table.code else text for heading, text in zip(table.headings, row, strict=True)
        ]
        lines.append(tuple(" ".join(text.split()).replace("|", "\\|") for text in texts))
    return f"## {table.title}\n\n" + "".join("| " + " | ".join(line) + " |\n" for line in lines)


def _code(formula: str) -> str:
    if not formula:
        return ""
    # a formula that contains backquotes needs two around it
    return f"`` {formula} ``" if "`" in formula else f"`{formula}`"


def _named_columns(contract: Contract) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    if contract.identifier is not None:
        identifier = contract.identifier
        rows.append((identifier.name, identifier.description, identifier.dtype, "id", "", "no", ""))
    if contract.time is not None:
        rows.append(
            (contract.time.name, contract.time.description, "datetime", "", "", "no" if contract.history else "yes", "")
        )
    rows += [(name, key.description, key.dtype, "key", "", _missing(key), "") for name, key in contract.keys.items()]
    return rows


def _feature_row(name: str, feature: Feature) -> tuple[str, ...]:
    missing, monotone = _missing(feature), feature.monotone or ""
    return (name, feature.description, feature.dtype, feature.unit, _range(feature), missing, monotone)


def _missing(declared: Feature | Key) -> str:
    return "yes" if declared.nullable else "no"


def _history_row(name: str, feature: HistoryFeature) -> tuple[str, ...]:
    measured = feature.measured + (", with the record itself" if feature.current == "include" else "")
    window = (", ".join(feature.by), measured, feature.window, feature.delay, feature.where or "")
    return (name, *window, feature.description, feature.unit, feature.monotone or "")


def _range(feature: Feature) -> str:
    if feature.levels:
        return ", ".join(feature.levels)
    minimum, maximum = feature.minimum, feature.maximum
    if minimum is None:
        return "" if maximum is None else f"≤ {plain_number(maximum)}"
    return f"≥ {plain_number(minimum)}" if maximum is None else f"{plain_number(minimum)} to {plain_number(maximum)}"
