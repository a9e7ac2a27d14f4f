"""What requests ask for, once their records are read, and once what their entities did before is known."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple, cast

from fraud_detection_api.contract.declaration import Contract
from fraud_detection_api.decision.timeliness import Front, front_of
from fraud_detection_api.services.deciding.decisions import NEVER
from fraud_detection_api.services.entities.asking import EntityHistory, Seen
from fraud_detection_api.telemetry import Stopwatch


class Asked(NamedTuple):
    """What a request asks for. `deadline` is a time on the clock of the service.

    `history` is the position in the store's log that the history features of the records saw, if there are any, and `front`
    is how far that history was.
    """

    records: Sequence[dict[str, Any]]
    explain: bool = False
    dry_run: bool = False
    deadline: float = NEVER
    history: int | None = None
    front: Front | None = None


class Read(NamedTuple):
    """What requests ask for, or their errors, in order, and the time that it took to read them."""

    asked: Sequence[Asked | Exception]
    watch: Stopwatch


HISTORY_SECONDS = 1.0
"""How long requests wait for the history of their entities, at most."""


def with_history(
    history: EntityHistory | None,
    contracts: Sequence[Contract],
    read: Read,
    *,
    seconds: float,
    done: Callable[[Read], None],
) -> None:
    """Complete the records of requests, each of one of the contracts, by their history features, then call `done`.

    While the history is unavailable, they are missing.
    """
    asked, waiting = list(read.asked), dict[str, list[int]]()
    of_digest = {contract.content_digest: contract for contract in contracts if contract.history}
    for index, (contract, each) in enumerate(zip(contracts, asked, strict=True)):
        if contract.history and isinstance(each, Asked):
            waiting.setdefault(contract.content_digest, []).append(index)

    if not waiting:
        done(read)
        return

    def complete(digest: str, seen: Seen | None) -> None:
        _add(of_digest[digest], asked, waiting.pop(digest), seen)
        if not waiting:
            read.watch.lap("history")
            done(Read(asked, read.watch))

    for digest, indexes in list(waiting.items()):
        answered = partial(complete, digest)
        if history is None:
            answered(None)
        else:
            records = [cast("Asked", asked[index]).records for index in indexes]
            history.ask(of_digest[digest], records, answered, seconds=seconds)


def unanswered(contracts: Sequence[Contract], read: Read) -> int:
    """How many records lack the history features of their contract, as the history was unavailable."""
    pairs = zip(contracts, read.asked, strict=True)
    return sum(
        len(each.records)
        for contract, each in pairs
        if contract.history and isinstance(each, Asked) and each.history is None
    )


def _add(contract: Contract, asked: list[Asked | Exception], indexes: Sequence[int], seen: Seen | None) -> None:
    """Put history features into records, in order."""
    rows = None if seen is None else iter(seen.values.tolist())
    position, front = (None, None) if seen is None else (seen.position, front_of(contract, seen.newest))
    for index in indexes:
        each = cast("Asked", asked[index])
        for record in each.records:
            if rows is None:
                record.update(dict.fromkeys(contract.history))
            else:
                known = [value if value == value else None for value in next(rows)]  # noqa: PLR0124 NaN
                record.update(zip(contract.history, known, strict=True))
        asked[index] = each._replace(history=position, front=front)
