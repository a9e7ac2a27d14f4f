"""Measures of models: an evaluation, a retraining, monitoring, and a comparison."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fraud_detection_api.cli.terminal import Table, print_table, say
from fraud_detection_api.report.beside import beside_text, champion_caveat
from fraud_detection_api.report.document import Table as DocumentTable
from fraud_detection_api.report.document import Words, cell_text
from fraud_detection_api.report.fairness import column_blocks, group_names, verdicts
from fraud_detection_api.report.numbers import MONITORED, measure_text, shown_difference

if TYPE_CHECKING:  # it needs the training libraries
    from fraud_detection_api.training.retraining import HeldOutComparison

SIDES = ("champion", "challenger")


def monitoring_tables(report: Mapping[str, Any], words: Words) -> Iterator[Table]:
    """Tables of `MonitoringReport.as_json`."""
    headings = ("feature", "PSI", "alarm above", "KS", "missing", "out of range", "unseen", "")
    for window in report["windows"]:
        rows = [_drift_row(feature) for feature in window["features"]]
        yield f"Last {window['window']}: {window['records']:,} decisions", headings, rows
    performance = report["performance"]
    if performance["measures"]:
        yield "Matured decisions", ("measure", "", "95 % interval"), _measure_rows(performance["measures"], words)


def monitoring_notes(report: Mapping[str, Any], words: Words) -> Iterator[str]:
    """What the tables do not show."""
    model, matured = report["model"], report["performance"]
    yield f"Version {model['version']} ({model['digest'].removeprefix('sha256:')[:12]}) at {report['at'][:16]}Z."
    if not any(window["records"] for window in report["windows"]):
        yield "Nothing was counted in the last week: is `fraud serve` running, and has this model decided anything?"
    yield (
        f"Matured: {matured['records']:,} decisions from {matured['since'][:10]} to {matured['until'][:10]}, "
        f"{matured['labelled']:,} with a label, the others taken for {words.others}; {matured['frauds']:,} {words.events}."
    )
    if matured["records"] and "roc_auc" not in matured["measures"]:
        yield f"Measuring the ranking takes at least 10 {words.events} and 10 other decisions."


def comparison_tables(compared: Mapping[str, Any], words: Words) -> Iterator[Table]:
    """Tables of `Compared.as_json`."""
    swaps = compared["swaps"]
    rows = [(f"from {was}", *(f"{to[now]:,}" for now in swaps)) for was, to in swaps.items()]
    yield "Decisions by the outcomes of champion and challenger", ("", *(f"to {now}" for now in swaps)), rows
    sides = [compared[side]["measures"] for side in SIDES]
    measured = [
        (
            measure_text(name, words),
            *(_measured(side.get(name)) for side in sides),
            _measured(compared["differences"].get(name), signed=True),
        )
        for name in MONITORED
        if any(name in side for side in sides)
    ]
    if measured:
        yield "Decisions with final labels", ("measure", *SIDES, "difference"), measured
    money = [
        (f"actual cost at policy {each['policy_version']}", *(_money(each[side]) for side in SIDES), _saved(each))
        for each in compared["cost_per_1000"]
    ]
    if claimed := compared["expected_cost_per_1000"]:
        money = [("expected cost, own policy", *(_money(claimed[side]) for side in SIDES), ""), *money]
        yield "Cost of 1,000 decisions", ("costs of", *SIDES, "difference"), money


def comparison_notes(compared: Mapping[str, Any], words: Words) -> Iterator[str]:
    """What the tables do not show; the gate's verdict last."""
    versions = [compared["models"][side]["version"] for side in SIDES]
    yield (
        f"Champion {versions[0]} and challenger {versions[1]} on {compared['decisions']:,} decisions since "
        f"{compared['since'][:10]}. Labels are final for decisions before {compared['matured_until'][:10]}: "
        f"{compared['frauds']:,} of {compared['known']:,} are {words.events}."
    )
    if compared["agreement"] is not None:
        agreed, psi = compared["agreement"]["estimate"], compared["score_psi"]
        yield f"Both give {100 * agreed:.2f} % the same outcome. The PSI between their scores is {psi:.3f}."
    if (latency := compared["latency"]) is not None:
        challenger, champion = latency["challenger_us"], latency["champion_us"]
        yield f"The challenger scores a record in {challenger:,.0f} µs, the champion in {champion:,.0f} µs."
    yield "The gate is passed." if compared["gate"]["passed"] else "The gate is not passed:"
    yield from (f"  - {reason}" for reason in compared["gate"]["reasons"])


def _drift_row(feature: Mapping[str, Any]) -> tuple[str, ...]:
    shares = (f"{100 * feature[name]:.2f} %" for name in ("missing", "out_of_range", "unseen"))
    numbers = ("" if feature[name] is None else f"{feature[name]:.4f}" for name in ("psi", "alarm_level", "ks"))
    return (feature["feature"], *numbers, *shares, "drifted" if feature["drifted"] else "")


def _measure_rows(measures: Mapping[str, Mapping[str, float]], words: Words) -> list[tuple[str, ...]]:
    return [
        (measure_text(name, words), f"{each['estimate']:.4f}", f"{each['lower']:.4f} to {each['upper']:.4f}")
        for name in MONITORED
        if (each := measures.get(name)) is not None
    ]


def _measured(each: Mapping[str, float] | None, *, signed: bool = False) -> str:
    return (
        "" if each is None else _interval(each["estimate"], each["lower"], each["upper"], "+.4f" if signed else ".4f")
    )


def _interval(number: float, low: float, high: float, form: str = ".4f") -> str:
    return f"{number:{form}} ({low:{form}} to {high:{form}})"


def _money(cost: float) -> str:
    return f"{cost:,.0f}"


def _saved(money: Mapping[str, Any]) -> str:
    of = money["difference"]
    return _interval(of["estimate"], of["lower"], of["upper"], "+,.0f")


def print_evaluation(evaluation: Mapping[str, Any], *, title: str, words: Words) -> None:
    """A row for each measure of an evaluation (its JSON form): value, interval, and the best possible where known."""
    metrics: Mapping[str, Mapping[str, float | None]] = evaluation["metrics"]
    known = any(estimate["bayes_limit"] is not None for estimate in metrics.values())
    headings = ["measure", "value", "95 % interval", *(["best possible"] if known else [])]
    rows = [_row(name, estimate, words, known=known) for name, estimate in metrics.items()]
    print_table(
        headings, rows, title=f"{title}: {evaluation['rows']:,} records, {evaluation['frauds']:,} {words.events}"
    )


def _row(name: str, estimate: Mapping[str, float | None], words: Words, *, known: bool) -> list[str]:
    cells = [measure_text(name, words), f"{estimate['value']:.4f}", f"{estimate['low']:.4f} to {estimate['high']:.4f}"]
    return [*cells, *([f"{estimate['bayes_limit']:.4f}"] if known else [])]


def beside_lines(card: Mapping[str, Any], champion: Mapping[str, Any] | None) -> Iterator[str]:
    """A line on the baseline, and one on the champion where there was one."""
    if (baseline := card.get("baseline")) is not None:
        yield beside_text(baseline, other="a logistic scorecard")
    if champion is not None:
        name = f"champion {champion['version']}"
        yield f"{beside_text(champion, other=name)}. {champion_caveat(champion)}"


def fairness_lines(found: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """The findings on each column of groups, a line each."""
    for each in found:
        yield from verdicts(each, group_names(each, ""))


def print_fairness(found: Sequence[Mapping[str, Any]], words: Words) -> None:
    """Print the tables of each column of groups, and then the findings."""
    for each in found:
        for block in column_blocks(each, words, ""):
            if isinstance(block, DocumentTable):
                print_table(block.headings, [list(map(cell_text, row)) for row in block.rows], title=block.caption)
    for line in fairness_lines(found):
        say(line)


def print_comparison(compared: "HeldOutComparison", champion: str, challenger: str, words: Words) -> None:
    """A row for each measure: both models with their 95 % intervals, and how much higher the new model is."""
    rows = []
    for name, of in compared.differences.items():
        sides = (compared.champion[name], compared.challenger[name])
        cells = [_interval(side.estimate, side.lower, side.upper) for side in sides]
        difference = shown_difference(sides[1].estimate, sides[0].estimate)
        rows.append((measure_text(name, words), *cells, _interval(difference, of.lower, of.upper, "+.4f")))
    seen = (
        "which neither model was trained on"
        if compared.unseen
        else "held out from the challenger; the champion may have been trained on some"
    )
    title = f"{compared.records:,} records, {compared.frauds:,} {words.events}, {seen}"
    print_table(("measure", f"champion {champion}", f"challenger {challenger}", "difference"), rows, title=title)
