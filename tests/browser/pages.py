"""Every page of the console, who looks at it, and the looks that it is looked at in."""

from typing import NamedTuple

from browser.world import Served
from support import calls


class Look(NamedTuple):
    """A colour scheme and a size of window, in CSS pixels."""

    scheme: str
    width: int
    height: int


WIDE, PHONE = 1280, 390
LOOKS = {
    "light": Look("light", WIDE, 900),
    "dark": Look("dark", WIDE, 900),
    "phone": Look("light", PHONE, 844),
    "phone-dark": Look("dark", PHONE, 844),
}


class Place(NamedTuple):
    """A page: who looks at it (None is nobody), its address below /console, and the status of its answer."""

    who: str | None
    address: str
    status: int = 200


PLACES = {
    "sign-in": Place(None, "/sign-in"),
    "service": Place("ada", ""),
    "queue": Place("ana", "/queue"),
    "queue-filtered": Place("lea", "/queue?order=age&min=100"),
    "case": Place("lea", "/queue/{review}"),
    "decisions": Place("ana", "/decisions"),
    "decisions-wave": Place("ana", "/decisions?outcome=decline&label=fraud&since=12d"),
    "decisions-mistyped": Place("ana", "/decisions?since=whenever&min_score=many", 400),
    "decision": Place("omar", "/decisions/{decline}"),
    "decision-warned": Place("ana", "/decisions/{warned}"),
    "audit": Place("omar", "/audit"),
    "models": Place("ada", "/models"),
    "model": Place("ada", "/models/2"),
    "comparison": Place("ada", "/models/2/comparison?wait=yes"),
    "promotion": Place("ada", "/models/2/change/promote?wait=yes"),
    "policy": Place("ana", "/policy"),
    "policy-what-if": Place("ana", "/policy?review_cost=6&review_cost_was=3&backtest=yes"),
    "monitoring": Place("mona", "/monitoring?wait=yes"),
    "not-found": Place("mona", "/nothing", 404),
    "not-allowed": Place("mona", "/decisions", 403),
}

SENT = ("card", "paid_at", "terminal", "device", "amount", "channel", "category")
"""What a caller sends of a payment; a stored record has history features, too."""

UNKNOWN = {"channel": "telephone"}
"""A level that the model does not know."""


def addresses(served: Served) -> dict[str, str]:
    """Name of a page → where it is, with decisions of this store; one of them is made for it."""

    def newest(**where: str) -> dict[str, object]:
        answer = calls.get(f"{served.url}/v1/decisions", params={"limit": 1, **where})
        return answer.raise_for_status().json()["decisions"][0]

    review = newest(outcome="review", label="unlabelled")
    decline = newest(outcome="decline", label="fraud")
    record = calls.get(f"{served.url}/v1/decisions/{decline['decision_id']}").raise_for_status().json()["record"]
    sent = {name: value for name, value in record.items() if name in SENT}
    asked = {"explain": True, "records": [{**sent, **UNKNOWN}]}
    made = calls.post(f"{served.url}/v1/decisions", json=asked).raise_for_status().json()
    names = {
        "decline": decline["decision_id"],
        "review": review["decision_id"],
        "warned": made["decisions"][0]["decision_id"],
    }
    return {name: served.console + place.address.format(**names) for name, place in PLACES.items()}
