"""The page on history features is true of contracts."""

import re
from pathlib import Path
from typing import get_args

from fraud_detection_api.contract.loading import contract_from_toml
from fraud_detection_api.contract.windows import Measure, duration_text
from fraud_detection_api.features.layout import layout_of

PAGE = Path(__file__).parents[2].joinpath("docs", "how-to", "history-features.md").read_text(encoding="utf-8")
EXAMPLE = contract_from_toml(PAGE.partition("```toml\n")[2].partition("```")[0], source="history-features.md")


def test_every_measure_is_in_the_table():
    table = PAGE.partition("## Measures")[2].partition("## Conditions")[0]
    first = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    assert sorted(re.findall("`(.*?)`", "".join(first[1:]))) == sorted(get_args(Measure))


def test_the_costs_shown_are_those_of_the_example():
    for family in layout_of(EXAMPLE).families:
        about = f"about {8 * family.width} bytes per event, kept for {duration_text(family.span)}"
        assert f"history by {', '.join(family.keys)}: {', '.join(family.names)}; {about}\n" in PAGE
