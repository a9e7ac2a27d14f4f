"""What wrk prints, and that it is there."""

import pytest

from benchmarks.serving import wrk
from benchmarks.serving.results import Load

PRINTED = """Running 5s test @ http://127.0.0.1:8000/
  1 threads and 32 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     1.64ms    1.25ms  27.59ms   97.27%
  101500 requests in 5.00s, 13.17MB read
  Non-2xx or 3xx responses: 7
Requests/sec:  20300.00
measured {"requests": 101500, "duration_us": 5000000, "p50_us": 1640, "p99_us": 2590, "failed": 7}
"""


def test_the_line_of_the_script_is_read():
    assert wrk.parse_wrk(PRINTED) == Load(20_300.0, 1.64, 2.59, 7)


@pytest.mark.parametrize("printed", ["", "unable to connect to 127.0.0.1:8000 Connection refused"])
def test_a_wrk_that_measured_nothing_is_said(printed):
    with pytest.raises(ValueError, match=r"wrk failed: (it printed nothing|unable to connect)"):
        wrk.parse_wrk(printed)


def test_a_missing_wrk_is_said_in_one_line_with_how_to_get_it(monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(wrk.NoWrk) as missing:
        wrk.require_wrk()
    assert "apt-get install wrk" in str(missing.value)
    assert "\n" not in str(missing.value)
