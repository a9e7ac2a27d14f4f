"""A group of commands whose modules are imported when they are used: help and each command start quickly."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any, ClassVar, Literal, NamedTuple

import typer
from typer.core import TyperCommand
from typer.main import get_group

from fraud_detection_api.cli.terminal import TeachingGroup

MARKUP: Literal["markdown"] = "markdown"


class Lazy(NamedTuple):
    """Where a command or a group is (`MODULE:NAME`, in the package `cli`), and the line that lists it."""

    target: str
    help: str

    def load(self, name: str) -> Any:
        """The command, as typer would have made it of the group's own."""
        module, _, attribute = self.target.partition(":")
        loaded = getattr(import_module(f"fraud_detection_api.cli.{module}"), attribute)
        holder = typer.Typer(rich_markup_mode=MARKUP)
        if isinstance(loaded, typer.Typer):
            holder.add_typer(loaded, name=name, help=self.help)
        else:
            holder.command(name)(loaded)
        return get_group(holder).commands[name]


class LazyGroup(TeachingGroup):
    """Lists its commands without importing them; a command is imported when it is requested by name."""

    lazy: ClassVar[Mapping[str, Lazy]] = {}

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self._listing = False
        self.commands.update({name: TyperCommand(name, help=lazy.help) for name, lazy in self.lazy.items()})

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if self._listing or cmd_name not in self.lazy:
            return super().get_command(ctx, cmd_name)
        return self.lazy[cmd_name].load(cmd_name)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        self._listing = True
        try:
            super().format_help(ctx, formatter)
        finally:
            self._listing = False
