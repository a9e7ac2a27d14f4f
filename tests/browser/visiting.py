"""A person's browser: it signs in, notes what pages complain about, and measures what they do."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Page, expect

from browser.pages import LOOKS, WIDE, Look
from browser.world import Served

STANDARD = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "rules": {"target-size": {"enabled": True}},  # which axe leaves out by itself
    "preload": False,  # or axe would ask for the stylesheet again, which the pages' policy forbids
    "resultTypes": ["violations"],
}
"""WCAG 2.2 AA, and what axe advises beyond it."""

_MEASURE = """async () => {
  const [page] = performance.getEntriesByType("navigation");
  const shifts = await new Promise((found) => {
    let sum = 0;
    const add = (each) => { if (each.startTime > page.loadEventEnd) sum += each.value; };
    new PerformanceObserver((list) => list.getEntries().forEach(add)).observe({ type: "layout-shift", buffered: true });
    setTimeout(() => found(sum), 150);
  });
  const files = [page, ...performance.getEntriesByType("resource")];
  return { shift: shifts, interactive_ms: page.domContentLoadedEventEnd,
    kilobytes: files.reduce((sum, each) => sum + each.encodedBodySize, 0) / 1000,
    overflow_px: document.documentElement.scrollWidth - document.documentElement.clientWidth };
}"""

_NUMBER = """() => {
  const wanted = "a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex='0']";
  const seen = [...document.querySelectorAll(wanted)].filter((each) => each.checkVisibility() && !each.disabled);
  seen.forEach((each, number) => { each.dataset.number = number; });
  document.body.tabIndex = -1;
  document.body.focus(); // Tab begins at the top, even where a field had the focus
  document.body.removeAttribute("tabindex");
  return seen.length;
}"""
_FOCUSED = """() => {
  const own = document.activeElement, style = getComputedStyle(own), box = own.getBoundingClientRect();
  return { number: Number(own.dataset.number ?? -1), what: own.outerHTML.slice(0, 80), is_body: own === document.body,
    has_outline: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2,
    in_view: box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth };
}"""


class Measured(NamedTuple):
    """A loaded page: its layout shift since then, when it was interactive, what came with it, and how far it is too wide."""

    shift: float
    interactive_ms: float
    kilobytes: float
    overflow_px: int


class Person:
    """Somebody with a browser. `complaints` has what went wrong in it: errors, refused content, requests to other hosts."""

    def __init__(self, page: Page, served: Served) -> None:
        self.page, self.served = page, served
        self.complaints: list[str] = []
        page.on("console", self._note_said)
        page.on("pageerror", lambda error: self._note(True, str(error)))
        page.on("request", lambda asked: self._note(not self._is_own(asked.url), f"asked for {asked.url}"))

    def sign_in(self, name: str) -> None:
        self.page.goto(f"{self.served.console}/sign-in")
        self.fill_in(name)
        self.page.get_by_role("button", name="Sign out").wait_for()

    def fill_in(self, name: str, password: str | None = None) -> None:
        """Send the form of the page Sign in, with the right password if none is given."""
        self.page.get_by_label("Name").fill(name)
        self.page.get_by_label("Password").fill(self.served.passwords[name] if password is None else password)
        self.page.get_by_role("button", name="Sign in").click()

    def open(self, name: str) -> None:
        """Follow a link of the navigation, and wait until the page's keys work."""
        link = self.page.get_by_role("navigation").get_by_role("link", name=name, exact=True)
        link.click()
        expect(link).to_have_attribute("aria-current", "page")
        expect(self.page.get_by_role("button", name="Keys")).to_be_visible()

    def measure(self) -> Measured:
        return Measured(**self.page.evaluate(_MEASURE))

    def findings(self) -> list[str]:
        """What axe finds: rule, where, and the HTML."""
        found = Axe().run(self.page, options=STANDARD).response["violations"]
        return [f"{each['id']}: {node['target']} {node['html'][:120]}" for each in found for node in each["nodes"]]

    def tab_through(self) -> tuple[int, list[dict[str, Any]]]:
        """How many elements are there to use, and those that Tab comes by, from the first to the last."""
        count, stops = self.page.evaluate(_NUMBER), []
        for _ in range(count + 20):
            self.page.keyboard.press("Tab")
            stop = self.page.evaluate(_FOCUSED)
            if stop["is_body"] or (stops and stop["number"] == stops[0]["number"]):
                break
            stops.append(stop)
        return count, stops

    def _note_said(self, said: ConsoleMessage) -> None:
        # an answer like 404 is noted at its page, where a test expects it or not
        is_status = said.text.startswith("Failed to load resource") and said.location["url"] == self.page.url
        self._note(said.type in ("error", "warning") and not is_status, said.text)

    def _note(self, is_wrong: bool, what: str) -> None:
        if is_wrong:
            self.complaints.append(what)

    def _is_own(self, url: str) -> bool:
        return urlsplit(url).netloc == urlsplit(self.served.url).netloc


@contextmanager
def person(browser: Browser, served: Served, name: str | None = None, look: Look = LOOKS["light"]) -> Iterator[Person]:
    """A browser of its own, signed in with a name."""
    context = browser.new_context(
        viewport={"width": look.width, "height": look.height},
        color_scheme=look.scheme,
        has_touch=look.width < WIDE,
        device_scale_factor=1,
    )
    context.set_default_timeout(15_000)
    try:
        somebody = Person(context.new_page(), served)
        if name is not None:
            somebody.sign_in(name)
        yield somebody
    finally:
        context.close()
