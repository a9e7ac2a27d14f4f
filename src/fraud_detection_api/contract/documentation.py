"""The contract for readers: rows of a table, for a terminal, for Markdown and for the reference pages."""

from fraud_detection_api.contract.declaration import Contract, Derived, Feature, plain_number

HEADINGS = ("column", "what it is", "type", "unit", "range", "may be missing")


def documentation_rows(contract: Contract) -> list[tuple[str, ...]]:
    """A row of texts under HEADINGS for each column of a record, then for each derived feature."""
    rows: list[tuple[str, ...]] = []
    if contract.identifier is not None:
        rows.append(
            (contract.identifier.name, contract.identifier.description, contract.identifier.dtype, "id", "", "no")
        )
    if contract.time is not None:
        rows.append((contract.time.name, contract.time.description, "datetime", "", "", "yes"))
    rows += [_feature_row(name, feature) for name, feature in contract.features.items()]
    rows += [_derived_row(name, derived) for name, derived in contract.derived.items()]
    return rows


def documentation_markdown(contract: Contract) -> str:
    """The contract as a Markdown table, followed by its rules."""
    table = [HEADINGS, ("---",) * len(HEADINGS), *documentation_rows(contract)]
    lines = ["| " + " | ".join(_cell(text) for text in row) + " |" for row in table]
    rules = [f"- {_code(rule.check)}: `{rule.field}` {rule.message}." for rule in contract.rules.values()]
    return "\n".join([*lines, *(["", "Rules:", "", *rules] if rules else [])]) + "\n"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _code(formula: str) -> str:
    # a formula that quotes names in backquotes needs two around it
    return f"`` {formula} ``" if "`" in formula else f"`{formula}`"


def _feature_row(name: str, feature: Feature) -> tuple[str, ...]:
    return (
        name,
        feature.description,
        feature.dtype,
        feature.unit,
        _range(feature),
        "yes" if feature.nullable else "no",
    )


def _derived_row(name: str, derived: Derived) -> tuple[str, ...]:
    meaning = f"{derived.description} Computed: {_code(derived.formula)}.".strip()
    return (name, meaning, "derived", derived.unit, "", "where undefined")


def _range(feature: Feature) -> str:
    minimum, maximum = feature.minimum, feature.maximum
    if minimum is None:
        return "" if maximum is None else f"≤ {plain_number(maximum)}"
    return f"≥ {plain_number(minimum)}" if maximum is None else f"{plain_number(minimum)} to {plain_number(maximum)}"
