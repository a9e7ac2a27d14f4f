"""Record a file of labels."""

from pathlib import Path

from fraud_detection_api.container.labels import open_labels
from fraud_detection_api.contract.loading import CREDIT, load_contract
from fraud_detection_api.jobs.listener import Listener, UnusableOption
from fraud_detection_api.services.labels.files import Imported, LabelImporter
from fraud_detection_api.settings import Settings
from fraud_detection_api.tables.files import require_suffix
from fraud_detection_api.tables.whole_files import written_whole


def import_labels(settings: Settings, file: Path, *, unknown_to: Path | None, listener: Listener) -> Imported:
    """Record the labels of a file. Rows that cannot be recorded are written to `unknown_to`, if there are any.

    Raises UnusableOption, InvalidDataset, StoreUnavailable, InvalidContract.
    """
    if unknown_to is not None:
        require_suffix(unknown_to)
        if unknown_to.exists() and file.exists() and unknown_to.samefile(file):
            raise UnusableOption("--unknown-to", "is the file to import; name another one")
    contract = load_contract(settings.contract or CREDIT)
    with open_labels(settings) as labels, listener.step("import", file=file.name) as progress:
        done = LabelImporter(labels, contract, progress).import_file(file)
    if unknown_to is not None and done.unknown.height:
        with written_whole(unknown_to) as waiting:
            done.unknown.write_parquet(waiting) if unknown_to.suffix == ".parquet" else done.unknown.write_csv(waiting)
    return done
