"""What a valid contract should still be changed in: protected attributes, unused keys, and reasons without use."""

import math
import re
from collections.abc import Iterator

from fraud_detection_api.contract.declaration import Contract

_SHOWN = 5


def advice(contract: Contract) -> list[str]:
    """A sentence for each finding, with names of columns."""
    return [
        *protected_advice(contract),
        *_key_advice(contract),
        *_delay_advice(contract),
        *_distinct_advice(contract),
        *_adverse_action_advice(contract),
    ]


def protected_advice(contract: Contract) -> list[str]:
    """Protected columns that a model of the contract reads."""
    marked = [name for name, feature in contract.features.items() if feature.protected]
    computed = [name for name in contract.modelled if name in contract.protected - {*marked}]
    found = []
    if marked:
        found.append(
            f"{_named(marked)} protected, and the model reads what is protected: add it to `ignored`, unless the law allows "
            "you to use it. It is never a reason"
        )
    if computed:
        found.append(f"{_named(computed)} computed from a protected column, and is never a reason either")
    return found


def _key_advice(contract: Contract) -> Iterator[str]:
    if unused := [name for name in contract.keys if name not in contract.read_by_history]:
        yield f"{_named(unused)} declared as a key, and no history feature reads it: add one, or remove the key"


def _delay_advice(contract: Contract) -> Iterator[str]:
    """Shares of fraud whose windows hold events that labels have not reached."""
    days = contract.target.label_delay_days
    shares = {name: each for name, each in contract.history.items() if each.measure == "share_fraud"}
    if early := [name for name, each in shares.items() if each.delay_us < days * 86_400e6]:
        yield (
            f"{_named(early)} a share of fraud with a delay shorter than the target's label_delay_days ({days:g}): frauds "
            f'that are not known yet count as no fraud; give it delay = "{math.ceil(days)}d"'
        )


def _distinct_advice(contract: Contract) -> Iterator[str]:
    """Counts of the different values of a column of which each entity has one."""
    counts = {name: each for name, each in contract.history.items() if each.measure == "distinct"}
    if constant := [name for name, each in counts.items() if each.of in each.by]:
        yield f"{_named(constant)} a count of values of a column in `by`, of which an entity has one: count another column"


def _adverse_action_advice(contract: Contract) -> Iterator[str]:
    """Texts that a notice of a refused credit could not use.

    Sources: Regulation B, 12 CFR 1002.9(b)(2), "the statement of reasons must be specific"; CFPB circular 2023-03, on models
    whose features are not what a creditor's sample form lists.
    """
    if contract.purpose != "credit":
        return
    texts = {name: item.reason.text if item.reason else None for name, item in contract.explained.items()}
    law = "a notice of a refused credit must state specific reasons (12 CFR 1002.9)"
    if untold := [name for name, text in texts.items() if text is None]:
        yield f"{_named(untold)} without a reason's text: {law}; add reason = {{ code = …, text = … }}, or reason = false"
    if generic := [name for name, text in texts.items() if text is not None and _is_generic(name, text)]:
        yield f"{_named(generic)} worded by the column's name: {law}; say what the number means to the applicant"


def _is_generic(name: str, text: str) -> bool:
    """Whether a text says no more than the column's name, or less.

    >>> _is_generic("dti", "dti is {value}: {band}"), _is_generic("dti", "Your debts are {value} of your income")
    (True, False)
    """
    words = re.findall(r"\w+", re.sub(r"\{\w+\}", " ", text.replace(name, " ")))
    return len(words) <= 1


def _named(names: list[str]) -> str:
    shown = ", ".join(map(repr, names[:_SHOWN])) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
    return f"{shown} {'is' if len(names) == 1 else 'are'}"
