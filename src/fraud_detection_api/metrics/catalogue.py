"""Every metric, declared once. Names follow Prometheus: base units, `_total` for counters, ratios from 0 to 1.

Labels take values from small sets alone, so that the number of series does not grow with traffic.
"""

from dataclasses import dataclass
from functools import partial
from typing import Literal, get_args

Kind = Literal["counter", "gauge", "histogram"]
Origin = Literal["worker", "keeper", "observer", "process"]

PROCESS = "process"
"""The label that says whose value it is, added where the values of several processes meet."""

DURATION_BUCKETS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
PROBABILITY_BUCKETS = (0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.99)


@dataclass(frozen=True, slots=True, eq=False)
class Metric:
    """A metric: its kind, name, help text, and the names of its labels.

    `origin` is the kind of process that tallies it, `process` where all do. Over several processes counters and histograms
    are summed, and of a gauge the value that was set last counts; where it is `per_process`, each shows its own.
    `buckets` are a histogram's upper bounds, without +Inf.
    """

    kind: Kind
    origin: Origin
    name: str
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()
    per_process: bool = False

    @property
    def shown_labels(self) -> tuple[str, ...]:
        """Names of the labels as Prometheus sees them."""
        return (PROCESS, *self.labels) if self.per_process else self.labels


class _Tallied:
    """Declares metrics that one kind of process tallies."""

    def __init__(self, origin: Origin) -> None:
        self.counter, self.gauge, self.histogram = (partial(Metric, kind, origin) for kind in get_args(Kind))


_WORKER, _KEEPER, _OBSERVER, _PROCESSES = (_Tallied(origin) for origin in get_args(Origin))

# --- requests -----------------------------------------------------------------------------------------------------------

HTTP_REQUESTS = _WORKER.counter(
    "fraud_http_requests_total",
    "Requests answered, by the route's template (unmatched for none), method and status.",
    ("route", "method", "status"),
)
HTTP_REQUEST_DURATION = _WORKER.histogram(
    "fraud_http_request_duration_seconds",
    "Seconds from a request's headers to its answer's last byte, by route, method and status.",
    ("route", "method", "status"),
    DURATION_BUCKETS,
)
SCORING_REQUESTS_IN_FLIGHT = _WORKER.gauge(
    "fraud_scoring_requests_in_flight",
    "Scoring requests that the worker works on now; FRAUD_MAX_IN_FLIGHT is the limit.",
    per_process=True,
)

# --- scores -------------------------------------------------------------------------------------------------------------

RECORDS_SCORED = _WORKER.counter(
    "fraud_records_scored_total", "Records in answers that were given, by route.", ("route",)
)
PROBABILITY = _WORKER.histogram(
    "fraud_probability", "Fraud probabilities that were answered.", buckets=PROBABILITY_BUCKETS
)
DECISIONS = _WORKER.counter(
    "fraud_decisions_total",
    "Decisions answered, by outcome (approve, review, decline) and source (model; fallback where a deadline had passed).",
    ("outcome", "source"),
)
EXPLANATIONS = _WORKER.counter(
    "fraud_explanations_total",
    "Answers of /v1/decisions by what became of their reasons: given, partial or dropped by the deadline, not_asked.",
    ("state",),
)

# --- model --------------------------------------------------------------------------------------------------------------

MODEL_INFO = _WORKER.gauge(
    "fraud_model_info",
    "1 for the model in service, by its version and digest.",
    ("version", "digest"),
    per_process=True,
)
MODEL_CREATED = _WORKER.gauge(
    "fraud_model_created_timestamp_seconds", "When the model in service was made, in seconds since 1970."
)
MODEL_LOADS = _WORKER.counter(
    "fraud_model_loads_total",
    "Attempts to put a champion into service, by result: loaded or refused. One that stays refused counts at each try.",
    ("result",),
)
WORKERS = _WORKER.gauge("fraud_workers", "Worker processes that are configured (FRAUD_WORKERS).")
BUILD_INFO = _WORKER.gauge("fraud_build_info", "1 for the version of the software.", ("version",))

# --- store --------------------------------------------------------------------------------------------------------------

STORE_UP = _WORKER.gauge(
    "fraud_store_up",
    "1 where the worker's decisions can be kept now, be it in the journal, else 0. Absent where nothing is kept.",
    per_process=True,
)
STORE_QUEUE = _KEEPER.gauge(
    "fraud_store_queue_records",
    "Records that wait to be kept: the keeper's wait for a transaction, a worker's for the keeper.",
    per_process=True,
)
STORE_QUEUE_LIMIT = _KEEPER.gauge(
    "fraud_store_queue_limit_records",
    "Records that may wait before requests are refused (FRAUD_STORE_QUEUE).",
    per_process=True,
)
STORE_COMMIT_DURATION = _KEEPER.histogram(
    "fraud_store_commit_duration_seconds", "Seconds of a transaction that kept decisions.", buckets=DURATION_BUCKETS
)
STORE_RECORDS_KEPT = _KEEPER.counter(
    "fraud_store_records_kept_total", "Decisions committed to the store or written to the journal."
)
STORE_FAILURES = _KEEPER.counter(
    "fraud_store_failures_total", "Times that the store could not be opened or written to."
)
JOURNAL_SIZE = _KEEPER.gauge(
    "fraud_journal_size_bytes", "Bytes of decisions in the journal that are not in the store yet."
)
JOURNAL_FILES = _KEEPER.gauge("fraud_journal_files", "Files of the journal that are not in the store yet.")
JOURNAL_DAMAGED_FILES = _KEEPER.gauge(
    "fraud_journal_damaged_files", "Files of the journal with lines that somebody has to look at."
)

# --- processes ----------------------------------------------------------------------------------------------------------

PROCESS_MEMORY = _PROCESSES.gauge(
    "fraud_process_resident_memory_bytes", "Bytes of memory that the process holds.", per_process=True
)
PROCESS_CPU = _PROCESSES.counter(
    "fraud_process_cpu_seconds_total",
    "Seconds of processor time, of user and system; a process that was started again goes on.",
    per_process=True,
)
PROCESS_OPEN_FDS = _PROCESSES.gauge(
    "fraud_process_open_fds", "File descriptors that the process has open.", per_process=True
)
PROCESS_START_TIME = _PROCESSES.gauge(
    "fraud_process_start_time_seconds", "When the process began to count, in seconds since 1970.", per_process=True
)

# --- observer -----------------------------------------------------------------------------------------------------------

OBSERVER_LAG = _OBSERVER.gauge(
    "fraud_observer_lag_seconds",
    "Age of the newest decision that was kept and not looked at yet; 0 where there is none.",
)
OBSERVER_RECORDS = _OBSERVER.counter("fraud_observer_records_total", "Kept decisions that were counted for drift.")
OBSERVER_SKIPPED_RECORDS = _OBSERVER.counter(
    "fraud_observer_skipped_records_total",
    "Kept decisions that were passed over: erased, a fallback, of a model that is not in the registry, with a record that "
    "is none of the model's contract, or the oldest of more than the observer can catch up with (FRAUD_OBSERVER_BACKLOG).",
)
DRIFT_RECORDS = _OBSERVER.gauge(
    "fraud_drift_records", "Decisions in a window (hour, day, week) that drift is measured on.", ("window",)
)
_FEATURE_WINDOW = ("feature", "window")
DRIFT_PSI = _OBSERVER.gauge(
    "fraud_drift_psi",
    "Population stability index of a window against the training data; the feature fraud_probability is the score.",
    _FEATURE_WINDOW,
)
DRIFT_PSI_ALARM_LEVEL = _OBSERVER.gauge(
    "fraud_drift_psi_alarm_level",
    "What the index has to exceed: FRAUD_DRIFT_PSI, or more where so few records reach that by chance.",
    _FEATURE_WINDOW,
)
DRIFT_KS = _OBSERVER.gauge(
    "fraud_drift_ks",
    "Kolmogorov-Smirnov distance of a window to the training data, over the reference's bins.",
    _FEATURE_WINDOW,
)
DRIFT_MISSING = _OBSERVER.gauge(
    "fraud_drift_missing_ratio", "Part of a window's records without the value.", _FEATURE_WINDOW
)
DRIFT_OUT_OF_RANGE = _OBSERVER.gauge(
    "fraud_drift_out_of_range_ratio",
    "Part of a window's records with a value outside the training data's range.",
    _FEATURE_WINDOW,
)
DRIFT_UNSEEN = _OBSERVER.gauge(
    "fraud_drift_unseen_ratio",
    "Part of a window's records with a category that the training data do not have.",
    _FEATURE_WINDOW,
)
PERFORMANCE = _OBSERVER.gauge(
    "fraud_performance",
    "Measured on matured labels: roc_auc, average_precision, recall, calibration_error; estimate and 95 % interval.",
    ("measure", "bound"),
)
PERFORMANCE_RECORDS = _OBSERVER.gauge(
    "fraud_performance_records", "Decisions with a matured label that fraud_performance rests on."
)
SHADOW_RECORDS = _OBSERVER.counter(
    "fraud_shadow_records_total", "Records that the challenger scored in shadow.", ("version",)
)
SHADOW_ERRORS = _OBSERVER.counter(
    "fraud_shadow_errors_total", "Records that the challenger could not score in shadow.", ("version",)
)
SHADOW_DROPPED_RECORDS = _OBSERVER.counter(
    "fraud_shadow_dropped_records_total",
    "Records that the challenger did not score in shadow for lack of time.",
    ("version",),
)
SHADOW_DURATION = _OBSERVER.histogram(
    "fraud_shadow_duration_seconds", "Seconds that the challenger took for a record.", ("version",), DURATION_BUCKETS
)
SHADOW_OUTCOME_CHANGES = _OBSERVER.counter(
    "fraud_shadow_outcome_changes_total",
    "Records on which the challenger's outcome is another than the champion's, by both.",
    ("version", "champion", "challenger"),
)

METRICS: tuple[Metric, ...] = tuple(each for each in list(globals().values()) if isinstance(each, Metric))
"""All of them, in the order above."""

METRIC_NAMED = {metric.name: metric for metric in METRICS}
