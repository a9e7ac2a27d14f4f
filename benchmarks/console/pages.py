"""The pages that are measured: those that read the store, as people ask for them."""

from collections.abc import Callable, Sequence
from typing import NamedTuple
from urllib.parse import urlencode

from benchmarks.console.person import Answer, Person
from benchmarks.store.filling import BEGINNING, BUSY, DAYS, SEEN_ONCE
from fraud_detection_api.telemetry import utc_text

DAY_MS = 86_400_000
QUEUE, DECISIONS, AUDIT = "/console/queue", "/console/decisions", "/console/audit"


class Measured(NamedTuple):
    """A page: its name, how it answered, its size, and milliseconds of each answer."""

    name: str
    status: int
    content_bytes: int
    times: Sequence[float]


def addresses(old: Sequence[str], new: Sequence[str]) -> dict[str, list[str]]:
    """Addresses by the name of their page; of `old` and `new` decisions, by their ids."""
    middle, day = utc_text(BEGINNING + DAYS // 2 * DAY_MS), utc_text(BEGINNING + DAY_MS)
    searches = {
        "everything": {},
        "an entity": {"entity": "48271"},
        "an entity with a fiftieth of all": {"entity": BUSY},
        "an entity seen once": {"entity": SEEN_ONCE},
        "an unknown entity": {"entity": "3000000"},
        "an outcome": {"outcome": "decline"},
        "labels": {"label": "fraud"},
        "without a label": {"label": "unlabelled"},
        "a score": {"min_score": "990"},
        "a score and an outcome": {"min_score": "990", "outcome": "review"},
        "a time": {"since": day, "until": middle},
        "a reason": {"reason": "UTILISATION_HIGH"},
        "a reason that none has": {"reason": "NONE_HAS_IT"},
        "a version": {"model": "1"},
        "a version that none has": {"model": "77"},
        "a busy entity and a reason that none has": {"entity": BUSY, "reason": "NONE_HAS_IT"},
        "all at once": {
            "outcome": "review",
            "label": "fraud",
            "min_score": "500",
            "since": day,
            "reason": "UTILISATION_HIGH",
        },
    }
    queues = {
        "by loss": {},
        "by age": {"order": "age"},
        "a score": {"min": "990"},
        "a low score": {"max": "3"},
        "a score, by age": {"order": "age", "min": "990"},
        "a reason": {"reason": "UTILISATION_HIGH"},
        "a reason that none has": {"reason": "NONE_HAS_IT"},
        "an entity": {"entity": "48271"},
        "an entity with a fiftieth of all": {"entity": BUSY},
        "escalated": {"escalated": "1"},
        "a page far down": {"after": f"200.0_{new[0]}"},
    }
    trails = {
        "everything": {},
        "a person": {"who": "analyst-3"},
        "a person who did nothing": {"who": "nobody"},
        "a deed": {"what": "exported"},
        "about": {"about": "77"},
        "far back": {"before": "1000"},
    }
    return {
        "service": ["/console"],
        **{f"queue, {name}": [_asked(QUEUE, query)] for name, query in queues.items()},
        **{f"search, {name}": [_asked(DECISIONS, query)] for name, query in searches.items()},
        "decision, new": [f"{DECISIONS}/{each}" for each in new],
        "decision, old": [f"{DECISIONS}/{each}" for each in old],
        "case": [f"{QUEUE}/{each}" for each in new],
        **{f"trail, {name}": [_asked(AUDIT, query)] for name, query in trails.items()},
        "models": ["/console/models"],
        "policy": ["/console/policy"],
        "monitoring": ["/console/monitoring"],
    }


def measured(name: str, times: int, ask: Callable[[int], Answer], warm: int = 3) -> Measured:
    """Ask so many times, after some that do not count."""
    for number in range(warm):
        ask(number)
    answers = [ask(number) for number in range(times)]
    return Measured(name, answers[0].status, len(answers[0].text.encode()), [each.milliseconds for each in answers])


def measured_pages(person: Person, old: Sequence[str], new: Sequence[str], times: int) -> list[Measured]:
    """Every page, and what a reviewer does with each case."""
    found = [measured(name, times, _opening(person, each)) for name, each in addresses(old, new).items()]
    person.get(QUEUE)
    for name, query in (("", {}), (", by age", {"order": "age"}), (", a reason", {"reason": "UTILISATION_HIGH"})):
        found.append(measured(f"take next{name}", times, _taking(person, query)))
    return [*found, measured("decide and take next", times, lambda _: _decided(person))]


def _opening(person: Person, pages: Sequence[str]) -> Callable[[int], Answer]:
    return lambda number: person.get(pages[number % len(pages)])


def _taking(person: Person, query: dict[str, str]) -> Callable[[int], Answer]:
    return lambda _: person.post(_asked(f"{QUEUE}/next", query))


def _decided(person: Person) -> Answer:
    """Label the case that the person has; the answer leads to the next one."""
    taken = person.post(f"{QUEUE}/next").location
    return person.post(taken, verdict="fraud", note="")


def _asked(path: str, query: dict[str, str]) -> str:
    return f"{path}?{urlencode(query)}" if query else path
