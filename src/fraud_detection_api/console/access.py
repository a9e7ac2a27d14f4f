"""Who may open which page and do which action: the one table. A route that is not in it cannot be made."""

from collections.abc import Mapping
from typing import TypeAlias

from fraud_detection_api.services.accounts.account_store import ROLES, ConsoleRole

PATH = "/console"
SIGN_IN, SIGN_OUT = f"{PATH}/sign-in", f"{PATH}/sign-out"
TO_PROVIDER, FROM_PROVIDER = f"{SIGN_IN}/provider", f"{SIGN_IN}/return"

DECISIONS, DECISIONS_CSV = f"{PATH}/decisions", f"{PATH}/decisions.csv"
DECISION = f"{DECISIONS}/{{decision_id}}"
AUDIT = f"{PATH}/audit"

MODELS, POLICY, MONITORING = f"{PATH}/models", f"{PATH}/policy", f"{PATH}/monitoring"

QUEUE = f"{PATH}/queue"
NEXT_CASE, FILTERS = f"{QUEUE}/next", f"{QUEUE}/filters"
CASE, APPEAL = f"{QUEUE}/{{decision_id}}", f"{QUEUE}/{{decision_id}}/appeal"
QUALITY, GOLDEN = f"{PATH}/quality", f"{QUEUE}/{{decision_id}}/golden"

Allowed: TypeAlias = frozenset[ConsoleRole] | None
"""The roles that may; None where nobody need be signed in."""

EVERYBODY: Allowed = None
EVERY_ROLE: Allowed = frozenset(ROLES)
ADMIN: Allowed = frozenset({"admin"})

SEES_RECORDS: Allowed = frozenset({"analyst", "auditor", "admin"})
"""Who sees records of customers."""

SEES_TRAIL: Allowed = frozenset({"auditor", "admin"})
"""Who sees what others did."""

REVIEWS: Allowed = frozenset({"analyst", "admin"})
"""Who reviews decisions."""

ACCESS: Mapping[tuple[str, str], Allowed] = {
    ("GET", PATH): EVERY_ROLE,
    ("GET", SIGN_IN): EVERYBODY,
    ("POST", SIGN_IN): EVERYBODY,
    ("GET", TO_PROVIDER): EVERYBODY,
    ("GET", FROM_PROVIDER): EVERYBODY,
    ("POST", SIGN_OUT): EVERY_ROLE,
    ("GET", QUEUE): SEES_RECORDS,
    ("POST", NEXT_CASE): REVIEWS,
    ("POST", FILTERS): REVIEWS,
    ("GET", CASE): SEES_RECORDS,
    ("POST", CASE): REVIEWS,
    ("POST", APPEAL): REVIEWS,
    ("GET", QUALITY): SEES_RECORDS,
    ("POST", GOLDEN): REVIEWS,
    ("GET", DECISIONS): SEES_RECORDS,
    ("GET", DECISIONS_CSV): SEES_RECORDS,
    ("GET", DECISION): SEES_RECORDS,
    ("GET", AUDIT): SEES_TRAIL,
    # models, policy and monitoring
    ("GET", MODELS): EVERY_ROLE,
    ("GET", f"{MODELS}/{{version}}"): EVERY_ROLE,
    ("GET", f"{MODELS}/{{version}}/report"): EVERY_ROLE,
    ("GET", f"{MODELS}/{{version}}/comparison"): EVERY_ROLE,
    ("GET", f"{MODELS}/{{version}}/change/{{change}}"): ADMIN,
    ("POST", f"{MODELS}/{{version}}/change/{{change}}"): ADMIN,
    ("GET", POLICY): EVERY_ROLE,
    ("GET", MONITORING): EVERY_ROLE,
    ("GET", f"{PATH}/{{path:path}}"): EVERY_ROLE,
    ("POST", f"{PATH}/{{path:path}}"): EVERY_ROLE,
}
"""Method and path of a route → who may. The last two are of pages that do not exist."""

FOR_LEADS = frozenset({("GET", QUALITY), ("POST", GOLDEN)})
"""Of analysts, only those who lead may: it is about their colleagues."""
