"""Every metric, declared once. Names follow Prometheus: base units, `_total` for counters, ratios from 0 to 1.

Labels take values from small sets alone, so that the number of series does not grow with traffic.
"""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["counter", "gauge", "histogram"]
Origin = Literal["worker", "keeper", "observer", "process"]

PROCESS = "process"
"""The label that says whose value it is, added where the values of several processes meet."""

DURATION_BUCKETS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
PROBABILITY_BUCKETS = (0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.99)


@dataclass(frozen=True, slots=True, eq=False)
class Metric:
    """A metric: its kind, name, help text, and the names of the labels that whoever tallies it gives values to.

    `origin` is the kind of process that tallies it, `process` where all do. Over several processes counters and histograms
    are summed, and of a gauge the value that was set last counts; where it is `per_process`, each shows its own.
    `buckets` are a histogram's upper bounds, without +Inf.
    """

    kind: Kind
    name: str
    help: str
    origin: Origin
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()
    per_process: bool = False

    @property
    def shown_labels(self) -> tuple[str, ...]:
        """Names of the labels as Prometheus sees them."""
        return (PROCESS, *self.labels) if self.per_process else self.labels


# --- requests -----------------------------------------------------------------------------------------------------------

HTTP_REQUESTS = Metric(
    "counter",
    "fraud_http_requests_total",
    "Requests answered, by the route's template (unmatched for none), method and status.",
    "worker",
    ("route", "method", "status"),
)
HTTP_REQUEST_DURATION = Metric(
    "histogram",
    "fraud_http_request_duration_seconds",
    "Seconds from a request's headers to its answer's last byte, by route, method and status.",
    "worker",
    ("route", "method", "status"),
    DURATION_BUCKETS,
)
SCORING_REQUESTS_IN_FLIGHT = Metric(
    "gauge",
    "fraud_scoring_requests_in_flight",
    "Scoring requests that the worker works on now; FRAUD_MAX_IN_FLIGHT is the limit.",
    "worker",
    per_process=True,
)

# --- scores -------------------------------------------------------------------------------------------------------------

RECORDS_SCORED = Metric(
    "counter", "fraud_records_scored_total", "Records in answers that were given, by route.", "worker", ("route",)
)
PROBABILITY = Metric(
    "histogram",
    "fraud_probability",
    "Fraud probabilities that were answered.",
    "worker",
    buckets=PROBABILITY_BUCKETS,
)
DECISIONS = Metric(
    "counter",
    "fraud_decisions_total",
    "Decisions answered, by outcome (approve, review, decline) and source (model; fallback where a deadline had passed).",
    "worker",
    ("outcome", "source"),
)
EXPLANATIONS = Metric(
    "counter",
    "fraud_explanations_total",
    "Answers of /v1/decisions by what became of their reasons: given, partial or dropped by the deadline, not_asked.",
    "worker",
    ("state",),
)

# --- model --------------------------------------------------------------------------------------------------------------

MODEL_INFO = Metric(
    "gauge",
    "fraud_model_info",
    "1 for the model in service, by its version and digest.",
    "worker",
    ("version", "digest"),
    per_process=True,
)
MODEL_CREATED = Metric(
    "gauge",
    "fraud_model_created_timestamp_seconds",
    "When the model in service was made, in seconds since 1970.",
    "worker",
)
MODEL_LOADS = Metric(
    "counter",
    "fraud_model_loads_total",
    "Attempts to put a champion into service, by result: loaded or refused. One that stays refused counts at each try.",
    "worker",
    ("result",),
)
WORKERS = Metric("gauge", "fraud_workers", "Worker processes that are configured (FRAUD_WORKERS).", "worker")
BUILD_INFO = Metric("gauge", "fraud_build_info", "1 for the version of the software.", "worker", ("version",))

# --- store --------------------------------------------------------------------------------------------------------------

STORE_UP = Metric(
    "gauge",
    "fraud_store_up",
    "1 where the worker's decisions can be kept now, be it in the journal, else 0. Absent where nothing is kept.",
    "worker",
    per_process=True,
)
STORE_QUEUE = Metric(
    "gauge",
    "fraud_store_queue_records",
    "Records that wait to be kept: the keeper's wait for a transaction, a worker's for the keeper.",
    "keeper",
    per_process=True,
)
STORE_QUEUE_LIMIT = Metric(
    "gauge",
    "fraud_store_queue_limit_records",
    "Records that may wait before requests are refused (FRAUD_STORE_QUEUE).",
    "keeper",
    per_process=True,
)
STORE_COMMIT_DURATION = Metric(
    "histogram",
    "fraud_store_commit_duration_seconds",
    "Seconds of a transaction that kept decisions.",
    "keeper",
    buckets=DURATION_BUCKETS,
)
STORE_RECORDS_KEPT = Metric(
    "counter", "fraud_store_records_kept_total", "Decisions committed to the store or written to the journal.", "keeper"
)
STORE_FAILURES = Metric(
    "counter", "fraud_store_failures_total", "Times that the store could not be opened or written to.", "keeper"
)
JOURNAL_SIZE = Metric(
    "gauge", "fraud_journal_size_bytes", "Bytes of decisions in the journal that are not in the store yet.", "keeper"
)
JOURNAL_FILES = Metric("gauge", "fraud_journal_files", "Files of the journal that are not in the store yet.", "keeper")
JOURNAL_DAMAGED_FILES = Metric(
    "gauge", "fraud_journal_damaged_files", "Files of the journal with lines that somebody has to look at.", "keeper"
)

# --- processes ----------------------------------------------------------------------------------------------------------

PROCESS_MEMORY = Metric(
    "gauge",
    "fraud_process_resident_memory_bytes",
    "Bytes of memory that the process holds.",
    "process",
    per_process=True,
)
PROCESS_CPU = Metric(
    "counter",
    "fraud_process_cpu_seconds_total",
    "Seconds of processor time, of user and system; a process that was started again goes on.",
    "process",
    per_process=True,
)
PROCESS_OPEN_FDS = Metric(
    "gauge", "fraud_process_open_fds", "File descriptors that the process has open.", "process", per_process=True
)
PROCESS_START_TIME = Metric(
    "gauge",
    "fraud_process_start_time_seconds",
    "When the process began to count, in seconds since 1970.",
    "process",
    per_process=True,
)

# --- observer -----------------------------------------------------------------------------------------------------------

OBSERVER_LAG = Metric(
    "gauge",
    "fraud_observer_lag_seconds",
    "Age of the newest decision that was kept and not looked at yet; 0 where there is none.",
    "observer",
)
OBSERVER_RECORDS = Metric(
    "counter", "fraud_observer_records_total", "Kept decisions that were counted for drift.", "observer"
)
OBSERVER_SKIPPED_RECORDS = Metric(
    "counter",
    "fraud_observer_skipped_records_total",
    "Kept decisions that were passed over: erased, a fallback, of a model that is not in the registry, with a record that "
    "is none of the model's contract, or the oldest of more than the observer can catch up with (FRAUD_OBSERVER_BACKLOG).",
    "observer",
)
DRIFT_RECORDS = Metric(
    "gauge",
    "fraud_drift_records",
    "Decisions in a window (hour, day, week) that drift is measured on.",
    "observer",
    ("window",),
)
_FEATURE_WINDOW = ("feature", "window")
DRIFT_PSI = Metric(
    "gauge",
    "fraud_drift_psi",
    "Population stability index of a window against the training data; the feature fraud_probability is the score.",
    "observer",
    _FEATURE_WINDOW,
)
DRIFT_PSI_ALARM_LEVEL = Metric(
    "gauge",
    "fraud_drift_psi_alarm_level",
    "What the index has to exceed: FRAUD_DRIFT_PSI, or more where so few records reach that by chance.",
    "observer",
    _FEATURE_WINDOW,
)
DRIFT_KS = Metric(
    "gauge",
    "fraud_drift_ks",
    "Kolmogorov-Smirnov distance of a window to the training data, over the reference's bins.",
    "observer",
    _FEATURE_WINDOW,
)
DRIFT_MISSING = Metric(
    "gauge", "fraud_drift_missing_ratio", "Part of a window's records without the value.", "observer", _FEATURE_WINDOW
)
DRIFT_OUT_OF_RANGE = Metric(
    "gauge",
    "fraud_drift_out_of_range_ratio",
    "Part of a window's records with a value outside the training data's range.",
    "observer",
    _FEATURE_WINDOW,
)
DRIFT_UNSEEN = Metric(
    "gauge",
    "fraud_drift_unseen_ratio",
    "Part of a window's records with a category that the training data do not have.",
    "observer",
    _FEATURE_WINDOW,
)
PERFORMANCE = Metric(
    "gauge",
    "fraud_performance",
    "Measured on matured labels: roc_auc, average_precision, recall, calibration_error; estimate and 95 % interval.",
    "observer",
    ("measure", "bound"),
)
PERFORMANCE_RECORDS = Metric(
    "gauge", "fraud_performance_records", "Decisions with a matured label that fraud_performance rests on.", "observer"
)
SHADOW_RECORDS = Metric(
    "counter", "fraud_shadow_records_total", "Records that the challenger scored in shadow.", "observer", ("version",)
)
SHADOW_ERRORS = Metric(
    "counter",
    "fraud_shadow_errors_total",
    "Records that the challenger could not score in shadow.",
    "observer",
    ("version",),
)
SHADOW_DROPPED_RECORDS = Metric(
    "counter",
    "fraud_shadow_dropped_records_total",
    "Records that the challenger did not score in shadow for lack of time.",
    "observer",
    ("version",),
)
SHADOW_DURATION = Metric(
    "histogram",
    "fraud_shadow_duration_seconds",
    "Seconds that the challenger took for a record.",
    "observer",
    ("version",),
    DURATION_BUCKETS,
)
SHADOW_OUTCOME_CHANGES = Metric(
    "counter",
    "fraud_shadow_outcome_changes_total",
    "Records on which the challenger's outcome is another than the champion's, by both.",
    "observer",
    ("version", "champion", "challenger"),
)

METRICS: tuple[Metric, ...] = tuple(each for each in list(globals().values()) if isinstance(each, Metric))
"""All of them, in the order above."""

METRIC_NAMED = {metric.name: metric for metric in METRICS}
