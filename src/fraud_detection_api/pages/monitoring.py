"""Monitoring as one HTML page, in the style of the model's report."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from statistics import median
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fraud_detection_api.contract.times import DAY_MS
from fraud_detection_api.monitoring.comparison import ModelComparison
from fraud_detection_api.monitoring.drift import SCORE, FeatureDrift
from fraud_detection_api.report.canvas import BLUE, GREEN, GREY, ORANGE, PALE, plain
from fraud_detection_api.report.document import (
    Block,
    Bullets,
    Cell,
    Code,
    Facts,
    Gallery,
    Measured,
    Paragraph,
    Plot,
    Section,
    Table,
    Tile,
    Tiles,
    Words,
    words_for,
)
from fraud_detection_api.report.numbers import MONITORED, count, decimal, measure_text, number, percent, range_of
from fraud_detection_api.report.page import page_html
from fraud_detection_api.report.scales import limit_shares
from fraud_detection_api.services.reporting.comparison import Compared
from fraud_detection_api.services.reporting.drift import TrendPoint, WindowDrift
from fraud_detection_api.services.reporting.monitoring import MaturedPerformance, MonitoringReport
from fraud_detection_api.statistics.estimates import Estimate
from fraud_detection_api.telemetry import utc_text

MOST_LABELS, MOST_DAYS = 6, 4
LONGEST_LABEL = 11
_OUTCOME_COLOURS = {"approve": GREEN, "review": BLUE, "decline": ORANGE}


def drift_bins(figure: Figure, axes: Axes, data: Mapping[str, Any], _words: Words) -> None:
    """Shares of the training data as bars and those of the window as dots, bin by bin at even distances."""
    at = np.arange(len(data["bins"]))
    then = np.array([each["reference"] for each in data["bins"]])
    now = np.array([each["live"] for each in data["bins"]])
    axes.bar(at, then, width=0.86, color=PALE, label="training data")
    axes.plot(at, now, "o", color=ORANGE if data["drifted"] else BLUE, markersize=3.5, label=data["window"])
    axes.vlines(at, 0, now, color=ORANGE if data["drifted"] else BLUE, linewidth=1)
    names = [plain(each["name"].split(" to ")[0], LONGEST_LABEL) for each in data["bins"]]
    shown = sorted({0, len(names) - 1, *range(0, len(names), max(1, -(-len(names) // MOST_LABELS)))})
    if len(shown) > 1 and shown[-1] - shown[-2] < max(1, len(names) // MOST_LABELS):
        del shown[-2]
    axes.set_xticks([float(at[k]) for k in shown], [names[k] for k in shown], rotation=30, ha="right")
    axes.set_xlim(-0.7, len(names) - 0.3)
    axes.grid(visible=False, axis="x")
    limit_shares(axes, max(float(then.max()), float(now.max())))
    axes.set_ylabel("share of the records")
    axes.set_xlabel("from")
    figure.legend(loc="outside upper left", ncols=2)


def drift_trend(_figure: Figure, axes: Axes, data: Mapping[str, Any], _words: Words) -> None:
    """PSI of each part of the week, and the level above which it is drift."""
    hours = _hours(data["since"])
    axes.plot(hours, data["alarm_level"], "--", color=GREY, linewidth=0.9)
    axes.plot(hours, data["psi"], "o-", color=BLUE, markersize=3)
    high = np.array(data["psi"]) > np.array(data["alarm_level"])
    axes.plot(hours[high], np.array(data["psi"])[high], "o", color=ORANGE, markersize=4.5)
    axes.set_ylim(0, max(*data["psi"], *data["alarm_level"]) * 1.1)
    axes.set_ylabel("PSI")
    _show_days(axes, data["since"])


def outcome_trend(figure: Figure, axes: Axes, data: Mapping[str, Any], _words: Words) -> None:
    """Share of decisions by outcome over the week, except the mildest, which is the rest."""
    hours = _hours(data["since"])
    tops = []
    for outcome, shares in data["shares"].items():
        axes.plot(hours, shares, "o-", color=_OUTCOME_COLOURS[outcome], markersize=3, label=outcome)
        tops.append(max(shares))
    limit_shares(axes, max(*tops, 0.001))
    axes.set_ylabel("share of the decisions")
    _show_days(axes, data["since"])
    figure.legend(loc="outside upper left", ncols=2)


def _hours(since: list[int]) -> Any:
    return (np.array(since) - since[0]) / 3_600_000


def _show_days(axes: Axes, since: list[int]) -> None:
    """A tick at each midnight, UTC."""
    first, last, day = since[0], since[-1], DAY_MS
    midnights = list(range(-(-first // day) * day, last + 1, day)) or [first]
    midnights = midnights[:: -(-len(midnights) // MOST_DAYS)]
    names = [f"{day_of.day} {day_of:%b}" for day_of in (datetime.fromtimestamp(each / 1000, UTC) for each in midnights)]
    axes.set_xticks([(each - first) / 3_600_000 for each in midnights], names)
    axes.set_xlabel("day, UTC")


FEW = 0.25
"""Parts of the week with less than this share of the median part's records are not drawn; the last has only begun."""


def monitoring_html(report: MonitoringReport, trend: Sequence[TrendPoint], compared: Compared | None) -> bytes:
    """The page, UTF-8, complete in itself: drift by feature and window, the week, performance, and the challenger."""
    bundle = report.model.bundle
    words = words_for(bundle.contract.purpose)
    lead = (
        f"Version {report.model.version} ({bundle.digest[:19]}) of the contract “{bundle.contract.name}”, "
        f"as of {_minute(report.now)} UTC."
    )
    sections = [
        _summary(report, compared, words),
        *(_window(window) for window in report.windows if window.records),
        *([_week(trend)] if len(trend) > 1 else []),
        _performance(report.performance, words),
        *([] if compared is None else [_challenger(compared, words)]),
    ]
    return page_html(f"Monitoring: {bundle.contract.name}", lead, sections, words)


def _summary(report: MonitoringReport, compared: Compared | None, words: Words) -> Section:
    matured = report.performance
    tiles = [
        Tile(
            f"last {window.window}",
            "drift" if window.drifted else "steady" if window.records else "no traffic",
            f"{count(window.records)} decisions",
        )
        for window in report.windows
    ]
    tiles += [
        Tile(measure_text(name), decimal(found.estimate), _range(found))
        for name in ("roc_auc", "average_precision")
        if (found := matured.performance.measures.get(name)) is not None
    ]
    if compared is not None:
        verdict = "passes" if compared.verdict.passed else "is held back"
        tiles.append(Tile("the challenger", verdict, f"version {compared.challenger.version}"))
    return Section("summary", "Summary", [Tiles(tiles), Bullets(list(_sentences(report, compared, words)))])


def _sentences(report: MonitoringReport, compared: Compared | None, words: Words) -> Iterator[str]:
    for window in report.windows:
        drifted = [window.features[name] for name in window.drifted]
        if drifted:
            named = ", ".join(
                f"{each.feature} (PSI {each.psi:.3f}, alarm above {each.alarm_level:.3f})" for each in drifted
            )
            yield f"Drift in the last {window.window}: {named}."
    if not any(window.drifted for window in report.windows):
        yield (
            "Neither a feature nor the score drifted."
            if report.windows[-1].records
            else "There were no decisions this week."
        )
    matured = report.performance.performance
    if not matured.records:
        yield "No decision is old enough for its label to be known."
    elif "roc_auc" not in matured.measures:
        yield f"Only {count(matured.frauds)} {words.events} are known among the matured decisions: too few for a ranking."
    if compared is not None:
        yield from (f"The challenger: {reason}." for reason in compared.verdict.reasons)


def _window(window: WindowDrift) -> Section:
    features = sorted(window.features.values(), key=lambda each: (each.feature != SCORE, -(each.psi or 0.0)))
    rows = [_drift_row(each) for each in features]
    headings = ["feature", "PSI", "alarm above", "KS", "missing", "out of range", "unseen"]
    blocks: list[Block] = [
        Paragraph(
            f"{count(window.records)} decisions since {_minute(window.since)} UTC, compared with the training data. A PSI "
            "above its alarm level is drift. The level is the configured one, or what chance reaches with so few records."
        ),
        Table("Features", headings, rows),
        Gallery([_bins(each, window.window) for each in features], small=True),
    ]
    return Section(window.window, f"The last {window.window}", blocks)


def _drift_row(each: FeatureDrift) -> list[Cell]:
    psi = "" if each.psi is None else f"{each.psi:.3f}"
    return [
        Code(each.feature),
        f"{psi}, drifted" if each.drifted else psi,
        f"{each.alarm_level:.3f}",
        "" if each.ks is None else f"{each.ks:.3f}",
        *(percent(share) for share in (each.missing, each.out_of_range, each.unseen)),
    ]


def _bins(each: FeatureDrift, window: str) -> Plot:
    then, now = max(each.reference_records, 1), max(each.records, 1)
    bins = [{"name": one.name, "reference": one.reference / then, "live": one.live / now} for one in each.bins]
    drifted = f" It drifted: above {each.alarm_level:.3f}." if each.drifted else ""
    here = "" if each.psi is None else f"PSI {each.psi:.3f}.{drifted}"
    return Plot(drift_bins, each.feature, {"bins": bins, "drifted": each.drifted, "window": f"last {window}"}, "", here)


def _week(trend: Sequence[TrendPoint]) -> Section:
    trend = [point for point in trend if point.records >= FEW * median(each.records for each in trend)]
    since = [point.since for point in trend]
    names = [name for name in trend[0].alarm_level if all(name in point.psi for point in trend)]
    shares = {
        outcome: [point.outcomes.get(outcome, 0) / point.records for point in trend]
        for outcome in ("review", "decline")
    }
    plots = [
        Plot(
            drift_trend,
            name,
            {
                "since": since,
                "psi": [point.psi[name] for point in trend],
                "alarm_level": [point.alarm_level[name] for point in trend],
            },
        )
        for name in sorted(names, key=lambda name: name != SCORE)
    ]
    outcomes = Plot(outcome_trend, "reviewed and declined", {"since": since, "shares": shares})
    explained = "PSI of every six hours. Above the dashed line it is drift; the fewer the records, the higher the line."
    return Section("trend", "The week", [Paragraph(explained), Gallery([outcomes, *plots], small=True)])


def _performance(matured: MaturedPerformance, words: Words) -> Section:
    found = matured.performance
    measured = (
        f"{count(found.records)} decisions from {_minute(matured.since)} to {_minute(matured.until)} UTC, "
        f"{count(found.frauds)} of them {words.events}. {count(matured.labelled)} have a label; the others are old enough "
        f"to count as {words.others}. Later decisions are left out, because {words.events} become known first."
    )
    blocks: list[Block] = [Paragraph(measured)]
    if not matured.complete:
        blocks.append(Paragraph("There are more; these are the newest."))
    if found.measures:
        rows = [
            [measure_text(name, words), decimal(each.estimate), _range(each)]
            for name in MONITORED
            if (each := found.measures.get(name)) is not None
        ]
        blocks.append(Table("Measures", ["measure", "", "95 % interval"], rows))
        by_chance = decimal(found.calibration_error_by_chance or 0.0)
        blocks.append(Paragraph(f"If every probability were right, the calibration error would be about {by_chance}."))
    return Section("performance", "Performance on decisions with final labels", blocks)


def _challenger(compared: Compared, words: Words) -> Section:
    found = compared.comparison
    agreed = "" if found.agreement is None else f" They agree on {percent(found.agreement.estimate)}."
    blocks: list[Block] = [
        Paragraph(
            f"Version {compared.challenger.version} scored {count(found.decisions)} of the champion's decisions in the "
            f"shadow.{agreed} {count(found.known)} have a known label, and {count(found.frauds)} are {words.events}."
        ),
        Facts([("the gate", "passed" if compared.verdict.passed else "not passed"), *_facts(found)]),
        *([Bullets(list(compared.verdict.reasons))] if compared.verdict.reasons else []),
        _swaps(found),
    ]
    if found.challenger.measures:
        blocks.append(_beside(found, words))
    if found.money:
        blocks.append(_money(found))
    return Section("challenger", "The challenger", blocks)


def _facts(found: ModelComparison) -> Iterator[tuple[str, str]]:
    if found.score_psi is not None:
        yield "PSI between the scores", f"{found.score_psi:.3f}"
    if found.latency is not None:
        yield "time for a record, challenger", f"{number(found.latency.challenger_us)} µs"
        yield "time for a record, champion", f"{number(found.latency.champion_us)} µs"


def _swaps(found: ModelComparison) -> Table:
    rows = [[f"champion: {was}", *(count(row[now]) for now in row)] for was, row in found.swaps.items()]
    return Table("Decisions by the outcomes of both", ["", *(f"challenger: {now}" for now in found.swaps)], rows)


def _beside(found: ModelComparison, words: Words) -> Table:
    rows: list[list[Cell]] = []
    for name in MONITORED:
        sides = [side.measures.get(name) for side in (found.champion, found.challenger)]
        if any(sides):
            difference = found.differences.get(name)
            gained = (
                Measured("", "") if difference is None else Measured(f"{difference.estimate:+.4f}", _range(difference))
            )
            rows.append([measure_text(name, words), *(_measured(side) for side in sides), gained])
    return Table("Decisions with final labels", ["measure", "champion", "challenger", "difference"], rows)


def _money(found: ModelComparison) -> Table:
    rows: list[list[Cell]] = [
        [
            f"policy {each.policy_version}",
            number(each.champion),
            number(each.challenger),
            Measured(
                number(each.difference.estimate), f"{number(each.difference.lower)} to {number(each.difference.upper)}"
            ),
        ]
        for each in found.money
    ]
    return Table(
        "Cost of 1,000 decisions, as they turned out", ["costs of", "champion", "challenger", "difference"], rows
    )


def _measured(each: Estimate | None) -> Measured:
    return Measured("", "") if each is None else Measured(decimal(each.estimate), _range(each))


def _range(each: Estimate) -> str:
    return range_of(each.lower, each.upper)


def _minute(moment: int) -> str:
    return utc_text(moment)[:16].replace("T", " ")
