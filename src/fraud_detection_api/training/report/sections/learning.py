"""Whether more rounds, or more records, would help."""

from fraud_detection_api.report.document import Block, Gallery, Plot, Section, Table
from fraud_detection_api.report.numbers import count, decimal, range_of
from fraud_detection_api.training.report.material import Material
from fraud_detection_api.training.report.plots import learning as paint


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
        paint.rounds,
        "Loss by round",
        curve,
        "Log loss on the records that the trees were grown on and on held-out records. Where the lines part, the trees "
        "overfit. The shading marks the rounds at which boosters stopped improving.",
        f"{span}The lines end at round {count(last)}, the last that all boosters reached{shading}. There they are "
        f"{decimal(held_out - fitted)} nats apart.",
    )


def _size(material: Material) -> Plot:
    points = material.evidence["learning_curve"]["training_size"]
    last = points[-1]
    gain = last["average_precision"] - points[-2]["average_precision"] if len(points) > 1 else 0.0
    return Plot(
        paint.training_size,
        "Average precision by number of training records",
        {"points": points},
        "If the line still rises at its right end, more records would help. The band is the 95 % interval.",
        f"The last step, to {count(last['rows'])} records, changed average precision by {gain:+.4f}.",
    )
