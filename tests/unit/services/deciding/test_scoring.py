"""Records to probabilities."""

import pytest

from fraud_detection_api.model.bundle import read_bundle
from support.builders import credit_files, record
from support.scoring import fraud_probabilities


@pytest.fixture(scope="module")
def bundle():
    return read_bundle(credit_files(), source="test")


def test_no_records_have_no_probabilities(bundle):
    assert fraud_probabilities(bundle, []) == []


def test_each_record_has_a_probability_in_its_place(bundle):
    calm = record(total_balance=100, number_of_accounts_in_arrears=0)
    first, second = fraud_probabilities(bundle, [record(), calm])
    assert 0 <= second < first <= 1
    assert fraud_probabilities(bundle, [calm, record()]) == [second, first]


def test_probabilities_are_plain_floats(bundle):
    assert [type(probability) for probability in fraud_probabilities(bundle, [record()])] == [float]


def test_the_id_does_not_matter(bundle):
    assert len(set(fraud_probabilities(bundle, [record(customer_id=number) for number in range(5)]))) == 1
