"""Who opens a page: somebody with a session, anybody where nobody need sign in, or somebody who has to."""

from dataclasses import dataclass
from typing import Literal

from starlette.requests import Request
from starlette.responses import Response

from fraud_detection_api.console.access import ACCESS, FOR_LEADS, PATH, Allowed
from fraud_detection_api.container.accounts import People
from fraud_detection_api.routes.protocol.prefix import PublicPrefix
from fraud_detection_api.services.accounts.account_store import Account
from fraud_detection_api.services.accounts.sessions import form_token, new_token

SESSION_COOKIE, FORM_COOKIE, ATTEMPT_COOKIE = "fraud_session", "fraud_form", "fraud_sign_in"

State = Literal["signed_in", "signed_out", "open", "no_accounts", "no_store"]
"""`open`: nobody has an account, and only this machine reaches the server. `no_accounts`: nobody can sign in yet."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who opens a page, and the secret of their cookie that the page's forms belong to.

    `prefix` is the path under which they know the server. `is_new` says that their browser does not have the secret yet.
    """

    state: State
    prefix: str
    secret: str
    account: Account | None = None
    is_new: bool = False

    @property
    def form_token(self) -> str:
        """What each form carries."""
        return form_token(self.secret)

    def may(self, allowed: Allowed) -> bool:
        """Whether they may do what these roles may."""
        role = "admin" if self.state == "open" else None if self.account is None else self.account.role
        return allowed is None or role in allowed

    def may_use(self, method: str, path: str) -> bool:
        """Whether they may use a route."""
        is_led = self.account is not None and self.account.role == "analyst" and not self.account.is_lead
        return self.may(ACCESS[method, path]) and not (is_led and (method, path) in FOR_LEADS)


@dataclass(frozen=True)
class Console:
    """Finds out who asks. `people` is None without a store; `is_open` says that all is open while nobody has an account."""

    people: People | None
    prefix: PublicPrefix
    is_open: bool

    def visitor(self, request: Request) -> Visitor:
        """Who asks. Raises StoreUnavailable."""
        prefix, token = self.prefix.of(request.scope), request.cookies.get(SESSION_COOKIE)
        if self.people is not None and token and (account := self.people.sessions.account(token)) is not None:
            return Visitor("signed_in", prefix, token, account)
        known = request.cookies.get(FORM_COOKIE)
        return Visitor(self._state(), prefix, known or new_token(), is_new=not known)

    def _state(self) -> State:
        if self.people is None:
            return "no_store"
        if self.people.must_sign_in():
            return "signed_out"
        return "open" if self.is_open else "no_accounts"


def set_cookie(
    response: Response, name: str, secret: str, visitor: Visitor, *, secure: bool, seconds: int | None = None
) -> None:
    """Give the browser a secret that no script reads and no other site sends with a form; for so long, or until it ends."""
    response.set_cookie(
        name, secret, seconds, path=f"{visitor.prefix}{PATH}", secure=secure, httponly=True, samesite="lax"
    )


def delete_cookie(response: Response, name: str, visitor: Visitor) -> None:
    """Have the browser forget a secret."""
    response.delete_cookie(name, path=f"{visitor.prefix}{PATH}", httponly=True, samesite="lax")
