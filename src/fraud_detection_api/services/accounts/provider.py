"""Signs people in whom a provider of identities knows. Their role is what the provider says of them at each sign-in."""

import hashlib
import hmac
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Literal, NamedTuple, Protocol, TypeAlias, get_args

from fraud_detection_api.services.accounts.account_store import Account, AccountStore, AuditLine, ConsoleRole
from fraud_detection_api.services.accounts.refusals import ProviderRefused
from fraud_detection_api.services.accounts.signing_in import NAME

GivenRole: TypeAlias = Literal["admin", "lead", "analyst", "auditor", "monitor"]
"""The roles that a provider can give; the first of several counts. A lead is an analyst who leads reviewers."""

GIVEN_ROLES: tuple[GivenRole, ...] = get_args(GivenRole)


class Attempt(NamedTuple):
    """The secrets of one attempt to sign in: what the provider's answer and its token have to name, and the proof key."""

    state: str
    nonce: str
    verifier: str


def attempt_of(token: str) -> Attempt:
    """The secrets that belong to a random token, which only the browser has. None of them tells another."""
    return Attempt(*(hmac.new(token.encode(), name.encode(), hashlib.sha256).hexdigest() for name in Attempt._fields))


class IdentityProvider(Protocol):
    """Knows who people are. Any thread may call it."""

    @property
    def name(self) -> str:
        """What people call it."""

    @property
    def issuer(self) -> str:
        """What no other provider is called."""

    def authorization_url(self, attempt: Attempt) -> str:
        """Where the browser goes to be recognised. Raises ProviderUnavailable."""

    def claims(self, code: str, attempt: Attempt) -> Mapping[str, object]:
        """What the provider says, with proof, of whoever came back with this code; `sub` is there.

        Raises ProviderUnavailable, and ProviderRefused where there is no proof.
        """


class ClaimRules(NamedTuple):
    """Which claim names a person, which one lists what they are, and which of those words stand for which role."""

    name: str
    roles: str
    words: Mapping[GivenRole, Sequence[str]]

    def role_of(self, claims: Mapping[str, object]) -> GivenRole | None:
        """The first of the roles that the claims give; None where they give none.

        >>> rules = ClaimRules("email", "realm_access.roles", {"lead": ["leads"], "analyst": ["fraud"]})
        >>> rules.role_of({"realm_access": {"roles": ["fraud", "leads"]}}), rules.role_of({"roles": "fraud"})
        ('lead', None)
        """
        said = claim(claims, self.roles)
        held = {each for each in (said if isinstance(said, list) else [said]) if isinstance(each, str)}
        return next((role for role in GIVEN_ROLES if not {*self.words.get(role, ())}.isdisjoint(held)), None)


def words_of(text: str) -> Mapping[GivenRole, Sequence[str]]:
    """The words for each role, from pairs as a setting has them; without any, the roles' own names. Raises ValueError.

    >>> words_of("lead=leads, analyst=fraud team,lead=heads")
    {'lead': ['leads', 'heads'], 'analyst': ['fraud team']}
    """
    words: dict[GivenRole, list[str]] = {}
    for pair in filter(None, map(str.strip, text.split(","))):
        said, _, word = (part.strip() for part in pair.partition("="))
        role = next((each for each in GIVEN_ROLES if each == said), None)
        if role is None or not word:
            raise ValueError(f"must be like analyst=fraud-team, lead=heads; the roles are {', '.join(GIVEN_ROLES)}")
        words.setdefault(role, []).append(word)
    return words or {role: [role] for role in GIVEN_ROLES}


def claim(claims: Mapping[str, object], name: str) -> object:
    """A claim under its name, or within others, with dots between; None where there is none."""
    if name in claims:
        return claims[name]
    first, dot, rest = name.partition(".")
    inner = claims.get(first)
    return claim(inner, rest) if dot and isinstance(inner, Mapping) else None


class ProviderAccounts:
    """Signs in whom the provider knows, and to whom it gives a role. The clock is in seconds."""

    def __init__(
        self,
        provider: IdentityProvider,
        store: AccountStore,
        rules: ClaimRules,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._provider, self._store, self._rules, self._wall_clock = provider, store, rules, wall_clock

    @property
    def name(self) -> str:
        """What people call the provider."""
        return self._provider.name

    def start(self, token: str) -> str:
        """Where a browser with this new random token goes. Raises ProviderUnavailable."""
        return self._provider.authorization_url(attempt_of(token))

    def finish(self, token: str, returned: Mapping[str, str]) -> Account:
        """The account of whoever came back with these parameters, made or brought up to date.

        Raises ProviderRefused, ProviderUnavailable, StoreUnavailable.
        """
        attempt = attempt_of(token)
        if not token or not hmac.compare_digest(returned.get("state", "").encode(), attempt.state.encode()):
            raise ProviderRefused("stale")
        if returned.get("iss", self._provider.issuer) != self._provider.issuer:
            raise ProviderRefused("invalid", "another issuer")
        if "code" not in returned:
            raise ProviderRefused("denied")
        return self._admitted(self._provider.claims(returned["code"], attempt))

    def _admitted(self, claims: Mapping[str, object]) -> Account:
        given, name = self._rules.role_of(claims), str(claim(claims, self._rules.name) or "").lower()
        if given is None:
            raise ProviderRefused("no_role")
        if not NAME.fullmatch(name):
            raise ProviderRefused("no_name")
        now, role = int(self._wall_clock() * 1000), _ROLES.get(given, "analyst")
        subject = f"{self._provider.issuer} {claims['sub']}"
        account = Account(name, role, given == "lead", now, from_provider=True)
        line = AuditLine(now, self._provider.name, "account_added", name)
        if (admitted := self._store.admit(account, subject, line)) is None:
            raise ProviderRefused("name_taken")
        return admitted


_ROLES: Mapping[GivenRole, ConsoleRole] = {"admin": "admin", "auditor": "auditor", "monitor": "monitor"}
