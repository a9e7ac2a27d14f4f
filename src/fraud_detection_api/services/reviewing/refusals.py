"""Why a reviewer cannot act on a case."""

from fraud_detection_api.errors import FraudError


class CaseClosed(FraudError):
    """The decision is not in the queue: somebody decided it, or it never was."""

    def __init__(self) -> None:
        super().__init__("this decision is not in the queue any more; its labels say what was found")


class CaseTaken(FraudError):
    """Another reviewer has the case; `until` is in milliseconds since 1970."""

    def __init__(self, who: str, until: int) -> None:
        super().__init__(f"this case is with {who} now, so nothing was recorded")
        self.who, self.until = who, until


class CaseEscalated(FraudError):
    """The case waits for a lead."""

    def __init__(self) -> None:
        super().__init__("this case was escalated, so a lead decides it")


class NotAppealable(FraudError):
    """The decision is in the queue already, or its record was erased."""

    def __init__(self) -> None:
        super().__init__("this decision is in the queue already, or its record was erased")


class UnfitNote(FraudError):
    """A note is missing or too long."""
