"""What the page draws: distributions, reasons' bars, the line of time and the graph, as values."""

import re
from types import SimpleNamespace

import pytest

from fraud_detection_api.console.decisions import life, links
from fraud_detection_api.console.decisions.distribution import HEIGHT, WIDTH, distribution, number_words
from fraud_detection_api.console.decisions.life import life_of
from fraud_detection_api.console.decisions.links import MOST_NODES, keys_of, links_of
from fraud_detection_api.console.decisions.reasons import HALF, reason_rows
from fraud_detection_api.console.decisions.values import value_text
from fraud_detection_api.model.standing import Standing
from fraud_detection_api.schemas.decisions import ReasonBody
from fraud_detection_api.services.history.surroundings import NO_LIFE, Labelled, Linked
from support.kept import kept
from support.payments import payments_contract

CONTRACT = payments_contract()
AMOUNTS = {"edges": [float(edge) for edge in range(0, 1001, 50)], "counts": [5] * 20, "missing": 0}
SKEWED = {"edges": [*(float(edge) for edge in range(20)), 1e6], "counts": [5] * 20, "missing": 0}
REFERENCE = {
    "features": {"amount": AMOUNTS, "channel": {"levels": {"web": 75, "shop": 25}, "missing": 0}},
    "derived": {"amount_above_mean": SKEWED},
}


def columns(path):
    """The left edges of drawn columns, and their heights."""
    return [(float(x), float(height)) for x, height in re.findall(rf"M([\d.]+) {HEIGHT}v-([\d.]+)", path)]


def test_a_number_is_marked_where_it_is_among_the_training_data():
    drawn = distribution(CONTRACT, REFERENCE, "amount", 250.0)
    assert drawn.mark == pytest.approx(WIDTH / 4)
    assert len(columns(drawn.path)) == 40
    assert {height for _, height in columns(drawn.path)} == {HEIGHT - 2}
    assert distribution(CONTRACT, REFERENCE, "amount", 5_000.0).mark == WIDTH
    assert distribution(CONTRACT, REFERENCE, "amount", None).mark is None


def test_values_far_from_all_others_do_not_press_the_others_together():
    low, high = (distribution(CONTRACT, REFERENCE, "amount_above_mean", value).mark for value in (5.0, 15.0))
    assert high - low > WIDTH / 20


def test_a_level_has_a_column_of_its_own():
    drawn = distribution(CONTRACT, REFERENCE, "channel", "shop")
    assert len(columns(drawn.path)) == 2
    assert columns(drawn.own) == columns(drawn.path)[1:]
    assert drawn.words == "in 25 % of the training records"
    assert distribution(CONTRACT, REFERENCE, "channel", "phone").own == ""


def test_what_the_reference_does_not_have_is_not_drawn():
    assert distribution(CONTRACT, REFERENCE, "instalments", 1) is None


@pytest.mark.parametrize(
    ("shares", "words"),
    [
        ((0.947, 0.05, 0.003), "higher than 94 % of the training records"),
        ((1.0, 0.0, 0.0), "higher than all training records"),
        ((0.0, 0.0, 1.0), "lower than all training records"),
        ((0.05, 0.05, 0.90), "lower than 90 % of the training records"),
        ((0.45, 0.10, 0.45), "45 % of the training records are lower, 45 % are higher"),
        ((0.95, 0.046, 0.0), "in the top 5 % of the training records"),
        ((0.0, 0.05, 0.95), "in the bottom 5 % of the training records"),
    ],
)
def test_a_place_among_the_training_data_in_words(shares, words):
    assert number_words(Standing(*shares, 0.0, is_exact=False), is_missing=False) == words


def reason(contribution, **changes):
    told = {"rank": 1, "code": "HIGH", "feature": "amount", "value": 250.0, "description": "The amount is 250"}
    direction = "increases_risk" if contribution > 0 else "decreases_risk"
    return ReasonBody(**{**told, "direction": direction, "contribution_log_odds": contribution, **changes})


def test_a_reason_s_bar_is_as_long_as_its_part_of_the_strongest():
    strong, weak = reason_rows([reason(2.0), reason(-0.5)], CONTRACT, REFERENCE)
    assert (strong.x, strong.width, strong.raises) == (HALF, HALF, True)
    assert (weak.x, weak.width, weak.raises) == (HALF * 0.75, HALF / 4, False)
    assert (weak.log_odds, weak.odds) == ("\N{MINUS SIGN}0.50", "divided by 1.6")


def paid(number, at="2026-11-22T10:00:00Z", **changes):
    return kept(number, record=f'{{"card":"C-1","paid_at":"{at}","amount":40.5,"terminal":17}}', **changes)


def labelled(*rows):
    return [Labelled(each, None) for each in rows]


def test_the_line_of_time_goes_by_the_records_own_times():
    own, earlier = labelled(paid(2), paid(1, "2026-11-21T10:00:00Z"))
    shown = life_of(own, NO_LIFE._replace(earlier=[earlier]), CONTRACT)
    assert [(each.time, each.amount, each.is_own) for each in shown.rows] == [
        ("2026-11-22 10:00:00", "40.50", True),
        ("2026-11-21 10:00:00", "40.50", False),
    ]
    marks = {mark.row.is_own: mark.x for mark in shown.timeline.marks}
    assert marks[True] == shown.timeline.own_x > marks[False] > 0
    assert all(0 <= each.x <= each.x + each.width <= life.WIDTH for each in shown.timeline.spans)
    # the window of a day begins where the earlier payment is; that of 28 days and a week before the drawing
    assert shown.timeline.spans[0].x == marks[False]
    assert shown.timeline.spans[-1].is_cut


def test_a_decision_alone_has_no_line_of_time():
    (own,) = labelled(paid(1))
    shown = life_of(own, NO_LIFE, CONTRACT)
    assert (shown.timeline, len(shown.rows)) == (None, 1)


def test_keys_are_those_that_history_goes_by_without_the_id():
    assert keys_of({"card": "C-1", "terminal": 17, "channel": "web"}, CONTRACT) == [{"terminal": 17}]
    assert keys_of({"card": "C-1", "terminal": None}, CONTRACT) == keys_of({}, None) == []


def test_a_contract_of_many_keys_costs_no_more_looks_than_one_of_four():
    history = {str(number): SimpleNamespace(by=(str(number),)) for number in range(9)}
    contract = SimpleNamespace(identifier=None, history=history)
    assert keys_of(dict.fromkeys(history, 1), contract) == [{str(number): 1} for number in range(4)]


def linked(count, per_entity=1):
    rows = [paid(number, entity=f'"C-{number // per_entity}"') for number in range(10, 10 + count)]
    return Linked({"terminal": 17}, labelled(*rows))


def test_the_graph_has_twenty_nodes_at_most_and_the_list_all():
    (own,) = labelled(paid(1, entity='"C-1"'))
    shown = links_of(own, [linked(60), linked(60)._replace(values={"terminal": 18})], CONTRACT)
    assert len(shown.graph.nodes) == MOST_NODES
    assert len(shown.rows) == 120
    assert all(0 < node.y < shown.graph.height and node.x + 168 <= links.WIDTH for node in shown.graph.nodes)


def test_decisions_of_an_entity_are_one_row_and_its_own_are_no_node():
    (own,) = labelled(paid(1, entity='"C-2"'))
    shown = links_of(own, [linked(8, per_entity=4)], CONTRACT)  # C-2, C-3 and C-4
    assert [(row.entity, row.decisions, row.is_own) for row in shown.rows] == [
        ("C-3", 4, False),
        ("C-4", 2, False),
        ("C-2", 2, True),
    ]
    assert [node.text for node in shown.graph.nodes] == ["C-2", "terminal 17", "C-3", "C-4"]


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("amount", 1234.5, "1,234.5"),
        ("terminal", 345435, "345435"),
        ("is_night", False, "no"),
        ("paid_at", "2026-11-22T11:00:00+01:00", "2026-11-22 10:00:00 UTC"),
        ("mean_amount_7d", 53.253333333, "53.25"),
        ("amount", None, "missing"),
        ("unknown", {"a": 1}, "{'a': 1}"),
    ],
)
def test_values_are_written_as_people_read_them(name, value, text):
    assert value_text(CONTRACT, name, value) == text


def test_a_value_has_its_unit_and_a_level_its_name():
    feature = SimpleNamespace(dtype="category", unit="", shown_levels={"w": "on the web"})
    contract = SimpleNamespace(inputs={"channel": feature}, times=[], history={})
    assert value_text(contract, "channel", "w") == "on the web"
