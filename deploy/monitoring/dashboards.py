"""Write grafana/dashboards/*.json: `make dashboards`. A test fails if they are stale."""

import json
from pathlib import Path

from deploy.monitoring.business_dashboard import BUSINESS
from deploy.monitoring.model_dashboard import MODEL
from deploy.monitoring.panels import Dashboard, as_json
from deploy.monitoring.service_dashboard import SERVICE

FOLDER = Path(__file__).parent / "grafana" / "dashboards"
DASHBOARDS = (SERVICE, MODEL, BUSINESS)


def text(dashboard: Dashboard) -> str:
    """The dashboard's file."""
    return json.dumps(as_json(dashboard), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    for dashboard in DASHBOARDS:
        (FOLDER / f"{dashboard.uid}.json").write_text(text(dashboard), encoding="utf-8")
