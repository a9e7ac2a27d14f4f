"""How tuning found the settings."""

from collections.abc import Mapping
from typing import Any

from fraud_detection_api.report.document import Block, Gallery, Paragraph, Plot, Section
from fraud_detection_api.report.numbers import count, decimal, percent
from fraud_detection_api.training.report.material import Material
from fraud_detection_api.training.report.plots import tuning as paint
from fraud_detection_api.training.report.sections.making import setting_text


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
        f"{decimal(study['best_value'])} with {chosen}. The best of many trials looks a little better than it is; the "
        f"figures of the test part do not. Digest of the study: {study['digest']}."
    )


def _history(study: Mapping[str, Any]) -> Plot:
    given_up = sum(trial["value"] is None for trial in study["history"])
    return Plot(
        paint.tuning_history,
        "Trials",
        {name: study[name] for name in ("history", "objective", "default_value")},
        "A dot is a trial, the diamond the default, and the line the best so far. Much worse trials may lie below the "
        "plot. If the line has been flat for long, more trials would gain little.",
        f"{count(given_up)} of {count(study['trials'])} trials fell behind on their first folds and were stopped.",
    )


def _importance(study: Mapping[str, Any]) -> Plot:
    first, share = next(iter(study["importance"].items()))
    return Plot(
        paint.tuning_importance,
        "What mattered",
        {"importance": study["importance"]},
        "How much of the differences between trials each parameter explains.",
        f"{first} explains {percent(share)}.",
    )
