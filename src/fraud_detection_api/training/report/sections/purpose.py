"""What the model is for, and what it is not."""

from fraud_detection_api.report.document import Block, Bullets, Paragraph, Section
from fraud_detection_api.report.numbers import count
from fraud_detection_api.training.report.material import Material

_NOT_FOR = {
    "fraud": (
        "Refusing or blocking somebody on the probability alone: it is a reason to look, and no proof.",
        "Records of another contract, or of another population than the training data: those are scored all the same.",
    ),
    "credit": (
        (
            "Deciding on the probability alone. Who is refused may ask why, and the law may want reasons (Regulation B in "
            "the United States) or a person (GDPR article 22); the European Union's AI Act counts credit scores of people "
            "as high-risk."
        ),
        "Saying that groups are treated alike: that is not measured here, unless a group is among the segments below.",
        "Records of another contract, or of applicants unlike those in the training data.",
    ),
}
_FOR = {
    "fraud": "It ranks records by how likely they are fraud, and the probability is calibrated, so that a team can say "
    "at which one it looks closer, holds or calls back.",
    "credit": "It estimates how likely an applicant or borrower is to default. The probability is calibrated, so it can "
    "be set against margins and losses.",
}


def purpose(material: Material) -> Section:
    """Intended use and what it is not for."""
    kind = material.card.get("purpose", "fraud")
    columns = count(len(material.card["features"]))
    reads = f"It reads {columns} columns of records of the contract “{material.contract_name}”."
    blocks: list[Block] = [
        Paragraph(f"{_FOR[kind]} {reads}"),
        Paragraph("It is not meant for:"),
        Bullets(_NOT_FOR[kind]),
    ]
    return Section("purpose", "What this model is for", blocks)
