"""What the operators of Prometheus and Ray take, as far as it is used here; from their documented APIs.

Templates of pods are left to Kubernetes' own schemas.
"""

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

_COUNT = {"type": "integer", "minimum": 0, "maximum": 2**31 - 1}
_FLAG = {"type": "boolean"}
_TEMPLATE = {"type": "object", "required": ["spec"]}
_RAY_CLUSTER = _object(
    ("headGroupSpec",),
    rayVersion={"type": "string", "pattern": r"^\d+\.\d+\.\d+$"},
    authOptions=_object(mode={"enum": ["disabled", "token"]}, secretName={"type": "string"}),
    enableInTreeAutoscaling=_FLAG,
    suspend=_FLAG,
    headGroupSpec=_object(
        ("template",),
        serviceType={"enum": ["ClusterIP", "NodePort", "LoadBalancer"]},
        rayStartParams=_TEXTS,
        template=_TEMPLATE,
    ),
    workerGroupSpecs=_list(
        _object(
            ("groupName", "minReplicas", "maxReplicas", "template"),
            groupName={"type": "string"},
            replicas=_COUNT,
            minReplicas=_COUNT,
            maxReplicas=_COUNT,
            numOfHosts=_COUNT,
            rayStartParams=_TEXTS,
            template=_TEMPLATE,
        )
    ),
)
_RAY_JOB = _object(
    ("entrypoint", "rayClusterSpec"),
    entrypoint={"type": "string", "minLength": 1},
    runtimeEnvYAML={"type": "string"},
    metadata=_TEXTS,
    submissionMode={"enum": ["K8sJobMode", "HTTPMode", "InteractiveMode", "SidecarMode"]},
    submitterConfig=_object(backoffLimit=_COUNT),
    submitterPodTemplate=_TEMPLATE,
    suspend=_FLAG,
    shutdownAfterJobFinishes=_FLAG,
    ttlSecondsAfterFinished=_COUNT,
    activeDeadlineSeconds={**_COUNT, "minimum": 1},
    backoffLimit=_COUNT,
    rayClusterSpec=_RAY_CLUSTER,
)

API_VERSIONS = {
    "PrometheusRule": "monitoring.coreos.com/v1",
    "ServiceMonitor": "monitoring.coreos.com/v1",
    "RayCluster": "ray.io/v1",
    "RayJob": "ray.io/v1",
}
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
    "RayCluster": _RAY_CLUSTER,
    "RayJob": _RAY_JOB,
}
"""Of the field `spec`, by kind."""


def validate_operator_object(found: dict[str, Any]) -> None:
    """Raise jsonschema.ValidationError where its operator would refuse it."""
    assert found["apiVersion"] == API_VERSIONS[found["kind"]]
    assert found.keys() == {"apiVersion", "kind", "metadata", "spec"}
    jsonschema.validate(found["spec"], SCHEMAS[found["kind"]])
