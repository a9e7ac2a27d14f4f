"""Model: which model serves, does its input look as in training, and is it still right?"""

from deploy.monitoring.panels import Dashboard, Panel, Query, Row

_DAY = 86_400


def _performance(title: str, measure: str, description: str) -> Panel:
    """The measure with its interval, on decisions whose labels have matured."""
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
        "Population stability index against training, as a share of its alarm level. The level depends on the number of "
        "records. An alert fires above 100 %.",
        (Query(expression, "{{feature}}"),),
        "percentunit",
        thresholds=((1, "red"),),
    )


def _shadow_rate(what: str, legend: str) -> Query:
    """Records a second; 0 if it never happened to the challenger."""
    rate = f"sum by (version) (rate(fraud_shadow_{what}_total[5m]))"
    return Query(f"{rate} or 0 * sum by (version) (rate(fraud_shadow_records_total[5m]))", f"{{{{version}}}} {legend}")


IN_SERVICE = Row(
    "In service",
    (
        Panel(
            "Model",
            "Version of the model that the workers serve. More than one for longer than five minutes raises an alert.",
            (Query("count by (version) (fraud_model_info)", "{{version}}"),),
            "short",
            kind="stat",
            width=4,
            height=6,
            names=True,
        ),
        Panel(
            "Age",
            "Time since the model was made. An alert fires above 90 days.",
            (Query("time() - min(fraud_model_created_timestamp_seconds)", "age"),),
            "s",
            kind="stat",
            thresholds=((60 * _DAY, "yellow"), (90 * _DAY, "red")),
            width=4,
            height=6,
        ),
        Panel(
            "Workers by model",
            "After a promotion, all workers follow within seconds.",
            (Query("count by (version) (fraud_model_info)", "{{version}}"),),
            "short",
            stacked=True,
            height=6,
        ),
        Panel(
            "Loads",
            "Models that were loaded, and refused, in the last hour.",
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
            "The last day's index of each feature. fraud_probability is the score itself.",
            (Query('sort_desc(max by (feature) (fraud_drift_psi{window="day"}))', "{{feature}}"),),
            "short",
            kind="bargauge",
            thresholds=((0.1, "yellow"), (0.25, "red")),
            decimals=3,
        ),
        Panel(
            "Greatest distance (KS)",
            "Kolmogorov-Smirnov distance of the last day from training: the largest difference of the shares below a value.",
            (Query('max by (feature) (fraud_drift_ks{window="day"})', "{{feature}}"),),
            "percentunit",
        ),
        Panel(
            "Records in the windows",
            "Number of records behind each index. With fewer records, the alarm level is higher.",
            (Query("max by (window) (fraud_drift_records)", "{{window}}"),),
            "short",
        ),
        _ratio("Missing", "fraud_drift_missing_ratio", "Share of the last day's records without the feature."),
        _ratio(
            "Out of range",
            "fraud_drift_out_of_range_ratio",
            "Share of the last day's records outside the range of training. A changed unit shows here first.",
        ),
        _ratio(
            "Unseen levels",
            "fraud_drift_unseen_ratio",
            "Share of the last day's records with a level that training did not have.",
        ),
    ),
)

PERFORMANCE = Row(
    "Performance on matured labels",
    (
        _performance("ROC AUC", "roc_auc", "How well frauds rank above the rest, with its 95 % interval."),
        _performance(
            "Average precision", "average_precision", "Depends on the share of frauds as well as on the model."
        ),
        _performance("Recall", "recall", "Share of frauds that the policy did not approve."),
        _performance(
            "Calibration error",
            "calibration_error",
            "Mean distance between probabilities and observed shares of frauds.",
        ),
        Panel(
            "Labelled decisions",
            "Number of decisions with matured labels behind the figures.",
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
            "Records a second that the challenger scored, failed on, and did not get because it was busy.",
            (
                Query("sum by (version) (rate(fraud_shadow_records_total[5m]))", "{{version}} scored"),
                _shadow_rate("errors", "failed"),
                _shadow_rate("dropped_records", "dropped"),
            ),
            "short",
        ),
        Panel(
            "Duration of a record",
            "Time that the challenger takes for a record. It delays no answer.",
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
            "Changed outcomes",
            "Decisions a second for which the challenger's outcome differs from the champion's.",
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
            "Lag",
            "Age of the newest decision that the observer has not read. Drift, shadow and performance lag by as much.",
            (Query("max(fraud_observer_lag_seconds)", "lag"),),
            "s",
            thresholds=((300, "red"),),
            width=12,
        ),
        Panel(
            "Read and skipped",
            "Decisions that the observer counted and skipped, a second.",
            (
                Query("sum(rate(fraud_observer_records_total[5m]))", "counted"),
                Query("sum(rate(fraud_observer_skipped_records_total[5m]))", "skipped"),
            ),
            "short",
            width=12,
        ),
    ),
)

MODEL = Dashboard(
    "model",
    "Model",
    "Which model serves? Does its input look as in training? Is it still right?",
    (IN_SERVICE, DRIFT, PERFORMANCE, CHALLENGER, OBSERVER),
)
