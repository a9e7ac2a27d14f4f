"""Whether more rounds, or more records, would help; and how tuning found the settings."""

from collections.abc import Mapping
from textwrap import fill
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from fraud_detection_api.report.beside import verdict
from fraud_detection_api.report.canvas import BLUE, GREEN, ORANGE, PALE, plain
from fraud_detection_api.report.document import Block, Gallery, Paragraph, Plot, Section, Table, Words
from fraud_detection_api.report.numbers import count, decimal, number, percent, range_of, shown_difference
from fraud_detection_api.training.report.making import setting_text
from fraud_detection_api.training.report.material import Material


def learning(material: Material) -> Section | None:
    """Learning curves, where they were recorded."""
    curve = material.evidence.get("learning_curve") or {}
    plots = [
        *([_rounds(material)] if curve.get("rounds") else []),
        *([_size(material)] if curve.get("training_size") else []),
    ]
    if not plots:
        return None
    blocks: list[Block] = [Gallery(plots)]
    if curve.get("training_size"):
        rows = [
            [count(p["rows"]), decimal(p["average_precision"]), range_of(p["low"], p["high"]), decimal(p["roc_auc"])]
            for p in curve["training_size"]
        ]
        headings = ["training records", "average precision", "95 % interval", "ROC AUC"]
        blocks.append(Table("Models with fewer training records, on the same test part", headings, rows, 0))
    return Section("learning", "Learning curves", blocks)


def _rounds(material: Material) -> Plot:
    curve = material.evidence["learning_curve"]
    kept = curve.get("kept_rounds") or []
    fitted, held_out = curve["train_log_loss"][-1], curve["held_out_log_loss"][-1]
    span = f"Boosters kept {count(min(kept))} to {count(max(kept))} rounds. " if kept else ""
    last = curve["rounds"][-1]
    shading = ", and so does the shading" if kept and max(kept) > last else ""
    return Plot(
        paint_rounds,
        "Loss by round",
        curve,
        "Log loss on the records that the trees were grown on and on held-out records. Where the lines part, the trees "
        "overfit. The shading marks the rounds at which boosters stopped improving.",
        f"{span}The lines end at round {count(last)}, the last that all boosters reached{shading}. There they are "
        f"{decimal(held_out - fitted)} nats apart.",
    )


def _size(material: Material) -> Plot:
    points = material.evidence["learning_curve"]["training_size"]
    before, last = points[-2:]
    gain = last["average_precision"] - before["average_precision"]
    return Plot(
        paint_training_size,
        "Average precision by number of training records",
        {"points": points},
        "If the line still rises at its right end, more records would help. The band is the 95 % interval.",
        f"From {count(before['rows'])} to {count(last['rows'])} records, average precision changed by {gain:+.4f}.",
    )


def paint_rounds(figure: Figure, axes: Axes, data: Mapping[str, Any], _words: Words) -> None:
    """Log loss of both parts by round; the rounds that boosters kept are shaded as far as the lines go."""
    if kept := data.get("kept_rounds"):
        axes.axvspan(min(kept) - 0.5, min(max(kept), data["rounds"][-1]) + 0.5, color=PALE, alpha=0.6, linewidth=0)
    axes.plot(data["rounds"], data["train_log_loss"], "--", color=ORANGE, label="training")
    axes.plot(data["rounds"], data["held_out_log_loss"], color=BLUE, label="held out")
    axes.set_xlabel("round")
    axes.set_ylabel("log loss, nats")
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    _plain_decimals(axes)
    figure.legend(loc="outside upper left", ncols=2)


def paint_training_size(_figure: Figure, axes: Axes, data: Mapping[str, Any], _words: Words) -> None:
    """Average precision, with its interval, against the number of training records."""
    points = data["points"]
    rows = [point["rows"] for point in points]
    axes.fill_between(
        rows,
        [point["low"] for point in points],
        [point["high"] for point in points],
        color=BLUE,
        alpha=0.18,
        linewidth=0,
    )
    axes.plot(rows, [point["average_precision"] for point in points], "o-", color=BLUE, markersize=4)
    axes.set_xlabel("training records")
    axes.set_ylabel("average precision")
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.xaxis.set_major_formatter(lambda tick, _position: number(tick))
    _plain_decimals(axes)


def _plain_decimals(axes: Axes) -> None:
    axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
    axes.ticklabel_format(axis="y", style="plain", useOffset=False)


def tuning(material: Material) -> Section | None:
    """What a study gained, its history, and which parameters mattered. None where nothing was tuned."""
    study = material.card.get("tuning")
    if not study:
        return None
    blocks: list[Block] = [Paragraph(_gain(study))]
    if ratios := study.get("ratios"):
        blocks.append(Paragraph(f"The study added these ratios to the derived features: {'; '.join(ratios)}."))
    plots = [_history(study), *([_importance(study)] if study.get("importance") else [])]
    return Section("tuning", "Tuning", [*blocks, Gallery(plots)])


def _gain(study: Mapping[str, Any]) -> str:
    chosen = ", ".join(f"{name} {setting_text(setting)}" for name, setting in study["settings"].items())
    return (
        f"Study “{study['study']}” had {count(study['trials'])} trials. Its objective, {study['objective']} as the mean "
        f"over folds of the training part, rose from {decimal(study['default_value'])} with the defaults to "
        f"{decimal(study['best_value'])} with {chosen}. The best of many trials looks better than it is.{_verdict(study)} "
        f"Digest of the study: {study['digest']}."
    )


def _verdict(study: Mapping[str, Any]) -> str:
    """How the best settings did on records that they were not chosen on. Older cards do not say."""
    found = study.get("held_out")
    if found is None:
        return ""
    end = "" if found["is_better"] else " They are no better there, so this model was trained with the defaults."
    return f" Then, {verdict_text(found, study['objective'])}.{end}"


def verdict_text(found: Mapping[str, Any], objective: str) -> str:
    """The objective on held-out records, with the defaults and with the best settings, and whether chance explains it."""
    rise = shown_difference(found["best"], found["default"])
    return (
        f"on {count(found['records'])} held-out records, {objective} is {decimal(found['default'])} with the defaults and "
        f"{decimal(found['best'])} with the best settings: {rise:+.4f} (95 % interval {found['low']:+.4f} to "
        f"{found['high']:+.4f}), {_CHANCE[verdict(objective, found)]}"
    )


_CHANCE = {
    "better": "which is better beyond chance",
    "may be chance": "which may be chance: these records do not tell the two apart",
    "worse": "which is worse beyond chance",
}


def _history(study: Mapping[str, Any]) -> Plot:
    given_up = sum(trial["value"] is None for trial in study["history"])
    return Plot(
        paint_history,
        "Trials",
        {name: study[name] for name in ("history", "objective", "default_value")},
        "A dot is a trial, the diamond the default, and the line the best so far. Much worse trials may lie below the "
        "plot. If the line has been flat for long, more trials would gain little.",
        f"{count(given_up)} of {count(study['trials'])} trials fell behind on their first folds and were stopped.",
    )


def _importance(study: Mapping[str, Any]) -> Plot:
    first, share = next(iter(study["importance"].items()))
    return Plot(
        paint_importance,
        "What mattered",
        {"importance": study["importance"]},
        "How much of the differences between trials each parameter explains.",
        f"{first} explains {percent(share)}.",
    )


LABEL_LENGTH = 20
OBJECTIVE_LENGTH = 80
"""Most letters of an objective, which fill the axis on two lines."""


def paint_history(figure: Figure, axes: Axes, data: Mapping[str, Any], _words: Words) -> None:
    """The value of each trial, the default marked, and the best so far."""
    measured = [trial for trial in data["history"] if trial["value"] is not None]
    numbers, values = [trial["trial"] for trial in measured], [trial["value"] for trial in measured]
    default = data["default_value"]
    axes.plot(numbers, values, "o", color=ORANGE, markersize=3.5, label="trial")
    axes.step(numbers, np.maximum.accumulate(values), where="post", color=BLUE, label="best so far")
    axes.plot([numbers[values.index(default)]], [default], "D", color=GREEN, markersize=6, label="default")
    low, high = min(default, float(np.quantile(values, 0.2))), max(values)
    margin = max((high - low) * 0.15, 1e-4)
    axes.set_ylim(low - margin, high + margin)  # a few very bad trials would compress the rest
    axes.set_xlabel("trial")
    axes.set_ylabel(fill(plain(data["objective"], OBJECTIVE_LENGTH), OBJECTIVE_LENGTH // 2))
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.ticklabel_format(axis="y", style="plain", useOffset=False)
    figure.legend(loc="outside upper left", ncols=3)


def paint_importance(_figure: Figure, axes: Axes, data: Mapping[str, Any], _words: Words) -> None:
    """A bar for each parameter, the most important on top."""
    names = list(data["importance"])[::-1]
    at = np.arange(len(names))
    axes.barh(at, [data["importance"][name] for name in names], color=BLUE, height=0.6)
    axes.set_yticks(at.tolist(), [plain(name, LABEL_LENGTH) for name in names])
    axes.set_xlim(0, 1)
    axes.set_xlabel("share of the variance explained")
    axes.grid(visible=False, axis="y")
