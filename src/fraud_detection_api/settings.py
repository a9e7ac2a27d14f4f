"""Settings: one frozen object, from environment variables that begin with FRAUD_, overridden by the command line."""

import difflib
from collections.abc import Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import PydanticCustomError

from fraud_detection_api.addresses import is_loopback
from fraud_detection_api.errors import InvalidSetting
from fraud_detection_api.field_texts import field_text

PREFIX = "FRAUD_"

PositiveInt = Annotated[int, Field(gt=0)]
PositiveFloat = Annotated[float, Field(gt=0, allow_inf_nan=False)]


def _networks(text: str) -> str:
    """The text, where it is a list of addresses and networks."""
    for each in filter(None, map(str.strip, text.split(","))):
        try:
            ip_network(each, strict=False)
        except ValueError:
            raise PydanticCustomError(
                "network", "must be IP addresses or networks, such as 10.0.0.7, 10.0.0.0/8"
            ) from None
    return text


class Settings(BaseModel):
    """Everything that can be set, with its default. Each field `x` is the variable FRAUD_X."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    registry: Annotated[str, Field(min_length=1)] = Field(
        "registry", description="The model registry: a folder, or `mlflow:http://HOST:PORT`, an MLflow server."
    )
    track: Annotated[str, Field(min_length=1)] | None = Field(
        None, description="Where `fraud train` tracks trainings: `mlflow`, or `mlflow:http://HOST:PORT`."
    )
    contract: Annotated[str, Field(min_length=1)] | None = Field(
        None,
        description="Contract that records must follow: `credit`, or a TOML file. Serving then refuses a model of another "
        "contract; when unset, the champion's own contract is served.",
    )
    host: Annotated[str, Field(min_length=1)] = Field("127.0.0.1", description="Address to listen on.")
    port: Annotated[int, Field(ge=0, le=65535)] = Field(8000, description="Port to listen on; 0 picks a free one.")
    health_port: Annotated[int, Field(ge=1, le=65535)] | None = Field(
        None,
        description="Port of a listener of its own for `/ping`, `/livez`, `/readyz` and `/metrics`, on the same address: "
        "they are answered although the other port has too many connections (docs/how-to/run.md).",
    )
    max_connections: PositiveInt = Field(
        1000,
        description="Maximum number of open connections of one process; more are refused (503). Never more than its "
        "descriptors allow.",
    )
    max_connections_per_address: PositiveInt = Field(
        500,
        description="Maximum number of them from one address, or from one /64 network of IPv6. Behind a single proxy all "
        "callers have its address: set it to FRAUD_MAX_CONNECTIONS there (docs/how-to/security.md).",
    )
    keep_alive_seconds: PositiveFloat = Field(
        75.0,
        description="Seconds for which a connection stays open after an answer, for the next request. A proxy that reuses "
        "connections must give them up earlier (docs/how-to/run.md).",
    )
    workers: Annotated[int, Field(ge=1, le=256)] = Field(1, description="Server processes.")
    scoring_threads: Annotated[int, Field(ge=1, le=256)] = Field(
        1, description="Maximum number of threads of one process that share a large request. Results are the same."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Lowest level that is logged.")
    log_format: Literal["auto", "json", "text"] = Field("auto", description="`auto` is text on a terminal, else JSON.")
    traces: Annotated[str, Field(min_length=1)] | None = Field(
        None,
        description="Destination of request traces (docs/how-to/tracing.md): `otlp:http://HOST:4318`, an OpenTelemetry "
        "collector, or `otlp`, if the variables OTEL_EXPORTER_OTLP_… name it. If unset, tracing is off.",
    )
    traces_ratio: Annotated[float, Field(ge=0, le=1)] = Field(
        1.0, description="Share of the requests without `traceparent` that are traced."
    )
    max_body_bytes: PositiveInt = Field(
        4 * 1024 * 1024, description="Maximum size of a request body; a larger one is refused (413)."
    )
    max_records: PositiveInt = Field(10_000, description="Maximum records in a request; more are refused (413).")
    max_in_flight: PositiveInt = Field(
        256,
        description="Maximum number of scoring requests in progress in one process; more are refused (429). A request is in "
        "progress once its body has arrived. At most half of them may be large: 64 KiB or more, or more than 50 records.",
    )
    max_buffered_bytes: PositiveInt = Field(
        64 * 1024 * 1024,
        description="Maximum bytes of request bodies in the memory of one process; more are refused (429). Four bodies of "
        "FRAUD_MAX_BODY_BYTES always fit.",
    )
    body_timeout_seconds: PositiveFloat = Field(
        10.0, description="Seconds within which a request's body must arrive (408)."
    )
    deadline_ms: PositiveFloat | None = Field(
        None,
        description="Milliseconds for an answer with decisions, its commit included. The header X-Deadline-Ms of a request "
        "takes precedence.",
    )
    fallback_outcome: Literal["approve", "review", "decline"] = Field(
        "review", description="Outcome of records that were not scored within the deadline."
    )
    store: Annotated[str, Field(min_length=1)] = Field(
        "sqlite:///decisions.db",
        repr=False,
        description="The decision store: `sqlite:///FILE`, `postgresql://…`, or `none` (docs/how-to/decision-store.md). "
        "The server creates the file and the tables.",
    )
    keeper: Path | None = Field(
        None,
        description="Unix socket of the decision writer, which stores the decisions of all workers. `fraud serve` sets it; "
        "do not set it yourself.",
    )
    history: Path | None = Field(
        None,
        description="Unix socket of the process that has the history of entities in memory for all workers. `fraud serve` "
        "sets it; do not set it yourself.",
    )
    history_folder: Path | None = Field(
        None,
        description="Folder for copies of the history in memory, so that a restart need not read all events of the store. "
        "If unset, it is beside a SQLite store's file, and there are no copies for PostgreSQL.",
    )
    metrics_folder: Path | None = Field(
        None,
        description="Folder in which the processes of a server share their metrics. `fraud serve` empties it at its start. "
        "If unset, it creates a temporary folder.",
    )
    store_timeout_seconds: PositiveFloat = Field(
        5.0,
        description="Seconds for an operation of the store; after that the store counts as failed, even if it hangs. No "
        "request waits for it a second longer.",
    )
    store_queue: PositiveInt = Field(
        50_000, description="Maximum number of records waiting to be stored, for each process; more are refused (503)."
    )
    store_outage: Literal["refuse", "journal"] = Field(
        "refuse",
        description="What happens while the store cannot be written to: requests are refused (503), or decisions are "
        "written to a journal and put into the store later (docs/how-to/decision-store.md).",
    )
    observer: bool = Field(
        default=True,
        description="Whether `fraud serve` starts the observer, which reads stored decisions to measure drift and to run "
        "the challenger in shadow.",
    )
    observer_backlog: PositiveInt = Field(
        1_000_000,
        description="Maximum number of stored decisions waiting for the observer. If there are more, it skips the oldest.",
    )
    journal: Path = Field(Path("journal"), description="Folder of the journal, for `FRAUD_STORE_OUTAGE=journal`.")
    idempotency_hours: Annotated[float, Field(ge=24, allow_inf_nan=False)] = Field(
        24.0, description="Hours to store an answer under its Idempotency-Key (docs/how-to/decision-store.md)."
    )
    seal_key: str = Field(
        "",
        repr=False,
        description="Key of the decisions' seals: a row changed without it is detected (docs/how-to/decision-store.md).",
    )
    seal_key_file: Path | None = Field(None, description="File with FRAUD_SEAL_KEY instead (a mounted secret).")
    log_roots: Annotated[str, Field(min_length=1)] | None = Field(
        None,
        description="Where the observer copies each signed root of the log (docs/how-to/audit.md): a file, to which it "
        "appends, or an address, `https://…`, to which it posts. If unset, `fraud audit export` copies them.",
    )
    pseudonym_key: str = Field(
        "",
        repr=False,
        description="If set, entity ids are stored as pseudonyms made with this key (docs/how-to/decision-store.md).",
    )
    pseudonym_key_file: Path | None = Field(
        None, description="File with FRAUD_PSEUDONYM_KEY instead (a mounted secret)."
    )
    drift_psi: PositiveFloat = Field(
        0.1,
        description="Population stability index above which a feature counts as drifted, unless the window has so few "
        "records that chance alone reaches it (docs/how-to/monitoring.md).",
    )
    label_maturity_days: Annotated[float, Field(ge=0, le=3650)] = Field(
        30.0,
        description="Age in days at which a decision is mature: without a fraud label, it then counts as legitimate "
        "(docs/how-to/monitoring.md).",
    )
    performance_days: Annotated[float, Field(gt=0, le=3650)] = Field(
        30.0, description="Days of matured decisions on which performance is measured and models are compared."
    )
    gate_decisions: Annotated[int, Field(ge=0)] = Field(
        1000, description="Minimum number of decisions on which a challenger was compared (docs/how-to/monitoring.md)."
    )
    gate_frauds: Annotated[int, Field(ge=0)] = Field(50, description="Minimum number of known frauds among them.")
    gate_roc_auc_loss: Annotated[float, Field(ge=0, le=1)] = Field(
        0.005, description="Maximum loss of ROC AUC by a challenger, at the lower end of the 95 % interval."
    )
    gate_average_precision_loss: Annotated[float, Field(ge=0, le=1)] = Field(
        0.01, description="Maximum loss of average precision by a challenger, at the lower end of the 95 % interval."
    )
    gate_calibration: PositiveFloat = Field(
        0.2,
        description="Maximum relative difference between observed frauds and those a challenger expects, beyond chance.",
    )
    gate_cost_increase: Annotated[float, Field(ge=0, allow_inf_nan=False)] = Field(
        0.0,
        description="Maximum relative increase of the cost of decisions by a challenger, at the lower end of the 95 % "
        "interval and at the champion's costs.",
    )
    gate_latency_ratio: PositiveFloat = Field(
        3.0,
        description="Maximum ratio of a challenger's time for a record to the champion's; up to 500 µs always pass.",
    )
    linger_seconds: Annotated[float, Field(ge=0, le=600)] = Field(
        5.0,
        description="Seconds for which a server continues to answer after SIGTERM while `/readyz` fails, so that load "
        "balancers notice; 0 skips this (docs/how-to/run.md). Ctrl-C does not wait.",
    )
    drain_seconds: PositiveInt = Field(
        30, description="Seconds for requests in flight to finish, after SIGTERM and FRAUD_LINGER_SECONDS."
    )
    reload_seconds: PositiveFloat = Field(1.0, description="Seconds between checks for a newly promoted model.")
    gate: Literal["on", "off"] = Field(
        "on",
        description="Whether a promotion must pass the gate (docs/how-to/roll-out.md). `--force` with a reason bypasses it.",
    )
    api_keys: str = Field(
        "",
        repr=False,
        description="Keys that callers must send, as `role:key` separated by commas; roles are `score`, "
        "`analyst`, `monitor`, `auditor` and `admin`.",
    )
    api_keys_file: Path | None = Field(
        None,
        description="File with FRAUD_API_KEYS instead (a mounted secret): one `role:key` a line, or TOML with names, "
        "hashes and limits (docs/how-to/security.md). It is read again when it changes, and on SIGHUP.",
    )
    allowed_hosts: Annotated[str, Field(pattern=r"^[A-Za-z0-9.,:*\[\] _-]*$")] = Field(
        "",
        description="Names that a request's `Host` may have, separated by commas; `*.example.com` stands for names below "
        "it, and `*` for all. IP addresses and `localhost` are always allowed. If unset, no other name is, unless keys are "
        "set (docs/how-to/security.md).",
    )
    root_path: Annotated[str, Field(pattern=r"^(/[A-Za-z0-9._~-]+)*/?$")] = Field(
        "",
        description="Path under which callers reach this server, such as `/fraud`, where a proxy takes it off each request "
        "(docs/how-to/run.md).",
    )
    trusted_proxies: Annotated[str, AfterValidator(_networks)] = Field(
        "",
        description="IP addresses and networks of proxies, separated by commas, whose header `X-Forwarded-Prefix` names "
        "that path instead (docs/how-to/run.md). If unset, the header is ignored.",
    )
    review_golden_share: Annotated[float, Field(ge=0, le=1)] = Field(
        0.02,
        description="Share of the cases that a reviewer takes which are golden decisions, to check the reviewer "
        "(docs/how-to/console.md); 0 for none.",
    )
    review_second_share: Annotated[float, Field(ge=0, le=1)] = Field(
        0.05,
        description="Share of the cases with a verdict that a second reviewer judges, too, without seeing the first "
        "verdict; 0 for none.",
    )
    console_url: Annotated[str, Field(min_length=1)] | None = Field(
        None,
        description="Address of the console as browsers know it, such as `https://fraud.bank.example/console`; needed for "
        "FRAUD_OIDC_ISSUER, whose answers lead there.",
    )
    oidc_issuer: Annotated[str, Field(min_length=1)] | None = Field(
        None,
        description="Provider of identities that signs people in to the console by OpenID Connect, such as "
        "`https://id.bank.example/realms/fraud` (docs/how-to/console.md). If unset, accounts have passwords.",
    )
    oidc_client_id: str = Field("", description="The identifier of this server at the provider.")
    oidc_client_secret: str = Field(
        "", repr=False, description="The secret of this server at the provider, if it has one."
    )
    oidc_client_secret_file: Path | None = Field(
        None, description="File with FRAUD_OIDC_CLIENT_SECRET instead (a mounted secret)."
    )
    oidc_name_claim: Annotated[str, Field(min_length=1)] = Field(
        "preferred_username", description="Claim that names a person in the console."
    )
    oidc_roles_claim: Annotated[str, Field(min_length=1)] = Field(
        "roles", description="Claim that lists a person's roles or groups; `realm_access.roles` is one within another."
    )
    oidc_roles: str = Field(
        "",
        description="Which of these words stand for which role: `analyst=fraud-team, lead=fraud-leads, admin=it`, with the "
        "roles `admin`, `lead`, `analyst`, `auditor` and `monitor`. If unset, the roles' own names do.",
    )
    allow_anonymous: bool = Field(
        default=False, description="Allow an address that other machines can reach without keys."
    )

    @classmethod
    def from_environment(cls, environment: Mapping[str, str], **overrides: object) -> "Settings":
        """Settings from variables, under those `overrides` that are not None. Raises InvalidSetting, with the name."""
        given = {key: value for key, value in environment.items() if key.startswith(PREFIX)}
        unknown = [key for key in given if key[len(PREFIX) :].lower() not in cls.model_fields]
        if unknown:
            raise InvalidSetting(unknown[0], _unknown_text(unknown[0], list(cls.model_fields)))
        values: dict[str, object] = {key[len(PREFIX) :].lower(): value for key, value in given.items()}
        values |= {name: value for name, value in overrides.items() if value is not None}
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            name = PREFIX + str(first["loc"][0]).upper()
            raise InvalidSetting(name, field_text(first)) from None

    @property
    def is_on_loopback(self) -> bool:
        """Whether only this machine can reach the server."""
        return is_loopback(self.host)

    def require_safe_address(self, *, has_keys: bool) -> None:
        """Raise InvalidSetting where others could reach the server although no keys protect it."""
        if has_keys or self.allow_anonymous or self.is_on_loopback:
            return
        fix = "set FRAUD_API_KEYS or FRAUD_API_KEYS_FILE, or FRAUD_ALLOW_ANONYMOUS=true where a gateway protects it"
        raise InvalidSetting("FRAUD_HOST", f"others can reach this address and no keys are set; {fix}")


def _unknown_text(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name[len(PREFIX) :].lower(), known, n=1)
    hint = f"did you mean {PREFIX}{close[0].upper()}?" if close else "docs/reference/settings.md lists what there is"
    return f"no such setting; {hint}"
