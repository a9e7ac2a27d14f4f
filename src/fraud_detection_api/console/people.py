"""Who reviews: the account of a visitor. Where nobody has one, all who reach the server are one reviewer."""

from fraud_detection_api.console.access import ACCESS, CASE
from fraud_detection_api.console.visitors import Visitor
from fraud_detection_api.services.accounts.trail import NOBODY
from fraud_detection_api.services.reviewing.review_store import Reviewer


def name_of(visitor: Visitor) -> str:
    """The name under which a visitor acts and looks."""
    return NOBODY if visitor.account is None else visitor.account.name


def reviewer_of(visitor: Visitor) -> Reviewer | None:
    """The visitor as a reviewer; None for those who only look."""
    if not visitor.may(ACCESS["POST", CASE]):
        return None
    account = visitor.account
    return Reviewer(name_of(visitor), account is None or account.is_lead or account.role == "admin")
