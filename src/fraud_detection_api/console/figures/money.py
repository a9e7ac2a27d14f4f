"""How amounts are written, and what money is in."""

from fraud_detection_api.contract.declaration import Contract


def money_unit(contract: Contract) -> str:
    """The unit of the amount at risk, as the contract says it; empty where it says none."""
    column = contract.inputs.get(contract.amount_at_risk or "")
    return "" if column is None else column.unit


def money(amount: float) -> str:
    """An amount with cents; without them where it is whole, and to one digit below a cent.

    >>> money(1234.5), money(0.00321), money(0.0), money(12000.0)
    ('1,234.50', '0.003', '0', '12,000')
    """
    if amount.is_integer():
        return f"{amount:,.0f}"
    return f"{amount:,.2f}" if abs(amount) >= 0.01 else f"{amount:.1g}"
