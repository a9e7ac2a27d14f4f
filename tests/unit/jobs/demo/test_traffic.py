"""The live payments of a demo, and their labels, to a server that answers or does not."""

import pytest

from fraud_detection_api.jobs.demo.traffic import SECONDS_OF_A_DAY, LiveTraffic
from fraud_detection_api.training.data.card_world import CardWorld

NOW = 1_795_000_000.0
RATE = 20


class FakeServer:
    """Declines each payment, so that half of the payers complain. It answers while it is `up`."""

    def __init__(self) -> None:
        self.up, self.records, self.labels = True, [], []

    def post(self, path, document):
        if not self.up:
            return None
        if path == "/v1/labels":
            self.labels += document["labels"]
            return {}
        self.records += document["records"]
        return {"decisions": [{"decision_id": f"{len(self.records):05}", "outcome": "decline"}]}


@pytest.fixture
def server() -> FakeServer:
    return FakeServer()


@pytest.fixture
def traffic(server) -> LiveTraffic:
    world = CardWorld(7, int(NOW * 1e6))
    return LiveTraffic(world, server.post, payments_a_second=RATE, now=NOW)


def pass_time(traffic: LiveTraffic, first: float, seconds: int) -> float:
    for second in range(seconds + 1):
        traffic.step(first + second)
    return first + seconds


def test_payments_are_sent_when_they_happen(traffic, server):
    traffic.step(NOW)
    at_first = len(server.records)
    pass_time(traffic, NOW, 30)
    assert at_first <= RATE
    assert 0.7 < len(server.records) / (30 * RATE) < 1.3
    assert {*server.records[0]} == {"card", "paid_at", "terminal", "device", "channel", "category", "amount"}
    assert [record["paid_at"] for record in server.records] == sorted(record["paid_at"] for record in server.records)


def test_labels_follow_within_minutes(traffic, server):
    pass_time(traffic, NOW, int(2 * SECONDS_OF_A_DAY))
    assert 0.2 < len(server.labels) / len(server.records) < 0.6
    assert {each["is_fraud"] for each in server.labels} == {True, False}


def test_labels_wait_for_a_server_that_is_away_and_payments_do_not(traffic, server):
    now = pass_time(traffic, NOW, 20)
    server.up, known = False, len(server.labels)
    now = pass_time(traffic, now, int(SECONDS_OF_A_DAY))
    sent, server.up = len(server.records), True
    traffic.step(now + 10)
    assert len(server.labels) > known + 5
    assert len(server.records) - sent <= 2 * 10 * RATE
