"""The page on metrics names metrics and labels that there are."""

import re
from pathlib import Path

import yaml

from fraud_detection_api.metrics.catalogue import METRIC_NAMED
from support.pages import blocks

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "metrics.md").read_text(encoding="utf-8")


def test_every_metric_that_the_page_names_exists():
    named = set(re.findall(r"\bfraud_(?!detection)[a-z_]+", PAGE))
    assert len(named) > 10
    assert {
        name
        for name in named
        if re.sub(r"_(bucket|sum|count)$", "", name) not in METRIC_NAMED and name not in METRIC_NAMED
    } == set()


def test_every_label_that_an_expression_uses_is_its_metric_s():
    for name, labels in re.findall(r"\b(fraud_[a-z_]+)\{([^}]*)\}", PAGE):
        metric = METRIC_NAMED.get(name) or METRIC_NAMED[name.removesuffix("_bucket")]
        assert set(re.findall(r"(\w+)=", labels)) <= set(metric.shown_labels)


def test_the_configuration_of_prometheus_scrapes_with_a_key():
    [block] = blocks(PAGE, "yaml")
    [job] = yaml.safe_load(block)["scrape_configs"]
    assert job["authorization"] == {"credentials_file": "/run/secrets/fraud-monitor-key"}
