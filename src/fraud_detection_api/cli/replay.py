"""fraud replay."""

import os
import time
from functools import partial
from typing import Annotated

import typer

from fraud_detection_api.cli.broken_seals import MOST_SHOWN, OTHER_KEY
from fraud_detection_api.cli.moments import Since, Until
from fraud_detection_api.cli.options import AsJson, Registry, settings_with
from fraud_detection_api.cli.terminal import print_json, print_table, print_text, progress, say
from fraud_detection_api.container.registry import build_registry
from fraud_detection_api.container.secrets import build_recorder
from fraud_detection_api.container.storage import open_store
from fraud_detection_api.schemas.replay import VerdictBody, verdict_body
from fraud_detection_api.services.history.ranges import Summary, replay_ids, replay_range
from fraud_detection_api.services.history.replay import Replayer
from fraud_detection_api.services.history.samples import sampled
from fraud_detection_api.services.models.stored_models import StoredModels
from fraud_detection_api.services.storage.decision_store import DecisionFilter, DecisionStore
from fraud_detection_api.settings import Settings


def replay(
    ids: Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help="Decisions, by their ids.")] = None,
    since: Since = None,
    until: Until = None,
    sample: Annotated[
        int | None, typer.Option("--sample", min=1, help="So many of the range, drawn by chance.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Decides the sample.")] = 0,
    jobs: Annotated[int | None, typer.Option("--jobs", min=1, help="Processes; one for each core if not set.")] = None,
    registry: Registry = None,
    as_json: AsJson = False,
) -> None:
    """Make decisions once more, from what was kept and with the very models of then, and compare every bit.

    Name decisions, or a range of time; `--sample` alone draws from all. Status 1 where any differs, was tampered with, or
    its model is not there.

    Example: `fraud replay --since 2026-11-22T00:00:00Z`
    """
    if bool(ids) == (since is not None or until is not None or sample is not None):
        raise typer.BadParameter("name decisions, or a range with --since, --until or --sample")
    opening = partial(open_replay, settings_with(registry=registry))
    began = time.perf_counter()
    with progress("Replaying") as report:

        def tell(share: float, decisions: int) -> None:
            report(share, f"Replayed {decisions:,} decisions")

        wanted = DecisionFilter(since, until)
        if ids or sample is not None:
            store, replayer = opening()
            chosen = ids or sampled(store, wanted, sample or 0, seed=seed)
            summary = replay_ids(store, replayer, chosen, tell)
        else:
            summary = replay_range(opening, wanted, jobs=jobs or os.cpu_count() or 1, on_progress=tell)
    _tell(summary, time.perf_counter() - began, as_json=as_json)
    if not summary.is_sound:
        raise typer.Exit(1)


def open_replay(settings: Settings) -> tuple[DecisionStore, Replayer]:
    """What a process of a replay works with. Raises as `open_store` and `build_registry`."""
    return open_store(settings), Replayer(StoredModels(build_registry(settings.registry)), build_recorder(settings))


def _tell(summary: Summary, seconds: float, *, as_json: bool) -> None:
    unsound = [verdict_body(verdict) for verdict in summary.unsound]
    if as_json:
        print_json(
            {
                "decisions": summary.decisions,
                "counts": dict(summary.counts),
                "is_sound": summary.is_sound,
                "seconds": round(seconds, 3),
                "unsound": [verdict.model_dump() for verdict in unsound],
            }
        )
        return
    for verdict in unsound[:MOST_SHOWN]:
        print_table((verdict.status, verdict.decision_id), _rows(verdict))
    if (more := summary.unsound_count - MOST_SHOWN) > 0:
        print_text(f"and {more:,} more")
    rows = [(status, f"{count:,}") for status, count in summary.counts.most_common()]
    print_table(("status", "decisions"), rows)
    print_text(f"{summary.decisions:,} decisions in {seconds:.1f} s, {summary.decisions / seconds:,.0f} a second")
    if summary.counts["tampered"]:
        say(OTHER_KEY)


def _rows(verdict: VerdictBody) -> list[tuple[str, str]]:
    rows = [(each.field, f"kept {each.kept}, recomputed {each.recomputed}") for each in verdict.differences]
    return rows + ([("fault", verdict.fault)] if verdict.fault else [])
