"""fraud contract …"""

from typing import Annotated

import typer

from fraud_detection_api.cli.options import AsJson, DataFile, settings_with
from fraud_detection_api.cli.terminal import counted, print_json, print_table, say

app = typer.Typer(no_args_is_help=True)

Which = Annotated[
    str | None, typer.Argument(metavar="[credit|PATH]", help="The name of a packaged contract, or a TOML file.")
]


@app.command(epilog="Example: `fraud contract infer loans.csv --target is_fraud --id customer_id > my.toml`")
def infer(
    file: DataFile,
    target: Annotated[
        str, typer.Option("--target", metavar="COL", help="The column that says whether a record was fraud.")
    ],
    identifier: Annotated[
        str | None, typer.Option("--id", metavar="COL", help="The column that identifies the customer.")
    ] = None,
    time: Annotated[
        str | None,
        typer.Option("--time", metavar="COL", help="The time of a record. Training holds out the latest records."),
    ] = None,
    name: Annotated[str | None, typer.Option("--name", help="The contract's name. Default: the file's name.")] = None,
) -> None:
    """Draft a contract from a file of records, and print it for a person to review and correct."""
    settings_with()  # no setting is used, but every command reports a misspelt variable
    from fraud_detection_api.tables.files import is_csv, read_file, separator_of
    from fraud_detection_api.tables.inference import infer_contract

    frame = read_file(file, infer_types=True)
    draft = infer_contract(
        frame,
        source=str(file),
        name=name or file.name.partition(".")[0],
        target=target,
        identifier=identifier,
        time=time,
        separator=separator_of(file) if is_csv(file) else ",",
    )
    typer.echo(draft, nl=False)


@app.command(epilog="Example: `fraud contract show credit --json`")
def show(
    contract: Which = None,
    as_json: AsJson = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print a Markdown table, for documents.")] = False,
) -> None:
    """Show a contract as a table, as Markdown or as JSON Schema."""
    settings = settings_with(contract=contract)
    from fraud_detection_api.contract.documentation import contract_tables, documentation_markdown
    from fraud_detection_api.contract.loading import CREDIT, load_contract
    from fraud_detection_api.schemas.contract import contract_schema

    shown = load_contract(settings.contract or CREDIT)
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
    """Check a contract file. Each problem is printed with its line, its key and how to fix it.

    Of a valid contract, warnings say which features are protected, and where the purpose is credit, which reasons are too
    generic for a notice of a refused credit.
    """
    settings = settings_with(contract=contract)
    from fraud_detection_api.contract.advice import advice
    from fraud_detection_api.contract.loading import CREDIT, load_contract

    checked = load_contract(settings.contract or CREDIT)
    features, constraints = counted(len(checked.features), "feature"), counted(len(checked.constraints), "constraint")
    parts = f"{features}, {len(checked.derived)} derived, {constraints}"
    say(f"{checked.name} is valid: {parts}, fingerprint {checked.fingerprint}")
    for finding in advice(checked):
        say(f"warning: {finding}")
