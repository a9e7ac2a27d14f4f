"""The given request, as it stands, against a real server."""

import json
import shlex
import shutil
import subprocess
from urllib.parse import urlsplit

from support import calls
from support.builders import OVERDRAWN

GIVEN = """curl --location 'http://0.0.0.0:8000/fraud_detection' --header 'Content-Type: application/json' \\
--data '[{"customer_id": 345435, "number_of_open_accounts": 23, "total_credit_limit": 12345,
          "total_balance": 200000, "number_of_accounts_in_arrears": 2}]'
"""


def words(command: str) -> list[str]:
    """The command's words, as a shell reads them."""
    return shlex.split(command.replace("\\\n", " "))


def run(command: str) -> object:
    """The JSON that the command prints, run by a shell; where there is no curl, that of the same request."""
    if shutil.which("curl"):
        done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=20, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)
    _, _, url, _, header, _, body = words(command)
    return calls.post(url, content=body, headers=[tuple(header.split(": "))]).json()


def test_the_given_command_is_answered_with_one_high_probability(open_server):
    (probability,) = run(GIVEN.replace(":8000/", f":{urlsplit(open_server.url).port}/"))
    assert 0.5 < probability <= 1


def test_the_given_record_is_the_one_that_other_tests_use():
    assert json.loads(words(GIVEN)[-1]) == [OVERDRAWN]


def test_the_announced_command_works_as_it_is_printed(open_server):
    announced = open_server.log_text().split("try it", 1)[1].split("  stop", 1)[0]
    (probability,) = run(announced.strip())
    assert 0.5 < probability <= 1
