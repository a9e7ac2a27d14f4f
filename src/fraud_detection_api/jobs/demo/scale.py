"""How large a demo is, and who made it."""

from dataclasses import dataclass

from fraud_detection_api.services.models.rollout import Order

ORDER = Order("fraud demo", "made-up data")
"""Who changes models and makes accounts."""


@dataclass(frozen=True, slots=True)
class Scale:
    """How much of a past there is. Days count back from the origin of the world."""

    days: float = 14.0
    payments_a_day: float = 1_000.0
    training_days: float = 40.0
    challenger_days: float = 6.0
