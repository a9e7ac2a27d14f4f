"""The blocks of rows in which the events of entities are: they grow, lose what nobody needs, and are restored to the bit."""

from itertools import count, pairwise

import numpy as np

from fraud_detection_api.contract.loading import contract_from_toml
from fraud_detection_api.features.events import Event, EventReader, Step
from fraud_detection_api.features.layout import TIME, layout_of
from fraud_detection_api.features.state import History
from support.payments import A_PAYMENT, PAYMENTS

_COLUMNS = PAYMENTS[: PAYMENTS.index("[history.")].replace('name = "paid_at"', 'name = "paid_at"\nlate = "1d"')
LAST_DAY = f"""{_COLUMNS}
[history.payments_1d]
by = "card"
measure = "count"
window = "1d"
[history.amount_1d]
by = "card"
measure = "sum"
of = "amount"
window = "1d"
"""
LAYOUT = layout_of(contract_from_toml(LAST_DAY, source="payments.toml"))
READER = EventReader(LAYOUT)
HOUR = 3_600_000_000


def event(hours: float, card: str = "C-1", amount: float = 1.0) -> Event:
    """A payment of a card, so many hours after 1970, which arrived at its time."""
    read = READER.event({**A_PAYMENT, "paid_at": "1970-01-01T00:00:00Z", "amount": amount}, card)
    ((_, *added),) = read.added
    return read._replace(added=([round(hours * HOUR), *added],), arrived=round(hours * HOUR))


def answers(history: History, hours: float, card: str = "C-1") -> list[float]:
    """How many payments of the card there were in the day before, and the sum of their amounts."""
    return history.walk([Step("ask", event(hours, card))])[0].tolist()


def blocks(history: History) -> dict[str, tuple[int, int]]:
    """The first row of each card's block, and the row after its last."""
    (table,) = history._tables
    return {card: (first, first + size) for card, (first, _, size) in table._blocks.items()}


def test_a_block_that_grows_takes_its_rows_along_and_leaves_others_alone():
    history = History(LAYOUT)
    for number in range(300):
        history.add(event(number / 100, f"C-{number % 3}", amount=number))
        spans = sorted(blocks(history).values())
        assert all(one[1] <= other[0] for one, other in pairwise(spans))
    for card in range(3):
        amounts = range(card, 300, 3)
        assert answers(history, 3, f"C-{card}") == [len(amounts), sum(amounts)]
    assert history.rows == 300


def test_a_block_that_an_entity_left_is_used_by_the_next_of_its_size():
    history = History(LAYOUT)
    for number in range(5):
        history.add(event(number, "C-1"))
    left, (table,) = table_end(history), history._tables
    history.add(event(5, "C-2"))
    assert table_end(history) == left, "its four rows are those that the first card had"
    assert blocks(history)["C-2"][1] - blocks(history)["C-2"][0] == 4
    assert table.events == 6


def table_end(history: History) -> int:
    """The row after the last that is in use."""
    (table,) = history._tables
    return table._end


def test_a_full_block_is_trimmed_before_it_grows_and_the_totals_stay():
    history, sizes = History(LAYOUT), set()
    for number in range(
        1000
    ):  # of a hundred days, two are needed: one for records that are late, one for their windows
        history.add(event(2.4 * number, amount=number))
        sizes.add(blocks(history)["C-1"][1] - blocks(history)["C-1"][0])
    assert max(sizes) == 32
    assert history.rows <= 32
    assert answers(history, 2.4 * 999) == [10, sum(range(990, 1000))]
    assert answers(history, 2.4 * 999 - 24) == [10, sum(range(980, 990))]
    assert np.isnan(answers(history, 2.4 * 999 - 25)).all(), "a record that is too late has no history"


def test_entities_that_no_record_needs_are_swept_and_their_blocks_used_again():
    history = History(LAYOUT)
    for number in range(100):
        history.add(event(0, f"C-{number}"))
    history.add(event(47.9, "new"))
    history.sweep()
    assert history.rows == 101, "a record that is a day late still needs them"
    history.add(event(48, "new"))
    end = table_end(history)
    history.sweep()
    assert history.rows == 2
    assert list(blocks(history)) == ["new"]
    for number in range(100):
        history.add(event(48, f"D-{number}"))
    assert table_end(history) == end
    assert answers(history, 48, "C-1") == [0, 0]


def test_a_restored_history_goes_on_to_the_bit():
    numbers, first, second = count(), History(LAYOUT), History(LAYOUT)

    def go_on(*histories: History) -> None:
        for _, number in zip(range(500), numbers, strict=False):
            for history in histories:
                history.add(event(number / 7, f"C-{number * 7919 % 13}", amount=number % 11 / 10))

    go_on(first)
    second.restore({name: array.copy() for name, array in first.arrays().items()})
    go_on(first, second)
    assert (second.rows, second.newest) == (first.rows, first.newest)
    for card, (begin, _) in blocks(first).items():
        used = first._tables[0]._blocks[card][1]
        other = blocks(second)[card][0]
        mine, others = first._tables[0]._rows[begin : begin + used], second._tables[0]._rows[other : other + used]
        assert mine.tobytes() == others.tobytes()
        assert (np.diff(mine[:, TIME]) >= 0).all()
