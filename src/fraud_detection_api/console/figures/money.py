"""What money is in."""

from fraud_detection_api.contract.declaration import Contract


def money_unit(contract: Contract) -> str:
    """The unit of the amount at risk, as the contract says it; empty where it says none."""
    column = contract.inputs.get(contract.amount_at_risk or "")
    return "" if column is None else column.unit
