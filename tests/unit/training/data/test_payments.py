"""Simulated card payments."""

from fraud_detection_api.training.data.payments import simulate_payments

ROWS = 20_000


def test_the_same_seed_makes_the_same_payments_in_the_order_of_time():
    payments = simulate_payments(ROWS, seed=3)
    assert payments.equals(simulate_payments(ROWS, seed=3))
    assert not payments.equals(simulate_payments(ROWS, seed=4))
    assert payments["paid_at"].is_sorted()


def test_few_cards_have_all_the_fraud():
    payments = simulate_payments(ROWS, seed=3)
    frauds = payments.filter(payments["is_fraud"] == 1)
    assert 0.003 < len(frauds) / ROWS < 0.03
    assert frauds["card"].n_unique() < payments["card"].n_unique()
