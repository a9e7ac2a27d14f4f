"""QualityStore in SQL."""

from collections.abc import Mapping, Sequence

from fraud_detection_api.adapters.sql.accounts import AUDIT
from fraud_detection_api.adapters.sql.database import Database, parts
from fraud_detection_api.decision.identifiers import first_uuid7, uuid_bytes, uuid_text
from fraud_detection_api.errors import UnknownDecision
from fraud_detection_api.services.accounts.account_store import AuditLine
from fraud_detection_api.services.reviewing.quality_store import Flow, GoldenDecision, Judged

_COUNT = "SELECT count(*) FROM golden_decisions"

_ADD = """
INSERT INTO golden_decisions (decision_id, is_fraud, expected_loss, added_by, added_at)
SELECT decision_id, CAST(? AS SMALLINT), CAST(? AS DOUBLE PRECISION), CAST(? AS TEXT), CAST(? AS BIGINT)
FROM decisions WHERE decision_id = ? AND record IS NOT NULL
ON CONFLICT (decision_id) DO NOTHING"""

_REMOVE = "DELETE FROM golden_decisions WHERE decision_id = ?"
_GOLDEN = (
    f"SELECT {', '.join(GoldenDecision._fields)} FROM golden_decisions ORDER BY added_at DESC, decision_id DESC LIMIT ?"  # noqa: S608
)
_IS_GOLDEN = "SELECT 1 FROM golden_decisions WHERE decision_id = ?"

_JUDGED = f"SELECT {', '.join(Judged._fields)} FROM review_verdicts"  # noqa: S608
_SINCE = f"{_JUDGED} WHERE kind <> 'case' AND at >= ? AND verdict <> 'note' ORDER BY at DESC LIMIT ?"
_OF_GOLDEN = f"{_JUDGED} WHERE decision_id IN ({{marks}}) AND kind = 'golden' AND verdict <> 'note' ORDER BY verdict_id"

# people are few, so each takes one step through the index
_LABELLED = """
WITH RECURSIVE people (who) AS (
  SELECT min(who) FROM review_verdicts
  UNION ALL
  SELECT (SELECT min(who) FROM review_verdicts WHERE who > people.who) FROM people WHERE who IS NOT NULL
)
SELECT who, (
  SELECT count(*) FROM (
    SELECT 1 FROM review_verdicts AS said
    WHERE said.who = people.who AND said.at >= ? AND said.verdict IN ('fraud', 'legitimate') AND said.kind = 'case'
    LIMIT ?) AS counted)
FROM people WHERE who IS NOT NULL"""

_OPENED = """
SELECT count(*) FROM (
  SELECT 1 FROM decisions WHERE outcome = 'review' AND decision_id >= ? LIMIT ?) AS opened"""


class SqlQualityStore:
    """Reads and changes what reviewers are checked by in the database of the decisions."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add_golden(self, golden: GoldenDecision, line: AuditLine, *, most: int) -> bool:
        decision_id, is_fraud, *others = golden
        with self._database.writing() as session:
            if session.rows(_COUNT)[0][0] >= most or not session.change(
                _ADD, (int(is_fraud), *others, _packed(decision_id))
            ):
                return False
            session.change(AUDIT, line)
            return True

    def remove_golden(self, decision_id: str, line: AuditLine) -> None:
        with self._database.writing() as session:
            if session.change(_REMOVE, (_packed(decision_id),)):
                session.change(AUDIT, line)

    def golden(self, *, limit: int) -> list[GoldenDecision]:
        with self._database.asking() as session:
            rows = session.rows(_GOLDEN, (limit,))
        return [GoldenDecision(uuid_text(bytes(packed)), bool(is_fraud), *others) for packed, is_fraud, *others in rows]

    def is_golden(self, decision_id: str) -> bool:
        with self._database.asking() as session:
            return bool(session.rows(_IS_GOLDEN, (_packed(decision_id),)))

    def judged(self, since: int, *, limit: int) -> list[Judged]:
        with self._database.asking() as session:
            return [_judged(*row) for row in session.rows(_SINCE, (since, limit))]

    def judged_golden(self, decision_ids: Sequence[str]) -> list[Judged]:
        packed = [uuid_bytes(each) for each in decision_ids]
        with self._database.asking() as session:
            return [
                _judged(*row)
                for marks, some in parts(packed)
                for row in session.rows(_OF_GOLDEN.format(marks=marks), some)
            ]

    def labelled(self, since: int, *, most: int) -> Mapping[str, int]:
        with self._database.asking() as session:
            return {who: int(labels) for who, labels in session.rows(_LABELLED, (since, most))}

    def flow(self, since: int, *, most: int) -> Flow:
        with self._database.asking() as session:
            [(opened,)] = session.rows(_OPENED, (uuid_bytes(first_uuid7(since)), most))
        return Flow(int(opened), sum(self.labelled(since, most=most).values()))

    def close(self) -> None:
        self._database.close()


def _judged(at: int, packed: bytes, *others: str) -> Judged:
    return Judged(at, uuid_text(bytes(packed)), *others)  # type: ignore[arg-type]


def _packed(decision_id: str) -> bytes:
    try:
        return uuid_bytes(decision_id)
    except ValueError:
        raise UnknownDecision from None
