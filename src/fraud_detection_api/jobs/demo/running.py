"""Runs a demo: makes it where there is none, serves it on loopback, and sends it live traffic."""

import json
import secrets
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from fraud_detection_api.container.accounts import build_accounts
from fraud_detection_api.jobs import serving
from fraud_detection_api.jobs.demo import traffic
from fraud_detection_api.jobs.demo.scale import ORDER, Scale
from fraud_detection_api.jobs.listener import Listener, UnusableOption
from fraud_detection_api.processes.child_process import child_process
from fraud_detection_api.processes.server import require_free
from fraud_detection_api.processes.sigterm import leaves_on_sigterm
from fraud_detection_api.services.accounts.account_store import ConsoleRole
from fraud_detection_api.settings import Settings
from fraud_detection_api.training.data.card_world import CardWorld

PEOPLE: Mapping[str, ConsoleRole] = {"ana": "analyst", "lea": "analyst", "omar": "auditor", "ada": "admin"}
LEAD = "lea"

SEED = 7
_MADE = "demo.json"
_PASSWORD_BYTES = 12
_PAUSE_SECONDS, _SILENT_SECONDS = 2.0, 30.0


@dataclass(frozen=True, slots=True)
class Demo:
    """A demo in a folder: whether people sign in, and how many payments a second are sent to it."""

    folder: Path
    scale: Scale
    with_accounts: bool
    payments_a_second: float


class SignIn(NamedTuple):
    """Who can sign in, with a password that is shown this once."""

    name: str
    role: ConsoleRole
    is_lead: bool
    password: str


class OnListening(Protocol):
    """Called once the demo's server listens, with its address and the accounts that were made."""

    def __call__(self, address: str, people: Sequence[SignIn], /) -> None: ...


def run_demo(settings: Settings, demo: Demo, *, listener: Listener, on_listening: OnListening) -> None:
    """Serve until SIGTERM or Ctrl-C. Registry and store of the settings are in the demo's folder.

    Raises UnusableOption where the folder holds something else, InvalidSetting where somebody listens on the port, and as
    `serving.serve`.
    """
    require_free(settings.host, settings.port)
    with leaves_on_sigterm():
        world = _world(settings, demo, listener)
        people = make_accounts(settings) if demo.with_accounts else []
    with ExitStack() as beside:

        def send_traffic(address: str, _example: Mapping[str, Any], *, has_keys: bool) -> None:  # noqa: ARG001
            if demo.payments_a_second > 0:
                words = [str(world.seed), str(world.origin_us), address, str(demo.payments_a_second)]
                pause, silent = _PAUSE_SECONDS, _SILENT_SECONDS
                sending = child_process(
                    "traffic", traffic.__name__, words, pause_seconds=pause, silent_seconds=silent, cut_off=True
                )
                beside.enter_context(sending)
            on_listening(address, people)

        serving.serve(settings, train_if_empty_by=None, listener=listener, on_listening=send_traffic)


def make_accounts(settings: Settings) -> list[SignIn]:
    """Make an account for each of PEOPLE who has none, with a random password."""
    with closing(build_accounts(settings)) as accounts:
        known = {account.name for account in accounts.accounts()}
        made = [
            SignIn(name, role, name == LEAD, secrets.token_urlsafe(_PASSWORD_BYTES))
            for name, role in PEOPLE.items()
            if name not in known
        ]
        for each in made:
            accounts.add(each.name, each.password, each.role, is_lead=each.is_lead, by=ORDER.by)
    return made


def _world(settings: Settings, demo: Demo, listener: Listener) -> CardWorld:
    """The world of the demo in the folder, which is made if the folder is empty."""
    demo.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    made = demo.folder / _MADE
    if made.exists():
        return CardWorld(**json.loads(made.read_text(encoding="utf-8")))
    if _holds_something(demo.folder):
        raise UnusableOption("--folder", "holds no complete demo, and is not empty; name another, or remove it")
    listener.say("making a demo of made-up payments; about half a minute on two cores")
    # training's libraries take seconds, and a demo that goes on needs none of them
    from fraud_detection_api.jobs.demo.making import DemoMaker

    world = CardWorld(SEED, int(time.time() * 1e6))
    DemoMaker(settings, world, demo.scale, listener).make()
    # only now: a folder without it holds half a demo
    made.write_text(json.dumps({"seed": world.seed, "origin_us": world.origin_us}), encoding="utf-8")
    return world


def _holds_something(folder: Path) -> bool:
    """Whether there is more than the lock of a scratch folder."""
    return any(path.suffix != ".lock" for path in folder.iterdir())
