"""Monitoring as one HTML page, in the style of the model's report."""

from collections.abc import Iterator, Sequence
from statistics import median

from fraud_detection_api.contract.declaration import Contract
from fraud_detection_api.monitoring.comparison import ModelComparison
from fraud_detection_api.monitoring.drift import SCORE, FeatureDrift
from fraud_detection_api.pages.monitoring_plots import drift_bins, drift_levels, drift_trend, outcome_trend
from fraud_detection_api.report.document import (
    Block,
    Bullets,
    Cell,
    Code,
    Facts,
    Folded,
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
from fraud_detection_api.report.fairness import fairness_blocks, low_lines
from fraud_detection_api.report.numbers import MONITORED, count, decimal, measure_text, number, percent, range_of
from fraud_detection_api.report.page import page_html
from fraud_detection_api.services.reporting.comparison import Compared
from fraud_detection_api.services.reporting.drift import TrendPoint, WindowDrift
from fraud_detection_api.services.reporting.monitoring import MaturedPerformance, MonitoringReport
from fraud_detection_api.statistics.estimates import Estimate
from fraud_detection_api.telemetry import utc_text

FEW = 0.25
"""Parts of the week with less than this share of the median part's records are not drawn; the last has only begun."""


def monitoring_html(report: MonitoringReport, trend: Sequence[TrendPoint], compared: Compared | None) -> bytes:
    """The page, UTF-8, complete in itself: performance, the challenger, drift by feature and window, and the week."""
    bundle = report.model.bundle
    words = words_for(bundle.contract.purpose)
    lead = (
        f"Version {report.model.version} ({bundle.digest[:19]}) of the contract “{bundle.contract.name}”, "
        f"as of {_minute(report.now)} UTC."
    )
    sections = [
        _summary(report, compared, words),
        _performance(report.performance, words),
        *_fairness(report.performance, bundle.contract, words),
        *([] if compared is None else [_challenger(compared, words)]),
        *(_window(window, _categories(bundle.contract)) for window in report.windows if window.records),
        *([_week(trend)] if len(trend) > 1 else []),
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
    yield from low_lines(report.performance.fairness)
    if compared is not None:
        yield from (f"The challenger: {reason}." for reason in compared.verdict.reasons)


OPEN_PLOTS = 3
"""Plots of a section that are not folded: three windows and the week have a dozen."""


def _categories(contract: Contract) -> frozenset[str]:
    return frozenset(name for name, feature in contract.features.items() if feature.dtype == "category")


def _galleries(plots: Sequence[Plot], folded: str) -> list[Block]:
    """The first plots, and the others folded."""
    shown, others = plots[:OPEN_PLOTS], plots[OPEN_PLOTS:]
    more = [Folded(f"{count(len(others))} more {folded}", Gallery(others, small=True))] if others else []
    return [Gallery(shown, small=True), *more]


def _window(window: WindowDrift, categories: frozenset[str]) -> Section:
    features = sorted(
        window.features.values(), key=lambda each: (not each.drifted, each.feature != SCORE, -(each.psi or 0.0))
    )
    rows = [_drift_row(each) for each in features]
    headings = ["feature", "PSI", "alarm above", "KS", "missing", "out of range", "unseen"]
    blocks: list[Block] = [
        Paragraph(
            f"{count(window.records)} decisions since {_minute(window.since)} UTC, compared with the training data. A PSI "
            "above its alarm level is drift. The level is the configured one, or what chance reaches with so few records."
        ),
        Table("Features", headings, rows),
        *_galleries([_bins(each, window.window, categories) for each in features], "features"),
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


def _bins(each: FeatureDrift, window: str, categories: frozenset[str]) -> Plot:
    then, now = max(each.reference_records, 1), max(each.records, 1)
    bins = [{"name": one.name, "reference": one.reference / then, "live": one.live / now} for one in each.bins]
    drifted = f" It drifted: above {each.alarm_level:.3f}." if each.drifted else ""
    here = "" if each.psi is None else f"PSI {each.psi:.3f}.{drifted}"
    paint = drift_levels if each.feature in categories else drift_bins
    return Plot(paint, each.feature, {"bins": bins, "drifted": each.drifted, "window": f"last {window}"}, "", here)


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
        for name in sorted(names, key=lambda name: (name != SCORE, -max(point.psi[name] for point in trend)))
    ]
    outcomes = Plot(outcome_trend, "reviewed and declined", {"since": since, "shares": shares})
    explained = "PSI of every six hours. Above the dashed line it is drift; the fewer the records, the higher the line."
    return Section("trend", "The week", [Paragraph(explained), *_galleries([outcomes, *plots], "features")])


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


def _fairness(matured: MaturedPerformance, contract: Contract, words: Words) -> Iterator[Section]:
    """Of the same decisions, where there are groups."""
    if matured.fairness and matured.performance.records:
        said = (
            f"The {count(matured.performance.records)} decisions above, with the outcomes that they had. Decisions without "
            f"a label count as {words.others}. As far as it never comes out which declined records are {words.events}, both "
            "error rates are overstated, and observed over expected is understated."
        )
        yield Section(
            "fairness", "Fairness", [Paragraph(said), *fairness_blocks(matured.fairness, words, contract.dtypes)]
        )


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
