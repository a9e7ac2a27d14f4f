"""The parts of a dashboard, and their JSON for Grafana. They are plain values: the same dashboard gives the same JSON."""

from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["timeseries", "stat", "bargauge", "heatmap"]

COLUMNS = 24
"""Width of Grafana's grid."""

DATASOURCE = {"type": "prometheus", "uid": "prometheus"}
_SCHEMA_VERSION = 39


@dataclass(frozen=True, slots=True)
class Query:
    """A PromQL expression without variables, and the name of its series: text with `{{label}}`."""

    expression: str
    legend: str


@dataclass(frozen=True, slots=True)
class Panel:
    """A chart of a few queries.

    `unit` is Grafana's name of the unit: `s`, `bytes`, `percentunit`, `reqps`, `short`. `description` says how to read the
    panel. `thresholds` are ascending values, each with the colour from there on. `base` is the colour below the first.
    """

    title: str
    description: str
    queries: tuple[Query, ...]
    unit: str
    kind: Kind = "timeseries"
    thresholds: tuple[tuple[float, str], ...] = ()
    base: str = "green"
    width: int = 8
    height: int = 8
    stacked: bool = False
    maximum: float | None = None
    decimals: int | None = None
    names: bool = False
    """Show the series' names instead of their values: for facts that are labels, such as a version."""


@dataclass(frozen=True, slots=True)
class Row:
    """Panels under a heading, side by side while they fit."""

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True, slots=True)
class Dashboard:
    """A page; `uid` is its address and its file's name."""

    uid: str
    title: str
    description: str
    rows: tuple[Row, ...]

    @property
    def panels(self) -> tuple[Panel, ...]:
        """All panels, in the order of reading."""
        return tuple(panel for row in self.rows for panel in row.panels)


def as_json(dashboard: Dashboard) -> dict[str, Any]:
    """The dashboard as Grafana imports it."""
    return {
        "uid": f"fraud-{dashboard.uid}",
        "title": dashboard.title,
        "description": dashboard.description,
        "tags": ["fraud-detection-api"],
        "schemaVersion": _SCHEMA_VERSION,
        "version": 1,
        "editable": False,
        "graphTooltip": 1,  # one crosshair for all panels
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "timezone": "browser",
        "templating": {"list": []},
        "annotations": {"list": [_FIRING_ALERTS]},
        "links": [_OTHER_DASHBOARDS],
        "panels": _placed(dashboard.rows),
    }


_FIRING_ALERTS = {
    "name": "Alerts",
    "datasource": DATASOURCE,
    "enable": True,
    "expr": 'ALERTS{alertname=~"Fraud.+",alertstate="firing"}',
    "iconColor": "red",
    "step": "60s",
    "titleFormat": "{{alertname}}",
}
_OTHER_DASHBOARDS = {
    "type": "dashboards",
    "title": "Fraud detection",
    "tags": ["fraud-detection-api"],
    "asDropdown": False,
    "keepTime": True,
}


def _placed(rows: tuple[Row, ...]) -> list[dict[str, Any]]:
    """Headings and panels with their positions and numbers; lines fill from the left."""
    placed: list[dict[str, Any]] = []
    top = 0
    for row in rows:
        placed.append(_heading(row, len(placed) + 1, top))
        left, line_height, top = 0, 0, top + 1
        for panel in row.panels:
            if left + panel.width > COLUMNS:
                left, line_height, top = 0, 0, top + line_height
            place = {"x": left, "y": top, "w": panel.width, "h": panel.height}
            placed.append({"id": len(placed) + 1, "gridPos": place, **_panel(panel)})
            left, line_height = left + panel.width, max(line_height, panel.height)
        top += line_height
    return placed


def _heading(row: Row, number: int, top: int) -> dict[str, Any]:
    place = {"x": 0, "y": top, "w": COLUMNS, "h": 1}
    return {"id": number, "type": "row", "title": row.title, "collapsed": False, "gridPos": place, "panels": []}


def _panel(panel: Panel) -> dict[str, Any]:
    return {
        "type": panel.kind,
        "title": panel.title,
        "description": panel.description,
        "datasource": DATASOURCE,
        "targets": [_target(panel, number, query) for number, query in enumerate(panel.queries)],
        "fieldConfig": {"defaults": _defaults(panel), "overrides": []},
        "options": _options(panel),
    }


def _target(panel: Panel, number: int, query: Query) -> dict[str, Any]:
    """Panels that show one moment query that moment only."""
    instant = panel.kind in {"stat", "bargauge"}
    return {
        "refId": chr(ord("A") + number),
        "datasource": DATASOURCE,
        "expr": query.expression,
        "legendFormat": query.legend,
        "format": "heatmap" if panel.kind == "heatmap" else "time_series",
        "instant": instant,
        "range": not instant,
    }


def _defaults(panel: Panel) -> dict[str, Any]:
    steps = [{"color": panel.base, "value": None}, *({"color": c, "value": v} for v, c in panel.thresholds)]
    defaults: dict[str, Any] = {
        "unit": panel.unit,
        "min": 0,
        "thresholds": {"mode": "absolute", "steps": steps},
        "color": {"mode": "palette-classic" if panel.kind == "timeseries" else "thresholds"},
    }
    if panel.maximum is not None:
        defaults["max"] = panel.maximum
    if panel.decimals is not None:
        defaults["decimals"] = panel.decimals
    if panel.kind == "timeseries":
        defaults["custom"] = {
            "lineWidth": 1,
            "fillOpacity": 30 if panel.stacked else 0,
            "stacking": {"mode": "normal" if panel.stacked else "none", "group": "A"},
            "thresholdsStyle": {"mode": "dashed" if panel.thresholds else "off"},
            "showPoints": "never",
        }
    return defaults


def _options(panel: Panel) -> dict[str, Any]:
    last = {"calcs": ["lastNotNull"], "fields": "", "values": False}
    match panel.kind:
        case "timeseries":
            legend = {
                "displayMode": "table",
                "placement": "bottom",
                "showLegend": True,
                "calcs": ["lastNotNull", "max"],
            }
            return {"legend": legend, "tooltip": {"mode": "multi", "sort": "desc"}}
        case "stat":
            text = "name" if panel.names else "auto"
            return {"reduceOptions": last, "colorMode": "value", "graphMode": "none", "textMode": text}
        case "bargauge":
            return {"reduceOptions": last, "orientation": "horizontal", "displayMode": "basic", "showUnfilled": True}
        case "heatmap":
            return {"calculate": False, "yAxis": {"unit": panel.unit}, "cellGap": 1, "color": {"scheme": "Blues"}}
