"""A training set has the history features that its decisions have; those that they lack are computed of its records."""

import numpy as np
import polars as pl
import pytest
from pydantic_core import from_json

from fraud_detection_api.services.deciding.recording import Recorder
from fraud_detection_api.services.labels.training_sets import TrainingSetExporter
from fraud_detection_api.training.data.load import load_dataset
from support.builders import registry_with_champion
from support.cards import CARDS, CardServer, cards_contract, cards_files, with_payments

ADDED = CARDS + '[history.payments_28d]\nby = "card"\nmeasure = "count"\nwindow = "28d"\n'
WIDER = CARDS.replace('by = "card"\nmeasure = "count"\nwindow = "1d"', 'by = "card"\nmeasure = "count"\nwindow = "2d"')


def exported(server, folder, text=CARDS):
    contract, target = cards_contract(text), folder / "training.parquet"
    registry = registry_with_champion(cards_files())
    exporter = TrainingSetExporter(server.store, server.labels, server.recorder, contract, registry=registry)
    exporter.export(target, since=0, until=2**52, assumed_before=2**52)
    return pl.read_parquet(target), load_dataset(target, contract)


def column(dataset, name):
    return dataset.records.matrix[:, dataset.records.column_names.index(name)]


def test_stored_values_are_exported_and_trained_on(tmp_path):
    server = CardServer(tmp_path)
    rows = sorted(with_payments(server, 80), key=lambda row: row.decision_id)
    table, dataset = exported(server, tmp_path)
    for name in ("payments_1d", "mean_amount_7d", "terminal_fraud_7d", "terminal_total"):
        stored = [from_json(row.record)[name] for row in rows]
        assert table[name].to_list() == stored
        assert np.array_equal(column(dataset, name), np.array(stored, dtype=np.float32), equal_nan=True)
    assert table["terminal"].null_count() == 0


@pytest.mark.parametrize(("text", "name"), [(ADDED, "payments_28d"), (WIDER, "payments_1d")])
def test_a_feature_that_decisions_did_not_see_so_is_computed_of_the_file(tmp_path, text, name):
    server = CardServer(tmp_path)
    with_payments(server, 80)
    table, dataset = exported(server, tmp_path, text)
    assert name not in table.columns
    assert "terminal_total" in table.columns
    assert column(dataset, name).max() > 3


def test_pseudonyms_of_whole_numbers_name_entities(tmp_path):
    server, plain = CardServer(tmp_path, Recorder(pseudonym_key=b"k" * 32)), tmp_path / "plain"
    plain.mkdir()
    with_payments(server, 80)
    with_payments(other := CardServer(plain), 80)
    (table, dataset), (_, named) = exported(server, tmp_path, ADDED), exported(other, plain, ADDED)
    assert table["card"].dtype == pl.String
    assert np.array_equal(column(dataset, "payments_28d"), column(named, "payments_28d"))
