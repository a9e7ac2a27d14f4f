"""Another policy for a model: priced on the model's own evidence, with a new card and report."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from fraud_detection_api.errors import InvalidPolicy
from fraud_detection_api.model.bundle import SealedBundle, read_bundle, read_card, read_evidence, with_policy
from fraud_detection_api.policy.consequences import policy_card
from fraud_detection_api.policy.outcomes import Policy
from fraud_detection_api.policy.population import Population
from fraud_detection_api.policy.pricing import price_reviews, require_records_a_day
from fraud_detection_api.training.card import timestamp
from fraud_detection_api.training.report.card import card_markdown
from fraud_detection_api.training.report.model_report import report_html


@dataclass(frozen=True, slots=True)
class ChangedPolicy:
    """A bundle with another policy, and what cards state of the former and the new one, measured on the same evidence."""

    sealed: SealedBundle
    former: dict[str, Any]
    new: dict[str, Any]


def change_policy(files: Mapping[str, bytes], terms: Policy, *, source: str, file: str, now: datetime) -> ChangedPolicy:
    """The bundle of `files` with the policy of `terms`, as the next version of its policy; scores stay the same to the bit.

    Errors name `source` for the bundle and `file` for the terms. Raises CorruptBundle, and InvalidPolicy where the bundle
    already has these terms or they are incomplete.
    """
    former = read_bundle(files, source=source).policy
    evidence, population = read_evidence(files, source=source)
    policy = priced_policy(terms, former, population, file=file)
    if policy == former:
        raise InvalidPolicy(file, [f"is already the policy of {source}; nothing was registered"])
    new = policy_card(policy, population, measured_on="cells")
    card = {**read_card(files, source=source)[1], "policy": new}
    documents = {"card.md": card_markdown(card, evidence), "report.html": report_html(card, evidence)}
    sealed = with_policy(files, policy, card=card, documents=documents, created_at=timestamp(now))
    return ChangedPolicy(sealed, policy_card(former, population, measured_on="cells"), new)


def priced_policy(terms: Policy, former: Policy, population: Population, *, file: str) -> Policy:
    """The terms, priced on the population, as the version after `former`; `former` completes the records a day.

    Raises InvalidPolicy.
    """
    if terms.records_a_day is None:
        terms = replace(terms, records_a_day=former.records_a_day)
    if terms == replace(former, version=terms.version, review_price=terms.review_price):
        return former  # it was priced on records, and this population may be of cells
    require_records_a_day(terms, source=file)
    return price_reviews(terms, population).succeeding(former)
