"""What the model was made from, and how."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from fraud_detection_api.report.document import Bullets, Cell, Code, Facts, Measured, Paragraph, Section, Table
from fraud_detection_api.report.numbers import count, decimal, listed, number, percent
from fraud_detection_api.training.data.splits import Kind
from fraud_detection_api.training.report.material import Material
from fraud_detection_api.training.train_xgboost import XGBoostSettings

COLUMNS_NAMED = 40

SPLITS: dict[Kind, str] = {
    "time": "By time: the training part is the earliest, the test part the latest.",
    "grouped": "By id: all records of an id are in one part, with nearly the same share of {event} in each part.",
    "stratified": "At random, with the same share of {event} in each part.",
}


def data(material: Material) -> Section:
    """Data summary and digest."""
    facts, contract, words = material.card["data"], material.card["contract"], material.words
    period = facts.get("period")
    items: list[tuple[str, Cell]] = [
        ("records", count(facts["rows"])),
        (words.events, f"{count(facts['frauds'])} ({percent(facts['frauds'] / max(1, facts['rows']))})"),
        ("period", f"{period[0]} to {period[1]}" if period else "unknown: the contract has no time column"),
        ("contract", Code(material.contract_name)),
        ("fingerprint of the contract", Code(contract["fingerprint"])),
        ("digest of the data", Code(facts["digest"])),
    ]
    features = material.card["features"]
    named = Paragraph(f"Columns that the model reads ({count(len(features))}): {listed(features, COLUMNS_NAMED)}.")
    return Section("data", "Data", [Facts(items), named])


def split(material: Material) -> Section:
    """The parts of the split, how they were divided, and what is in neither."""
    card, words = material.card["split"], material.words
    parts = {name: part for name, part in card.items() if isinstance(part, Mapping)}
    items: list[tuple[str, Cell]] = [(name, _part(part, words.events)) for name, part in parts.items()]
    items.append(("requested share of the test part", percent(card["test_share"])))
    if card["kind"] == "time":
        items += _in_time(card, words.events)
    divided = Paragraph(SPLITS[card["kind"]].format(event=words.event))
    return Section("split", "Split", [divided, Facts(items), *_registered(material)])


def _registered(material: Material) -> list[Paragraph]:
    """Which model the figures belong to, and which one is registered."""
    refit, events = material.card["training"].get("refit"), material.words.events
    if refit is None:
        return [Paragraph("The registered model was trained on the training part alone.")]
    return [
        Paragraph(
            "The measures, curves and explanations of this report belong to a model that was trained on the training part "
            f"alone. The registered model was then trained with the same settings on all {_part(refit, events)}. No record "
            "is left to measure that model on. Its calibration, policy and review load come from the scores that its "
            "boosters give to records that they were not trained on."
        )
    ]


def _in_time(card: Mapping[str, Any], events: str) -> list[tuple[str, Cell]]:
    known = (
        f"left out of the test part: {count(card['rows_of_known'])} records"
        if card["leave_out_known"]
        else "in the test part"
    )
    return [
        ("label delay", f"{number(card['delay_days'])} days before the test part begins"),
        ("records within the delay, in neither part", count(card["rows_in_delay"])),
        (f"ids already known for {events}", known),
    ]


def _part(part: Mapping[str, int], events: str) -> str:
    share = percent(part["frauds"] / max(1, part["rows"]))
    return f"{count(part['rows'])} records with {count(part['frauds'])} {events} ({share})"


def settings(material: Material) -> Section:
    """Seed, settings, rounds."""
    training = material.card["training"]
    items: list[tuple[str, Cell]] = [("seed", str(training["seed"]))]
    items += [(name, setting_text(setting)) for name, setting in training["settings"].items()]
    items.append(("rounds kept by each booster", ", ".join(map(count, training["rounds"]))))
    items += _refit(training.get("refit"))
    return Section("settings", "Settings", [Facts(items), Paragraph(_origin(material)), *_race(training.get("race"))])


def _race(runners: Sequence[Mapping[str, Any]] | None) -> list[Table]:
    if not runners:
        return []
    rows: list[list[Cell]] = [[each["recipe"], decimal(each["log_loss"]), str(each["folds"])] for each in runners]
    return [Table("Recipes", ["recipe", "mean log loss of held-out records", "folds"], rows, 3)]


def _refit(refit: Mapping[str, Any] | None) -> list[tuple[str, Cell]]:
    if refit is None:
        return []
    return [("rounds kept by each booster of the registered model", ", ".join(map(count, refit["rounds"])))]


def _origin(material: Material) -> str:
    """How the settings differ from the defaults, and why."""
    is_tuned, defaults = bool(material.card.get("tuning")), asdict(XGBoostSettings())
    chosen = material.card["training"]["settings"]
    differing = [
        f"{name} {setting_text(setting)} "
        + (f"(default {setting_text(defaults[name])})" if name in defaults else "(not in the default)")
        for name, setting in chosen.items()
        if setting != defaults.get(name)
    ]
    if not differing:
        return "All settings have their defaults" + (", which tuning could not improve." if is_tuned else ".")
    return f"Settings that differ from the default: {', '.join(differing)}. {_source(material)}."


def _source(material: Material) -> str:
    if material.card.get("tuning"):
        return "This training tuned them; see “Tuning”"
    if material.card["training"].get("race"):
        return "They are those of the recipe that did best on folds of the training part"
    return "They were given, not tuned in this training"


def setting_text(setting: Any) -> str:
    """A setting as people write it."""
    is_number = isinstance(setting, int | float) and not isinstance(setting, bool)
    return number(setting) if is_number else str(setting)


def constraints(material: Material) -> Section:
    """What the contract's monotone features cost in measures."""
    prices, title = material.card.get("constraint_prices") or [], "Price of monotone features"
    if not prices:
        return Section(
            "constraints", title, [Paragraph("The contract declares no monotone feature, so there is no price.")]
        )
    rows: list[list[Cell]] = [
        [", ".join(price["constraints"]), _difference(price["average_precision"]), _difference(price["roc_auc"])]
        for price in prices
    ]
    explained = (
        "Each row compares the model with these features monotone to the same model without that constraint. A negative "
        "difference is a price. If the interval contains 0, chance alone explains the difference."
    )
    headings = ["monotone features", "difference of average precision", "difference of ROC AUC"]
    return Section(
        "constraints", title, [Paragraph(explained), Table("Prices, with 95 % intervals", headings, rows, 2)]
    )


def _difference(change: Mapping[str, float]) -> Measured:
    return Measured(f"{change['difference']:+.4f}", f"{change['low']:+.4f} to {change['high']:+.4f}")


def warnings(material: Material) -> Section:
    """What looked suspicious in the data."""
    found = material.card.get("warnings") or []
    block = Bullets(found) if found else Paragraph("Training found nothing suspicious in the data.")
    return Section("warnings", "Warnings", [block])


def software(material: Material) -> Section:
    """Versions."""
    return Section("software", "Software", [Facts([(name, v) for name, v in material.card["software"].items()])])
