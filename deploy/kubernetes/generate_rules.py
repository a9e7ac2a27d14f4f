"""Write the PrometheusRule of components/monitoring from the rules in deploy/monitoring."""

from pathlib import Path

import yaml

HERE = Path(__file__).parent
RULES = HERE.parent / "monitoring" / "rules"
TARGET = HERE / "components" / "monitoring" / "prometheus-rule.yaml"
_HEADER = (
    "# Written by deploy/kubernetes/generate_rules.py from deploy/monitoring/rules/.\n"
    "# Change those files, then run `make docs`.\n"
)


class _Dumper(yaml.SafeDumper):
    """Writes expressions of several lines as blocks, so that they stay readable."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def rules() -> str:
    """The object as YAML, with the groups of all files, sorted by file name.

    Kustomize can put a file into a ConfigMap or a Secret, but not into a field of another object.
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
