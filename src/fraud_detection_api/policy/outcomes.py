"""The policy: what each outcome is expected to cost, and so which one a record gets.

Only IEEE additions, subtractions, multiplications and comparisons, each rounded once, decide an outcome: it is the same on
every machine, for one record and for a million.
"""

import math
import re
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from fraud_detection_api.contract.loading import file_text, unknown_key
from fraud_detection_api.errors import InvalidPolicy

Outcome = Literal["approve", "review", "decline"]
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)
"""The outcomes, the mildest first; an outcome's code is its index here."""

LARGEST = 1e15
"""Beyond it a key is taken for a slip; products of such numbers stay far from float64's end."""

_VERSION = re.compile("[1-9][0-9]{0,8}")


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Probabilities above which a record of one amount is reviewed and declined; None where it never is."""

    review_above: float | None
    decline_above: float | None


@dataclass(frozen=True)
class Policy:
    """What a record of fraud probability p and amount a is expected to cost; its outcome is the cheapest.

    approve p · loss_given_fraud · a; review review_cost + review_price (a review finds out the truth); decline
    (1 - p) · wrong_decline_cost. Where two cost the same, the milder one. Source: Elkan, "The foundations of cost-sensitive
    learning", IJCAI 2001; `review_price` is the multiplier of Lagrange of the capacity, reviews a day: what one more
    review would be worth (Everett, "Generalized Lagrange multiplier method", Operations Research 11, 1963).

    Money is in any one currency. `amount_at_risk` stands for the amount of a record that has none. Raises ValueError, naming
    the key, where one is not finite or below 0, and for a capacity that is priced without being known.
    """

    version: str = "1"
    loss_given_fraud: float = 1.0
    amount_at_risk: float = 1000.0
    review_cost: float = 50.0
    wrong_decline_cost: float = 200.0
    reviews_a_day: float | None = None
    records_a_day: float | None = None
    review_price: float = 0.0

    def __post_init__(self) -> None:
        if not isinstance(self.version, str) or not _VERSION.fullmatch(self.version):
            raise ValueError('version must be a whole number from "1", as text')
        for name in NUMBERS:
            number = getattr(self, name)
            if number is None and name in OPTIONAL:
                continue
            if isinstance(number, bool) or not isinstance(number, int | float) or not 0 <= number <= LARGEST:
                raise ValueError(f"{name} must be a number from 0 to {LARGEST:g}")
            object.__setattr__(self, name, float(number))
        if self.records_a_day == 0:
            raise ValueError("records_a_day must be above 0; leave it out where it is not known")
        if self.reviews_a_day is None and self.review_price:
            raise ValueError("review_price must be 0 without reviews_a_day")

    def outcomes(
        self, probabilities: NDArray[np.float64], amounts: NDArray[np.float64] | None = None
    ) -> NDArray[np.int8]:
        """Outcomes of records, int8 (n,), as indexes into OUTCOMES.

        `probabilities` float64 (n,); `amounts` float64 (n,), or None where no record has one. NaN means `amount_at_risk`; of
        an amount below 0, nothing is at risk.

        >>> Policy().outcomes(np.array([0.01, 0.3, 0.01, 0.9]), np.array([np.nan, np.nan, 100_000, np.nan]))
        array([0, 1, 1, 2], dtype=int8)
        """
        approve, review, decline = self.costs(probabilities, amounts)
        milder = np.where(review <= decline, np.int8(1), np.int8(2))
        return np.where((approve <= review) & (approve <= decline), np.int8(0), milder)

    def costs(
        self, probabilities: NDArray[np.float64], amounts: NDArray[np.float64] | None
    ) -> tuple[NDArray[np.float64], float, NDArray[np.float64]]:
        """What it is expected to cost to approve, to review and to decline each record; arguments as of `outcomes`.

        >>> approve, review, decline = Policy().costs(np.array([0.25]), np.array([80.0]))
        >>> approve.tolist(), review, decline.tolist()
        ([20.0], 50.0, [150.0])
        """
        decline = (1.0 - probabilities) * self.wrong_decline_cost
        return self.losses(probabilities, amounts), self.review_cost + self.review_price, decline

    def losses(self, probabilities: NDArray[np.float64], amounts: NDArray[np.float64] | None) -> NDArray[np.float64]:
        """What it is expected to cost to approve each record, float64 (n,); arguments as of `outcomes`.

        >>> Policy(loss_given_fraud=0.5).losses(np.array([0.25, 0.25]), np.array([np.nan, 80.0])).tolist()
        [125.0, 10.0]
        """
        return probabilities * self.loss_given_fraud * self.at_risk(probabilities, amounts)

    def at_risk(self, probabilities: NDArray[np.float64], amounts: NDArray[np.float64] | None) -> NDArray[np.float64]:
        """The amount at risk of each record, float64 (n,), never below 0."""
        if amounts is None:
            return np.full(probabilities.shape, self.amount_at_risk)
        known = np.where(np.isnan(amounts), self.amount_at_risk, amounts)
        return np.where(known > 0, known, 0.0)

    def thresholds(self, amount: float | None = None) -> Thresholds:
        """For people: the probabilities at which outcomes change for an amount; rounding may move the last bit.

        >>> Policy().thresholds()
        Thresholds(review_above=0.05, decline_above=0.75)
        """
        at_risk = self.amount_at_risk if amount is None or math.isnan(amount) else max(amount, 0.0)
        loss, review, wrong = (
            self.loss_given_fraud * at_risk,
            self.review_cost + self.review_price,
            self.wrong_decline_cost,
        )
        review_above = _ratio(review, loss)
        decline_above = 1 - _ratio(review, wrong) if review else 1.0
        if review_above >= decline_above:  # where no probability makes a review the cheapest
            return Thresholds(None, _below_1(_ratio(wrong, loss + wrong) if wrong else (0.0 if loss else 1.0)))
        return Thresholds(_below_1(review_above), _below_1(decline_above))

    def succeeding(self, former: "Policy | None") -> "Policy":
        """This policy as the next version after `former`, or the same version where nothing else differs; "1" after None."""
        if former is None:
            return replace(self, version="1")
        same = replace(self, version=former.version) == former
        return replace(self, version=former.version if same else str(int(former.version) + 1))

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, document: Mapping[str, Any], *, source: str = "of the model") -> "Policy":
        """The policy that `as_json` wrote. Raises InvalidPolicy, naming each key and its fix."""
        return cls.from_keys(document, source=source, known=[field.name for field in fields(cls)], all_required=True)

    @classmethod
    def from_keys(cls, document: Mapping[str, Any], *, source: str, known: list[str], all_required: bool) -> "Policy":
        """Policy from the keys of `known`; those left out are the defaults, unless all are required.

        Raises InvalidPolicy.
        """
        if problems := _key_problems(list(document), known, all_required=all_required):
            raise InvalidPolicy(source, problems)
        try:
            return cls(**document)
        except ValueError as error:
            raise InvalidPolicy(source, [str(error)]) from None


def _key_problems(present: list[str], known: list[str], *, all_required: bool) -> list[str]:
    """The keys that are unknown, and those that are missing where all are required."""
    missing = [key for key in known if key not in present] if all_required else []
    unknown = [f"{key}: {unknown_key(key, known)}" for key in present if key not in known]
    return [*unknown, *(f"{key}: is required" for key in missing)]


OPTIONAL = ("reviews_a_day", "records_a_day")
NUMBERS = tuple(field.name for field in fields(Policy) if field.name != "version")


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else math.inf


def _below_1(probability: float) -> float | None:
    return probability if probability < 1 else None


WORKED_OUT = ("version", "review_price")
"""What no file says: a version is counted, and the price of a review follows from the capacity."""

FILE_KEYS = [field.name for field in fields(Policy) if field.name not in WORKED_OUT]


def load_policy(path: Path) -> Policy:
    """The policy in a TOML file, not yet priced; keys left out are the defaults. Raises InvalidPolicy."""
    source = str(path)
    text = file_text(path, InvalidPolicy, expected="a TOML file of costs")
    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # tomllib's own error is a ValueError
        raise InvalidPolicy(source, [f"not valid TOML: {error}"]) from None
    for key in WORKED_OUT:
        if key in document:
            raise InvalidPolicy(source, [f"{key}: is worked out, not written; remove the key"])
    return Policy.from_keys(document, source=source, known=FILE_KEYS, all_required=False)
