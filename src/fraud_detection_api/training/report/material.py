"""What a report is written from."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fraud_detection_api.report.document import Words, words_for

_SHOWN_DIGEST = len("sha256:") + 12
REQUIRED = ("contract", "data", "features", "split", "training", "evaluation", "software")


@dataclass(frozen=True, slots=True)
class Material:
    """A model card, the evidence of `evidence.gather`, and the words of the model's purpose."""

    card: Mapping[str, Any]
    evidence: Mapping[str, Any]
    words: Words

    @classmethod
    def of(cls, card: Mapping[str, Any], evidence: Mapping[str, Any]) -> "Material":
        """Material for a report. A card without a purpose belongs to a fraud model.

        Raises KeyError naming what the card lacks, ValueError for an unknown purpose.
        """
        if lacking := [name for name in REQUIRED if name not in card]:
            raise KeyError(f"the model card has no {', '.join(lacking)}")
        return cls(card, evidence, words_for(card.get("purpose", "fraud")))

    @property
    def metrics(self) -> Mapping[str, Mapping[str, Any]]:
        metrics: Mapping[str, Mapping[str, Any]] = self.card["evaluation"]["metrics"]
        return metrics

    @property
    def contract_name(self) -> str:
        return str(self.card["contract"]["name"])

    @property
    def identity(self) -> str:
        """Contract, data and seed. No date and no version: the same training makes the same report, digest and all."""
        card, shown = self.card, _SHOWN_DIGEST
        return (
            f"Training: contract “{self.contract_name}” (fingerprint {card['contract']['fingerprint'][:shown]}), data "
            f"{card['data']['digest'][:shown]}, seed {card['training']['seed']}."
        )
