"""fraud decisions …"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from fraud_detection_api.cli.decisions.wording import computed_by, label_text, words_of_labels
from fraud_detection_api.cli.options import (
    AsJson,
    DecisionId,
    OfEntity,
    Registry,
    Since,
    Store,
    StoredContract,
    Until,
    settings_with,
)
from fraud_detection_api.cli.terminal import print_json, print_table, print_text, say
from fraud_detection_api.decision.label import LabelState
from fraud_detection_api.policy.outcomes import Outcome
from fraud_detection_api.report.document import FRAUD
from fraud_detection_api.schemas.decisions import WarningBody, WarningCode
from fraud_detection_api.schemas.history import MOST_DECISIONS, USUAL_DECISIONS, KeptDecisionBody, kept_decision_body

if TYPE_CHECKING:  # imported when a command runs, so that help is quick
    from fraud_detection_api.services.history.lookup import History
    from fraud_detection_api.settings import Settings

app = typer.Typer(no_args_is_help=True)

HEADINGS = (
    "decision",
    "decided (UTC)",
    "entity",
    "outcome",
    "probability",
    "score",
    "first reason",
    "label",
    "model",
    "seal",
)
_UNSEEN: dict[WarningCode, str] = {
    "unseen_level": "a level that the model does not know",
    "unseen_missing": "missing, which it never was in training",
}
_SEALS = {True: "intact", False: "BROKEN"}


def _history(settings: "Settings") -> "History":
    from fraud_detection_api.container.secrets import build_recorder
    from fraud_detection_api.container.storage import existing_stores
    from fraud_detection_api.services.history.lookup import History

    stores = existing_stores(settings)
    return History(stores.decisions, build_recorder(settings), stores.labels)


@app.command(epilog="Example: `fraud decisions show 01a20e44-a91c-7151-9d85-4c0f2082c8e3`")
def show(
    decision_id: DecisionId,
    registry: Registry = None,
    contract: StoredContract = None,
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """Show a decision, its record, and whether the row was changed since it was stored."""
    settings = settings_with(registry=registry, contract=contract, store=store)
    shown = kept_decision_body(_history(settings).find(decision_id))
    if as_json:
        print_json(shown.model_dump())
        return
    print_table(("decision", shown.decision_id), _facts(shown, _label_texts(settings, [shown])))
    if shown.record is not None:
        computed = frozenset() if shown.model is None else computed_by(settings, shown.model.version)
        fields = [(name, _text(sent), name in computed) for name, sent in shown.record.items()]
        print_table(("field", "sent"), [(name, text) for name, text, is_own in fields if not is_own], title="Record")
        if own := [(name, text) for name, text, is_own in fields if is_own]:
            print_table(("history feature", "computed"), own, title="History")
    if shown.reasons:
        reasons = [
            (reason.code, f"{reason.contribution_log_odds:+.3f}", reason.description) for reason in shown.reasons
        ]
        print_table(("reason", "log-odds", ""), reasons, title="Reasons")


@app.command(epilog="Example: `fraud decisions notice 01a20e44-a91c-7151-9d85-4c0f2082c8e3 > notice.md`")
def notice(decision_id: DecisionId, store: Store = None) -> None:
    """Print a notice to the applicant of a declined decision, in Markdown: its principal reasons, four at most, no scores.

    Brackets mark what you must fill in. Let your counsel check the result: it is a template, and no legal advice.
    """
    settings = settings_with(store=store)
    from fraud_detection_api.services.history.notice import adverse_action_notice

    print_text(adverse_action_notice(_history(settings).find(decision_id)).rstrip())


@app.command("list", epilog="Example: `fraud decisions list --outcome decline --since 2026-11-22T00:00:00Z`")
def list_decisions(
    entity: OfEntity = None,
    outcome: Annotated[Outcome | None, typer.Option("--outcome", help="Only this outcome.")] = None,
    label: Annotated[
        LabelState | None, typer.Option("--label", help="Only decisions whose current label says so, or without one.")
    ] = None,
    model: Annotated[
        str | None, typer.Option("--model", metavar="VERSION", help="Only decisions by this version of the model.")
    ] = None,
    min_risk_score: Annotated[
        int | None, typer.Option("--min-risk-score", min=0, max=1000, help="Only this risk score or higher ones.")
    ] = None,
    max_risk_score: Annotated[
        int | None, typer.Option("--max-risk-score", min=0, max=1000, help="Only this risk score or lower ones.")
    ] = None,
    reason: Annotated[
        str | None, typer.Option("--reason", metavar="CODE", help="Only decisions answered with this reason code.")
    ] = None,
    warning: Annotated[WarningCode | None, typer.Option("--warning", help="Only decisions with this warning.")] = None,
    since: Since = None,
    until: Until = None,
    limit: Annotated[
        int, typer.Option("--limit", min=1, max=MOST_DECISIONS, help="Number of decisions on a page.")
    ] = USUAL_DECISIONS,
    cursor: Annotated[
        str | None, typer.Option("--cursor", help="The cursor that the page before printed; use the same filters.")
    ] = None,
    registry: Registry = None,
    contract: StoredContract = None,
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """List decisions page by page, newest first.

    With --label, --model, --reason, --warning or a risk score, a page looks at 20,000 decisions at most, or with --entity,
    --outcome or a label at 2,000. It may be short or empty although others follow; then the cursor of the next page is
    printed.
    """
    settings = settings_with(registry=registry, contract=contract, store=store)
    from fraud_detection_api.services.history.lookup import HistoryFilter
    from fraud_detection_api.services.storage.decision_store import Traits

    traits = Traits(label, model, min_risk_score, max_risk_score, reason, warning)
    where = HistoryFilter(entity, outcome, since, until, traits)
    page = _history(settings).page(where, limit=limit, cursor=cursor)
    shown = [kept_decision_body(found) for found in page.decisions]
    if as_json:
        print_json({"decisions": [each.model_dump() for each in shown], "next_cursor": page.next_cursor})
        return
    if shown:
        texts = _label_texts(settings, shown)
        print_table(HEADINGS, [_row(each, texts) for each in shown])
    elif page.next_cursor is None:
        say("no stored decision matches")
    else:
        say("none of the decisions that this page looked at matches; others follow")
    if page.next_cursor is not None:
        say(f"the next page: --cursor {page.next_cursor}")


def _label_texts(settings: "Settings", shown: Sequence[KeptDecisionBody]) -> dict[str, str]:
    """What the label of each decision that has one says, by the decision's id. The registry is read if there is any."""
    labels = {each.decision_id: each.label for each in shown if each.label is not None}
    words = words_of_labels(settings) if labels else FRAUD
    return {decision_id: label_text(words, is_fraud=label.is_fraud) for decision_id, label in labels.items()}


def _facts(shown: KeptDecisionBody, labels: Mapping[str, str]) -> list[tuple[str, str]]:
    return [
        ("decided", shown.decided_at),
        ("entity", _text(shown.entity_id)),
        ("outcome", f"{shown.outcome} ({shown.decision_source})"),
        ("probability", _text(shown.fraud_probability)),
        ("log-odds", _text(shown.margin)),
        ("risk score", _text(shown.risk_score)),
        *(("warning", _warning(each)) for each in shown.warnings),
        ("model", "" if shown.model is None else f"{shown.model.version} ({shown.model.digest})"),
        ("policy", _text(shown.policy_version)),
        ("contract", shown.contract),
        ("request", f"{shown.request_id}, record {shown.place}"),
        ("idempotency key", _text(shown.idempotency_key)),
        ("label", labels.get(shown.decision_id, "")),
        ("latency", f"{shown.latency_ms:.2f} ms"),
        ("seal", _SEALS[shown.is_intact]),
    ]


def _warning(warning: WarningBody) -> str:
    review = "; not approved because of it" if warning.requires_review else ""
    return f"{warning.field}: {_UNSEEN[warning.code]}{review}"


def _row(shown: KeptDecisionBody, labels: Mapping[str, str]) -> tuple[str, ...]:
    probability = "" if shown.fraud_probability is None else f"{shown.fraud_probability:.4f}"
    return (
        shown.decision_id,
        shown.decided_at[:23].replace("T", " "),
        _text(shown.entity_id),
        shown.outcome,
        probability,
        _text(shown.risk_score),
        shown.reasons[0].code if shown.reasons else "",
        labels.get(shown.decision_id, ""),
        "fallback" if shown.model is None else shown.model.version,
        _SEALS[shown.is_intact],
    )


def _text(content: object) -> str:
    return "" if content is None else str(content)
