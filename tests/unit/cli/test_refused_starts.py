"""What stops `fraud serve` at its start: one line that names what to fix, no trace, and a failing exit status."""

import socket

import pytest

BAD_SETTINGS = {
    "unknown variable": (
        {"FRAUD_MAX_RECORD": "5"},
        "FRAUD_MAX_RECORD: no such setting; did you mean FRAUD_MAX_RECORDS?",
    ),
    "no number": ({"FRAUD_MAX_RECORDS": "many"}, "FRAUD_MAX_RECORDS: "),
    "out of range": ({"FRAUD_WORKERS": "0"}, "FRAUD_WORKERS: "),
    "no such level": ({"FRAUD_LOG_LEVEL": "loud"}, "FRAUD_LOG_LEVEL: "),
    "infinite time": ({"FRAUD_RELOAD_SECONDS": "inf"}, "FRAUD_RELOAD_SECONDS: "),
    "open address without keys": ({"FRAUD_HOST": "0.0.0.0"}, "FRAUD_HOST: "),
    "short key": ({"FRAUD_API_KEYS": "score:hunter2"}, "FRAUD_API_KEYS: "),
    "key without a role": ({"FRAUD_API_KEYS": "hunter2-hunter2-hunter2"}, "FRAUD_API_KEYS: "),
    "keys file that is missing": ({"FRAUD_API_KEYS_FILE": "/nowhere/keys"}, "FRAUD_API_KEYS_FILE: "),
    "registry without mlflow:": ({"FRAUD_REGISTRY": "http://me:hunter2@host"}, "FRAUD_REGISTRY: "),
    "place for roots of another kind": ({"FRAUD_LOG_ROOTS": "ftp://me:hunter2@host/roots"}, "FRAUD_LOG_ROOTS: "),
    "place for roots with a password": ({"FRAUD_LOG_ROOTS": "https://me:hunter2@host/roots"}, "FRAUD_LOG_ROOTS: "),
    "place for roots without a port": ({"FRAUD_LOG_ROOTS": "https://host:port/roots"}, "FRAUD_LOG_ROOTS: "),
    "contract that is missing": ({"FRAUD_CONTRACT": "/nowhere/my.toml"}, "/nowhere/my.toml"),
}


def the_one_line(run) -> str:
    """The only line that was printed; the command failed and showed no trace."""
    assert run.exit_code == 1, run.stderr
    assert run.stdout == ""
    (line,) = run.stderr.splitlines()
    return line


@pytest.mark.parametrize(("variables", "told"), BAD_SETTINGS.values(), ids=BAD_SETTINGS)
def test_a_bad_setting_stops_the_start(fraud, tmp_path, variables, told):
    line = the_one_line(fraud("serve", "--port", "0", **{"FRAUD_REGISTRY": str(tmp_path), **variables}))
    assert line.startswith("error: ")
    assert told in line
    assert "hunter2" not in line


def test_a_port_in_use_stops_the_start(fraud, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        line = the_one_line(fraud("serve", "--port", port, "--registry", str(tmp_path)))
    assert line.startswith("error: FRAUD_PORT: ")
    assert port in line


def test_an_address_that_is_not_this_machines_stops_the_start(fraud, tmp_path):
    variables = {"FRAUD_ALLOW_ANONYMOUS": "true"}
    run = fraud("serve", "--host", "192.0.2.1", "--port", "0", "--registry", str(tmp_path), **variables)
    assert the_one_line(run).startswith("error: FRAUD_HOST: ")
