"""What holds for every page: nothing it complains about, nothing that axe finds, all of it by keyboard, at any width."""

import pytest

from browser.pages import LOOKS, PLACES, addresses
from browser.visiting import person

MOST_KILOBYTES = 150


pytestmark = pytest.mark.parametrize("served", ["sqlite"], indirect=True)  # the store shows in no page


@pytest.fixture(scope="module")
def asked(served):
    return addresses(served)


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("name", PLACES)
def test_a_page_is_accessible_and_quiet_and_fits_its_window(chromium, served, asked, name, look):
    with person(chromium, served, PLACES[name].who, LOOKS[look]) as somebody:
        answer = somebody.page.goto(asked[name])
        assert answer.status == PLACES[name].status
        measured = somebody.measure()
        assert measured.shift == 0
        assert measured.overflow_px <= 0
        assert measured.kilobytes <= MOST_KILOBYTES
        assert somebody.findings() == []
        assert somebody.complaints == []


@pytest.mark.parametrize("name", PLACES)
def test_tab_reaches_all_that_can_be_used_in_the_order_of_the_page_and_shows_where_it_is(chromium, served, asked, name):
    with person(chromium, served, PLACES[name].who) as somebody:
        somebody.page.goto(asked[name])
        count, stops = somebody.tab_through()
        reached = [stop["number"] for stop in stops if stop["number"] >= 0]
        assert reached == list(range(count))
        assert [stop["what"] for stop in stops if not (stop["has_outline"] and stop["in_view"])] == []
