"""The console that browsers are sent to: a real server on a small demo, with an account for each role."""

import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from fraud_detection_api.cli.demo import MATURITY_DAYS
from fraud_detection_api.container.accounts import build_accounts
from fraud_detection_api.jobs.demo.making import DemoMaker
from fraud_detection_api.jobs.demo.scale import Scale
from fraud_detection_api.jobs.listener import Listener
from fraud_detection_api.services.accounts.account_store import ConsoleRole
from fraud_detection_api.settings import Settings
from fraud_detection_api.training.data.card_world import CardWorld
from support.servers import finds_support, running_server

SEED = 7
SCALE = Scale(days=13, payments_a_day=250, training_days=30)
"""Thirteen days have the wave of fraud, which begins eleven days ago."""

PEOPLE: dict[str, tuple[ConsoleRole, bool]] = {
    "ana": ("analyst", False),
    "lea": ("analyst", True),
    "mona": ("monitor", False),
    "omar": ("auditor", False),
    "ada": ("admin", False),
}
"""Who has an account: name → role, and whether they lead."""


@dataclass(frozen=True)
class Served:
    """A console: where the server is, and the passwords of PEOPLE."""

    url: str
    passwords: dict[str, str]

    @property
    def console(self) -> str:
        return f"{self.url}/console"


def make_demo(folder: Path, store: str) -> None:
    """Make the demo in the store, with its registry in the folder."""
    settings = Settings(registry=str(folder / "registry"), store=store, label_maturity_days=MATURITY_DAYS)
    listener = Listener(lambda _: nullcontext(lambda *_, **__: None), lambda _: None)
    DemoMaker(settings, CardWorld(SEED, int(time.time() * 1e6)), SCALE, listener).make()


WITHOUT_CHECKS = {"FRAUD_REVIEW_GOLDEN_SHARE": "0", "FRAUD_REVIEW_SECOND_SHARE": "0"}
"""Golden decisions and second reviews would change which case comes next."""


@contextmanager
def served_world(folder: Path, store: str) -> Iterator[Served]:
    """Make the demo and the accounts, and serve them."""
    # in a process of its own, as `fraud demo` is: its connections end with it
    command = [sys.executable, "-m", "browser.world", str(folder), store]
    subprocess.run(command, env=finds_support(), check=True)
    passwords = {name: secrets.token_urlsafe(12) for name in PEOPLE}
    with closing(build_accounts(Settings(store=store))) as accounts:
        for name, (role, is_lead) in PEOPLE.items():
            accounts.add(name, passwords[name], role, is_lead=is_lead, by="root")
    given = {"FRAUD_STORE": store, "FRAUD_LABEL_MATURITY_DAYS": str(MATURITY_DAYS)} | WITHOUT_CHECKS
    with running_server(folder / "registry", folder / "server.log", **given) as server:
        yield Served(server.url, passwords)


if __name__ == "__main__":
    make_demo(Path(sys.argv[1]), sys.argv[2])
