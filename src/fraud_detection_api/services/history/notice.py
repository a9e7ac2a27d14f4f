"""A notice to an applicant whose request was declined, as Regulation B asks for it."""

import re
from datetime import UTC, datetime

from pydantic_core import from_json

from fraud_detection_api.decision.stored import StoredDecision
from fraud_detection_api.errors import FraudError
from fraud_detection_api.services.history.lookup import Found

MOST_PRINCIPAL = 4

_TEMPLATE = """# Notice of action taken

[Creditor's name]
[Creditor's address and telephone number]

[Applicant's name]
[Applicant's address]

Reference: {reference}
Date of the decision: {date}

Thank you for your application. We regret that we cannot approve it.

## Principal reasons for this decision

{reasons}

If you have questions about this notice, contact us at the address above.

## Notice

[The notice of the Equal Credit Opportunity Act, 12 CFR 1002.9(b)(1), with the agency that supervises you]

[If a report of a consumer reporting agency was used: the disclosures of the Fair Credit Reporting Act, 15 U.S.C. 1681m]
"""

_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>#|~])")


class NoNotice(FraudError):
    """A stored decision gives no notice to an applicant."""

    def __init__(self, why: str) -> None:
        super().__init__(f"no notice can be made of this decision: {why}")


def adverse_action_notice(found: Found) -> str:
    """The notice in Markdown, with at most four principal reasons and placeholders in brackets for what only people know.

    It has no score. Source: 12 CFR 1002.9 and the forms of its appendix C. Raises NoNotice where the decision is none to
    decline, or has no reasons that a person could be told.
    """
    row = found.row
    if not found.is_intact:
        raise NoNotice("its row was changed since it was stored, or FRAUD_SEAL_KEY is not the server's")
    if row.outcome != "decline":
        raise NoNotice(f"its outcome is {row.outcome}; only a declined application gets one")
    reasons = "\n".join(f"{rank}. {text}" for rank, text in enumerate(_principal(row), 1))
    day = datetime.fromtimestamp(row.decided_at / 1000, UTC).date().isoformat()
    return _TEMPLATE.format(reference=row.decision_id, date=day, reasons=reasons)


def _principal(row: StoredDecision) -> list[str]:
    if row.reasons is None:
        raise NoNotice('it was decided without reasons; ask for them with "explain": true')
    told = [reason["description"] for reason in from_json(row.reasons) if reason["direction"] == "increases_risk"]
    if not told:
        raise NoNotice("no column that may be a reason raised the risk; a person must state the reasons")
    return [_MARKDOWN.sub(r"\\\1", " ".join(text.split())) for text in told[:MOST_PRINCIPAL]]
