"""fraud users …"""

import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from getpass import getpass
from typing import TYPE_CHECKING, Annotated

import typer

from fraud_detection_api.cli.options import AsJson, Store, operator, settings_with
from fraud_detection_api.cli.terminal import print_json, print_table, say
from fraud_detection_api.services.accounts.account_store import ConsoleRole
from fraud_detection_api.telemetry import utc_text

if TYPE_CHECKING:  # imported when a command runs, so that help is quick
    from fraud_detection_api.services.accounts.signing_in import LocalAccounts

app = typer.Typer(no_args_is_help=True)

_Name = Annotated[str, typer.Argument(metavar="NAME", help="The name to sign in with.")]


@contextmanager
def _accounts(store: str | None) -> Iterator["LocalAccounts"]:
    from fraud_detection_api.container.accounts import build_accounts

    with closing(build_accounts(settings_with(store=store))) as accounts:
        yield accounts


@app.command(epilog="Example: `fraud users add mira --role analyst --lead`")
def add(
    name: _Name,
    role: Annotated[ConsoleRole, typer.Option("--role", help="What the person may do.")],
    lead: Annotated[bool, typer.Option("--lead", help="The person leads reviewers; for analysts.")] = False,
    store: Store = None,
) -> None:
    """Make an account for the console. Asks for the password, or reads it from standard input."""
    with _accounts(store) as accounts:
        accounts.add(name, _password(), role, is_lead=lead, by=_operator())
    say(f"{name} can sign in at /console, with the role {role}")


@app.command("list", epilog="Example: `fraud users list --json`")
def list_accounts(store: Store = None, as_json: AsJson = False) -> None:
    """List the accounts. No password can be shown: only their hashes are stored."""
    with _accounts(store) as accounts:
        found = accounts.accounts()
    if as_json:
        print_json([{**each._asdict(), "created_at": utc_text(each.created_at)} for each in found])
    else:
        rows = [
            (
                each.name,
                each.role,
                "yes" if each.is_lead else "",
                "provider" if each.from_provider else "password",
                utc_text(each.created_at),
            )
            for each in found
        ]
        print_table(("name", "role", "lead", "by", "since"), rows)


@app.command(epilog="Example: `fraud users remove mira`")
def remove(name: _Name, store: Store = None) -> None:
    """Remove an account. Its sessions end at once; what the person did stays in the audit trail."""
    with _accounts(store) as accounts:
        accounts.remove(name, by=_operator())
    say(f"{name} can no longer sign in")


@app.command(epilog="Example: `fraud users password mira`")
def password(name: _Name, store: Store = None) -> None:
    """Set another password. Asks for it, or reads it from standard input. The account's sessions end at once."""
    with _accounts(store) as accounts:
        accounts.change_password(name, _password(), by=_operator())
    say(f"{name} has another password")


@app.command(epilog="Example: `fraud users audit --limit 20`")
def audit(
    limit: Annotated[int, typer.Option("--limit", min=1, max=100_000, help="Maximum number of lines.")] = 100,
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """Show the console's audit trail: who did what, and when; newest first."""
    with _accounts(store) as accounts:
        lines = accounts.trail(limit=limit)
    if as_json:
        print_json([{**line._asdict(), "at": utc_text(line.at)} for line in lines])
    else:
        rows = [(utc_text(line.at), line.who, line.what.replace("_", " "), line.about) for line in lines]
        print_table(("at", "who", "what", "about"), rows)


def _password() -> str:
    """From a prompt, twice; from standard input where that is no terminal: its first line."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    # click's prompt shows itself before the terminal stops to echo, so that what is typed quickly could be read
    given = getpass("Password: ")
    if getpass("The same again: ") != given:
        raise typer.BadParameter("the passwords differ; nothing was changed", param_hint="password")
    return given


def _operator() -> str:
    return f"{operator()} (command line)"
