"""The expressions of drift and performance alerts on a real Prometheus, over months of simulated gauges."""

from collections.abc import Iterator

import pytest
import yaml

from fraud_detection_api.model.bundle import read_bundle
from support.builders import credit_files
from support.prometheus import RULES, RunningPrometheus, checked, program, running_prometheus
from support.simulated_month import BEGINNING, DAY, DAYS, HOUR, HOURS_BETWEEN_LOOKS, Month

DRIFT = (20 * 24 + 9) * HOUR  # in the morning of the twentieth day, when an hour has hundreds of records
WITHIN = {"hour": HOUR, "day": DAY, "week": 7 * DAY}
EXPRESSIONS = {
    rule["alert"]: rule["expr"]
    for group in yaml.safe_load((RULES / "alerts_model.yml").read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
    if rule.get("alert") in {"FraudFeatureDrift", "FraudScoreShift", "FraudPerformanceDrop", "FraudCalibrationWorse"}
}


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory) -> Iterator[RunningPrometheus]:
    """One that knows a month of two deployments: `steady`, and `drifting` from its twentieth day on."""
    program("promtool")
    folder = tmp_path_factory.mktemp("month")
    bundle = read_bundle(credit_files(), source="credit")
    months = {
        "steady": Month(bundle, seed=1),
        "drifting": Month(bundle, seed=2, drift_hour=DRIFT // HOUR, shifted="number_of_open_accounts"),
    }
    with (folder / "metrics").open("w", encoding="utf-8") as file:
        for job, month in months.items():
            file.writelines(f"{line}\n" for line in month.samples(job=job, instance="a:8000"))
        file.write("# EOF\n")
    blocks = ["create-blocks-from", f"--max-block-duration={DAYS * 24}h", "--quiet", "openmetrics"]
    checked("promtool", "tsdb", *blocks, folder / "metrics", folder / "data")
    (folder / "prometheus.yml").touch()
    with running_prometheus(folder / "prometheus.yml", folder / "data", "--storage.tsdb.retention.time=100y") as server:
        yield server


def first_seen(prometheus: RunningPrometheus, alert: str, job: str, by: str = "window") -> dict[str, float]:
    """When the alert's expression first holds for the job, in seconds from the beginning, by a label."""
    end = BEGINNING + DAYS * DAY
    series = prometheus.query_range(EXPRESSIONS[alert], start=BEGINNING, end=end, step=HOUR)
    moments = [(each["metric"].get(by), float(each["values"][0][0])) for each in series if each["metric"]["job"] == job]
    return {label: moment - BEGINNING for label, moment in sorted(moments, key=lambda found: -found[1])}


def the_whole_month_is_there(prometheus: RunningPrometheus) -> None:
    end = BEGINNING + DAYS * DAY
    count = 'count by (job, window) (fraud_drift_psi{feature="fraud_probability"})'
    series = prometheus.query_range(count, start=BEGINNING + HOUR, end=end, step=HOUR)
    assert {(each["metric"]["job"], each["metric"]["window"]) for each in series} == {
        (job, window) for job in ("steady", "drifting") for window in WITHIN
    }
    assert all(len(each["values"]) >= DAYS * 24 // HOURS_BETWEEN_LOOKS for each in series)
    records = 'min_over_time(fraud_drift_records{job="steady",window="hour"}[30d])'
    [fewest] = prometheus.query_range(records, start=end, end=end, step=HOUR)
    assert float(fewest["values"][0][1]) < 100, "there are nights with few records"


@pytest.mark.slow
def test_a_steady_month_raises_no_alert_and_a_drift_does(prometheus, subtests):
    """One test, because its months take long to make: test processes that share the tests would each make their own."""
    the_whole_month_is_there(prometheus)
    for alert in EXPRESSIONS:
        with subtests.test("a month of undrifted traffic raises no alert", alert=alert):
            assert first_seen(prometheus, alert, "steady") == {}
    with subtests.test("half a standard deviation of one feature shows within each window, and not before"):
        seen = first_seen(prometheus, "FraudFeatureDrift", "drifting")
        assert set(seen) == set(WITHIN)
        late = {window: (moment - DRIFT) / WITHIN[window] for window, moment in seen.items()}
        assert all(0 < share <= 1 for share in late.values()), late
    with subtests.test("the feature that drifted is named"):
        assert "number_of_open_accounts" in first_seen(prometheus, "FraudFeatureDrift", "drifting", by="feature")
    with subtests.test("a ranking that got worse shows once it is measured, every fourth day here"):
        [moment] = first_seen(prometheus, "FraudPerformanceDrop", "drifting", by="measure").values()
        assert DRIFT < moment <= DRIFT + 5 * DAY
