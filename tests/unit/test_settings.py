"""Settings come from FRAUD_ variables; a wrong one is named, and no value is told."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from fraud_detection_api.errors import InvalidSetting
from fraud_detection_api.settings import Settings

EVERY_SETTING = {
    "FRAUD_REGISTRY": ("models", "models"),
    "FRAUD_TRACK": ("mlflow", "mlflow"),
    "FRAUD_CONTRACT": ("my.toml", "my.toml"),
    "FRAUD_HOST": ("0.0.0.0", "0.0.0.0"),
    "FRAUD_PORT": ("9000", 9000),
    "FRAUD_HEALTH_PORT": ("9001", 9001),
    "FRAUD_WORKERS": ("4", 4),
    "FRAUD_SCORING_THREADS": ("3", 3),
    "FRAUD_MAX_CONNECTIONS": ("600", 600),
    "FRAUD_MAX_CONNECTIONS_PER_ADDRESS": ("60", 60),
    "FRAUD_KEEP_ALIVE_SECONDS": ("620", 620.0),
    "FRAUD_ROOT_PATH": ("/fraud", "/fraud"),
    "FRAUD_TRUSTED_PROXIES": ("10.0.0.7, 10.1.0.0/16", "10.0.0.7, 10.1.0.0/16"),
    "FRAUD_LOG_LEVEL": ("debug", "debug"),
    "FRAUD_LOG_FORMAT": ("json", "json"),
    "FRAUD_TRACES": ("otlp:http://collector:4318", "otlp:http://collector:4318"),
    "FRAUD_TRACES_RATIO": ("0.01", 0.01),
    "FRAUD_MAX_BODY_BYTES": ("1000", 1000),
    "FRAUD_MAX_RECORDS": ("5", 5),
    "FRAUD_MAX_IN_FLIGHT": ("3", 3),
    "FRAUD_MAX_BUFFERED_BYTES": ("5000", 5000),
    "FRAUD_BODY_TIMEOUT_SECONDS": ("2.5", 2.5),
    "FRAUD_DEADLINE_MS": ("50", 50.0),
    "FRAUD_FALLBACK_OUTCOME": ("decline", "decline"),
    "FRAUD_STORE": ("none", "none"),
    "FRAUD_KEEPER": ("/run/fraud/keeper", Path("/run/fraud/keeper")),
    "FRAUD_HISTORY": ("/run/fraud/history", Path("/run/fraud/history")),
    "FRAUD_HISTORY_FOLDER": ("/var/fraud/history", Path("/var/fraud/history")),
    "FRAUD_METRICS_FOLDER": ("/run/fraud/metrics", Path("/run/fraud/metrics")),
    "FRAUD_STORE_TIMEOUT_SECONDS": ("1.5", 1.5),
    "FRAUD_STORE_QUEUE": ("100", 100),
    "FRAUD_STORE_OUTAGE": ("journal", "journal"),
    "FRAUD_OBSERVER": ("false", False),
    "FRAUD_OBSERVER_BACKLOG": ("1000", 1000),
    "FRAUD_JOURNAL": ("/var/journal", Path("/var/journal")),
    "FRAUD_IDEMPOTENCY_HOURS": ("48", 48.0),
    "FRAUD_SEAL_KEY": ("a secret of some length", "a secret of some length"),
    "FRAUD_SEAL_KEY_FILE": ("/run/secrets/seal", Path("/run/secrets/seal")),
    "FRAUD_LOG_ROOTS": ("roots.jsonl", "roots.jsonl"),
    "FRAUD_PSEUDONYM_KEY": ("a secret of some length", "a secret of some length"),
    "FRAUD_PSEUDONYM_KEY_FILE": ("/run/secrets/pseudonym", Path("/run/secrets/pseudonym")),
    "FRAUD_REVIEW_GOLDEN_SHARE": ("0", 0.0),
    "FRAUD_REVIEW_SECOND_SHARE": ("0.1", 0.1),
    "FRAUD_DRIFT_PSI": ("0.25", 0.25),
    "FRAUD_LABEL_MATURITY_DAYS": ("14", 14.0),
    "FRAUD_PERFORMANCE_DAYS": ("7", 7.0),
    "FRAUD_GATE_DECISIONS": ("5000", 5000),
    "FRAUD_GATE_FRAUDS": ("100", 100),
    "FRAUD_GATE_ROC_AUC_LOSS": ("0", 0.0),
    "FRAUD_GATE_AVERAGE_PRECISION_LOSS": ("0.02", 0.02),
    "FRAUD_GATE_CALIBRATION": ("0.1", 0.1),
    "FRAUD_GATE_COST_INCREASE": ("0.05", 0.05),
    "FRAUD_GATE_LATENCY_RATIO": ("2", 2.0),
    "FRAUD_LINGER_SECONDS": ("2.5", 2.5),
    "FRAUD_DRAIN_SECONDS": ("7", 7),
    "FRAUD_RELOAD_SECONDS": ("0.5", 0.5),
    "FRAUD_GATE": ("off", "off"),
    "FRAUD_API_KEYS": ("score:abc", "score:abc"),
    "FRAUD_API_KEYS_FILE": ("/run/secrets/keys", Path("/run/secrets/keys")),
    "FRAUD_ALLOWED_HOSTS": ("a.example,*.b.example", "a.example,*.b.example"),
    "FRAUD_CONSOLE_URL": ("https://fraud.example/console", "https://fraud.example/console"),
    "FRAUD_OIDC_ISSUER": ("https://id.example", "https://id.example"),
    "FRAUD_OIDC_CLIENT_ID": ("console", "console"),
    "FRAUD_OIDC_CLIENT_SECRET": ("a secret", "a secret"),
    "FRAUD_OIDC_CLIENT_SECRET_FILE": ("/run/secrets/oidc", Path("/run/secrets/oidc")),
    "FRAUD_OIDC_NAME_CLAIM": ("email", "email"),
    "FRAUD_OIDC_ROLES_CLAIM": ("groups", "groups"),
    "FRAUD_OIDC_ROLES": ("analyst=fraud", "analyst=fraud"),
    "FRAUD_ALLOW_ANONYMOUS": ("true", True),
}


def test_this_table_has_every_setting():
    assert {name.removeprefix("FRAUD_").lower() for name in EVERY_SETTING} == set(Settings.model_fields)


@pytest.mark.parametrize(("name", "text", "value"), [(name, *pair) for name, pair in EVERY_SETTING.items()])
def test_every_setting_is_read_from_its_variable(name, text, value):
    field = name.removeprefix("FRAUD_").lower()
    assert getattr(Settings.from_environment({name: text}), field) == value
    assert getattr(Settings(), field) != value


def test_every_setting_is_described():
    assert all(field.description for field in Settings.model_fields.values())


def test_an_empty_environment_gives_the_defaults():
    assert Settings.from_environment({}) == Settings()
    assert (Settings().host, Settings().max_body_bytes, Settings().max_records) == (
        "127.0.0.1",
        4 * 1024 * 1024,
        10_000,
    )


def test_other_variables_are_left_alone():
    assert Settings.from_environment({"PATH": "x", "XFRAUD_PORT": "1", "fraud_port": "1", "FRAUD": "x"}) == Settings()


def test_settings_cannot_be_changed():
    with pytest.raises(ValidationError):
        Settings().port = 1


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("FRAUD_PROT", "did you mean FRAUD_PORT?"),
        ("FRAUD_MAX_BODY_BYTE", "did you mean FRAUD_MAX_BODY_BYTES?"),
        ("FRAUD_LOGLEVEL", "did you mean FRAUD_LOG_LEVEL?"),
        ("FRAUD_ZZZ", "docs/reference/settings.md lists what there is"),
        ("FRAUD_", "docs/reference/settings.md lists what there is"),
    ],
)
def test_an_unknown_variable_is_named_with_a_hint(name, hint):
    with pytest.raises(InvalidSetting) as caught:
        Settings.from_environment({name: "SECRET"})
    assert str(caught.value) == f"{name}: no such setting; {hint}"
    assert caught.value.name == name


BAD = [
    ("FRAUD_REGISTRY", ""),
    ("FRAUD_CONTRACT", ""),
    ("FRAUD_HOST", ""),
    *(("FRAUD_PORT", text) for text in ("-1", "65536", "http", "80.5", "", "9" * 5000)),
    *(("FRAUD_WORKERS", text) for text in ("0", "257", "many")),
    ("FRAUD_LOG_LEVEL", "verbose"),
    ("FRAUD_LOG_LEVEL", "INFO"),
    ("FRAUD_LOG_FORMAT", "xml"),
    *((f"FRAUD_MAX_{what}", text) for what in ("BODY_BYTES", "RECORDS", "IN_FLIGHT") for text in ("0", "-1", "1MiB")),
    *(("FRAUD_BODY_TIMEOUT_SECONDS", text) for text in ("0", "-1", "nan", "inf", "soon")),
    *(("FRAUD_RELOAD_SECONDS", text) for text in ("0", "nan", "1e999")),
    ("FRAUD_DRAIN_SECONDS", "0"),
    ("FRAUD_TRACES", ""),
    *(("FRAUD_TRACES_RATIO", text) for text in ("-0.1", "1.1", "nan", "all")),
    *(("FRAUD_LINGER_SECONDS", text) for text in ("-1", "601", "nan")),
    *(("FRAUD_GATE_COST_INCREASE", text) for text in ("-0.1", "nan", "inf", "5 %")),
    *(("FRAUD_GATE", text) for text in ("true", "")),
    ("FRAUD_ALLOW_ANONYMOUS", "perhaps"),
]


@pytest.mark.parametrize(("name", "text"), BAD)
def test_a_bad_value_names_the_variable_in_one_line(name, text):
    with pytest.raises(InvalidSetting) as caught:
        Settings.from_environment({name: text})
    message = str(caught.value)
    assert message.startswith(f"{name}: ")
    assert "\n" not in message
    assert caught.value.name == name
    assert caught.value.__cause__ is None


@given(st.sampled_from([name for name in EVERY_SETTING if name.startswith("FRAUD_MAX")]), st.text("QXZJK", min_size=8))
def test_a_bad_value_is_never_told(name, secret):
    with pytest.raises(InvalidSetting) as caught:
        Settings.from_environment({name: secret, "FRAUD_API_KEYS": secret})
    assert secret not in str(caught.value)


def test_keys_are_not_in_the_text_of_the_settings():
    settings = Settings.from_environment({"FRAUD_API_KEYS": "score:SECRET"})
    assert "SECRET" not in repr(settings)
    assert "SECRET" not in str(settings)


def test_options_beat_the_environment():
    settings = Settings.from_environment({"FRAUD_PORT": "9000", "FRAUD_HOST": "::1"}, port=9001, host=None)
    assert (settings.port, settings.host) == (9001, "::1")


def test_a_bad_option_names_its_variable():
    with pytest.raises(InvalidSetting, match=r"^FRAUD_PORT: "):
        Settings.from_environment({}, port=70_000)


LOOPBACK = ["127.0.0.1", "127.8.8.8", "::1", "localhost", "0:0:0:0:0:0:0:1"]
REACHABLE = [
    "0.0.0.0",
    "::",
    "10.0.0.5",
    "192.168.1.1",
    "example.org",
    "localhost.example.org",
    "2001:db8::1",
    "127.0.0.1.nip.io",
]


@pytest.mark.parametrize("host", LOOPBACK)
def test_a_loopback_address_needs_no_keys(host):
    Settings(host=host).require_safe_address(has_keys=False)


@pytest.mark.parametrize("host", REACHABLE)
def test_an_address_that_others_reach_needs_keys_or_an_explicit_word(host):
    with pytest.raises(
        InvalidSetting, match=r"^FRAUD_HOST: others can reach this address and no keys are set; set FRAUD_API"
    ):
        Settings(host=host).require_safe_address(has_keys=False)
    Settings(host=host).require_safe_address(has_keys=True)
    Settings(host=host, allow_anonymous=True).require_safe_address(has_keys=False)
