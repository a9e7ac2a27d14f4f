"""Writes docs/reference/ from the code: `make docs`. A test fails if a page is out of date."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from fraud_detection_api.container.process import build_container
from fraud_detection_api.contract.loading import load_contract
from fraud_detection_api.contract.shown.documentation import documentation_markdown
from fraud_detection_api.main import STATUS_OF, create_app
from fraud_detection_api.metrics.catalogue import METRICS, PROCESS, Metric
from fraud_detection_api.routes import decisions, fraud_detection
from fraud_detection_api.routes.protocol.problems import problem_code
from fraud_detection_api.routes.scoring.idempotency import HEADER as IDEMPOTENCY_KEY
from fraud_detection_api.routes.scoring.idempotency import REPLAYED
from fraud_detection_api.routes.scoring.route import ANSWER_HEADERS, MODEL_VERSION, SERVER_TIMING
from fraud_detection_api.settings import PREFIX, Settings

FOLDER = Path(__file__).parent / "reference"
NOTE = "<!-- Written by `make docs`; change the code, not this page. -->\n"


def pages() -> dict[str, str]:
    """Text of each reference page by its file name."""
    return {
        "cli.md": NOTE + _command_line(),
        "contract.md": NOTE + _contract(),
        "http.md": NOTE + _http(),
        "metrics.md": NOTE + _metrics(),
        "settings.md": NOTE + _settings(),
    }


def _settings() -> str:
    lines = [
        "# Settings",
        "",
        "Settings are environment variables. An option of the command line takes precedence. If a variable begins with",
        "`FRAUD_` and is not listed here, or has an unusable value, the command stops and names it.",
        "",
        "| variable | default | meaning |",
        "|---|---|---|",
    ]
    for name, field in Settings.model_fields.items():
        default = "" if field.default in (None, "") else f"`{str(field.default).lower()}`"
        lines.append(f"| `{PREFIX}{name.upper()}` | {default} | {_linked(field.description or '')} |")
    return "\n".join(lines) + "\n"


def _linked(text: str) -> str:
    """The text with pages that it names as links.

    >>> _linked("where decisions go (docs/how-to/decision-store.md)")
    'where decisions go ([decision-store](../how-to/decision-store.md))'
    """
    return re.sub(r"docs/([\w-]+)/([\w-]+)\.md", r"[\2](../\1/\2.md)", text)


_ORIGINS = {
    "worker": "By the workers, which answer requests",
    "keeper": "By the decision writer, or by a worker that stores its own decisions",
    "history": "By the process that has the history of entities in memory",
    "observer": "By the observer, which reads stored decisions",
    "process": "By every process",
}


def _metrics() -> str:
    lines = [
        "# Metrics",
        "",
        "`GET /metrics` returns these metrics. Counters and histograms are sums over all processes. A label",
        (
            f"`{PROCESS}` names the process of a value: `worker-0`, `worker-1`, …, `keeper` (the decision writer), "
            "`history`, `observer`."
        ),
    ]
    for origin, title in _ORIGINS.items():
        lines += ["", f"## {title}", "", "| metric | kind | labels | meaning |", "|---|---|---|---|"]
        lines += [_metric(metric) for metric in METRICS if metric.origin == origin]
    lines += ["", "## Buckets of histograms", "", "| metric | upper bounds |", "|---|---|"]
    lines += [
        f"| `{each.name}` | {', '.join(map(str, each.buckets))} |" for each in METRICS if each.kind == "histogram"
    ]
    return "\n".join(lines) + "\n"


def _metric(metric: Metric) -> str:
    labels = ", ".join(f"`{label}`" for label in metric.shown_labels)
    return f"| `{metric.name}` | {metric.kind} | {labels} | {metric.help} |"


def _command_line() -> str:
    command = [sys.executable, "-m", "typer", "fraud_detection_api.cli", "utils", "docs", "--name", "fraud"]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout  # noqa: S603 our own command
    return printed.replace("# `fraud`", "# Command line", 1).strip() + "\n"


def _contract() -> str:
    contract = load_contract("credit")
    return (
        f"# The `credit` contract\n\n{contract.description} Target: `{contract.target.name}`. "
        f"Fingerprint: `{contract.fingerprint}`.\n\n"
        f"`fraud contract show` prints it. Its source is `src/fraud_detection_api/contract/credit.toml`. To write your "
        f"own, see [write a contract](../how-to/contracts.md).\n\n{documentation_markdown(contract)}"
    )


def _http() -> str:
    settings = Settings()
    api = create_app(settings, container=build_container(settings)).openapi()
    lines = [
        "# HTTP",
        "",
        "A running server also serves this reference under `/docs`, where you can send requests from the browser.",
        "",
        *_HEADERS,
    ]
    for path, operations in api["paths"].items():
        for method, operation in operations.items():
            lines += _operation(path, method, operation, api["components"]["schemas"])
    return "\n".join([*lines, *_errors()]) + "\n"


_SCORING = f"`POST {fraud_detection.PATH}`, `POST {decisions.PATH}`"


def _described(header: str) -> str:
    """The description of a header in OpenAPI."""
    stated = {parameter["name"]: parameter for parameter in decisions.OPERATION["parameters"]}
    text: str = {**ANSWER_HEADERS, **stated}[header]["description"]
    return text[:1].lower() + text[1:].rstrip(".")


_HEADERS = [
    "| header | where | meaning |",
    "|---|---|---|",
    "| `X-Request-ID` | request, every answer | returned if it is 1 to 128 letters, digits or `._:-`, else generated |",
    "| `traceparent`, `tracestate` | request | the caller's trace, for log and spans: [tracing](../how-to/tracing.md) |",
    f"| `{MODEL_VERSION}` | answer of {_SCORING} | {_described(MODEL_VERSION)} |",
    f"| `{SERVER_TIMING}` | answer of {_SCORING} | {_described(SERVER_TIMING)} |",
    f"| `{decisions.DEADLINE}` | request of `POST {decisions.PATH}` | {_described(decisions.DEADLINE)} |",
    f"| `{IDEMPOTENCY_KEY}` | request of `POST {decisions.PATH}` | {_described(IDEMPOTENCY_KEY)} |",
    f"| `{REPLAYED}` | answer of `POST {decisions.PATH}` | `true` if this key was answered before |",
    "| `Authorization: Bearer KEY` | request | the key, if the server has keys: [security](../how-to/security.md) |",
    "| `Retry-After` | answers 429, and 503 `store_busy` | seconds to wait |",
    "",
]


def _operation(path: str, method: str, operation: dict[str, Any], schemas: dict[str, Any]) -> list[str]:
    statuses = [f"| {status} | {answer['description']} |" for status, answer in operation["responses"].items()]
    given = [*_parameters(operation), *_body_fields(operation, schemas)]
    if given:
        headings = ["| parameter | in | type | default | meaning |", "|---|---|---|---|---|"]
        given = [*headings, *given, ""]
    text = operation.get("description", "")
    return [f"## {method.upper()} {path}", "", text, "", *given, "| status | when |", "|---|---|", *statuses, ""]


def _parameters(operation: dict[str, Any]) -> list[str]:
    """A row for each parameter of path, query and header."""
    return [
        _given(
            each["name"],
            each["in"],
            {"description": each.get("description", ""), **each["schema"]},
            required=each.get("required", False),
        )
        for each in operation.get("parameters", ())
    ]


def _body_fields(operation: dict[str, Any], schemas: dict[str, Any]) -> list[str]:
    """A row for each field of the JSON body, or one row if the body is a list."""
    if "requestBody" not in operation:
        return []
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    schema = schemas[_name(schema)] if "$ref" in schema else schema
    if schema["type"] == "array":
        return [_given("", "body", schema, required=True)]
    required = schema.get("required", ())
    return [_given(name, "body", field, required=name in required) for name, field in schema["properties"].items()]


def _given(name: str, place: str, schema: dict[str, Any], *, required: bool) -> str:
    default = "required" if required else ""
    if schema.get("default") not in (None, ""):
        default = f"`{json.dumps(schema['default'])}`"
    text = schema.get("description", "")
    return f"| {f'`{name}`' if name else ''} | {place} | {_type(schema)} | {default} | {text} |"


def _type(schema: dict[str, Any]) -> str:
    """The type in words, with its bounds: `integer, 1 to 1,000`."""
    choices = [each for each in schema.get("anyOf", schema.get("oneOf", ())) if each.get("type") != "null"]
    if choices:
        return " or ".join(map(_type, choices))
    if "$ref" in schema:
        return f"[{_name(schema)}]({_EXPLAINED[_name(schema)]})"
    if "enum" in schema:
        return ", ".join(f"`{each}`" for each in schema["enum"])
    if schema["type"] == "array":
        return f"list of {_type(schema['items'])}"
    words = schema.get("format", schema["type"])
    if "maximum" in schema:
        words += f", {schema['minimum']:,} to {schema['maximum']:,}"
    if "maxLength" in schema:
        words += f", up to {schema['maxLength']:,} characters"
    return words


_EXPLAINED = {
    "Record": "contract.md",
    "LabelOfDecision": "../how-to/labels.md",
    "LabelOfEntity": "../how-to/labels.md",
    "LabelOfEvent": "../how-to/labels.md",
    "SentEvent": "../how-to/history-features.md#events-without-a-decision",
}
"""The page that describes the fields of a type."""


def _name(reference: dict[str, Any]) -> str:
    name: str = reference["$ref"].rpartition("/")[2]
    return name


def _errors() -> list[str]:
    lines = [
        "## Errors",
        "",
        "Every error is a problem (`application/problem+json`, RFC 9457) with `type`, `title`, `status`, `detail`, `code`",
        "and `request_id`. `invalid_records`, `invalid_labels`, `invalid_events` and `invalid_request` also have `errors`:",
        "a JSON Pointer and a text for each invalid field (of records, labels and events, for the first 1,000).",
        "`overloaded` and `store_busy` have the header `Retry-After`: seconds to wait before you try again. No error",
        "repeats a value that was sent.",
        "",
        "| code | status | when |",
        "|---|---|---|",
    ]
    for kind, status in STATUS_OF.items():
        summary = (kind.__doc__ or "").splitlines()[0]
        lines.append(f"| `{problem_code(kind)}` | {status} | {summary} |")
    fixed = {
        "malformed_request": (400, "The request is not valid HTTP/1.1, or its method does not exist."),
        "not_found": (404, "The route does not exist."),
        "method_not_allowed": (405, "The route has other methods; `Allow` lists them."),
        "invalid_request": (422, "A parameter, or a field of the body other than a record's or a label's, is invalid."),
        "unexpected_error": (500, "An unexpected error. The server's log has it under the request id."),
    }
    return [*lines, *(f"| `{code}` | {status} | {when} |" for code, (status, when) in fixed.items())]


def main() -> None:
    """Write every page."""
    FOLDER.mkdir(exist_ok=True)
    for name, text in pages().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
        print(f"wrote {FOLDER.name}/{name}")


if __name__ == "__main__":
    main()
