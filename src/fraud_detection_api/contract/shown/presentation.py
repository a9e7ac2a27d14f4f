"""How a contract's wording differs from another's, where nothing else does."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from fraud_detection_api.contract.declaration import CONSTRAINTS, RULES, Contract
from fraud_detection_api.contract.wording import PRESENTATION
from fraud_detection_api.errors import ContractMismatch

_ORDERED = ("keys", "features", "history", "derived", "constraints")
_MOST_NAMED = 10
_ABSENT = object()


class Rewording(NamedTuple):
    """A key of a contract whose text is another one; None for none."""

    key: str
    before: Any
    after: Any


def rewordings(former: Contract, new: Contract) -> list[Rewording]:
    """What `new` words in another way than `former`, in the contract's order.

    Raises ContractMismatch, listing the keys, where they differ in what scores or records depend on.
    """
    if other := list(_differences(former, new, without=PRESENTATION)):
        listed = ", ".join(each.key for each in other[:_MOST_NAMED])
        more = f" and {len(other) - _MOST_NAMED} more" if len(other) > _MOST_NAMED else ""
        raise ContractMismatch(
            f"the contract differs from the model's in more than its wording: {listed}{more}; make these as the model has "
            "them, or train a model for this contract"
        )
    return list(_differences(former, new, without={}))


def _differences(former: Contract, new: Contract, *, without: dict[str, Any]) -> Iterator[Rewording]:
    one, other = (dict(_leaves(contract.declared(without=without))) for contract in (former, new))
    for path in dict.fromkeys([*one, *other]):
        before, after = one.get(path, _ABSENT), other.get(path, _ABSENT)
        if before is _ABSENT or after is _ABSENT or before != after or type(before) is not type(after):
            section = CONSTRAINTS if path[0] == RULES else path[0]
            shown = [None if declared is _ABSENT else declared for declared in (before, after)]
            yield Rewording(".".join((section, *path[1:])), *shown)
    for section in _ORDERED:
        names = list(getattr(former, section)), list(getattr(new, section))
        if names[0] != names[1] and set(names[0]) == set(names[1]):
            yield Rewording(f"the order of {section}", *names)


def _leaves(document: Mapping[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for key, declared in document.items():
        if isinstance(declared, Mapping):
            yield from _leaves(declared, (*path, key))
        else:
            yield (*path, key), declared
