"""What Prometheus' operator takes, as far as it is used here; from its documented API (monitoring.coreos.com/v1)."""

from typing import Any

import jsonschema

_DURATION = {
    "type": "string",
    "pattern": r"^(0|(([0-9]+)y)?(([0-9]+)w)?(([0-9]+)d)?(([0-9]+)h)?(([0-9]+)m)?(([0-9]+)s)?(([0-9]+)ms)?)$",
}
_TEXTS = {"type": "object", "additionalProperties": {"type": "string"}}


def _object(required: tuple[str, ...] = (), **properties: Any) -> dict[str, Any]:
    return {"type": "object", "required": list(required), "properties": properties, "additionalProperties": False}


def _list(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "minItems": 1, "items": items}


_EXPRESSION = {"type": ["string", "integer"]}
_RECORDING = _object(
    ("record", "expr"),
    record={"type": "string", "pattern": "^[a-zA-Z_:][a-zA-Z0-9_:]*$"},
    expr=_EXPRESSION,
    labels=_TEXTS,
)
_ALERT = _object(
    ("alert", "expr"),
    alert={"type": "string", "minLength": 1},
    expr=_EXPRESSION,
    labels=_TEXTS,
    annotations=_TEXTS,
    keep_firing_for=_DURATION,
    **{"for": _DURATION},
)
_GROUP = _object(
    ("name", "rules"),
    name={"type": "string", "minLength": 1},
    interval=_DURATION,
    limit={"type": "integer"},
    labels=_TEXTS,
    rules=_list({"oneOf": [_RECORDING, _ALERT]}),
)
_SECRET_KEY = _object(("key",), name={"type": "string"}, key={"type": "string"}, optional={"type": "boolean"})
_ENDPOINT = _object(
    port={"type": "string"},
    path={"type": "string", "pattern": "^/"},
    scheme={"enum": ["http", "https"]},
    interval=_DURATION,
    scrapeTimeout=_DURATION,
    honorLabels={"type": "boolean"},
    authorization=_object(type={"type": "string"}, credentials=_SECRET_KEY),
)
_SELECTOR = _object(matchLabels=_TEXTS, matchExpressions={"type": "array"})

SCHEMAS = {
    "PrometheusRule": _object(("groups",), groups=_list(_GROUP)),
    "ServiceMonitor": _object(
        ("selector", "endpoints"),
        jobLabel={"type": "string"},
        targetLabels=_list({"type": "string"}),
        podTargetLabels=_list({"type": "string"}),
        namespaceSelector=_object(any={"type": "boolean"}, matchNames=_list({"type": "string"})),
        selector=_SELECTOR,
        endpoints=_list(_ENDPOINT),
    ),
}
"""Of the field `spec`, by kind."""


def validate_operator_object(found: dict[str, Any]) -> None:
    """Raise jsonschema.ValidationError where the operator would refuse it."""
    assert found["apiVersion"] == "monitoring.coreos.com/v1"
    assert found.keys() == {"apiVersion", "kind", "metadata", "spec"}
    jsonschema.validate(found["spec"], SCHEMAS[found["kind"]])
