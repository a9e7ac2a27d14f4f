"""History features and keys: what they may declare, and what follows from it."""

import re

import pytest

from fraud_detection_api.contract.declaration import Contract
from fraud_detection_api.contract.loading import contract_from_toml, parse_contract
from fraud_detection_api.errors import InvalidContract
from support.payments import PAYMENTS, payments_contract

CONTRACT = payments_contract()


def changed(*replacements: tuple[str, str]) -> str:
    text = PAYMENTS
    for old, new in replacements:
        assert old in text
        text = text.replace(old, new, 1)
    return text


def keys_of(text: str) -> list[str]:
    """The key of each problem."""
    with pytest.raises(InvalidContract) as caught:
        contract_from_toml(text, source="x")
    return [re.sub(r"^line \d+: ", "", problem).partition(": ")[0] for problem in caught.value.problems]


def with_history(keys: str) -> str:
    return f"{PAYMENTS}[history.h]\n{keys}"


def of(**keys: str) -> str:
    """A count by card over a day, with these keys instead or beside."""
    declared = {"by": '"card"', "measure": '"count"', "window": '"1d"', **keys}
    return with_history("".join(f"{key} = {written}\n" for key, written in declared.items() if written))


def test_columns_that_a_model_reads_have_history_after_the_features_and_callers_do_not_send_it():
    assert list(CONTRACT.dtypes) == [*CONTRACT.features, *CONTRACT.history, "paid_at"]
    assert {CONTRACT.dtypes[name] for name in CONTRACT.history} == {"float"}
    assert CONTRACT.record_columns == ("card", "paid_at", "terminal", "device", *CONTRACT.features)
    assert list(CONTRACT.modelled) == [*CONTRACT.features, *CONTRACT.history, *CONTRACT.derived]
    assert CONTRACT.monotone_columns == {"payments_1d": 1}


def test_columns_that_history_reads_are_those_of_entities_measures_and_conditions():
    assert CONTRACT.history["since_web_payment"].reads == {"card", "channel", "amount"}
    assert CONTRACT.read_by_history == {"card", "terminal", "channel", "amount"}


def test_history_of_a_protected_feature_is_protected():
    text = changed(
        ('[features.channel]\ndtype = "category"', '[features.channel]\ndtype = "category"\nprotected = true')
    )
    assert contract_from_toml(text, source="x").protected == {"channel", "terminals_7d", "since_web_payment"}
    text = changed(("minimum = 0", "protected = true"))
    contract = contract_from_toml(text, source="x")
    assert contract.protected == {"amount", "mean_amount_7d", "since_web_payment", "amount_above_mean"}
    assert list(contract.explained) == [
        *(name for name in contract.features if name != "amount"),
        "payments_1d",
        "terminals_7d",
        "terminal_fraud_28d",
    ]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('description = "Where the card was used."', ""),
        ("example = 17", ""),
        ("{value} payments in a day", "You paid {value} times"),
        ("MANY_PAYMENTS", "PAYMENTS"),
        ('monotone = "increasing"', 'monotone = "increasing"\nunit = "payments"'),
    ],
)
def test_wording_of_history_and_keys_changes_no_fingerprint(old, new):
    other = contract_from_toml(changed((old, new)), source="x")
    assert other.fingerprint == CONTRACT.fingerprint
    assert other.record_fingerprint == CONTRACT.record_fingerprint
    assert other.content_digest != CONTRACT.content_digest


@pytest.mark.parametrize(
    ("old", "new", "is_sent"),
    [
        ('window = "1d"', 'window = "2d"', False),
        ('delay = "1h"', 'delay = "2h"', False),
        ("at_most = 50", "at_most = 51", False),
        ('current = "include"', "", False),
        ("amount > 0", "amount > 1", False),
        ('arrival_delay = "5m"', "", False),
        ('[history.payments_1d]\nby = "card"', '[history.payments_1d]\nby = "device"', False),
        ("[keys.device]", "[keys.device2]", True),
        ('[keys.device]\ndtype = "str"\nnullable = true', '[keys.device]\ndtype = "str"', True),
        ('[keys.device]\ndtype = "str"', "[keys.device]", True),
    ],
)
def test_what_history_depends_on_changes_the_fingerprint_and_keys_that_of_what_is_sent(old, new, is_sent):
    other = contract_from_toml(changed((old, new)), source="x")
    assert other.fingerprint != CONTRACT.fingerprint
    assert (other.record_fingerprint != CONTRACT.record_fingerprint) == is_sent


def reordered(section: str) -> Contract:
    document = CONTRACT.as_json()
    document[section] = dict(reversed(document[section].items()))
    return parse_contract(document, source="x")


@pytest.mark.parametrize(("section", "is_sent"), [("keys", True), ("history", False)])
def test_the_order_of_history_and_keys_counts(section, is_sent):
    other = reordered(section)
    assert other.fingerprint != CONTRACT.fingerprint
    assert (other.record_fingerprint != CONTRACT.record_fingerprint) == is_sent


def test_a_contract_with_history_reads_back_from_json():
    assert parse_contract(CONTRACT.as_json(), source="x").content_digest == CONTRACT.content_digest


@pytest.mark.parametrize(
    "keys",
    [
        {},
        {"by": '["card", "terminal", "channel", "instalments"]'},
        {"measure": '"sum"', "of": '"instalments"', "window": '"unlimited"'},
        {"measure": '"mean"', "of": '"is_night"'},
        {"measure": '"distinct"', "of": '"card"', "by": '"terminal"'},
        {"measure": '"distinct"', "of": '"channel"', "at_most": "1000"},
        {"measure": '"distinct"', "of": '"instalments"'},
        {"measure": '"since_first"', "window": '"unlimited"'},
        {"measure": '"share_fraud"'},
        {"where": "\"terminal == 17 or device == 'a' or not is_night == 1\""},
        {"where": "\"device != 'D-1' and amount / instalments > 5\""},
        {"delay": '"3649d"'},
        {"delay": '"0h"', "current": '"include"'},
    ],
)
def test_a_sound_history_feature_is_accepted(keys):
    assert "h" in contract_from_toml(of(**keys), source="x").history


@pytest.mark.parametrize(
    ("text", "key"),
    [
        (PAYMENTS.replace('[time]\nname = "paid_at"\narrival_delay = "5m"\n', ""), "history.payments_1d"),
        (changed(('arrival_delay = "5m"', 'arrival_delay = "3650d"')), "time.arrival_delay"),
        (changed(('arrival_delay = "5m"', 'arrival_delay = "5 minutes"')), "time.arrival_delay"),
        (changed(("example = 17", 'example = "T17"')), "keys.terminal.example"),
        (changed(("[keys.device]", "[keys.amount]")), "keys"),
        (changed(("[keys.device]", "[keys.outcome]")), "keys"),
        (changed(('dtype = "str"\nnullable', 'dtype = "category"\nnullable')), "keys.device.dtype"),
        (with_history('by = "card"\nwindow = "1d"\n'), "history.h.measure"),
        (of(measure='"median"'), "history.h.measure"),
        (of(by="[]"), "history.h.by"),
        (of(by="5"), "history.h.by"),
        (of(by='"cart"'), "history.h.by"),
        (of(by='"amount"'), "history.h.by"),
        (of(by='"is_night"'), "history.h.by"),
        (of(by='"paid_at"'), "history.h.by"),
        (of(by='["card", "card"]'), "history.h.by"),
        (of(of='"amount"'), "history.h.of"),
        (of(measure='"mean"'), "history.h.of"),
        (of(measure='"mean"', of='"channel"'), "history.h.of"),
        (of(measure='"mean"', of='"terminal"'), "history.h.of"),
        (of(measure='"mean"', of='"payments_1d"'), "history.h.of"),
        (of(measure='"distinct"'), "history.h.of"),
        (of(measure='"distinct"', of='"amount"'), "history.h.of"),
        (of(measure='"since_last"', of='"amount"'), "history.h.of"),
        (of(window=""), "history.h.window"),
        (of(window='"0d"'), "history.h.window"),
        (of(window='"a day"'), "history.h.window"),
        (of(measure='"mean"', of='"amount"', window='"unlimited"'), "history.h.window"),
        (of(measure='"share_fraud"', window='"unlimited"'), "history.h.window"),
        (of(delay='"3650d"'), "history.h.delay"),
        (of(delay='"-1d"'), "history.h.delay"),
        (of(measure='"since_last"', current='"include"'), "history.h.current"),
        (of(delay='"1d"', current='"include"'), "history.h.current"),
        (of(at_most="10"), "history.h.at_most"),
        (of(measure='"distinct"', of='"terminal"', at_most="0"), "history.h.at_most"),
        (of(where='"amount"'), "history.h.where"),
        (of(where="\"card != 'C-1'\""), "history.h.where"),
        (of(where='"1 < 2"'), "history.h.where"),
        (of(where='"payments_1d > 2"'), "history.h.where"),
        (of(where='"opened_at > 2"'), "history.h.where"),
        (of(where='"channel > 2"'), "history.h.where"),
        (of(where='"device == 2"'), "history.h.where"),
        (of(where="\"is_night == 'yes'\""), "history.h.where"),
        (of(where="\"terminal == '17'\""), "history.h.where"),
        (of(where="\"channel == ' web'\""), "history.h.where"),
        (of(reason='{ code = "A", text = "{other}" }'), "history.h.reason"),
        (of(reason='{ code = "A", text = "a", floored_text = "b" }'), "history.h.reason"),
        (of(reason='{ code = "a", text = "b" }'), "history.h.reason.code"),
        (of(windows='"1d"'), "history.h.windows"),
        (changed(("[history.payments_1d]", "[history.amount]")), "history"),
        (changed(("[derived.amount_above_mean]", "[derived.payments_1d]")), "derived"),
        (changed(('check = "amount > 0"', 'check = "amount > payments_1d"')), "constraints.some.check"),
    ],
)
def test_a_contradiction_is_reported_at_its_key(text, key):
    assert keys_of(text) == [key]


def test_levels_that_a_condition_can_never_meet_are_refused():
    folded = ('[features.channel]\ndtype = "category"', '[features.channel]\ndtype = "category"\nfold_case = true')
    upper = ("channel == 'web'", "channel == 'WEB'")
    assert keys_of(changed(folded, upper)) == ["history.since_web_payment.where"]
    for unseen in ("flag", "refuse"):
        listed = (folded[0], f'{folded[0]}\nlevels = ["shop"]\nunseen = "{unseen}"')
        assert keys_of(changed(listed)) == ["history.since_web_payment.where"]
