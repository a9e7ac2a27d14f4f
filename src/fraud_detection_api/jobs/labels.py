"""Files of labels: those to record, and stored decisions with their labels to train on."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from fraud_detection_api.container.registry import build_registry, registry_if_any
from fraud_detection_api.container.secrets import build_recorder
from fraud_detection_api.container.storage import Stores, open_stores
from fraud_detection_api.contract.declaration import Contract
from fraud_detection_api.contract.loading import CREDIT, load_contract
from fraud_detection_api.contract.times import DAY_MS
from fraud_detection_api.errors import NoChampion
from fraud_detection_api.jobs.listener import Listener, UnusableOption
from fraud_detection_api.report.document import words_for
from fraud_detection_api.services.labels.files import Imported, LabelImporter
from fraud_detection_api.services.labels.recording import LabelService
from fraud_detection_api.services.labels.training_sets import Exported, TrainingSetExporter
from fraud_detection_api.services.models.aliases import CHAMPION
from fraud_detection_api.services.models.registered import ModelService
from fraud_detection_api.settings import Settings
from fraud_detection_api.tables.files import require_suffix, write_frame
from fraud_detection_api.tables.whole_files import written_whole


class Window(NamedTuple):
    """Which decisions go into a training set. Times are milliseconds since 1970.

    Decisions younger than `matured_days` are left out, because their labels may still arrive; None is the contract's delay.
    Unlabelled decisions older than `assume_legitimate_after` days count as legitimate; None counts none.
    """

    now: int
    since: int
    until: int | None = None
    matured_days: float | None = None
    assume_legitimate_after: float | None = None

    def end(self, contract: Contract) -> int:
        """Decisions from then on are left out."""
        matured = contract.target.label_delay_days if self.matured_days is None else self.matured_days
        return max(self.since, min(self.asked_until, self.now - int(matured * DAY_MS)))

    @property
    def asked_until(self) -> int:
        """The end of the range, however young decisions are."""
        return self.now if self.until is None else self.until

    @property
    def assumed_before(self) -> int | None:
        """Unlabelled decisions from before then count as legitimate."""
        days = self.assume_legitimate_after
        return None if days is None else self.now - int(days * DAY_MS)


def export_training_set(
    settings: Settings, window: Window, target: Path, *, contract: Contract, listener: Listener
) -> Exported:
    """Write the training set of a contract to `target`.

    Raises NothingToExport, InvalidContract, ContractMismatch, InvalidDataset, StoreUnavailable.
    """
    with open_stores(settings, contract=contract.name) as stores:
        return export_decisions(settings, stores, window, target, contract=contract, listener=listener)


def export_decisions(
    settings: Settings, stores: Stores, window: Window, target: Path, *, contract: Contract, listener: Listener
) -> Exported:
    """Write the training set of a contract from opened stores. Raises as `export_training_set`."""
    with listener.step("Exporting decisions") as progress:
        known = registry_if_any(settings.registry)
        exporter = TrainingSetExporter(
            stores.decisions, stores.labels, build_recorder(settings), contract, progress, known
        )
        until, assumed = window.end(contract), window.assumed_before
        return exporter.export(
            target, since=window.since, until=until, assumed_before=assumed, young_until=window.asked_until
        )


def stored_contract(settings: Settings) -> Contract:
    """The contract of stored records: the one that the settings name, else the champion's, else `credit`.

    Raises InvalidContract, CorruptBundle, RegistryUnavailable.
    """
    if settings.contract is not None:
        return load_contract(settings.contract)
    try:
        return ModelService(build_registry(settings.registry)).contract(CHAMPION)
    except NoChampion:
        return load_contract(CREDIT)


def import_labels(
    settings: Settings,
    file: Path,
    *,
    separator: str | None,
    unknown_to: Path | None,
    reviewer: str | None,
    listener: Listener,
) -> Imported:
    """Record a file of labels, said by `reviewer`; rows that cannot be recorded go to `unknown_to`.

    The `separator` of a CSV is taken from its header if it is None.

    Raises UnusableOption, InvalidDataset, and as `stored_contract` and `open_stores`.
    """
    if unknown_to is not None:
        require_suffix(unknown_to)
        if unknown_to.exists() and file.exists() and unknown_to.samefile(file):
            raise UnusableOption("--unknown-to", "is the file to import; name another one")
    contract = stored_contract(settings)
    with (
        open_stores(settings, contract=contract.name) as stores,
        listener.step(f"Importing {file.name}") as progress,
    ):
        service = LabelService(stores.labels, build_recorder(settings))
        done = LabelImporter(service, contract, progress, reviewer, separator).import_file(file)
    if unknown_to is not None and done.unknown.height:
        with written_whole(unknown_to) as waiting:
            write_frame(done.unknown, waiting)
    return done


def exported_lines(exported: Exported, contract: Contract, suffix: str = "to learn from") -> Iterator[str]:
    """What became of the decisions in the window of a training set."""
    words = words_for(contract.purpose)
    known = f"{exported.fraud:,} {words.events}, {exported.legitimate:,} {words.others}"
    yield f"{exported.rows:,} records {suffix}: {known}, {exported.assumed_legitimate:,} assumed to be {words.others}"
    others = {
        "without a time, which got the time of their decision": exported.untimed,
        "left out: no label": exported.unlabelled,
        "left out: stored under another contract": exported.other_contract,
        "left out: erased": exported.erased,
    }
    yield from (f"{count:,} {what}" for what, count in others.items() if count)
    yield from tampered_lines(exported)


def tampered_lines(exported: Exported) -> Iterator[str]:
    """A warning about changed decisions, also for those who read the JSON."""
    if exported.tampered:
        yield (
            f"warning: {exported.tampered:,} left out: changed since they were stored, or sealed with another "
            "FRAUD_SEAL_KEY; `fraud store check` names them"
        )
