"""What callers send, and the keys they send it with, never reach the server's log."""

import pytest

from support import calls
from support.builders import record
from support.http import ADMIN_KEY, JSON, SCORE_KEY, bearer
from support.polling import eventually
from support.raw_http import exchange, request

MARK = "marked4711"
WRONG_KEY = f"{MARK}-a-key-that-nobody-has"
NUMBER = 471_147_114

SENT = {
    "scored": lambda url: calls.post(
        f"{url}/fraud_detection", json=[record(customer_id=NUMBER)], headers=bearer(SCORE_KEY)
    ),
    "bad value": lambda url: calls.post(
        f"{url}/fraud_detection", json=[record(total_balance=MARK)], headers=bearer(SCORE_KEY)
    ),
    "unknown field": lambda url: calls.post(f"{url}/fraud_detection", json=[{MARK: NUMBER}], headers=bearer(SCORE_KEY)),
    "not JSON": lambda url: calls.post(
        f"{url}/fraud_detection", content=f"[{MARK}".encode(), headers=JSON | bearer(SCORE_KEY)
    ),
    "promotion": lambda url: calls.post(
        f"{url}/v1/models/{MARK}/promote", json={MARK: MARK}, headers=bearer(ADMIN_KEY)
    ),
    "unknown version": lambda url: calls.get(f"{url}/v1/models/{MARK}", headers=bearer(ADMIN_KEY)),
    "unknown path": lambda url: calls.get(f"{url}/{MARK}?{MARK}={MARK}", headers=bearer(ADMIN_KEY)),
    "query": lambda url: calls.get(f"{url}/ping?{MARK}={NUMBER}", headers={"User-Agent": MARK, "Cookie": MARK}),
    "wrong key": lambda url: calls.get(f"{url}/v1/models", headers=bearer(WRONG_KEY)),
    "malformed request id": lambda url: calls.get(f"{url}/ping", headers={"X-Request-ID": f"{MARK} {MARK}"}),
    "no HTTP": lambda url: exchange(url, f"{MARK} {MARK}\r\n\r\n".encode()),
    "cut short": lambda url: exchange(
        url, request("/fraud_detection", MARK.encode(), content_length="99", **bearer(SCORE_KEY))
    ),
}


@pytest.mark.parametrize("send", SENT.values(), ids=SENT)
def test_nothing_that_was_sent_is_logged(limited_server, send):
    send(limited_server.url)
    calls.get(f"{limited_server.url}/ping", headers={"X-Request-ID": "after"})
    eventually(lambda: "after" in limited_server.log_text(), "the log has come this far")
    log = limited_server.log_text()
    for secret in (MARK, str(NUMBER), SCORE_KEY, ADMIN_KEY):
        assert secret not in log


def test_the_log_after_the_announcement_is_json_line_by_line(limited_server):
    lines = limited_server.log_text().split("Ctrl-C", 1)[1].strip().splitlines()
    assert lines
    assert all(line.startswith("{") and line.endswith("}") for line in lines)
