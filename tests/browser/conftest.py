"""What the tests in a browser share: one Chromium, and a console on each store."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from playwright.sync_api import Browser, expect

from browser.chromium import NoChromium, running_chromium
from browser.visiting import Person, person
from browser.world import Served, served_world

expect.set_options(timeout=15_000)  # a machine that does other things, too


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    try:
        with running_chromium() as browser:
            yield browser
    except NoChromium as error:
        pytest.exit(str(error), 2)


@pytest.fixture(scope="session", params=["sqlite", "postgres"])
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A console with a demo in it, made once for each store."""
    folder = tmp_path_factory.mktemp(request.param)
    with ExitStack() as stack:
        store = f"sqlite:///{folder / 'decisions.db'}"
        if request.param == "postgres":
            store = stack.enter_context(request.getfixturevalue("postgres_server").database())
        yield stack.enter_context(served_world(folder, store))


@pytest.fixture
def someone(chromium: Browser, served: Served) -> Iterator[Callable[..., Person]]:
    """`someone("ana")` is signed in, in a browser of its own. A complaint of a page fails the test."""
    with ExitStack() as stack:
        people: list[Person] = []

        def come(name: str | None = None, **look: object) -> Person:
            people.append(stack.enter_context(person(chromium, served, name, **look)))
            return people[-1]

        yield come
        assert [each.complaints for each in people if each.complaints] == []
