"""fraud decisions …"""

from typing import Annotated

import typer

from fraud_detection_api.cli.moments import Since, Until
from fraud_detection_api.cli.options import AsJson, settings_with
from fraud_detection_api.cli.terminal import print_json, print_table, say
from fraud_detection_api.container.secrets import build_recorder
from fraud_detection_api.container.storage import open_store
from fraud_detection_api.contract.declaration import MAX_TEXT
from fraud_detection_api.policy.outcomes import Outcome
from fraud_detection_api.schemas.history import MOST_DECISIONS, USUAL_DECISIONS, KeptDecisionBody, kept_decision_body
from fraud_detection_api.services.history.lookup import History, HistoryFilter

app = typer.Typer(
    no_args_is_help=True, help="Decisions that were made: show one, list the newest. FRAUD_STORE says where."
)

HEADINGS = ("decision", "decided (UTC)", "entity", "outcome", "probability", "score", "model", "seal")
_SEALS = {True: "intact", False: "BROKEN"}


def _history() -> History:
    settings = settings_with()
    return History(open_store(settings), build_recorder(settings))


@app.command(epilog="Example: `fraud decisions show 01a20e44-a91c-7151-9d85-4c0f2082c8e3`")
def show(
    decision_id: Annotated[str, typer.Argument(metavar="ID", help="The decision's id, as it was answered.")],
    as_json: AsJson = False,
) -> None:
    """Show a decision, its record, and whether anybody changed the row since it was kept."""
    told = kept_decision_body(_history().find(decision_id))
    if as_json:
        print_json(told.model_dump())
        return
    rows = [
        ("decided", told.decided_at),
        ("entity", _text(told.entity_id)),
        ("outcome", f"{told.outcome} ({told.decision_source})"),
        ("probability", _text(told.fraud_probability)),
        ("log-odds", _text(told.margin)),
        ("risk score", _text(told.risk_score)),
        ("model", "" if told.model is None else f"{told.model.version} ({told.model.digest})"),
        ("policy", _text(told.policy_version)),
        ("contract", told.contract),
        ("request", f"{told.request_id}, record {told.place}"),
        ("idempotency key", _text(told.idempotency_key)),
        ("latency", f"{told.latency_ms:.2f} ms"),
        ("seal", _SEALS[told.is_intact]),
    ]
    print_table(("decision", told.decision_id), rows)
    if told.record is not None:
        print_table(("field", "sent"), [(name, _text(sent)) for name, sent in told.record.items()], title="Record")
    if told.reasons:
        reasons = [(reason.code, f"{reason.contribution_log_odds:+.3f}", reason.description) for reason in told.reasons]
        print_table(("reason", "log-odds", ""), reasons, title="Reasons")


@app.command("list", epilog="Example: `fraud decisions list --outcome decline --since 2026-11-22T00:00:00Z`")
def list_decisions(
    entity: Annotated[
        str | None,
        typer.Option("--entity", metavar="ID", help=f"About this record's id; {MAX_TEXT} characters at most."),
    ] = None,
    outcome: Annotated[Outcome | None, typer.Option("--outcome", help="With this outcome.")] = None,
    since: Since = None,
    until: Until = None,
    limit: Annotated[
        int, typer.Option("--limit", min=1, max=MOST_DECISIONS, help="Most decisions of a page.")
    ] = USUAL_DECISIONS,
    cursor: Annotated[str | None, typer.Option("--cursor", help="Of the page before, with the same filters.")] = None,
    as_json: AsJson = False,
) -> None:
    """List decisions, the newest first, a page at a time."""
    page = _history().page(HistoryFilter(entity, outcome, since, until), limit=limit, cursor=cursor)
    told = [kept_decision_body(found) for found in page.decisions]
    if as_json:
        print_json({"decisions": [each.model_dump() for each in told], "next_cursor": page.next_cursor})
    elif not told:
        say("no decision of that kind is kept")
    else:
        print_table(HEADINGS, [_row(each) for each in told])
        if page.next_cursor is not None:
            say(f"the next page: --cursor {page.next_cursor}")


def _row(told: KeptDecisionBody) -> tuple[str, ...]:
    probability = "" if told.fraud_probability is None else f"{told.fraud_probability:.4f}"
    return (
        told.decision_id,
        told.decided_at[:23].replace("T", " "),
        _text(told.entity_id),
        told.outcome,
        probability,
        _text(told.risk_score),
        "fallback" if told.model is None else told.model.version,
        _SEALS[told.is_intact],
    )


def _text(content: object) -> str:
    return "" if content is None else str(content)
