"""Every expected failure carries its data, and says in one line what is wrong and what to do."""

import pickle

import pytest

from fraud_detection_api import errors
from fraud_detection_api.errors import FieldProblem, FraudError
from fraud_detection_api.services.history.notice import NoNotice
from fraud_detection_api.training.retraining import TooFewLabels
from fraud_detection_api.training.tuning.study import StudyUnavailable

PROBLEM = FieldProblem("/0/a", "is required")
TEXTS = {
    errors.InvalidSetting("FRAUD_PORT", "must be a number"): "FRAUD_PORT: must be a number",
    errors.InvalidContract("a.toml", ["one", "two"]): "contract a.toml: one; two",
    errors.InvalidPolicy("costs.toml", ["one", "two"]): "policy costs.toml: one; two",
    errors.InvalidDataset("a.csv", ["one", "two"]): "a.csv: one; two",
    errors.FilesUnavailable("s3://loans", "no such bucket"): "s3://loans: no such bucket",
    errors.InvalidRecords([PROBLEM]): "1 invalid field; nothing was scored",
    errors.InvalidRecords([PROBLEM] * 2): "1 invalid field; nothing was scored",
    errors.InvalidLabels([PROBLEM] * 2, more=True): (
        "more than 2 problems, of which the first 2 are listed; nothing was recorded"
    ),
    errors.InvalidHeader("X-Deadline-Ms", "is empty"): "the header X-Deadline-Ms is empty",
    errors.BodyTooLarge(10): "the body is larger than 10 bytes",
    errors.InvalidEvents([PROBLEM]): "1 invalid field; nothing was recorded",
    errors.TooManyEvents(3): "more than 3 events in one request; split it, or use `fraud history load` for files",
    errors.NoHistory("loans"): "the contract 'loans' declares no history features (`[history]`)",
    errors.TooManyRecords(3): "more than 3 records in one request; split it, or use `fraud score` for files",
    errors.TooManyLabels(3): "more than 3 labels in one request; split it, or use `fraud labels import` for files",
    errors.BodyTooSlow(2.5): "the body did not arrive within 2.5 seconds",
    errors.Overloaded(2): "too many requests are in flight; try again in 2 s",
    errors.RateExceeded(2, []): "this key's limit of requests or records is reached; try again in 2 s",
    errors.CallerGone(): "the connection closed before the work began; nothing was decided",
    errors.HostNotAllowed(): (
        "this server does not answer to the host of the request; FRAUD_ALLOWED_HOSTS lists its names"
    ),
    errors.ForeignOrigin(): (
        "a page of another origin may not send this; without keys, only this server's own pages may"
    ),
    errors.UnknownModel("v7"): "no model has that version; `fraud models list` lists the versions",
    errors.CorruptBundle("version 7", "a digest differs"): (
        "model bundle version 7: a digest differs; train the model again, or restore it"
    ),
    errors.AliasMoved("champion"): (
        "the champion changed in the meantime; check `fraud models history`, then try again"
    ),
    errors.GateRefused("it failed", ["one", "two"], remedy="Wait"): "it failed: one; two. Wait",
    errors.Draining(): "this server is shutting down; send requests to another one",
    errors.CommitInDoubt("it hangs"): (
        "it hangs; what was sent may have been stored: look it up, or send it again with the same Idempotency-Key"
    ),
    errors.DeadlinePassed(): "the deadline passed before decisions were made; nothing was stored",
    errors.StoreBusy(2): "the decision store is behind; try again in 2 s",
    errors.NoStore(): "no decisions are stored here: the store is `none` (FRAUD_STORE, --store)",
    errors.UnknownDecision(): "no decision with that id is stored",
    errors.NotLogged("019a"): (
        "no signed root covers 019a yet: the observer of `fraud serve` signs one a minute, and so does `fraud audit export`"
    ),
    errors.InvalidCursor(): (
        "this cursor belongs to another query; send the filters that it came from, or no cursor to start again"
    ),
    NoNotice("its outcome is review"): "no notice can be made of this decision: its outcome is review",
    errors.NothingToExport(1, 2, 3, 4, young=5): (
        "nothing to export: of the decisions in that period, 5 are too young for their labels (`label_delay_days` in the "
        "contract; --matured-days selects other days), 1 have no label (`fraud labels import FILE` adds labels), "
        "2 were stored under another contract (--contract names it), 3 were erased, and 4 have a broken seal "
        "(FRAUD_SEAL_KEY must be the server's key)"
    ),
    TooFewLabels(1000, 5, least_records=2000, least_frauds=50): (
        "too few labels to train on: 1,000 records, 5 of them frauds; the minimum is 2,000 and 50 "
        "(--min-records, --min-frauds); nothing was trained"
    ),
    errors.IdempotencyKeyReused(): (
        "this Idempotency-Key was used for another request before; use a new key for each request"
    ),
    StudyUnavailable("s.db", "is locked"): "study s.db: is locked",
    errors.MissingExtra("train", "training"): (
        "training needs the optional extra 'train': pip install 'fraud-detection-api[train]'"
    ),
}
KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, FraudError)]
KINDS += [NoNotice, TooFewLabels, StudyUnavailable]


@pytest.mark.parametrize(("error", "text"), TEXTS.items(), ids=lambda item: type(item).__name__)
def test_an_error_reads(error, text):
    assert str(error) == text


def test_every_error_with_a_text_of_its_own_is_in_the_table():
    own = {
        kind for kind in KINDS if kind.__init__ is not Exception.__init__ and not set(KINDS) & {*kind.__subclasses__()}
    }
    assert own == {type(error) for error in TEXTS}


@pytest.mark.parametrize(
    "kind", [kind for kind in KINDS if kind.__init__ is Exception.__init__ and kind is not FraudError]
)
def test_an_error_without_a_text_of_its_own_says_what_it_is_given(kind):
    assert str(kind("what to do")) == "what to do"


def test_errors_carry_their_data():
    assert errors.InvalidSetting("FRAUD_PORT", "x").name == "FRAUD_PORT"
    assert errors.InvalidContract("a.toml", ["one"]).problems == ("one",)
    assert errors.InvalidDataset("a.csv", ["one"]).source == "a.csv"
    assert errors.InvalidRecords([PROBLEM]).problems == (PROBLEM,)
    assert errors.Overloaded(2).retry_after_seconds == 2
    assert errors.UnknownModel("v7").version == "v7"
    assert errors.CorruptBundle("version 7", "x").source == "version 7"
    assert errors.AliasMoved("challenger").alias == "challenger"
    assert errors.MissingExtra("train", "x").extra == "train"


@pytest.mark.parametrize("error", TEXTS, ids=lambda error: type(error).__name__)
def test_an_error_comes_from_another_process_as_it_is(error):
    arrived = pickle.loads(pickle.dumps(error))
    assert type(arrived) is type(error)
    assert (str(arrived), vars(arrived)) == (str(error), vars(error))
