"""Options that bound a range of time."""

from typing import Annotated

import typer

from fraud_detection_api.contract.times import parse_moment

METAVAR = "TIME"


def _milliseconds(text: str) -> int:
    moment = parse_moment(text)
    if moment is None:
        raise typer.BadParameter("an ISO 8601 time with its offset is wanted, such as 2026-11-22T10:00:00Z")
    return moment


_SINCE = typer.Option("--since", metavar=METAVAR, parser=_milliseconds, help="Decided then or later.")
Since = Annotated[int | None, _SINCE]
RequiredSince = Annotated[int, _SINCE]
Until = Annotated[
    int | None, typer.Option("--until", metavar=METAVAR, parser=_milliseconds, help="Decided before that.")
]
