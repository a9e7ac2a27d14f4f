"""fraud keys …"""

import secrets
from typing import Annotated

import typer

from fraud_detection_api.cli.options import settings_with
from fraud_detection_api.cli.terminal import say
from fraud_detection_api.services.admission.callers import Role

app = typer.Typer(no_args_is_help=True)

_RANDOM_BYTES = 32


@app.command(epilog="Example: `fraud keys new payments --role score >> api-keys.toml`")
def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Who gets the key: a team or a system.")],
    role: Annotated[Role, typer.Option("--role", help="What the key may do.")],
) -> None:
    """Make a key. Prints its entry for FRAUD_API_KEYS_FILE, and on standard error the key, which is shown only here."""
    settings_with()  # no setting is used, but every command reports a misspelt variable
    from fraud_detection_api.services.admission.api_keys import digest_of
    from fraud_detection_api.services.admission.key_entries import parse_keys

    key = secrets.token_urlsafe(_RANDOM_BYTES)
    entry = f'[[keys]]\nname = "{name}"\nrole = "{role}"\nsha256 = "{digest_of(key)}"\n'
    try:
        parse_keys(entry)
    except ValueError:
        problem = (
            "a name has at most 63 lower-case letters, digits, `_`, `.` and `-`, and begins with a letter or digit"
        )
        raise typer.BadParameter(problem, param_hint="NAME") from None
    typer.echo(entry)
    say(f"the key of {name}, for its owner alone: {key}")
