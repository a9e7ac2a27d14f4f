"""Rounds in a few numbers."""

from benchmarks.serving.results import Load
from benchmarks.serving.summary import Summary, failures, p99, ratio, ratio_to, summarised


def test_a_ratio_is_the_median_of_the_rounds_so_that_a_slower_machine_does_not_bend_it(results):
    score, empty = results.loaded("score", 32, 1), results.loaded("empty", 32, 1)
    assert ratio(score.rounds, empty.rounds) == (0.5 + 0.55) / 2
    assert ratio_to(results, score) == ratio(score.rounds, empty.rounds)


def test_nothing_is_compared_with_a_target_that_was_not_measured_or_answered_nothing(results):
    score = results.loaded("score", 32, 1)
    assert ratio_to(results, score, "mlflow") is None
    assert ratio(score.rounds, []) is None
    assert ratio(score.rounds, [Load(0.0, 0.0, 0.0, 1)]) is None


def test_failures_add_up_over_the_rounds(results):
    assert failures(results.loaded("mlserver", 32, 1).rounds) == 6


def test_a_summary_holds_the_median_and_the_extremes(results):
    assert summarised(results.neighbours[0].singles, p99) == Summary(12.5, 12.5, 12.5)
    assert Summary.of([4.0, 1.0, 2.0]) == Summary(2.0, 1.0, 4.0)
