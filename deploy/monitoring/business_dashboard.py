"""Business: what is decided, how risky the traffic is, and how many frauds are caught."""

from deploy.monitoring.panels import Dashboard, Panel, Query, Row


def _within_a_day(title: str, description: str, expression: str, legend: str, *, unit: str = "short") -> Panel:
    return Panel(title, description, (Query(expression, legend),), unit, kind="stat", base="blue", width=6, height=6)


def _share(outcome: str) -> Query:
    decided = f'sum(rate(fraud_decisions_total{{outcome="{outcome}"}}[1h]))'
    return Query(f"{decided} / sum(rate(fraud_decisions_total[1h]))", outcome)


TODAY = Row(
    "Last 24 hours",
    (
        _within_a_day("Records", "Scored records.", "sum(increase(fraud_records_scored_total[1d]))", "records"),
        _within_a_day(
            "Decisions",
            "Decisions by outcome.",
            "sum by (outcome) (increase(fraud_decisions_total[1d]))",
            "{{outcome}}",
        ),
        _within_a_day(
            "Expected frauds",
            "The sum of the records' calibrated probabilities. If the model is right, there are as many frauds.",
            "sum(increase(fraud_probability_sum[1d]))",
            "frauds",
        ),
        _within_a_day(
            "Refused as malformed",
            "Share of scoring requests that broke the contract. They got no decision.",
            'sum(rate(fraud_http_requests_total{method="POST",route=~"/fraud_detection|/v1/decisions",'
            'status=~"400|408|413|415|422"}[1d]))'
            ' / sum(rate(fraud_http_requests_total{method="POST",route=~"/fraud_detection|/v1/decisions"}[1d]))',
            "requests",
            unit="percentunit",
        ),
    ),
)

DECISIONS = Row(
    "Decisions",
    (
        Panel(
            "Decisions by outcome",
            "Decisions a second.",
            (Query("sum by (outcome) (rate(fraud_decisions_total[5m]))", "{{outcome}}"),),
            "short",
            stacked=True,
        ),
        Panel(
            "Shares of outcomes",
            "Over an hour. A jump without a new policy or model means that the traffic changed.",
            (_share("approve"), _share("review"), _share("decline")),
            "percentunit",
            maximum=1,
        ),
        Panel(
            "Reviews an hour",
            "Decisions that go to the review team. Compare with the capacity in the policy.",
            (Query('sum(increase(fraud_decisions_total{outcome="review"}[1h]))', "reviews"),),
            "short",
        ),
        Panel(
            "Model or fallback",
            "Decisions a second by the model, and by the fallback if the deadline had passed.",
            (Query("sum by (source) (rate(fraud_decisions_total[5m]))", "{{source}}"),),
            "short",
            width=12,
        ),
        Panel(
            "Reasons",
            "Answers a second by the state of their reasons. A deadline drops reasons first.",
            (Query("sum by (state) (rate(fraud_explanations_total[5m]))", "{{state}}"),),
            "short",
            width=12,
        ),
    ),
)

RISK = Row(
    "Risk of the traffic",
    (
        Panel(
            "Mean fraud probability",
            "Expected share of frauds. It moves before any label arrives.",
            (Query("sum(rate(fraud_probability_sum[1h])) / sum(rate(fraud_probability_count[1h]))", "mean"),),
            "percentunit",
            decimals=2,
        ),
        Panel(
            "Distribution of fraud probabilities",
            "Records a second in each bucket of fraud probability.",
            (Query("sum by (le) (rate(fraud_probability_bucket[5m]))", "{{le}}"),),
            "percentunit",
            kind="heatmap",
        ),
        Panel(
            "More likely fraud than not",
            "Share of records with a fraud probability above one half.",
            (
                Query(
                    '1 - sum(rate(fraud_probability_bucket{le="0.5"}[1h])) / sum(rate(fraud_probability_count[1h]))',
                    "above 0.5",
                ),
            ),
            "percentunit",
            decimals=2,
        ),
    ),
)

CAUGHT = Row(
    "Frauds caught, on matured labels",
    (
        Panel(
            "Caught",
            "Share of frauds that were reviewed or declined, with its 95 % interval. Labels take weeks to mature.",
            tuple(
                Query(f'max(fraud_performance{{measure="recall",bound="{bound}"}})', bound)
                for bound in ("upper", "estimate", "lower")
            ),
            "percentunit",
            width=12,
            maximum=1,
        ),
        Panel(
            "Labelled decisions",
            "Number of decisions behind the share.",
            (Query("max(fraud_performance_records)", "decisions"),),
            "short",
            width=12,
        ),
    ),
)

BUSINESS = Dashboard(
    "business",
    "Business",
    "What is decided, how risky the traffic is, and how many frauds are caught.",
    (TODAY, DECISIONS, RISK, CAUGHT),
)
