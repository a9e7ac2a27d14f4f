"""A registry that was replaced verifies once somebody with the key has said so, and only then."""

import pytest

from fraud_detection_api.decision.log import LogKey
from fraud_detection_api.errors import InvalidEvidence
from fraud_detection_api.services.auditing.replacements import enter_replacement
from fraud_detection_api.services.models.aliases import AliasChange, Cause
from support.logged import SEALING, Logged
from support.sealed_rows import DAY, NOON, keep_rows, kept_row

OTHER = AliasChange(NOON + 2 * DAY, "champion", None, "9", Cause(digest="sha256:9"))


@pytest.fixture
def logged(database):
    """Its registry lost its record, and has another one."""
    opened = Logged(database())
    opened.changes = [OTHER]
    opened.sign()
    yield opened
    opened.database.close()


def replace(logged, key=SEALING.log_key):
    enter_replacement(logged.log, key, NOON + 3 * DAY)


def test_before_anybody_says_so_it_is_a_break(logged):
    assert logged.faults() == [("alias_change_altered", "1"), ("model_not_promoted", "1")]


def test_the_changes_of_the_new_one_are_logged_and_compared_from_the_first_on(logged):
    replace(logged)
    assert logged.faults() == []
    logged.sign()
    logged.changes.append(OTHER._replace(before="9", after="10"))
    logged.sign()
    verified = logged.verified()
    assert (verified.breaks, verified.aliases) == ([], 2)
    assert [each.at for each in verified.replaced] == [NOON + 3 * DAY]
    logged.changes[0] = OTHER._replace(after="8")
    assert [fault for fault, _ in logged.faults()] == ["alias_change_altered"]


def test_models_that_decide_after_it_need_a_promotion_in_the_new_one(logged):
    replace(logged)
    row = kept_row(50, recorder=SEALING, at=NOON + 4 * DAY, model_version="7", model_digest="sha256:7")
    keep_rows(logged.store, [row])
    assert logged.faults() == [("model_not_promoted", "7")]


def test_a_server_that_runs_meanwhile_goes_on_with_the_new_one(logged):
    logged.changes = logged.changes[:0]
    replace(logged)
    logged.sign()
    logged.changes = [OTHER]
    logged.sign()
    assert (logged.faults(), logged.verified().aliases) == ([], 1)


def test_it_can_be_said_more_than_once(logged):
    for version in ("11", "12"):
        logged.changes = [OTHER._replace(after=version)]
        replace(logged)
        logged.sign()
    assert (logged.faults(), len(logged.verified().replaced)) == ([], 2)


def test_nobody_without_the_key_can_say_so_nor_repeat_it(logged):
    with pytest.raises(InvalidEvidence, match="FRAUD_SEAL_KEY"):
        replace(logged, LogKey(b"another key"))
    replace(logged)
    logged.sign()
    [(subject, seal)] = [run.pairs()[0] for run in logged.log.registry_runs() if run.kind == "registry"]
    logged.changes = []
    logged.log.enter("registry", subject, seal)
    logged.log.enter("registry", bytes(16), bytes(17))
    logged.sign()
    faults = [fault for fault, _ in logged.faults()]
    assert faults == ["alias_change_missing", "entry_forged", "entry_forged"]
