"""What a report is written from."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fraud_detection_api.report.words import Words, words_for

REQUIRED = ("contract", "data", "features", "split", "training", "evaluation", "software")


@dataclass(frozen=True, slots=True)
class Material:
    """A model card, the evidence of `evidence.gather`, and the words of the model's purpose."""

    card: Mapping[str, Any]
    evidence: Mapping[str, Any]
    words: Words

    @classmethod
    def of(cls, card: Mapping[str, Any], evidence: Mapping[str, Any]) -> "Material":
        """Material for a report; a card that states no purpose is of a fraud model.

        Raises KeyError that names what the card lacks, ValueError for a purpose that is none.
        """
        if lacking := [name for name in REQUIRED if name not in card]:
            raise KeyError(f"the model card has no {', '.join(lacking)}")
        return cls(card, evidence, words_for(card.get("purpose", "fraud")))

    @property
    def metrics(self) -> Mapping[str, Mapping[str, float | None]]:
        metrics: Mapping[str, Mapping[str, float | None]] = self.card["evaluation"]["metrics"]
        return metrics

    @property
    def contract_name(self) -> str:
        return str(self.card["contract"]["name"])
