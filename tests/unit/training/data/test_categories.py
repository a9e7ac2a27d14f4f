"""A level's number is its fraud rate, drawn towards the base rate where it is rare; in training, others' fraud rate."""

from dataclasses import replace

import numpy as np
import pytest

from fraud_detection_api.contract.encoding import LevelCodes
from fraud_detection_api.training.data.levels import (
    RARE_RECORDS,
    SMOOTHING,
    cross_fitted_tables,
    learn_level_codes,
    split_by_sets,
)
from support.builders import labelled


def categorical(levels, is_fraud):
    """A dataset of one category."""
    names = tuple(dict.fromkeys(level for level in levels if level is not None))
    numbers = [np.nan if level is None else names.index(level) for level in levels]
    return labelled(is_fraud, matrix=np.array(numbers).reshape(-1, 1), levels={"c0": names})


def learned(levels, is_fraud):
    return learn_level_codes(categorical(levels, is_fraud))["c0"]


def test_a_level_has_its_smoothed_fraud_rate():
    codes = learned(["web"] * 30 + ["branch"] * 70, [True] * 10 + [False] * 20 + [True] * 10 + [False] * 60)
    prior = 0.2
    assert codes.levels["web"] == pytest.approx((10 + SMOOTHING * prior) / (30 + SMOOTHING))
    assert codes.levels["branch"] == pytest.approx((10 + SMOOTHING * prior) / (70 + SMOOTHING))


def test_a_level_that_training_did_not_see_has_the_base_rate():
    assert learned(["a"] * 10, [True] + [False] * 9).unseen == pytest.approx(0.1)


def test_a_level_of_other_records_of_the_file_counts_as_unseen():
    data = categorical(["a"] * 4 + ["later"], [True, False, False, False, True]).take(np.arange(4))
    assert set(learn_level_codes(data)["c0"].levels) == {"a"}


def test_missing_is_a_level_like_any_other():
    codes = learned([None] * 20 + ["a"] * 20, [True] * 20 + [False] * 20)
    assert codes.missing == pytest.approx((20 + SMOOTHING * 0.5) / 40)
    assert None not in codes.levels


def test_missing_that_training_did_not_see_has_the_base_rate():
    assert learned(["a"] * 4, [True, False, False, False]).missing == pytest.approx(0.25)


def test_a_rare_level_stays_near_the_base_rate():
    assert learned(["rare"] + ["a"] * 99, [True] + [False] * 99).levels["rare"] < 0.1


def test_levels_are_in_alphabetical_order_whatever_the_data_order():
    forwards, backwards = (learned(list(order), [True] + [False] * 2) for order in ("bca", "bac"))
    assert list(forwards.levels) == list(backwards.levels) == ["a", "b", "c"]


FOLDS = np.array([0, 0, 0, 1, 1, 1, 1, 1])
LEVELS = ["a", "a", "b", "a", "a", "b", "b", None]
FRAUDS = [True, False, True, True, False, False, False, True]


def test_the_code_of_a_training_record_is_what_the_other_folds_tell():
    table = cross_fitted_tables(categorical(LEVELS, FRAUDS), FOLDS)["c0"]
    prior = 2 / 5  # of the five records of fold 1
    of_fold_0 = [(1 + SMOOTHING * prior) / (2 + SMOOTHING), (0 + SMOOTHING * prior) / (2 + SMOOTHING)]
    assert table[0, :2, 0] == pytest.approx(of_fold_0)
    assert table[0, 2, 0] == pytest.approx((1 + SMOOTHING * prior) / (1 + SMOOTHING))
    assert table[1, 2, 0] == pytest.approx(2 / 3)  # missing occurs in fold 1 alone: the base rate of fold 0


def test_the_frequency_of_a_training_record_is_that_of_the_other_folds_scaled_to_all():
    table = cross_fitted_tables(categorical(LEVELS, FRAUDS), FOLDS)["c0"]
    assert table[:, :, 1] == pytest.approx(np.log1p(2 * np.array([[2, 2, 1], [2, 1, 0]])))


def test_the_frequency_of_a_level_stands_beside_its_rate():
    codes = learned(["a"] * 7 + ["b"] + [None] * 2, [True] + [False] * 9).records
    assert codes.levels == pytest.approx({"a": np.log(8), "b": np.log(2)})
    assert (codes.unseen, codes.missing) == (0, pytest.approx(np.log(3)))


def test_a_feature_that_has_the_name_of_the_column_for_frequencies_leaves_none():
    levels, names = {"c0": ("a",)}, ("c0", "c0.records")
    matrix = np.zeros((4, 2), np.float32)
    data = labelled([True, False] * 2, matrix=matrix, levels=levels)
    named = replace(data, records=replace(data.records, column_names=names))
    assert learn_level_codes(named)["c0"].records is None
    assert cross_fitted_tables(named, np.arange(4) % 2)["c0"].shape == (2, 2, 1)


def test_a_folds_own_labels_do_not_move_its_codes():
    flipped = np.where(FOLDS == 0, ~np.array(FRAUDS), FRAUDS)
    before, after = (cross_fitted_tables(categorical(LEVELS, labels), FOLDS)["c0"] for labels in (FRAUDS, flipped))
    np.testing.assert_array_equal(before[0], after[0])
    assert not np.array_equal(before[1], after[1])


def test_a_level_that_the_other_folds_do_not_hold_has_their_base_rate():
    levels, folds = ["a", "a", "b", "b"], np.array([0, 0, 1, 1])
    table = cross_fitted_tables(categorical(levels, [True, False, True, True]), folds)["c0"]
    assert table[0, :, 0].tolist() == [1.0, pytest.approx((2 + SMOOTHING) / (2 + SMOOTHING)), 1.0]
    assert table[1, 1, 0] == pytest.approx(0.5)


def test_no_training_record_sees_its_own_outcome():
    rng = np.random.default_rng(0)
    levels, folds = rng.choice(["a", "b", "c"], 60).tolist(), rng.integers(3, size=60)
    is_fraud = rng.random(60) < 0.4

    def codes(labels):
        data = categorical(levels, labels)
        return data.matrix(cross_fitted_tables(data, folds), folds)[:, 0]

    before = codes(is_fraud)
    for record in range(60):
        after = codes(np.where(np.arange(60) == record, ~is_fraud, is_fraud))
        assert after[record] == before[record]
        assert (after != before).any()


def numbered(levels) -> LevelCodes:
    return learn_level_codes(categorical(levels, [True] + [False] * (len(levels) - 1)), {"c0"})["c0"]


MANY, FEW = RARE_RECORDS, RARE_RECORDS - 1


def test_levels_that_are_split_by_sets_are_numbered_by_their_frequency_and_rare_ones_share_the_last_number():
    codes = numbered(["a"] * MANY + ["b"] * (MANY + 1) + ["c"] * FEW + ["d"])
    assert codes == LevelCodes({"a": 1, "b": 0, "c": 2, "d": 2}, unseen=2, missing=2)


def test_missing_has_a_number_of_its_own_where_some_are_missing():
    assert numbered(["a"] * MANY + [None]).missing == 1
    assert numbered(["a"] * MANY + ["b", None]).missing == 2


def test_without_rare_levels_an_unseen_or_missing_one_counts_as_the_most_frequent():
    assert numbered(["a"] * MANY + ["b"] * (MANY + 1)) == LevelCodes({"a": 1, "b": 0}, unseen=0, missing=0)


def test_numbers_of_levels_are_the_same_in_all_folds():
    data = categorical(["a"] * 6 + ["b"] * 7 + [None], [True, False] * 7)
    table = cross_fitted_tables(data, np.arange(14) % 3, {"c0"})["c0"]
    np.testing.assert_array_equal(table[:, :, 0], [[1, 0, 2]] * 3)


@pytest.mark.parametrize(("most", "chosen"), [(1, set()), (2, {"c0"})])
def test_categories_of_few_levels_are_split_by_sets(most, chosen):
    assert split_by_sets(categorical(["a"] * 10 + ["b", None], [True] * 12), most) == chosen
