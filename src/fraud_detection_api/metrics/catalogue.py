"""Every metric, declared once. Names follow Prometheus: base units, `_total` for counters, ratios from 0 to 1.

Labels take values from small sets alone, so that the number of series does not grow with traffic.
"""

from dataclasses import dataclass
from functools import partial
from typing import Literal, get_args

Kind = Literal["counter", "gauge", "histogram"]
Origin = Literal["worker", "keeper", "history", "observer", "process"]

PROCESS = "process"
"""The label that names the process of a value."""

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


_WORKER, _KEEPER, _HISTORY, _OBSERVER, _PROCESSES = (_Tallied(origin) for origin in get_args(Origin))

# --- requests -----------------------------------------------------------------------------------------------------------

HTTP_REQUESTS = _WORKER.counter(
    "fraud_http_requests_total",
    "Requests answered, by the route's template (or unmatched), method and status.",
    ("route", "method", "status"),
)
HTTP_REQUEST_DURATION = _WORKER.histogram(
    "fraud_http_request_duration_seconds",
    "Duration from a request's headers to the last byte of its answer, by route, method and status.",
    ("route", "method", "status"),
    DURATION_BUCKETS,
)
SCORING_REQUESTS_IN_FLIGHT = _WORKER.gauge(
    "fraud_scoring_requests_in_flight",
    "Scoring requests in progress in the worker; FRAUD_MAX_IN_FLIGHT is the limit.",
    per_process=True,
)
CONNECTIONS = _WORKER.gauge(
    "fraud_connections",
    "Open connections of the worker; FRAUD_MAX_CONNECTIONS is the limit.",
    per_process=True,
)
CONNECTIONS_REFUSED = _WORKER.counter(
    "fraud_connections_refused_total",
    "Connections above a limit (FRAUD_MAX_CONNECTIONS, FRAUD_MAX_CONNECTIONS_PER_ADDRESS), which were not served.",
)

KEY_LOADS = _WORKER.counter(
    "fraud_key_loads_total",
    "Reads of a changed FRAUD_API_KEYS_FILE, by result: loaded, or refused (the earlier keys stay).",
    ("result",),
)

# --- scores -------------------------------------------------------------------------------------------------------------

RECORDS_SCORED = _WORKER.counter("fraud_records_scored_total", "Records answered, by route.", ("route",))
PROBABILITY = _WORKER.histogram("fraud_probability", "Fraud probabilities answered.", buckets=PROBABILITY_BUCKETS)
DECISIONS = _WORKER.counter(
    "fraud_decisions_total",
    "Decisions answered, by outcome (approve, review, decline) and source (model; fallback if the deadline had passed).",
    ("outcome", "source"),
)
EXPLANATIONS = _WORKER.counter(
    "fraud_explanations_total",
    "Answers of /v1/decisions by the state of their reasons: given, partial or dropped after the deadline, not_asked.",
    ("state",),
)

UNSEEN_LEVELS = _WORKER.counter(
    "fraud_unseen_levels_total",
    "Records answered whose level in this field the model did not learn, or the contract does not list.",
    ("field",),
)
UNSEEN_MISSING_VALUES = _WORKER.counter(
    "fraud_unseen_missing_total",
    "Records answered whose value in this field is missing, and was never missing in the training data of the model.",
    ("field",),
)

# --- model --------------------------------------------------------------------------------------------------------------

MODEL_INFO = _WORKER.gauge(
    "fraud_model_info",
    "1 for the model in service, by its version and digest.",
    ("version", "digest"),
    per_process=True,
)
MODEL_CREATED = _WORKER.gauge(
    "fraud_model_created_timestamp_seconds", "Time at which the model in service was created, in seconds since 1970."
)
MODEL_LOADS = _WORKER.counter(
    "fraud_model_loads_total",
    "Attempts to load a champion, by result: loaded or refused. A refused model counts again at each retry.",
    ("result",),
)
WORKERS = _WORKER.gauge("fraud_workers", "Configured number of workers (FRAUD_WORKERS).")
BUILD_INFO = _WORKER.gauge("fraud_build_info", "1 for the version of the software.", ("version",))

# --- store --------------------------------------------------------------------------------------------------------------

STORE_UP = _WORKER.gauge(
    "fraud_store_up",
    "1 if the worker can store decisions now (in the store or the journal), else 0. Absent with FRAUD_STORE=none.",
    per_process=True,
)
STORE_QUEUE = _KEEPER.gauge(
    "fraud_store_queue_records",
    "Records waiting to be stored: in the decision writer for a transaction, in a worker for the decision writer.",
    per_process=True,
)
STORE_QUEUE_LIMIT = _KEEPER.gauge(
    "fraud_store_queue_limit_records",
    "Maximum number of waiting records; more are refused (FRAUD_STORE_QUEUE).",
    per_process=True,
)
STORE_COMMIT_DURATION = _KEEPER.histogram(
    "fraud_store_commit_duration_seconds", "Duration of a transaction that stores decisions.", buckets=DURATION_BUCKETS
)
STORE_RECORDS_KEPT = _KEEPER.counter(
    "fraud_store_records_kept_total", "Decisions committed to the store or written to the journal."
)
STORE_FAILURES = _KEEPER.counter("fraud_store_failures_total", "Failed attempts to open the store or to write to it.")
JOURNAL_SIZE = _KEEPER.gauge(
    "fraud_journal_size_bytes", "Size of the decisions in the journal that are not in the store yet."
)
JOURNAL_FILES = _KEEPER.gauge("fraud_journal_files", "Files of the journal that are not in the store yet.")
JOURNAL_DAMAGED_FILES = _KEEPER.gauge(
    "fraud_journal_damaged_files", "Files of the journal with unreadable or refused lines."
)

# --- history ------------------------------------------------------------------------------------------------------------

HISTORY_UNAVAILABLE = _WORKER.counter(
    "fraud_history_unavailable_records_total",
    "Records of a contract with history features that were scored without them, as the history was unavailable.",
)
HISTORY_UNTIMELY = _WORKER.counter(
    "fraud_history_untimely_events_total",
    "Decisions and events stored that were out_of_order (before the newest that had arrived), too_late (by more than late "
    "in [time]) or in the future when they arrived, by timing.",
    ("timing",),
)
HISTORY_DURATION = _WORKER.histogram(
    "fraud_history_duration_seconds",
    "Time that the requests of a turn waited for their history features.",
    buckets=DURATION_BUCKETS,
)
HISTORY_EVENTS = _HISTORY.gauge(
    "fraud_history_events", "Events in memory, of all contracts in service, counted once for each of their entities."
)
HISTORY_SIZE = _HISTORY.gauge("fraud_history_size_bytes", "Memory that the events take.")
HISTORY_POSITION = _HISTORY.gauge(
    "fraud_history_position", "Leaves of the store's log that were taken in, for the contract that is furthest behind."
)
HISTORY_LOAD_DURATION = _HISTORY.gauge(
    "fraud_history_load_seconds", "How long it took to load the last history from the store or from a copy."
)

# --- processes ----------------------------------------------------------------------------------------------------------

PROCESS_MEMORY = _PROCESSES.gauge(
    "fraud_process_resident_memory_bytes", "Resident memory of the process.", per_process=True
)
PROCESS_CPU = _PROCESSES.counter(
    "fraud_process_cpu_seconds_total",
    "User and system processor time; a restarted process continues its count.",
    per_process=True,
)
PROCESS_OPEN_FDS = _PROCESSES.gauge("fraud_process_open_fds", "Open file descriptors of the process.", per_process=True)
PROCESS_START_TIME = _PROCESSES.gauge(
    "fraud_process_start_time_seconds",
    "Time at which the process began to count, in seconds since 1970.",
    per_process=True,
)

# --- observer -----------------------------------------------------------------------------------------------------------

OBSERVER_LAG = _OBSERVER.gauge(
    "fraud_observer_lag_seconds",
    "Age of the newest decision that is stored and not yet read; 0 if there is none.",
)
OBSERVER_RECORDS = _OBSERVER.counter("fraud_observer_records_total", "Stored decisions counted for drift.")
OBSERVER_SKIPPED_RECORDS = _OBSERVER.counter(
    "fraud_observer_skipped_records_total",
    "Stored decisions that were skipped: erased, a fallback, of a model that is not in the registry, with a record that "
    "does not match the model's contract, or the oldest of a backlog over FRAUD_OBSERVER_BACKLOG.",
)
REVIEW_CASES = _OBSERVER.gauge(
    "fraud_review_cases",
    "Open cases of the review queue, counted up to 10,000, that wait for anybody or, escalated, for a lead.",
    ("waits_for",),
)
REVIEW_OLDEST_AGE = _OBSERVER.gauge(
    "fraud_review_oldest_seconds",
    "Age of the oldest of these cases; 0 if there is none.",
    ("waits_for",),
)
DRIFT_RECORDS = _OBSERVER.gauge(
    "fraud_drift_records", "Decisions in a window (hour, day, week) on which drift is measured.", ("window",)
)
_FEATURE_WINDOW = ("feature", "window")
DRIFT_PSI = _OBSERVER.gauge(
    "fraud_drift_psi",
    "Population stability index of a window against the training data; the feature fraud_probability is the score.",
    _FEATURE_WINDOW,
)
DRIFT_PSI_ALARM_LEVEL = _OBSERVER.gauge(
    "fraud_drift_psi_alarm_level",
    "Index above which a feature drifted: FRAUD_DRIFT_PSI, or more if chance alone reaches that in so few records.",
    _FEATURE_WINDOW,
)
DRIFT_KS = _OBSERVER.gauge(
    "fraud_drift_ks",
    "Kolmogorov-Smirnov distance between a window and the training data, over the reference's bins.",
    _FEATURE_WINDOW,
)
DRIFT_MISSING = _OBSERVER.gauge(
    "fraud_drift_missing_ratio", "Share of a window's records without the value.", _FEATURE_WINDOW
)
DRIFT_OUT_OF_RANGE = _OBSERVER.gauge(
    "fraud_drift_out_of_range_ratio",
    "Share of a window's records with a value outside the training data's range.",
    _FEATURE_WINDOW,
)
DRIFT_UNSEEN = _OBSERVER.gauge(
    "fraud_drift_unseen_ratio",
    "Share of a window's records with a category that the training data do not have.",
    _FEATURE_WINDOW,
)
PERFORMANCE = _OBSERVER.gauge(
    "fraud_performance",
    "Measures on matured decisions: roc_auc, average_precision, recall, calibration_error; estimate and 95 % interval.",
    ("measure", "bound"),
)
PERFORMANCE_RECORDS = _OBSERVER.gauge(
    "fraud_performance_records", "Matured decisions on which fraud_performance is measured."
)
SHADOW_RECORDS = _OBSERVER.counter(
    "fraud_shadow_records_total", "Records that the challenger scored in shadow.", ("version",)
)
SHADOW_ERRORS = _OBSERVER.counter(
    "fraud_shadow_errors_total", "Records that the challenger failed to score in shadow.", ("version",)
)
SHADOW_DROPPED_RECORDS = _OBSERVER.counter(
    "fraud_shadow_dropped_records_total",
    "Records that the challenger did not score in shadow, because it had no time.",
    ("version",),
)
SHADOW_DURATION = _OBSERVER.histogram(
    "fraud_shadow_duration_seconds", "Duration of the challenger's scoring of a record.", ("version",), DURATION_BUCKETS
)
SHADOW_OUTCOME_CHANGES = _OBSERVER.counter(
    "fraud_shadow_outcome_changes_total",
    "Records on which the challenger's outcome differs from the champion's, by both outcomes.",
    ("version", "champion", "challenger"),
)

METRICS: tuple[Metric, ...] = tuple(each for each in list(globals().values()) if isinstance(each, Metric))
"""All of them, in the order above."""

METRIC_NAMED = {metric.name: metric for metric in METRICS}
