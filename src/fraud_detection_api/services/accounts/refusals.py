"""Why nobody was signed in, or an account was not changed."""

from typing import Literal, TypeAlias

from fraud_detection_api.errors import FraudError

ProviderReason: TypeAlias = Literal["stale", "denied", "invalid", "no_role", "no_name", "name_taken"]
"""`stale`: the browser began no such sign-in, or began another since. `denied`: the provider sent nobody. `invalid`: what it
sent proves nothing. `name_taken`: somebody else here has the name."""


class SignInRefused(FraudError):
    """Name and password do not belong together; whether there is such an account is not said."""

    def __init__(self) -> None:
        super().__init__("this name and password do not belong to an account")


class SignInThrottled(FraudError):
    """A name or an address failed to sign in too often."""

    def __init__(self, retry_after_seconds: int) -> None:
        super().__init__(f"too many attempts to sign in; try again in {retry_after_seconds} s")
        self.retry_after_seconds = retry_after_seconds


class InvalidAccount(FraudError):
    """An account cannot have this name, role or password."""


class AccountExists(FraudError):
    """There is an account of that name."""

    def __init__(self) -> None:
        super().__init__("there is an account of that name; `fraud users password` changes its password")


class UnknownAccount(FraudError):
    """There is no account of that name."""

    def __init__(self) -> None:
        super().__init__("there is no account of that name; `fraud users list` lists the accounts")


class ProviderRefused(FraudError):
    """A provider of identities led somebody here who cannot come in."""

    def __init__(self, why: ProviderReason, detail: str = "") -> None:
        super().__init__(f"the sign-in was refused: {why}{': ' * bool(detail)}{detail}")
        self.why, self.detail = why, detail


class ProviderUnavailable(FraudError):
    """The provider of identities does not answer, or not as it has to."""

    neutral = "the provider of identities cannot be used now"

    def __init__(self, reason: str) -> None:
        super().__init__(f"{self.neutral}: {reason}")
