"""What people read about a wrong contract. Other tests assert lines and keys; the prose is here."""

import pytest

from fraud_detection_api.contract.loading import contract_from_toml, load_contract
from fraud_detection_api.errors import InvalidContract

HEAD = 'name = "loans"\n[target]\nname = "is_fraud"\n'
AMOUNT = '[features.amount]\ndtype = "float"\n'
CHANNEL = '[features.channel]\ndtype = "category"\n'
SOUND = HEAD + AMOUNT
CONSTRAINT = '[constraints.r]\ncheck = "{check}"\nfield = "amount"\nmessage = "m"\n'


def derived(formula: str, rest: str = "") -> str:
    return f'{SOUND}{CHANNEL}[derived.d]\nformula = "{formula}"\n{rest}'


UNUSABLE = "derived.d.formula: only + - * / min(a, b) max(a, b) abs(a), numbers and column names can be used"
REASON = 'reason = {{ code = "A", text = "{}" }}\n'
FLOORED = 'reason = { code = "A", text = "a", floored_text = "{other}" }\n'

HISTORY = SOUND + CHANNEL + '[id]\nname = "card"\n[time]\nname = "at"\n[keys.shop]\n[history.h]\n'
COUNT = HISTORY + 'by = "card"\nmeasure = "count"\nwindow = "1d"\n'
MEAN = HISTORY + 'by = "card"\nmeasure = "mean"\nwindow = "1d"\n'

PROBLEMS = {
    # syntax and keys
    "name = ": "not valid TOML: Invalid value (at end of document)",
    SOUND + "minimun = 3\n": "line 6: features.amount.minimun: unknown key; did you mean 'minimum'?",
    SOUND + "[id]\nname = 'a'\ncolour = 3\n": (
        "line 8: id.colour: unknown key; the keys here are name, dtype, description"
    ),
    SOUND.partition("\n")[2]: "name: is required",
    SOUND + 'minimum = "0"\n': "line 6: features.amount.minimum: must be a number",
    'purpose = "churn"\n' + SOUND: "line 1: purpose: must be 'fraud' or 'credit'",
    SOUND + REASON.format("b").replace('"A"', '"a"'): (
        "line 6: features.amount.reason.code: must be capital letters, digits and underscores, such as UTILISATION_HIGH"
    ),
    SOUND + (CONSTRAINT + CONSTRAINT.replace("constraints", "rules")).format(check="amount > 0"): (
        "rules: is the earlier name of [constraints], and both are given; keep [constraints] alone"
    ),
    # history and keys
    COUNT.replace('"card"\nm', '"cart"\nm'): (
        "line 14: history.h.by: 'cart' is not a column of a record; name the id, a key, or a category or int feature; did "
        "you mean 'card'?"
    ),
    COUNT.replace('"card"\nm', '"amount"\nm'): (
        "line 14: history.h.by: 'amount' is a float; name the id, a key, or a category or int feature"
    ),
    COUNT.replace('"card"\nm', "3\nm"): (
        'line 14: history.h.by: must be the name of a column, or an array of such names: "card", or ["card", "merchant"]'
    ),
    COUNT.replace("1d", "1 day"): (
        'line 16: history.h.window: must be a whole number of s, m, h, d or w, such as "30d" or "unlimited"'
    ),
    COUNT.replace("1d", "0d"): 'line 16: history.h.window: is empty; give a longer one, such as "30d"',
    COUNT + 'delay = "3650d"\n': "line 17: history.h.delay: must be less than 3650d",
    COUNT + 'of = "amount"\n': "line 17: history.h.of: count is of the events themselves; remove the key",
    COUNT + "at_most = 3\n": "line 17: history.h.at_most: is for the measure distinct alone; remove the key",
    COUNT.replace("count", "since_last") + 'current = "include"\n': (
        "line 17: history.h.current: a record is no earlier event of itself, which since_last needs; remove the key"
    ),
    COUNT + 'delay = "1d"\ncurrent = "include"\n': (
        "line 18: history.h.current: a delay leaves the record itself out of the window; remove the key, or the delay"
    ),
    COUNT.replace('[time]\nname = "at"\n', ""): (
        "line 11: history.h: needs times: add [time] with the name of the column that has a record's time"
    ),
    MEAN: "line 13: history.h.of: is required: mean is of a column; name an int, float or bool feature",
    MEAN + 'of = "amont"\n': (
        "line 17: history.h.of: 'amont' cannot be measured by mean; name an int, float or bool feature; did you mean "
        "'amount'?"
    ),
    MEAN.replace("1d", "unlimited") + 'of = "amount"\n': (
        "line 16: history.h.window: only count, since_first, since_last, sum may be unlimited; give a duration, such as "
        '"30d"'
    ),
    COUNT + 'where = "amount"\n': (
        "line 17: history.h.where: 'amount' must consist of comparisons, such as amount > 100 or channel == 'web'"
    ),
    COUNT + "where = \"'web' == channel\"\n": (
        "line 17: history.h.where: a text may only follow a column and == or !=, as in channel == 'web'"
    ),
    COUNT + 'where = "channel > 1"\n': (
        "line 17: history.h.where: reads 'channel' as a number, and it is a category; compare it with a text, as in "
        "channel == 'web'"
    ),
    COUNT + "where = \"amount == 'web'\"\n": (
        "line 17: history.h.where: compares 'amount' with a text, and it is a float; compare it with a number"
    ),
    COUNT + "where = \"channel == ' web'\"\n": (
        "line 17: history.h.where: compares 'channel' with ' web', which is read as 'web'; write it so"
    ),
    COUNT + 'where = "amount = 5"\n': ("line 17: history.h.where: 'amount = 5' is not a formula; write == to compare"),
    COUNT.replace("1d", "99999999999w"): (
        'line 16: history.h.window: is too large; give at most six digits, such as "30d" or "unlimited"'
    ),
    COUNT.replace("1d", "1D"): 'line 16: history.h.window: must have its unit in lower case: "1d"',
    MEAN + 'of = "d"\n[derived.d]\nformula = "amount * 2"\n': (
        "line 17: history.h.of: 'd' is derived, and history features measure what records have; name an int, float or bool "
        "feature"
    ),
    SOUND + '[derived.d]\nformula = "amount * 2"\n[derived.e]\nformula = "d * 2"\n': (
        "line 9: derived.e.formula: reads 'd', which is derived; formulas cannot read derived features: write out its "
        "formula instead"
    ),
    COUNT + 'where = "h > 1"\n': ("line 17: history.h.where: reads 'h', which is not a key or a feature"),
    COUNT + CONSTRAINT.format(check="h > 1"): (
        "line 18: constraints.r.check: reads 'h', which callers do not send; a constraint may read what they send"
    ),
    COUNT.replace("[keys.shop]", '[keys.shop]\nexample = "A"'): (
        "line 13: keys.shop.example: must be a value of this int key"
    ),
    # columns and features
    HEAD + "[features]\n": (
        'line 4: features: declare at least one feature, for example [features.amount] with dtype = "float"'
    ),
    SOUND + "[features.risk_score]\ndtype = 'int'\n": (
        "features: the column 'risk_score' is one that scoring adds; rename yours"
    ),
    SOUND + "[id]\nname = 'model'\n": "line 7: id.name: 'model' is a field of every decision; rename the column",
    SOUND + "[time]\nname = 'amount'\n": (
        "line 6: time: the column 'amount' is declared more than once (features, time); keep one"
    ),
    "amount_at_risk = 'sum'\n" + SOUND: (
        "line 1: amount_at_risk: 'sum' is not a feature of this contract; name an int or float feature"
    ),
    "amount_at_risk = 'channel'\n" + SOUND + CHANNEL: (
        "line 1: amount_at_risk: 'channel' is a category, not an amount; name an int or float feature"
    ),
    SOUND + CHANNEL + "minimum = 1\n": ("line 8: features.channel.minimum: a category has no range; remove the key"),
    SOUND + CHANNEL + 'monotone = "increasing"\n': (
        "line 8: features.channel.monotone: a category has no order, and cannot be monotone; remove the key"
    ),
    SOUND
    + "example = '3'\n": "line 6: features.amount.example: must be a value of this float feature, within its range",
    SOUND + "maximum = 1e39\n": (
        "line 6: features.amount.maximum: must be from -3.4028234663852886e+38 to 3.4028234663852886e+38; "
        "remove the key for no bound"
    ),
    SOUND.replace("float", "int") + "minimum = 0.5\n": (
        "line 6: features.amount.minimum: must be a whole number, because the feature is an int"
    ),
    SOUND + "minimum = 2\nmaximum = 1\n": "line 6: features.amount.minimum: is above the maximum; correct one of them",
    SOUND + 'parts = ["hour"]\n': ("line 6: features.amount.parts: only datetime features have this key; remove it"),
    SOUND.replace("float", "datetime"): (
        'line 4: features.amount.parts: state how the model reads it: parts = ["weekday", "hour"], '
        'or elapsed_days_since = "2020-01-01"'
    ),
    SOUND.replace("float", "datetime") + "elapsed_days_since = 'b'\n": (
        "line 6: features.amount.elapsed_days_since: must be an ISO date, another datetime feature or the time column"
    ),
    # formulas
    derived("amount +"): "line 9: derived.d.formula: 'amount +' is not a formula",
    derived("log(amount)"): f"line 9: {UNUSABLE}",
    derived("min(amount)"): "line 9: derived.d.formula: min takes 2 arguments, not 1",
    derived("abs()"): "line 9: derived.d.formula: abs takes 1 argument, not 0",
    derived("amount + True"): "line 9: derived.d.formula: True and False are not numbers; compare with 1 or 0",
    derived("amount + 1e999"): "line 9: derived.d.formula: a number is too large; the largest is about 1.8e308",
    derived("-" * 60 + "amount"): (
        "line 9: derived.d.formula: nests more than 50 operations; split it or use a shorter one"
    ),
    derived("amount > 1"): (
        "line 9: derived.d.formula: is a comparison; a derived feature is a number (comparisons belong in [constraints])"
    ),
    derived("1 + 1"): "line 9: derived.d.formula: reads no feature; name at least one",
    derived("sum + 1"): "line 9: derived.d.formula: reads 'sum', which is not a feature of this contract",
    derived("channel + 1"): "line 9: derived.d.formula: reads 'channel', which is a category, not a number",
    SOUND + CONSTRAINT.format(check="1 < amount < 2"): (
        "line 7: constraints.r.check: '1 < amount < 2' must be one comparison: <=, <, >=, >, == or !="
    ),
    SOUND + CONSTRAINT.format(check="amount + 1"): (
        'line 7: constraints.r.check: must be a comparison, such as "arrears <= accounts"'
    ),
    SOUND + CONSTRAINT.format(check="amount > 0").replace('"amount"', '"sum"'): (
        "line 8: constraints.r.field: must be a feature of this contract: "
        "the one to report in a record that breaks the constraint"
    ),
    # reasons
    SOUND + REASON.format("{amount}"): (
        "line 6: features.amount.reason: the text may contain the placeholders {value} and {band}, and no other"
    ),
    derived("1 / amount", FLOORED): (
        "line 10: derived.d.reason: floored_text is for formulas that divide by max(column, number); remove the key"
    ),
    derived("1 / max(amount, 1)", FLOORED): (
        "line 10: derived.d.reason: floored_text may contain {value} and the columns that the formula reads, "
        "and no other placeholder"
    ),
    SOUND + REASON.format("a").replace("text =", 'lowers = "{b}", text ='): (
        "line 6: features.amount.reason: the lowers may contain the placeholders {value} and {band}, and no other"
    ),
    SOUND + REASON.format("{band}"): (
        "line 6: features.amount.reason: the text must say more than {band}, which older models do not know"
    ),
    SOUND + '[features.new]\ndtype = "bool"\n' + REASON.format("{band} a"): (
        "line 8: features.new.reason: a bool has no {band}; remove the placeholder from the text"
    ),
    SOUND + "reason = true\n": "line 6: features.amount.reason: must be a reason, or false for none",
    SOUND + 'reason = { code = "A" }\n': "line 6: features.amount.reason.text: is required",
    SOUND + '[reason_groups.a]\ncode = "A"\ntext = "b"\n': (
        "line 6: reason_groups.a: no feature has reason_group = 'a'; add it to the features, or remove this"
    ),
    SOUND + 'reason_group = "a"\n[reason_groups.a]\ncode = "A"\ntext = "{value}"\n': (
        "line 9: reason_groups.a.text: stands for several columns, and may contain no placeholder"
    ),
}


@pytest.mark.parametrize(("text", "problem"), PROBLEMS.items(), ids=range(len(PROBLEMS)))
def test_a_problem_of_a_contract_reads(text, problem):
    with pytest.raises(InvalidContract) as caught:
        contract_from_toml(text, source="loans.toml")
    assert caught.value.problems == (problem,)


def test_a_problem_of_a_file_reads(tmp_path):
    latin = tmp_path / "latin.toml"
    latin.write_bytes(b'name = "\xff"')
    problems = {
        "none.toml": "no such file; name a TOML file or the packaged contract 'credit'",
        latin: "not UTF-8 text; save it as UTF-8",
        tmp_path: "cannot be read: Is a directory",
    }
    for source, problem in problems.items():
        with pytest.raises(InvalidContract) as caught:
            load_contract(source)
        assert caught.value.problems == (problem,)


def test_the_warning_about_the_earlier_name_of_constraints_reads(caplog):
    contract_from_toml(
        SOUND + CONSTRAINT.format(check="amount > 0").replace("constraints", "rules"), source="loans.toml"
    )
    (warning,) = caplog.records
    assert warning.fields == {
        "detail": "contract loans.toml: the section name [rules] is deprecated; rename it to [constraints]"
    }
