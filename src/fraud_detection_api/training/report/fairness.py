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
            "Not measured with this policy. Declare protected features in the contract, or give a file of ids and groups to "
            "`fraud train FILE --groups GROUPS.csv`. Groups of that file are never features. For a version whose policy was "
            "changed, `fraud evaluate VERSION FILE --groups GROUPS.csv` measures it."
        )
        return Section("fairness", TITLE, [Paragraph(none)])
    return Section("fairness", TITLE, fairness_blocks(found, material.words, material.evidence.get("dtypes", {})))
