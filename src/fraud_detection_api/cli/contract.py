"""fraud contract …"""

from typing import Annotated

import typer

from fraud_detection_api.cli.options import AsJson, DataFile, settings_with
from fraud_detection_api.cli.terminal import print_json, print_table, say
from fraud_detection_api.contract.documentation import contract_tables, documentation_markdown
from fraud_detection_api.contract.loading import CREDIT, load_contract
from fraud_detection_api.schemas.contract import contract_schema

app = typer.Typer(no_args_is_help=True, help="What a record is: infer, show and check contracts.")

Which = Annotated[str | None, typer.Argument(metavar="[credit|PATH]", help="A packaged contract or a TOML file.")]


@app.command(epilog="Example: `fraud contract infer loans.csv --target is_fraud --id customer_id > my.toml`")
def infer(
    file: DataFile,
    target: Annotated[str, typer.Option("--target", metavar="COL", help="The column that says what was fraud.")],
    identifier: Annotated[
        str | None, typer.Option("--id", metavar="COL", help="The column that names the customer.")
    ] = None,
    time: Annotated[
        str | None, typer.Option("--time", metavar="COL", help="When a record was made: splits go by it.")
    ] = None,
    name: Annotated[str | None, typer.Option("--name", help="The contract's name; the file's, if left out.")] = None,
) -> None:
    """Draft a contract for a file, to be read and mended by a person; it goes to stdout."""
    settings_with()  # nothing is read from it here, but a misspelt variable is told by every command
    from fraud_detection_api.tables.files import read_file
    from fraud_detection_api.tables.inference import infer_contract

    frame = read_file(file, infer_types=True)
    draft = infer_contract(
        frame, source=str(file), name=name or file.stem, target=target, identifier=identifier, time=time
    )
    typer.echo(draft, nl=False)


@app.command(epilog="Example: `fraud contract show credit --json`")
def show(
    contract: Which = None,
    as_json: AsJson = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print a Markdown table, for documents.")] = False,
) -> None:
    """Show a contract as a table, Markdown or JSON Schema."""
    shown = load_contract(settings_with(contract=contract).contract or CREDIT)
    if as_json:
        print_json(contract_schema(shown))
    elif markdown:
        typer.echo(documentation_markdown(shown), nl=False)
    else:
        say(f"contract {shown.name}, {shown.fingerprint}")
        for table in contract_tables(shown):
            print_table(table.headings, table.rows, title=table.title)


@app.command(epilog="Example: `fraud contract check my.toml`")
def check(contract: Which = None) -> None:
    """Check a contract file; what is wrong is told by line, key and mend."""
    checked = load_contract(settings_with(contract=contract).contract or CREDIT)
    features, constraints = len(checked.features), len(checked.constraints)
    parts = f"{features} features, {len(checked.derived)} derived, {constraints} constraints"
    say(f"{checked.name} is sound: {parts}, fingerprint {checked.fingerprint}")
