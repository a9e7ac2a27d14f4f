"""Each way to compute history features gives what `support.windowed` says in plain Python, to the bit."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray
from pydantic_core import to_json

from fraud_detection_api.contract.declaration import Contract
from fraud_detection_api.contract.loading import parse_contract
from fraud_detection_api.contract.windows import FOLDED, NUMERIC_MEASURES, microseconds
from fraud_detection_api.decision.log import Kind
from fraud_detection_api.features.folding import Events, fold, in_threads
from fraud_detection_api.features.layout import MEASURES, layout_of
from fraud_detection_api.services.entities.asking import AskedRecord
from fraud_detection_api.services.entities.copies import read_copy, write_copy
from fraud_detection_api.services.entities.live import LiveHistory
from fraud_detection_api.services.history.arrivals import NOTHING_KNOWN, Arrival, JustStored
from support.windowed import CONDITIONS, Past, measured

DURATIONS = ["1s", "2s", "1h", "1d", "2w"]
KEYS = [["card"], ["terminal"], ["card", "channel"], ["channel", "terminal", "visits"]]
NUMBERS = [0.0, -0.0, 0.1, 1.1, 2.5, -7.25, 1e-7, 5e-7, 123456.789, 9.3e12, 1e18, -1e18, 3.4e38, -3.4e38]
BEGINNINGS = [datetime(2026, 5, 1, tzinfo=UTC), datetime(1970, 1, 1, tzinfo=UTC), datetime(1931, 7, 1, tzinfo=UTC)]
OFFSETS = [0, 1, 999_999, 1_000_000, 2_000_000, 3_600_000_000, 86_400_000_000, 86_401_000_000, 1_209_600_000_000]
RECORDED_AT = 1_893_456_000_000  # 2030
SEEDS = pytest.mark.parametrize("seed", range(25))
COLUMNS = {
    "amount": np.float64,
    "visits": np.float64,
    "is_night": np.float64,
    "channel": object,
    "terminal": np.float64,
}


class Sent(NamedTuple):
    """A record, when it was made, and whether it was a fraud."""

    time: datetime
    record: dict[str, Any]
    is_fraud: bool


def feature(random: Random) -> dict[str, object]:
    measure = random.choice(MEASURES)
    declared: dict[str, object] = {"by": random.choice(KEYS), "measure": measure}
    declared["window"] = random.choice([*DURATIONS, "unlimited"] if measure in FOLDED else DURATIONS)
    if measure in NUMERIC_MEASURES:
        declared["of"] = random.choice(["amount", "visits", "is_night"])
    if measure == "distinct":
        declared |= {"of": random.choice(["terminal", "card", "channel", "visits"]), "at_most": random.randint(1, 4)}
    if random.random() < 0.5:
        declared["where"] = random.choice([*CONDITIONS])
    if random.random() < 0.4:
        declared["delay"] = random.choice(DURATIONS)
    elif not measure.startswith("since") and random.random() < 0.5:
        declared["current"] = "include"
    return declared


def contract_of(
    features: Sequence[Mapping[str, object]],
    *,
    arrival_delay: str = "0s",
    late: str = "3000d",
    label_delay_days: float = 0,
) -> Contract:
    document = {
        "name": "payments",
        "id": {"name": "card", "dtype": "str"},
        "target": {"name": "is_fraud", "label_delay_days": label_delay_days},
        "time": {"name": "at", "arrival_delay": arrival_delay, "late": late},
        "keys": {"terminal": {"nullable": True}},
        "features": {
            "amount": {"dtype": "float", "nullable": True},
            "visits": {"dtype": "int", "nullable": True},
            "is_night": {"dtype": "bool"},
            "channel": {"dtype": "category", "nullable": True},
        },
        "history": {f"h{number}": each for number, each in enumerate(features)},
    }
    return parse_contract(document, source="a test")


def contract(random: Random) -> Contract:
    """Several features in each family."""
    return contract_of(
        [feature(random) for _ in range(30)],
        arrival_delay=random.choice(["0s", "0s", "1s", "1h"]),
        late=random.choice(["3000d", "0s", "1h", "2d"]),
        label_delay_days=random.choice([0, 0.5, 1, 14]),
    )


def sent(random: Random) -> list[Sent]:
    """Events with ties, at the edges of windows and far from them."""
    begin, apart = random.choice(BEGINNINGS), random.sample(OFFSETS, random.randint(2, len(OFFSETS)))
    return [
        Sent(
            begin + timedelta(microseconds=random.choice(apart) + random.choice(apart)),
            {
                "card": random.choice("AAB"),
                "terminal": random.choice([1, 1, 2**62, None]),
                "amount": random.choice([None, random.choice(NUMBERS), random.uniform(-1e3, 1e3)]),
                "visits": random.choice([None, -1, 0, 1, 2, 3, 16_777_216]),
                "is_night": random.random() < 0.5,
                "channel": random.choice(["web", "web", "shop", None]),
            },
            random.random() < 0.5,
        )
        for _ in range(random.randint(0, 30))
    ]


def columns_of(some: Sequence[Sent]) -> Events:
    """As a file has them."""
    names = [*COLUMNS, "card"]
    values = {name: [each.record[name] for each in some] for name in names}
    codes = {}
    for name in names:
        known = sorted({value for value in values[name] if value is not None}, key=str)
        codes[name] = np.array([-1 if value is None else known.index(value) for value in values[name]], dtype=np.int64)
    columns = {name: np.array(values[name], dtype=dtype) for name, dtype in COLUMNS.items()}
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    times = np.array([(each.time - epoch) // timedelta(microseconds=1) for each in some], dtype=np.int64)
    return Events(times, codes, columns, np.array([each.is_fraud for each in some], dtype=np.bool_))


def assert_same(found: NDArray[np.float64], expected: Sequence[Sequence[float | None]], contract: Contract) -> None:
    """The same bits; that of zero has no sign."""
    wanted = np.array(expected, dtype=np.float64).reshape(-1, len(contract.history))
    different = found.view(np.uint64) != wanted.view(np.uint64)
    different &= ~(np.isnan(found) & np.isnan(wanted))
    rows, places = np.nonzero(different)
    declared = list(contract.history.values())
    assert not rows.size, [
        (row, declared[at], found[row, at], wanted[row, at]) for row, at in zip(rows, places, strict=True)
    ]


def in_a_file(contract: Contract, some: Sequence[Sent]) -> list[list[float | None]]:
    assert contract.time is not None
    late = timedelta(microseconds=microseconds(contract.time.arrival_delay))
    label = timedelta(days=contract.target.label_delay_days)
    expected = []
    for index, own in enumerate(some):
        before = [each for place, each in enumerate(some) if (each.time, place) < (own.time, index)]
        arrived = [
            Past(each.time, each.record, each.is_fraud and each.time + label <= own.time)
            for each in before
            if each.time + late <= own.time
        ]
        expected.append([measured(each, own.time, own.record, arrived) for each in contract.history.values()])
    return expected


@SEEDS
def test_a_file_has_the_features_of_their_definition(seed):
    random = Random(seed)
    declared, some = contract(random), sent(random)
    if random.random() < 0.5:
        some.sort(key=lambda each: each.time)
    found = fold(layout_of(declared, online=False), columns_of(some), fill=in_threads(random.randint(1, 2)))
    assert_same(found, in_a_file(declared, some), declared)


class Leaves(list[Arrival]):
    """A log, as an ArrivalStore."""

    def begin(self) -> None: ...

    def position(self) -> int:
        return len(self)

    def following(
        self, position: int, *, limit: int, known: Mapping[bytes, JustStored] = NOTHING_KNOWN
    ) -> list[Arrival]:
        return self[position : position + limit]


class Server:
    """Live history beside a list of all that arrived."""

    def __init__(self, contract: Contract) -> None:
        self.contract, self.leaves = contract, Leaves()
        self.live = LiveHistory(contract, self.leaves)
        self.arrived: list[Past] = []
        self.newest = datetime.min.replace(tzinfo=UTC)

    def restarts(self, file: Path) -> None:
        """Another process goes on from a copy."""
        write_copy(self.live.copy(), file, b"key")
        self.live = LiveHistory(self.contract, self.leaves)
        copy = read_copy(file, b"key")
        assert copy is not None
        assert self.live.restore(copy)

    def asked(self, requests: Sequence[Sequence[Sent]]) -> None:
        found = self.live.answers([[asked(each) for each in some] for some in requests]).values
        expected = []
        for some in requests:
            earlier = list(self.arrived)
            for own in some:
                expected.append(self._defined(own, earlier))
                earlier.append(Past(own.time, own.record, is_fraud=False))
        assert_same(found, expected, self.contract)

    def _defined(self, own: Sent, earlier: Sequence[Past]) -> list[float | None]:
        assert self.contract.time is not None
        if self.newest - own.time > timedelta(microseconds=microseconds(self.contract.time.late)):
            return [None for _ in self.contract.history]
        return [measured(each, own.time, own.record, earlier) for each in self.contract.history.values()]

    def arrives(self, each: Sent) -> None:
        subject = len(self.arrived).to_bytes(16, "big")
        self._take("decision", subject, each, None)
        self.newest = max(self.newest, each.time)
        self.arrived.append(Past(each.time, each.record, is_fraud=False))

    def labels(self, index: int, *, is_fraud: bool) -> None:
        own = self.arrived[index]
        self._take("label", index.to_bytes(16, "big"), Sent(own.time, dict(own.record), is_fraud), int(is_fraud))
        self.arrived[index] = own._replace(is_fraud=is_fraud)

    def _take(self, kind: Kind, subject: bytes, each: Sent, is_fraud: int | None) -> None:
        entity, record = asked(each, without=("card",))  # as where pseudonyms replace ids
        self.leaves.append(Arrival(len(self.leaves), kind, subject, RECORDED_AT, entity, record, is_fraud=is_fraud))
        self.live.catch_up()


def asked(each: Sent, without: Sequence[str] = ()) -> AskedRecord:
    record = {name: value for name, value in each.record.items() if name not in without}
    return AskedRecord(to_json(each.record["card"]).decode(), to_json({**record, "at": each.time}).decode())


@SEEDS
def test_a_server_has_the_features_of_their_definition_in_whatever_order_events_come(seed, tmp_path):
    random = Random(seed)
    server, some = Server(contract(random)), sent(random)
    left = list(some)
    while left:
        requests = []
        for _ in range(random.randint(1, 3)):
            requests += [[left.pop() for _ in range(min(len(left), random.randint(1, 3)))]] if left else []
        server.asked(requests)
        for each in [each for request in requests for each in request]:
            if random.random() < 0.8:  # the others were a dry run
                server.arrives(each)
        for _ in range(random.randint(0, 2) if server.arrived else 0):
            server.labels(random.randrange(len(server.arrived)), is_fraud=random.random() < 0.5)
        if server.arrived and random.random() < 0.1:
            server.restarts(tmp_path / "copy")
        if random.random() < 0.2:
            server.live.sweep()
    server.asked([[each] for each in some])


@pytest.mark.parametrize("seed", range(3))
def test_a_server_has_the_features_of_a_file_whose_records_it_gets_one_by_one(seed):
    generator = np.random.default_rng(seed)
    measures = [each for each in MEASURES if each != "share_fraud"]
    columns = {**{each: {"of": "amount"} for each in NUMERIC_MEASURES}, "distinct": {"of": "terminal"}}
    declared = contract_of(
        [
            {"by": by, "measure": measure, "window": window, **columns.get(measure, {})}
            for measure in measures
            for by in KEYS[:3]
            for window in ("1h", "1d")
        ]
    )
    seconds = np.sort(generator.integers(0, 3 * 86_400, 400))
    some = [
        Sent(
            BEGINNINGS[0] + timedelta(seconds=int(second)),
            {
                "card": str(generator.choice(["A", "A", "B"])),
                "terminal": None if generator.random() < 0.1 else int(generator.integers(0, 60)),
                "amount": float(generator.normal() * 10.0 ** generator.integers(-3, 20)),
                "visits": 1,
                "is_night": False,
                "channel": None if generator.random() < 0.1 else str(generator.choice(["web", "shop"])),
            },
            False,
        )
        for second in seconds
    ]
    server, found = Server(declared), []
    for each in some:
        found.append(server.live.answers([[asked(each)]]).values[0])
        server.arrives(each)
    of_file = fold(layout_of(declared, online=False), columns_of(some))
    assert np.array_equal(np.array(found).view(np.uint64), of_file.view(np.uint64))
