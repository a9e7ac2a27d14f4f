"""What is reported while a tuning runs."""

from fraud_detection_api.jobs.tuning import _report
from fraud_detection_api.training.tuning.tune import TuningProgress


def test_every_trial_is_a_milestone():
    shown = []

    def bar(share, text, *, milestone):
        shown.append((share, text, milestone))

    _report(bar, TuningProgress(1, 2, None))
    _report(bar, TuningProgress(2, 2, 0.75))
    assert shown == [
        (0.5, "1 of 2 trials are finished", True),
        (1.0, "2 of 2 trials are finished, best so far 0.7500", True),
    ]
