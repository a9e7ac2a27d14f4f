"""Which training a report is of."""

from fraud_detection_api.training.report.material import Material

SHOWN = len("sha256:") + 12


def identity(material: Material) -> str:
    """Contract, data and seed. No date and no version: the digest, the same for the same training, covers the report."""
    card = material.card
    return (
        f"Training: contract “{material.contract_name}” (fingerprint {card['contract']['fingerprint'][:SHOWN]}), data "
        f"{card['data']['digest'][:SHOWN]}, seed {card['training']['seed']}. Its date and version stand in the registry."
    )
