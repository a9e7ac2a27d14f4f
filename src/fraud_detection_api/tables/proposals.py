"""History features that a draft proposes, as comments: of the columns that name who or what a record is about."""

import re
from collections.abc import Iterator, Mapping, Sequence

import polars as pl

from fraud_detection_api.tables.remarks import quoted, toml_key

_LAST_WORDS = """
id uid uuid no nr number card account acct iban customer client user member merchant seller shop store terminal device ip
address email mail phone
"""
_ENTITY = frozenset(_LAST_WORDS.split())
"""The last word of the name of a column that names entities."""

_MONEY = "amount amt betrag montant importe importo valor kwota bedrag price value"
_AMOUNT = frozenset(_MONEY.split())
_FLOAT, _INT, _CATEGORY = 'dtype = "float"', 'dtype = "int"', 'dtype = "category"'
_ENTITY_DTYPES = frozenset({_INT, _CATEGORY})
_FEWEST_ENTITIES = 10
_MANY_TEXTS = 33
_WINDOWS = ("1d", "7d", "30d")
_DELAY = 'delay = "7d"  # until frauds are known; say so in [target], too: label_delay_days = 7'


def history_proposal(
    frame: pl.DataFrame, *, identifier: str | None, features: Mapping[str, Sequence[str]], ignored: Sequence[str]
) -> str:
    """A commented section of history features, for a frame whose records have times; empty where no entity returns.

    `features` are the drafted lines of the columns that models read.
    """
    others = [name for name, lines in features.items() if _ENTITY_DTYPES & {*lines} and _is_entity(frame[name])]
    others += [name for name in ignored if _is_named(name) and _is_entity(frame[name])]
    entities = [*([identifier] if identifier is not None and _returns(frame[identifier]) else []), *others][:2]
    if not entities:
        return ""
    lines = [
        "The server can compute numbers of the earlier records of an entity: docs/how-to/history-features.md. To use these,",
        "remove the # before them, and those of them that you do not want.",
    ]
    for name in [each for each in entities if each != identifier]:
        place = (
            f"take {quoted(name)} out of `ignored`" if name in ignored else f"in place of [features.{toml_key(name)}]"
        )
        lines += ["", f"{place}:", f"[keys.{toml_key(name)}]", *_key_lines(frame[name])]
    taken = set(frame.columns)
    for section, keys in _proposals(entities, identifier, _amount(features)):
        if section not in taken:
            lines += ["", f"[history.{toml_key(section)}]", *keys]
    return "\n".join(f"# {line}".rstrip() for line in lines)


def _proposals(entities: Sequence[str], identifier: str | None, amount: str | None) -> Iterator[tuple[str, list[str]]]:
    first, *others = entities
    for window in _WINDOWS:
        yield f"records_{window}", _lines(first, "count", window)
        if amount is not None:
            yield f"mean_{amount}_{window}", _lines(first, "mean", window, amount)
    for other in others:
        yield f"records_by_{other}_{_WINDOWS[0]}", _lines(other, "count", _WINDOWS[0])
    for key in [each for each in entities if each != identifier]:
        if identifier is not None:
            yield f"{identifier}_by_{key}_{_WINDOWS[1]}", _lines(key, "distinct", _WINDOWS[1], identifier)
        yield f"fraud_by_{key}_28d", [*_lines(key, "share_fraud", "28d"), _DELAY]


def _lines(by: str, measure: str, window: str, of: str | None = None) -> list[str]:
    measured = [] if of is None else [f"of = {quoted(of)}"]
    return [f"by = {quoted(by)}", f"measure = {quoted(measure)}", *measured, f"window = {quoted(window)}"]


def _key_lines(series: pl.Series) -> list[str]:
    nullable = ["nullable = true"] if series.null_count() else []
    return [f'dtype = "{"int" if series.dtype.is_integer() else "str"}"', *nullable]


def _returns(series: pl.Series) -> bool:
    """Whether entities come back: at least two records of each on average, of several entities."""
    entities = series.drop_nulls().n_unique()
    return entities >= _FEWEST_ENTITIES and 2 * entities <= len(series)


def _is_entity(series: pl.Series) -> bool:
    """Whether a column names entities that come back, by its own name or by its many texts."""
    if not (series.dtype == pl.String or series.dtype.is_integer()) or not _returns(series):
        return False
    return _is_named(series.name) or (series.dtype == pl.String and series.n_unique() >= _MANY_TEXTS)


def _is_named(column: str) -> bool:
    """Whether a column's name is one of entities.

    >>> [_is_named(name) for name in ("terminal_id", "CardNumber", "id_shop", "customer_age", "number_of_accounts")]
    [True, True, True, False, False]
    """
    words = _words(column)
    return bool(words) and (words[-1] in _ENTITY or words[0] == "id")


def _amount(features: Mapping[str, Sequence[str]]) -> str | None:
    """The feature that is probably an amount of money; None where there is none."""
    numeric = [name for name, lines in features.items() if {_FLOAT, _INT} & {*lines} and not _is_named(name)]
    named = [name for name in numeric if _AMOUNT & {*_words(name)}]
    floats = [name for name in numeric if _FLOAT in features[name]]
    return next(iter([*named, *floats]), None)


def _words(column: str) -> list[str]:
    return re.findall(r"[a-z]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", column).lower())
