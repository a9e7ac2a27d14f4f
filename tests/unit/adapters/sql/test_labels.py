from contextlib import contextmanager

from fraud_detection_api.adapters.sql.decisions import SqlDecisionStore
from fraud_detection_api.adapters.sql.labels import SqlLabelStore
from fraud_detection_api.adapters.sql.sqlite import SqliteDatabase
from fraud_detection_api.decision.label import Finding
from fraud_detection_api.decision.stored import StoredRequest
from support.labelling import NOON, kept


class Overtaken:
    """A database in which somebody else does something between a transaction that reads and the one that writes."""

    def __init__(self, database, meanwhile):
        self.dialect, self.writing, self._database, self._meanwhile = "sqlite", database.writing, database, meanwhile

    @contextmanager
    def reading(self):
        with self._database.reading() as session:
            yield session
        self._meanwhile()


def test_labels_that_another_records_between_reading_and_writing_are_not_recorded_again(tmp_path):
    database = SqliteDatabase(tmp_path / "decisions.db", timeout_seconds=20)
    decisions, other = SqlDecisionStore(database, idempotency_seconds=1), SqlLabelStore(database)
    decisions.migrate()
    decisions.save([StoredRequest([decision := kept(1)])])
    same = Finding(decision.decision_id, True, "chargeback", NOON)
    overtaken = SqlLabelStore(Overtaken(database, lambda: other.record([same])))
    assert overtaken.record([same, same._replace(effective_at=NOON + 1)]) == ["repeated", "recorded"]
    assert [label.effective_at for label in other.history(decision.decision_id)] == [NOON, NOON + 1]
    database.close()
