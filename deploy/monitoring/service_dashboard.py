"""Service: does it keep its promises, and if not, where does it fail?"""

from deploy.monitoring.panels import Dashboard, Panel, Query, Row

_SCORING = 'method="POST",route=~"/fraud_detection|/v1/decisions"'
_ANSWERED = 'method="POST",route=~"/fraud_detection|/v1/decisions",status=~"2.."'
_BURNS = ((1, "yellow"), (6, "orange"), (14.4, "red"))


def _quantiles(histogram: str, selector: str = "") -> tuple[Query, ...]:
    rates = f"sum by (le) (rate({histogram}_bucket{{{selector}}}[5m]))"
    return tuple(Query(f"histogram_quantile({q}, {rates})", f"p{q * 100:g}") for q in (0.5, 0.9, 0.99))


def _burn_rates(record: str, budget: float) -> tuple[Query, ...]:
    return tuple(Query(f"max({record}:ratio_rate{window}) / {budget}", window) for window in ("5m", "1h", "6h"))


PROMISES = Row(
    "Promises",
    (
        Panel(
            "Available, three days",
            "Share of scoring requests that were answered other than by 5xx or 429. 99.9 % are promised.",
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
            "Share of the scoring requests answered with 2xx that took at most 25 ms. 99 % are promised.",
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
            "Alerts that fire",
            "Alerts of this service that fire now. The lines in the other panels show since when.",
            (Query('count(ALERTS{alertname=~"Fraud.+",alertstate="firing"}) or vector(0)', "firing"),),
            "short",
            kind="stat",
            thresholds=((1, "red"),),
            width=4,
        ),
        Panel(
            "Burn rate of availability",
            "How many times faster than allowed a month's budget of failures is used up. 14.4 over an hour pages.",
            _burn_rates("job:fraud_scoring_failures", 0.001),
            "short",
            thresholds=_BURNS,
            width=6,
        ),
        Panel(
            "Burn rate of latency",
            "How many times faster than allowed a month's budget of slow answers is used up.",
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
            "Requests answered a second, whatever their status.",
            (Query("sum by (route) (rate(fraud_http_requests_total[5m]))", "{{route}}"),),
            "reqps",
            stacked=True,
        ),
        Panel(
            "Answers other than 2xx",
            "Requests a second by route and status: 4xx is the caller's doing, 429 and 5xx are ours.",
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
            "What each worker works on now. At FRAUD_MAX_IN_FLIGHT (256) further ones are refused with 429.",
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
            "From a request's headers to its answer's last byte, of answers with 2xx; the promise is 25 ms for 99 of 100.",
            _quantiles("fraud_http_request_duration_seconds", _ANSWERED),
            "s",
            thresholds=((0.025, "red"),),
        ),
        Panel(
            "Distribution of latency",
            "Scoring requests a second in each bucket of latency. Two bands usually are two kinds of callers.",
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
            "Records scored a second; a request may hold thousands.",
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
            "Workers that can keep decisions",
            "Share of workers whose decisions can be kept, in the store or in the journal. Without one, requests get 503.",
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
            "How full the queues of records that wait to be kept are. Full means 503.",
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
            "Decisions kept",
            "Decisions committed, or written to the journal, and failures of the store, a second.",
            (
                Query("sum(rate(fraud_store_records_kept_total[5m]))", "kept"),
                Query("sum(rate(fraud_store_failures_total[5m]))", "failures"),
            ),
            "short",
            width=5,
        ),
        Panel(
            "Journal",
            "Decisions that are on a machine's disk and not in the store yet; 0 but in an outage.",
            (Query("sum by (instance) (fraud_journal_size_bytes)", "{{instance}}"),),
            "bytes",
            width=5,
        ),
    ),
)

PROCESSES = Row(
    "Processes",
    (
        Panel(
            "Servers",
            "Servers that answer Prometheus, and the worker processes configured in all of them.",
            (
                Query('sum(up{job="fraud-detection-api"})', "servers"),
                Query("sum(fraud_workers)", "workers"),
            ),
            "short",
            kind="stat",
            width=4,
        ),
        Panel(
            "Version of the software",
            "More than one at a time is an upgrade under way.",
            (Query("count by (version) (fraud_build_info)", "{{version}}"),),
            "short",
            kind="stat",
            width=4,
            names=True,
        ),
        Panel(
            "Memory",
            "Resident memory. A worker needs about 300 MiB; an alert comes at 1 GiB.",
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
            "Processor time a second; 1 is a whole core.",
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
            "File descriptors, connections among them. What grows without end is a leak.",
            (Query("max by (instance, process) (fraud_process_open_fds)", "{{instance}} {{process}}"),),
            "short",
            width=12,
        ),
        Panel(
            "Time since the start",
            "A process that starts again and again is dying again and again.",
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
    "Does it keep its promises, and if not, where does it fail?",
    (PROMISES, REQUESTS, STORE, PROCESSES),
)
