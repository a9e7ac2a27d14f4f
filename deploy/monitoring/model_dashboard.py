"""Model: what is in service, does its input look as in training, and is it still right?"""

from deploy.monitoring.panels import Dashboard, Panel, Query, Row

_DAY = 86_400


def _performance(title: str, measure: str, description: str) -> Panel:
    """The measure with its interval, of decisions whose labels have matured."""
    queries = tuple(
        Query(f'max(fraud_performance{{measure="{measure}",bound="{bound}"}})', bound)
        for bound in ("upper", "estimate", "lower")
    )
    return Panel(title, description, queries, "short", width=6, decimals=3)


def _ratio(title: str, metric: str, description: str) -> Panel:
    query = Query(f'max by (feature) ({metric}{{window="day"}})', "{{feature}}")
    return Panel(title, description, (query,), "percentunit")


def _drift(window: str) -> Panel:
    expression = f'max by (feature) (fraud_drift_psi{{window="{window}"}} / fraud_drift_psi_alarm_level)'
    return Panel(
        f"Drift, last {window}",
        "Population stability index against training, as a share of its alarm level, which knows how many records there "
        "are. 100 % and above alarms.",
        (Query(expression, "{{feature}}"),),
        "percentunit",
        thresholds=((1, "red"),),
    )


def _shadow_rate(what: str, legend: str) -> Query:
    """Records a second; 0 for a challenger to which it never happened."""
    rate = f"sum by (version) (rate(fraud_shadow_{what}_total[5m]))"
    return Query(f"{rate} or 0 * sum by (version) (rate(fraud_shadow_records_total[5m]))", f"{{{{version}}}} {legend}")


IN_SERVICE = Row(
    "In service",
    (
        Panel(
            "Model",
            "Version of the model that each worker serves; more than one for longer than seconds raises an alert.",
            (Query("count by (version) (fraud_model_info)", "{{version}}"),),
            "short",
            kind="stat",
            width=4,
            height=6,
            names=True,
        ),
        Panel(
            "Age",
            "Since the model was made. 90 days raise an alert.",
            (Query("time() - min(fraud_model_created_timestamp_seconds)", "age"),),
            "s",
            kind="stat",
            thresholds=((60 * _DAY, "yellow"), (90 * _DAY, "red")),
            width=4,
            height=6,
        ),
        Panel(
            "Workers by model",
            "A promotion moves all workers within seconds.",
            (Query("count by (version) (fraud_model_info)", "{{version}}"),),
            "short",
            stacked=True,
            height=6,
        ),
        Panel(
            "Loads",
            "Models put into service, and refused, within an hour.",
            (Query("sum by (result) (increase(fraud_model_loads_total[1h]))", "{{result}}"),),
            "short",
            height=6,
        ),
    ),
)

DRIFT = Row(
    "Drift",
    (
        _drift("hour"),
        _drift("day"),
        _drift("week"),
        Panel(
            "Features now",
            "The last day's index of each feature; fraud_probability is the score itself.",
            (Query('sort_desc(max by (feature) (fraud_drift_psi{window="day"}))', "{{feature}}"),),
            "short",
            kind="bargauge",
            thresholds=((0.1, "yellow"), (0.25, "red")),
            decimals=3,
        ),
        Panel(
            "Greatest distance (KS)",
            "Kolmogorov-Smirnov distance of the last day from training: the most by which the shares below a value differ.",
            (Query('max by (feature) (fraud_drift_ks{window="day"})', "{{feature}}"),),
            "percentunit",
        ),
        Panel(
            "Records in the windows",
            "What the indexes rest on. The fewer records, the higher the alarm level.",
            (Query("max by (window) (fraud_drift_records)", "{{window}}"),),
            "short",
        ),
        _ratio("Missing", "fraud_drift_missing_ratio", "Share of the last day's records without the feature."),
        _ratio(
            "Out of range",
            "fraud_drift_out_of_range_ratio",
            "Share of the last day's records outside of all that training saw. Units that changed show here first.",
        ),
        _ratio(
            "Unseen levels",
            "fraud_drift_unseen_ratio",
            "Share of the last day's records with a level that training never saw.",
        ),
    ),
)

PERFORMANCE = Row(
    "Performance on matured labels",
    (
        _performance("ROC AUC", "roc_auc", "How well frauds are ranked above the rest, with its 95 % interval."),
        _performance(
            "Average precision", "average_precision", "Depends on the share of frauds as well as on the model."
        ),
        _performance("Recall", "recall", "Share of frauds that the policy did not approve."),
        _performance(
            "Calibration error", "calibration_error", "By how much probabilities miss the observed share of frauds."
        ),
        Panel(
            "Labelled decisions",
            "Decisions with matured labels that the figures rest on.",
            (Query("max(fraud_performance_records)", "decisions"),),
            "short",
            width=24,
            height=5,
        ),
    ),
)

CHALLENGER = Row(
    "Challenger, in shadow",
    (
        Panel(
            "Records",
            "Records that the challenger scored, failed at, and was not given because it was busy, a second.",
            (
                Query("sum by (version) (rate(fraud_shadow_records_total[5m]))", "{{version}} scored"),
                _shadow_rate("errors", "failed"),
                _shadow_rate("dropped_records", "dropped"),
            ),
            "short",
        ),
        Panel(
            "Duration of a record",
            "What the challenger needs for a record, off the path of answers.",
            tuple(
                Query(
                    f"histogram_quantile({q}, sum by (version, le) (rate(fraud_shadow_duration_seconds_bucket[5m])))",
                    f"{{{{version}}}} p{q * 100:g}",
                )
                for q in (0.5, 0.99)
            ),
            "s",
        ),
        Panel(
            "Outcomes that it would change",
            "Decisions a second for which the challenger says something else than the champion.",
            (
                Query(
                    "sum by (version, champion, challenger) (rate(fraud_shadow_outcome_changes_total[5m]))",
                    "{{version}}: {{champion}} to {{challenger}}",
                ),
            ),
            "short",
        ),
    ),
)

OBSERVER = Row(
    "Observer",
    (
        Panel(
            "Behind",
            "Age of the newest decision that has not been looked at. Drift, shadow and performance lag by as much.",
            (Query("max(fraud_observer_lag_seconds)", "lag"),),
            "s",
            thresholds=((300, "red"),),
            width=12,
        ),
        Panel(
            "Looked at, left out",
            "Decisions counted and left out, a second.",
            (
                Query("sum(rate(fraud_observer_records_total[5m]))", "counted"),
                Query("sum(rate(fraud_observer_skipped_records_total[5m]))", "left out"),
            ),
            "short",
            width=12,
        ),
    ),
)

MODEL = Dashboard(
    "model",
    "Model",
    "What is in service, does its input look as in training, and is it still right?",
    (IN_SERVICE, DRIFT, PERFORMANCE, CHALLENGER, OBSERVER),
)
