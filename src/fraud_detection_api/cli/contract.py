"""fraud contract …"""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from fraud_detection_api.cli.options import A_VERSION, AsJson, DataFile, Registry, Separator, of_csv, settings_with
from fraud_detection_api.cli.terminal import counted, print_json, print_table, print_text, say
from fraud_detection_api.services.models.aliases import CHAMPION

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
    separator: Separator = None,
) -> None:
    """Draft a contract from a file of records, and print it for a person to review and correct."""
    settings_with()  # no setting is used, but every command reports a misspelt variable
    given = of_csv(separator, file)
    from fraud_detection_api.tables.csv_problems import header_remarks
    from fraud_detection_api.tables.files import header_of, is_csv, read_file, separator_of
    from fraud_detection_api.tables.inference import infer_contract
    from fraud_detection_api.tables.remarks import folder_remarks

    frame = read_file(file, infer_types=True, separator=given)
    draft = infer_contract(
        frame,
        source=str(file),
        name=name or file.name.partition(".")[0],
        target=target,
        identifier=identifier,
        time=time,
        separator=given or (separator_of(file) if is_csv(file) else ","),
        remarks=header_remarks(header_of(file, given)) if is_csv(file) else folder_remarks(file),
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
    from fraud_detection_api.contract.loading import CREDIT, load_contract
    from fraud_detection_api.contract.shown.documentation import contract_tables, documentation_markdown
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

    Of a valid contract, it prints for each kind of entity how long the events of history features are kept, and in how
    much memory. Warnings say which features are protected, which keys no history feature reads, and where the purpose is
    credit, which reasons are too generic for a notice of a refused credit.
    """
    settings = settings_with(contract=contract)
    from fraud_detection_api.contract.loading import CREDIT, load_contract
    from fraud_detection_api.contract.shown.advice import advice
    from fraud_detection_api.contract.windows import FOREVER, duration_text
    from fraud_detection_api.features.layout import layout_of

    checked = load_contract(settings.contract or CREDIT)
    features, constraints = counted(len(checked.features), "feature"), counted(len(checked.constraints), "constraint")
    history = f"{counted(len(checked.keys), 'key')}, {len(checked.history)} of history, "
    earlier = history if checked.keys or checked.history else ""
    parts = f"{features}, {earlier}{len(checked.derived)} derived, {constraints}"
    say(f"{checked.name} is valid: {parts}, fingerprint {checked.fingerprint}")
    for family in layout_of(checked).families:
        kept = "ever" if family.span >= FOREVER else duration_text(family.span) if family.span else "totals"
        size = f"about {8 * family.width} bytes per event, kept for {kept}"
        say(f"history by {', '.join(family.keys)}: {', '.join(family.names)}; {size}")
    for finding in advice(checked):
        say(f"warning: {finding}")


@app.command(epilog="Example: `fraud contract reasons loans.csv --highest`")
def reasons(
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="Records, CSV or Parquet. Without it: the features alone.")
    ] = None,
    model: Annotated[
        str, typer.Option("--model", metavar="VERSION", help=f"The model that explains. {A_VERSION}")
    ] = CHAMPION,
    rows: Annotated[int, typer.Option("--rows", min=1, max=1000, help="Number of records to explain.")] = 5,
    highest: Annotated[
        bool, typer.Option("--highest", help="Explain the records with the highest scores instead of the first ones.")
    ] = False,
    separator: Separator = None,
    registry: Registry = None,
    as_json: AsJson = False,
) -> None:
    """Show how reasons read: each feature's code and texts for low, usual, high and missing values, then those of records.

    The texts of features are those of a value that raised the risk.
    """
    settings, given = settings_with(registry=registry), of_csv(separator, file)
    from fraud_detection_api.container.registry import existing_registry
    from fraud_detection_api.services.batch.wording import barred, explained_records, feature_words
    from fraud_detection_api.services.models.registered import ModelService

    served = ModelService(existing_registry(settings.registry)).load(model)
    words, others = feature_words(served.bundle), barred(served.bundle.contract)
    asked: dict[str, Any] = {"rows": rows, "highest": highest, "separator": given}
    found = [] if file is None else explained_records(served.bundle, file, **asked)
    if as_json:
        records = [asdict(record) for record in found]
        features = [each._asdict() for each in words]
        print_json({"model_version": served.version, "features": features, "barred": others, "records": records})
        return
    headings = ("feature", "code", "low", "usual", "high", "missing")
    print_table(headings, words, title=f"Reasons of version {served.version}")
    if others:
        print_text(f"never reasons: {', '.join(others)}")
    rows_shown = [
        (str(record.row), record.outcome, f"{record.fraud_probability:.4f}", reason["code"], reason["description"])
        for record in found
        for reason in record.reasons
    ]
    if rows_shown:
        print_table(("row", "outcome", "probability", "code", "reason"), rows_shown, title=f"Records of {file}")
