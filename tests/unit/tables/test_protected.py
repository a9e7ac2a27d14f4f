"""Names of columns that suggest a protected attribute, in a few languages, and names that only look like it."""

import pytest

from fraud_detection_api.tables.protected import is_protected_name


@pytest.mark.parametrize(
    "name",
    [
        "age",
        "AGE_YEARS",
        "customerAge",
        "Alter",
        "wiek",
        "Sex",
        "applicant gender",
        "CODE_GENDER",
        "marital_status",
        "FAMILY_STATUS",
        "płeć",
        "postal code",
        "Staatsangehörigkeit",
        "Nationalität",
        "PLZ",
        "zip-code",
        "estadoCivil",
        "code_postal",
        "date_of_birth",
        "dob",
        "religion",
        "ethnic_group",
        "race",
    ],
)
def test_names_of_protected_attributes_are_recognized(name):
    assert is_protected_name(name)


@pytest.mark.parametrize(
    "name",
    ["account_age", "age_of_card", "average", "package", "state", "total_balance", "essex", "racecourse", "amount"],
)
def test_other_names_are_not(name):
    assert not is_protected_name(name)
