"""The top of report and card says which training they are of."""

from support.scored import card, evidence

TOLD = f"Training: contract “loans” (fingerprint sha256:{'1' * 12}), data sha256:{'2' * 12}, seed 1."


def test_the_training_is_named_at_the_top_of_the_page(page):
    assert TOLD in page.sections[""]


def test_the_training_is_named_at_the_top_of_the_card(markdown_of):
    assert markdown_of(card(), evidence()).splitlines()[2].startswith(TOLD)
