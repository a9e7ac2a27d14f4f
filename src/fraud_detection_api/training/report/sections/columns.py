"""Which columns matter, and how the probability depends on them."""

from collections.abc import Mapping, Sequence
from typing import Any

from fraud_detection_api.report.document import Bar, Block, Cell, Code, Gallery, Paragraph, Plot, Section, Table
from fraud_detection_api.report.numbers import count, percent
from fraud_detection_api.training.report.material import Material
from fraud_detection_api.training.report.plots import dependence as paint

SHOWN = 20


def importance(material: Material) -> Section:
    """Gain and mean |SHAP| side by side."""
    ranked = material.evidence["importance"]
    shown, left_out = ranked[:SHOWN], ranked[SHOWN:]
    longest = [max((item[key] for item in shown), default=0) or 1 for key in ("mean_abs_contribution", "gain_share")]
    explained = (
        "The mean |SHAP value| is how far a column moves the log-odds of a record, up or down, on average; its interval "
        "covers the sampled records. The gain is how much splits on the column reduced the training loss; it favours "
        "columns with many values."
    )
    first = (
        f" The first is “{shown[0]['column']}”, with {percent(shown[0]['gain_share'])} of the gain." if shown else ""
    )
    rest = sum(item["gain_share"] for item in left_out)
    more = f" {count(len(left_out))} more columns, with {percent(rest)} of the gain, are not shown." if left_out else ""
    rows = [_row(item, longest) for item in shown]
    table = Table(
        "Importance of columns", ["column", "mean |SHAP|, log-odds (95 % interval)", "share of the gain"], rows, 5
    )
    return Section("importance", "Importance of columns", [Paragraph(explained + first + more), table])


def _row(item: Mapping[str, Any], longest: Sequence[float]) -> list[Cell]:
    size, gain = item["mean_abs_contribution"], item["gain_share"]
    text = f"{size:.3f} ({item['low']:.3f} to {item['high']:.3f})" if size else "0"
    return [Code(item["column"]), Bar(text, size / longest[0]), Bar(percent(gain), gain / longest[1])]


def dependence(material: Material) -> Section:
    """Small multiples of partial dependence, on one scale."""
    curves = [curve for curve in material.evidence["partial_dependence"] if curve["values"]]
    explained = (
        "The line is the mean probability over a sample of test records when the column is set to a value; the band holds "
        "80 % of the records. Ticks at the bottom are the values tried, from the 1st to the 99th percentile of the "
        "records. All plots share one scale of log-odds, so a flat line means that the column matters little. Only one "
        "column changes at a time, so where columns are correlated, the ends of a line may stand for records that do not "
        "exist."
    )
    left_out = len(material.card["features"]) - len(curves)
    more = (
        f" The {count(len(curves))} most important columns are shown, and {count(left_out)} are not."
        if left_out > 0
        else ""
    )
    scale = {"bottom": min(_ends(curves, "low"), default=0.0), "top": max(_ends(curves, "high"), default=1.0)}
    plots = [_plot(curve, scale, material) for curve in curves]
    blocks: list[Block] = [Paragraph(explained + more), Gallery(plots, small=True)]
    return Section("dependence", "Partial dependence", blocks, in_card=False)


def _ends(curves: Sequence[Mapping[str, Any]], end: str) -> list[float]:
    """One end of every band."""
    return [p for curve in curves for p in (*curve[end], *([curve["missing"][end]] if "missing" in curve else []))]


def _plot(curve: Mapping[str, Any], scale: Mapping[str, float], material: Material) -> Plot:
    lowest, highest = min(curve["probability"]), max(curve["probability"])
    missing = curve.get("missing")
    gap = f" Missing: {percent(missing['probability'])}." if missing else ""
    here = f"From {percent(lowest)} to {percent(highest)}.{gap}"
    dtype = material.evidence.get("dtypes", {}).get(curve["column"], "")
    drawing = paint.levels if "labels" in curve else paint.dependence
    return Plot(drawing, curve["column"], {**curve, **scale, "dtype": dtype}, here=here)
