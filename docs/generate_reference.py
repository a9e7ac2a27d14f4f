"""Writes docs/reference/ from the code: `make docs`. A test fails while a page is not what the code says."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from fraud_detection_api.container.process import build_container
from fraud_detection_api.contract.documentation import documentation_markdown
from fraud_detection_api.contract.loading import load_contract
from fraud_detection_api.main import STATUS_OF, create_app
from fraud_detection_api.metrics.catalogue import METRICS, PROCESS, Metric
from fraud_detection_api.routes import decisions, fraud_detection
from fraud_detection_api.routes.idempotency import HEADER as IDEMPOTENCY_KEY
from fraud_detection_api.routes.idempotency import REPLAYED
from fraud_detection_api.routes.protocol.problems import problem_code
from fraud_detection_api.routes.scoring import ANSWER_HEADERS, MODEL_VERSION, SERVER_TIMING
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
        "Environment variables; an option of the command line beats them. A variable that begins with `FRAUD_` and is not",
        "listed here, or a value that cannot be used, stops the start with one line that names it.",
        "",
        "| variable | default | what it is |",
        "|---|---|---|",
    ]
    for name, field in Settings.model_fields.items():
        default = "" if field.default in (None, "") else f"`{str(field.default).lower()}`"
        lines.append(f"| `{PREFIX}{name.upper()}` | {default} | {field.description} |")
    return "\n".join(lines) + "\n"


_ORIGINS = {
    "worker": "By the workers, which answer requests",
    "keeper": "By what keeps decisions: the keeper, or a worker that keeps its own",
    "observer": "By the observer, which looks at what was kept",
    "process": "By every process",
}


def _metrics() -> str:
    lines = [
        "# Metrics",
        "",
        "What `GET /metrics` tells. Counters and histograms are sums over all processes; a label",
        f"`{PROCESS}` says whose value a series is (`worker-0`, `worker-1`, …, `keeper`, `observer`).",
    ]
    for origin, title in _ORIGINS.items():
        lines += ["", f"## {title}", "", "| metric | kind | labels | what it is |", "|---|---|---|---|"]
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
        f"Shown by `fraud contract show`; its source is `src/fraud_detection_api/contract/credit.toml`. How to write one of "
        f"your own: [contracts](../how-to/contracts.md).\n\n{documentation_markdown(contract)}"
    )


def _http() -> str:
    settings = Settings()
    api = create_app(settings, container=build_container(settings)).openapi()
    lines = ["# HTTP", "", "The same, to try out, is served under `/docs`.", "", *_HEADERS]
    for path, operations in api["paths"].items():
        for method, operation in operations.items():
            lines += _operation(path, method, operation, api["components"]["schemas"])
    return "\n".join([*lines, *_errors()]) + "\n"


_SCORING = f"`POST {fraud_detection.PATH}`, `POST {decisions.PATH}`"


def _described(header: str) -> str:
    """What OpenAPI says of a header."""
    stated = {parameter["name"]: parameter for parameter in decisions.OPERATION["parameters"]}
    text: str = {**ANSWER_HEADERS, **stated}[header]["description"]
    return text[:1].lower() + text[1:].rstrip(".")


_HEADERS = [
    "| header | where | what |",
    "|---|---|---|",
    "| `X-Request-ID` | request, every answer | echoed where it is 1 to 128 letters, digits or `._:-`, else made |",
    "| `traceparent`, `tracestate` | request | the caller's trace, for log and spans: [tracing](../how-to/tracing.md) |",
    f"| `{MODEL_VERSION}` | answer of {_SCORING} | {_described(MODEL_VERSION)} |",
    f"| `{SERVER_TIMING}` | answer of {_SCORING} | {_described(SERVER_TIMING)} |",
    f"| `{decisions.DEADLINE}` | request of `POST {decisions.PATH}` | {_described(decisions.DEADLINE)} |",
    f"| `{IDEMPOTENCY_KEY}` | request of `POST {decisions.PATH}` | {_described(IDEMPOTENCY_KEY)} |",
    f"| `{REPLAYED}` | answer of `POST {decisions.PATH}` | `true` for what was answered to this key before |",
    "| `Authorization: Bearer KEY` | request | where the server has keys: [security](../how-to/security.md) |",
    "| `Retry-After` | answer 429; 503 where decisions come faster than they can be kept | seconds to wait |",
    "",
]


def _operation(path: str, method: str, operation: dict[str, Any], schemas: dict[str, Any]) -> list[str]:
    statuses = [f"| {status} | {answer['description']} |" for status, answer in operation["responses"].items()]
    given = [*_parameters(operation), *_body_fields(operation, schemas)]
    if given:
        headings = ["| parameter | in | type | default | what it is |", "|---|---|---|---|---|"]
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
    """A row for each field of the JSON body, or one for the body where it is a list."""
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


_EXPLAINED = {"Record": "contract.md", "LabelOfDecision": "../how-to/labels.md", "LabelOfEntity": "../how-to/labels.md"}
"""Where there is a page on the fields of what a body holds."""


def _name(reference: dict[str, Any]) -> str:
    name: str = reference["$ref"].rpartition("/")[2]
    return name


def _errors() -> list[str]:
    lines = [
        "## Errors",
        "",
        "Every error is `application/problem+json` (RFC 9457): `type`, `title`, `status`, `detail`, `code`, `request_id`;",
        "`invalid_records` and `invalid_request` have `errors` too: a JSON Pointer and a text for every bad field. No error",
        "repeats a value that was sent.",
        "",
        "| code | status | when |",
        "|---|---|---|",
    ]
    for kind, status in STATUS_OF.items():
        summary = (kind.__doc__ or "").splitlines()[0]
        lines.append(f"| `{problem_code(kind)}` | {status} | {summary} |")
    fixed = {
        "not_found": (404, "There is no such route."),
        "method_not_allowed": (405, "The route takes another method; `Allow` names it."),
        "invalid_request": (422, "A field of a request other than records did not pass."),
        "unexpected_error": (500, "An error nobody expected; the log has it under the request's id."),
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
