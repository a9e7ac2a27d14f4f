"""What the model is for, and what it is not for."""

from fraud_detection_api.report.document import Block, Bullets, Paragraph, Section
from fraud_detection_api.report.numbers import count
from fraud_detection_api.training.report.material import Material

_NOT_FOR = {
    "fraud": (
        "Refusing or blocking somebody because of the probability alone: it is a reason to check, not a proof.",
        "Records of another contract, or of another population than the training data. The model scores those as well.",
    ),
    "credit": (
        (
            "Deciding because of the probability alone. Refused applicants may ask why, and the law may require reasons "
            "(Regulation B in the United States) or a human decision (GDPR article 22). The European Union's AI Act "
            "classifies credit scoring of people as high-risk."
        ),
        "Claiming that groups are treated alike: that is not measured here, unless a group is among the segments below.",
        "Records of another contract, or of applicants unlike those in the training data.",
    ),
}
_FOR = {
    "fraud": "It ranks records by how likely they are fraud. The probability is calibrated, so a team can choose the "
    "values at which it checks, holds or calls back.",
    "credit": "It estimates how likely an applicant or borrower is to default. The probability is calibrated, so it can "
    "be weighed against margins and losses.",
}


def purpose(material: Material) -> Section:
    """Intended use, and what the model is not for."""
    kind = material.card.get("purpose", "fraud")
    columns = count(len(material.card["features"]))
    reads = f"It reads {columns} columns of records that follow the contract “{material.contract_name}”."
    blocks: list[Block] = [
        Paragraph(f"{_FOR[kind]} {reads}"),
        Paragraph("It is not meant for:"),
        Bullets(_NOT_FOR[kind]),
    ]
    return Section("purpose", "What this model is for", blocks)
