"""Writes the PrometheusRule of components/monitoring from the rules that a Prometheus without an operator reads."""

from pathlib import Path

import yaml

HERE = Path(__file__).parent
RULES = HERE.parent / "monitoring" / "rules"
TARGET = HERE / "components" / "monitoring" / "prometheus-rule.yaml"
_HEADER = (
    "# Written by deploy/kubernetes/generate_rules.py from deploy/monitoring/rules/.\n"
    "# Change those, and run it again (`make docs`).\n"
)


class _Dumper(yaml.SafeDumper):
    """Expressions of several lines stay readable."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def rules() -> str:
    """The object, as YAML: the groups of all files, in the files' order by name.

    Kustomize puts a file into a ConfigMap or a Secret, never into a field of another object; hence this program.
    """
    groups = [
        group
        for path in sorted(RULES.glob("*.yml"))
        for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]
    ]
    rule = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "fraud-detection-api"},
        "spec": {"groups": groups},
    }
    return _HEADER + yaml.dump(rule, Dumper=_Dumper, sort_keys=False, width=120, allow_unicode=True)


if __name__ == "__main__":
    TARGET.write_text(rules(), encoding="utf-8")
    print(f"wrote {TARGET}")
