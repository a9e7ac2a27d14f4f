"""Contracts that differ in their words alone, and those that differ in more."""

import pytest

from fraud_detection_api.contract.loading import contract_from_toml
from fraud_detection_api.contract.shown.presentation import rewordings
from fraud_detection_api.errors import ContractMismatch
from support.builders import EVERY_DTYPE

PLAIN = contract_from_toml(EVERY_DTYPE, source="x")


def changed(*pairs):
    text = EVERY_DTYPE
    for written, instead in pairs:
        assert written in text
        text = text.replace(written, instead)
    return contract_from_toml(text, source="x")


AMOUNT = "[features.amount_eur]\n"
REASON = 'reason = { code = "AMOUNT", text = "You ask for {value}" }\n'


def test_each_key_with_another_text_is_listed():
    reworded = changed((AMOUNT, f'{AMOUNT}unit = "EUR"\n{REASON}'), ("must be at most amount_eur", "is too long"))
    assert rewordings(PLAIN, reworded) == [
        ("constraints.small_loans_are_short.message", "must be at most amount_eur", "is too long"),
        ("features.amount_eur.unit", None, "EUR"),
        ("features.amount_eur.reason.code", None, "AMOUNT"),
        ("features.amount_eur.reason.text", None, "You ask for {value}"),
    ]
    assert rewordings(PLAIN, PLAIN) == []


def test_names_of_levels_are_wording():
    named = changed(("[features.channel]\n", '[features.channel]\nlevel_names = { web = "our site" }\n'))
    assert rewordings(PLAIN, named) == [("features.channel.level_names.web", None, "our site")]
    assert (named.fingerprint, named.former_fingerprint) == (PLAIN.fingerprint, PLAIN.former_fingerprint)


IN_OTHER_ORDER = EVERY_DTYPE.index(AMOUNT), EVERY_DTYPE.index("[features.is_employed]")


@pytest.mark.parametrize(
    ("pairs", "keys"),
    [
        ([("maximum = 600", "maximum = 500"), ("positive = ", "label_delay_days = 3\npositive = ")], 2),
        ([(AMOUNT, f"[features.more]\ndtype = 'int'\n{AMOUNT}")], 1),
        ([('"amount_eur / instalments"', '"instalments / amount_eur"')], 1),
        ([('name = "every_dtype"', 'name = "other"')], 1),
    ],
)
def test_what_differs_beyond_the_wording_is_an_error_that_lists_the_keys(pairs, keys):
    with pytest.raises(ContractMismatch) as refused:
        rewordings(PLAIN, changed(*pairs, ("must be at most amount_eur", "is too long")))
    assert str(refused.value).partition(": ")[2].partition(";")[0].count(",") == keys - 1
    assert "message" not in str(refused.value)


def test_another_order_of_features_is_more_than_wording():
    begin, end = IN_OTHER_ORDER
    amount_last = EVERY_DTYPE[:begin] + EVERY_DTYPE[end:].replace(
        "[features.opened_at]", EVERY_DTYPE[begin:end] + "[features.opened_at]"
    )
    with pytest.raises(ContractMismatch, match="the order of features"):
        rewordings(PLAIN, contract_from_toml(amount_last, source="x"))
