"""How the groups of the test part are treated."""

from fraud_detection_api.report.document import Paragraph, Section
from fraud_detection_api.report.fairness import fairness_blocks
from fraud_detection_api.training.report.material import Material

TITLE = "Fairness"


def fairness(material: Material) -> Section:
    """Outcomes, errors and calibration by group, or how to have them measured."""
    found = material.card.get("fairness") or []
    if not found:
        none = (
            "Not measured. Declare `protected = true` for features of the contract, or give a file of ids and groups: "
            "`fraud train FILE --groups GROUPS.csv`. Groups of that file are never features."
        )
        return Section("fairness", TITLE, [Paragraph(none)])
    return Section("fairness", TITLE, fairness_blocks(found, material.words, material.evidence.get("dtypes", {})))
