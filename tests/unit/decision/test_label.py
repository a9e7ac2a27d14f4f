from fraud_detection_api.decision.label import Finding, Label, LabelHistory

NOW = 1_000


def label(*, effective_at: int, source="analyst", recorded_at: int = NOW) -> Label:
    return Label("a", True, source, effective_at, "", recorded_at)


def test_of_labels_that_became_known_together_the_last_one_is_in_force():
    history = LabelHistory([label(effective_at=2, source="chargeback"), label(effective_at=2), label(effective_at=1)])
    assert history.repeats(Finding("a", True, "analyst"))
    assert not history.repeats(Finding("a", True, "chargeback"))


def test_a_label_is_recorded_at_the_first_free_time():
    history = LabelHistory()
    for expected in (NOW, NOW + 1, NOW + 2):
        at = history.free_time(NOW)
        assert at == expected
        history.add(label(effective_at=0, recorded_at=at))
    assert history.free_time(NOW - 1) == NOW - 1, "the clock was set back"
    assert history.free_time(NOW + 1) == NOW + 3


def test_ten_thousand_labels_of_one_time_are_recorded_without_searching_each_other():
    class Counting(set):
        asked = 0

        def __contains__(self, at):
            Counting.asked += 1
            return super().__contains__(at)

    history = LabelHistory()
    history._recorded_at = Counting()
    for _ in range(10_000):
        history.add(label(effective_at=0, recorded_at=history.free_time(NOW)))
    assert Counting.asked < 30_000
