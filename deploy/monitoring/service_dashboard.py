"""Service: does it meet its objectives, and if not, where does it fail?"""

from deploy.monitoring.panels import Dashboard, Panel, Query, Row

_SCORING = 'method="POST",route=~"/fraud_detection|/v1/decisions"'
_ANSWERED = 'method="POST",route=~"/fraud_detection|/v1/decisions",status=~"2.."'
_BURNS = ((1, "yellow"), (6, "orange"), (14.4, "red"))


def _quantiles(histogram: str, selector: str = "") -> tuple[Query, ...]:
    rates = f"sum by (le) (rate({histogram}_bucket{{{selector}}}[5m]))"
    return tuple(Query(f"histogram_quantile({q}, {rates})", f"p{q * 100:g}") for q in (0.5, 0.9, 0.99))


def _burn_rates(record: str, budget: float) -> tuple[Query, ...]:
    return tuple(Query(f"max({record}:ratio_rate{window}) / {budget}", window) for window in ("5m", "1h", "6h"))


OBJECTIVES = Row(
    "Objectives",
    (
        Panel(
            "Available, three days",
            "Share of scoring requests with an answer other than 5xx or 429. The objective is 99.9 %.",
            (Query("1 - max(job:fraud_scoring_failures:ratio_rate3d)", "available"),),
            "percentunit",
            kind="stat",
            base="red",
            thresholds=((0.999, "green"),),
            width=4,
            maximum=1,
            decimals=3,
        ),
        Panel(
            "Within 25 ms, three days",
            "Share of answers with 2xx to scoring requests that took at most 25 ms. The objective is 99 %.",
            (Query("1 - max(job:fraud_scoring_slow:ratio_rate3d)", "fast"),),
            "percentunit",
            kind="stat",
            base="red",
            thresholds=((0.99, "green"),),
            width=4,
            maximum=1,
            decimals=2,
        ),
        Panel(
            "Firing alerts",
            "Alerts of this service that fire now. Lines in the other panels show when they started.",
            (Query('count(ALERTS{alertname=~"Fraud.+",alertstate="firing"}) or vector(0)', "firing"),),
            "short",
            kind="stat",
            thresholds=((1, "red"),),
            width=4,
        ),
        Panel(
            "Burn rate of availability",
            "How fast the month's error budget is used up. 1 uses it up in a month; 14.4 over an hour pages.",
            _burn_rates("job:fraud_scoring_failures", 0.001),
            "short",
            thresholds=_BURNS,
            width=6,
        ),
        Panel(
            "Burn rate of latency",
            "How fast the month's budget of slow answers is used up. 1 uses it up in a month.",
            _burn_rates("job:fraud_scoring_slow", 0.01),
            "short",
            thresholds=_BURNS,
            width=6,
        ),
    ),
)

REQUESTS = Row(
    "Requests",
    (
        Panel(
            "Requests by route",
            "Answered requests a second, whatever their status.",
            (Query("sum by (route) (rate(fraud_http_requests_total[5m]))", "{{route}}"),),
            "reqps",
            stacked=True,
        ),
        Panel(
            "Answers other than 2xx",
            "Requests a second by route and status. The caller causes 4xx; the service causes 429 and 5xx.",
            (
                Query(
                    'sum by (route, status) (rate(fraud_http_requests_total{status!~"2.."}[5m]))',
                    "{{route}} {{status}}",
                ),
            ),
            "reqps",
        ),
        Panel(
            "Scoring requests in flight",
            "Requests that each worker has in flight. Above FRAUD_MAX_IN_FLIGHT (256), it refuses more with 429.",
            (
                Query(
                    "sum by (instance, process) (fraud_scoring_requests_in_flight)",
                    "{{instance}} {{process}}",
                ),
            ),
            "short",
            thresholds=((200, "red"),),
        ),
        Panel(
            "Latency of scoring",
            "From a request's headers to its answer's last byte, for answers with 2xx. The objective is 25 ms for 99 %.",
            _quantiles("fraud_http_request_duration_seconds", _ANSWERED),
            "s",
            thresholds=((0.025, "red"),),
        ),
        Panel(
            "Distribution of latency",
            "Scoring requests a second in each bucket of latency. Two bands usually mean two kinds of callers.",
            (
                Query(
                    f"sum by (le) (rate(fraud_http_request_duration_seconds_bucket{{{_ANSWERED}}}[5m]))",
                    "{{le}}",
                ),
            ),
            "s",
            kind="heatmap",
        ),
        Panel(
            "Records by route",
            "Scored records a second. A request can hold thousands.",
            (Query("sum by (route) (rate(fraud_records_scored_total[5m]))", "{{route}}"),),
            "short",
            stacked=True,
        ),
    ),
)

STORE = Row(
    "Decision store",
    (
        Panel(
            "Workers that can store decisions",
            "Share of workers that can write decisions to the store or to the journal. The others answer 503.",
            (Query("avg(fraud_store_up)", "workers"),),
            "percentunit",
            kind="stat",
            base="red",
            thresholds=((1, "green"),),
            width=4,
            maximum=1,
        ),
        Panel(
            "Queue",
            "How full the queues of records that wait to be stored are. A full queue means 503.",
            (
                Query(
                    "max by (instance, process) (fraud_store_queue_records / fraud_store_queue_limit_records)",
                    "{{instance}} {{process}}",
                ),
            ),
            "percentunit",
            thresholds=((0.8, "red"),),
            width=5,
            maximum=1,
        ),
        Panel(
            "Commits",
            "Duration of the transactions that callers wait for.",
            _quantiles("fraud_store_commit_duration_seconds"),
            "s",
            thresholds=((0.25, "red"),),
            width=5,
        ),
        Panel(
            "Stored decisions",
            "Decisions committed or written to the journal, and failures of the store, a second.",
            (
                Query("sum(rate(fraud_store_records_kept_total[5m]))", "stored"),
                Query("sum(rate(fraud_store_failures_total[5m]))", "failures"),
            ),
            "short",
            width=5,
        ),
        Panel(
            "Journal",
            "Decisions that are on a server's disk and not in the store yet. 0 unless the store is or was down.",
            (Query("sum by (instance) (fraud_journal_size_bytes)", "{{instance}}"),),
            "bytes",
            width=5,
        ),
    ),
)

HISTORY = Row(
    "History of entities",
    (
        Panel(
            "Records without history",
            "Records a second whose history features are missing, as the history was unavailable. An alert fires above 0.",
            (Query("sum(rate(fraud_history_unavailable_records_total[5m]))", "records"),),
            "short",
            thresholds=((0.001, "red"),),
        ),
        Panel(
            "Waiting for history",
            "Time that the requests of a turn waited for their history features. After a second, they go without.",
            _quantiles("fraud_history_duration_seconds"),
            "s",
            thresholds=((0.025, "red"),),
        ),
        Panel(
            "Untimely events",
            "Decisions and events a second that came before their time, after newer ones, or too late to have a history.",
            (Query("sum by (timing) (rate(fraud_history_untimely_events_total[5m]))", "{{timing}}"),),
            "short",
        ),
    ),
)

PROCESSES = Row(
    "Processes",
    (
        Panel(
            "Servers",
            "Servers that answer Prometheus, and the worker processes that are configured in all of them.",
            (
                Query('sum(up{job="fraud-detection-api"})', "servers"),
                Query("sum(fraud_workers)", "workers"),
            ),
            "short",
            kind="stat",
            width=4,
        ),
        Panel(
            "Software version",
            "More than one version means that an upgrade is in progress.",
            (Query("count by (version) (fraud_build_info)", "{{version}}"),),
            "short",
            kind="stat",
            width=4,
            names=True,
        ),
        Panel(
            "Memory",
            "Resident memory. A worker needs about 300 MiB. An alert fires above 1 GiB.",
            (
                Query(
                    "max by (instance, process) (fraud_process_resident_memory_bytes)",
                    "{{instance}} {{process}}",
                ),
            ),
            "bytes",
            thresholds=((2**30, "red"),),
        ),
        Panel(
            "Processor",
            "Processor time a second. 1 is a whole core.",
            (
                Query(
                    "sum by (instance, process) (rate(fraud_process_cpu_seconds_total[5m]))",
                    "{{instance}} {{process}}",
                ),
            ),
            "short",
        ),
        Panel(
            "Open files",
            "File descriptors, including connections. Endless growth is a leak.",
            (Query("max by (instance, process) (fraud_process_open_fds)", "{{instance}} {{process}}"),),
            "short",
            width=12,
        ),
        Panel(
            "Uptime",
            "Time since each process started. A process that restarts repeatedly dies repeatedly.",
            (
                Query(
                    "time() - max by (instance, process) (fraud_process_start_time_seconds)",
                    "{{instance}} {{process}}",
                ),
            ),
            "s",
            width=12,
        ),
    ),
)

SERVICE = Dashboard(
    "service",
    "Service",
    "Does it meet its objectives? If not, where does it fail?",
    (OBJECTIVES, REQUESTS, STORE, HISTORY, PROCESSES),
)
