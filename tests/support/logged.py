"""A store with its log, its labels and the record of a registry's aliases, and what somebody does to them."""

from fraud_detection_api.adapters.sql.decisions import SqlDecisionStore
from fraud_detection_api.adapters.sql.labels import SqlLabelStore
from fraud_detection_api.adapters.sql.log import SqlLogStore
from fraud_detection_api.adapters.sql.postgres import PostgresFiles
from fraud_detection_api.adapters.sql.sqlite import SqliteDatabase
from fraud_detection_api.adapters.sql.sqlite_files import SqliteFiles
from fraud_detection_api.adapters.sql.upkeep import SqlStoreUpkeep
from fraud_detection_api.decision.label import Finding
from fraud_detection_api.services.auditing.sequencing import Sequencer
from fraud_detection_api.services.auditing.verification import Verification, Verified
from fraud_detection_api.services.deciding.recording import Recorder
from fraud_detection_api.services.models.aliases import UNEXPLAINED, AliasChange
from fraud_detection_api.services.storage.decision_store import DecisionFilter
from fraud_detection_api.services.storage.upkeep import UpkeepService
from support.sealed_rows import DAY, NOON, keep_rows, kept_row

SEALING = Recorder(seal_key=b"k" * 32)
NOW = NOON + 500 * DAY


class Logged:
    """Eight decisions, of which the first two have labels, and a promotion; all logged, and the root signed."""

    def __init__(self, database, recorder: Recorder = SEALING) -> None:
        self.database, self.recorder = database, recorder
        self.store = SqlDecisionStore(database, idempotency_seconds=86_400)
        self.store.migrate()
        self.log = SqlLogStore(database)
        self.labels = SqlLabelStore(database, recorder)
        self.changes = [AliasChange(NOON, "champion", None, "1", UNEXPLAINED)]
        files = SqliteFiles(database) if isinstance(database, SqliteDatabase) else PostgresFiles(database)
        self.upkeep = UpkeepService(
            self.store,
            SqlStoreUpkeep(database, files, recorder),
            recorder=recorder,
            idempotency_seconds=86_400,
            pause=lambda _seconds: None,
            wall_clock=lambda: NOW / 1000,
        )
        self.rows = [kept_row(number, recorder=recorder) for number in range(8)]
        keep_rows(self.store, self.rows)
        findings = [Finding(row.decision_id, True, "analyst", NOON, "called Ms Doe") for row in self.rows[:2]]
        self.labels.record([*findings, Finding(self.rows[0].decision_id, False, "customer", NOON + 1)])
        self.sign()

    def sign(self) -> None:
        """Log everything, and sign the root."""
        sequencer = Sequencer(self.log, self.recorder.log_key, changes=lambda: self.changes)
        sequencer.begin()
        while sequencer.sequence():
            pass
        sequencer.sequence()
        sequencer.sign()

    def change(self, statement: str, *parameters) -> None:
        """What somebody does who can write to the database."""
        with self.database.writing() as session:
            session.change(statement, parameters)

    def verified(self, copies=()) -> Verified:
        """With the decisions whose seals are broken, as the command finds them."""
        verification = Verification(self.log, self.recorder, lambda: self.changes)
        verified = verification.verify(copies=copies)
        rows = self.store.following(DecisionFilter(), limit=1000)
        altered = verification.located([row.decision_id for row in rows if not self.recorder.is_intact(row)])
        return verified._replace(breaks=[*verified.breaks, *altered])

    def faults(self, copies=()) -> list[tuple[str, str]]:
        """Each break's fault and subject, once."""
        return sorted({(each.fault, each.subject) for each in self.verified(copies).breaks})

    def roots(self):
        """The signed roots, as a copy outside has them."""
        with self.log.snapshot() as snapshot:
            return snapshot.roots()
