"""A contract of card payments with keys and history features."""

from fraud_detection_api.contract.loading import contract_from_toml

PAYMENTS = """
name = "payments"
[id]
name = "card"
dtype = "str"
[target]
name = "is_fraud"
label_delay_days = 7
[time]
name = "paid_at"
arrival_delay = "5m"
[keys.terminal]
description = "Where the card was used."
example = 17
[keys.device]
dtype = "str"
nullable = true
[features.amount]
dtype = "float"
minimum = 0
[features.instalments]
dtype = "int"
[features.is_night]
dtype = "bool"
nullable = true
[features.channel]
dtype = "category"
nullable = true
[features.opened_at]
dtype = "datetime"
parts = ["hour"]
nullable = true
[history.payments_1d]
by = "card"
measure = "count"
window = "1d"
monotone = "increasing"
reason = { code = "MANY_PAYMENTS", text = "{value} payments in a day" }
[history.mean_amount_7d]
by = "card"
measure = "mean"
of = "amount"
window = "7d"
delay = "1h"
[history.terminals_7d]
by = ["card", "channel"]
measure = "distinct"
of = "terminal"
window = "7d"
at_most = 50
current = "include"
[history.terminal_fraud_28d]
by = "terminal"
measure = "share_fraud"
window = "28d"
delay = "7d"
[history.since_web_payment]
by = "card"
measure = "since_last"
window = "unlimited"
where = "channel == 'web' and amount > 0"
[derived.amount_above_mean]
formula = "amount - mean_amount_7d"
[constraints.some]
check = "amount > 0"
field = "amount"
message = "must be more than 0"
"""


def payments_contract():
    """The contract of card payments."""
    return contract_from_toml(PAYMENTS, source="payments.toml")
