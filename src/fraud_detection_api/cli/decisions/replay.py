"""fraud replay."""

import time
from typing import TYPE_CHECKING, Annotated

import typer

from fraud_detection_api.cli.options import (
    AsJson,
    Engine,
    Jobs,
    RayAddress,
    Registry,
    Since,
    Store,
    Until,
    settings_with,
)
from fraud_detection_api.cli.terminal import (
    LISTENER,
    MOST_SHOWN,
    counted,
    print_json,
    print_table,
    print_text,
    say_other_key,
)
from fraud_detection_api.decision.identifiers import as_answered

if TYPE_CHECKING:  # imported when a command runs, so that help is quick
    from fraud_detection_api.schemas.history import VerdictBody
    from fraud_detection_api.services.history.ranges import Summary


def replay(
    ids: Annotated[
        list[str] | None, typer.Argument(metavar="[ID]...", parser=as_answered, help="Ids of decisions.")
    ] = None,
    since: Since = None,
    until: Until = None,
    sample: Annotated[
        int | None, typer.Option("--sample", min=1, help="Replay this many decisions of the range, drawn at random.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Determines the sample.")] = 0,
    history: Annotated[
        bool,
        typer.Option("--history", help="Fold history features again from stored events and labels instead, in one process."),
    ] = False,
    jobs: Jobs = None,
    engine: Engine = "local",
    ray_address: RayAddress = None,
    registry: Registry = None,
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """Recompute stored decisions with the models that made them, and compare every bit.

    Name decisions or a range of time; `--sample` without a range draws from all. The exit status is 1 if a decision differs,
    was tampered with, or if its model is missing. Scores are computed from the history features that are stored with a
    decision; `--history` compares those with the stored events.

    Example: `fraud replay --since 2026-11-22T00:00:00Z`
    """
    if bool(ids) == (since is not None or until is not None or sample is not None):
        raise typer.BadParameter("name decisions, or a range with --since, --until or --sample")
    if history and (jobs is not None or engine != "local"):
        raise typer.BadParameter("--history works in one process: leave out --jobs and --engine")
    settings = settings_with(registry=registry, store=store)
    from fraud_detection_api.container.workers import build_workers
    from fraud_detection_api.jobs.replaying import Choice, refold_decisions, replay_decisions
    from fraud_detection_api.services.storage.decision_store import DecisionFilter

    began = time.perf_counter()
    chosen = Choice(ids or (), DecisionFilter(since, until), sample, seed)
    if history:
        summary = refold_decisions(settings, chosen, listener=LISTENER)
    else:
        workers = build_workers(engine, jobs=jobs, address=ray_address)
        summary = replay_decisions(settings, chosen, workers=workers, listener=LISTENER)
    _show(summary, time.perf_counter() - began, as_json=as_json)
    if not summary.is_sound:
        raise typer.Exit(1)


def _show(summary: "Summary", seconds: float, *, as_json: bool) -> None:
    from fraud_detection_api.schemas.history import verdict_body

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
    print_text(f"{counted(summary.decisions, 'decision')} in {seconds:.1f} s")
    say_other_key(summary.counts["tampered"], of=summary.decisions)


def _rows(verdict: "VerdictBody") -> list[tuple[str, str]]:
    rows = [(each.field, f"stored {each.kept}, recomputed {each.recomputed}") for each in verdict.differences]
    return rows + ([("problem", verdict.fault)] if verdict.fault else [])
