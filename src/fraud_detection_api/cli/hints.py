"""Commands that a text names for a person to run next: they get the options that were given to the present command."""

import re
import shlex
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any, NamedTuple

CARRIED = ("registry", "store", "contract")
"""Options that say which models and decisions a command is about."""

_HINT = re.compile("`fraud ([a-z][^`]*)`")


class _Present(NamedTuple):
    """The context of `fraud` itself, and the options that were given to the present command."""

    root: Any
    given: Mapping[str, str]


_present: ContextVar[_Present | None] = ContextVar("present", default=None)


def begin(root: Any) -> None:
    """A command begins, of which no option is known yet."""
    _present.set(_Present(root, {}))


def remember(given: Mapping[str, object]) -> None:
    """Remember the options of the present command, those that are not None."""
    if (present := _present.get()) is not None:
        kept = {name: str(given[name]) for name in CARRIED if given.get(name) is not None}
        _present.set(present._replace(given=kept))


def with_given(text: str) -> str:
    """The text, its commands in backticks with the options that were given, as far as those commands have them."""
    present = _present.get()
    if present is None or not present.given:
        return text
    return _HINT.sub(lambda hint: f"`fraud {hint[1]}{_options(hint[1], present)}`", text)


def _options(hint: str, present: _Present) -> str:
    known, written = _options_of(hint.split(), present.root), hint.split()
    # a password stays where it was typed
    carried = {f"--{name}": text for name, text in present.given.items() if "@" not in text}
    return "".join(
        f" {name} {shlex.quote(text)}" for name, text in carried.items() if name in known and name not in written
    )


def _options_of(words: list[str], root: Any) -> set[str]:
    """The options of the command that the words begin with."""
    command = root.command
    for word in words:
        if not hasattr(command, "get_command"):
            break
        command = command.get_command(root, word)
    return set() if command is None else {name for parameter in command.params for name in parameter.opts}
