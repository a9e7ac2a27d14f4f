"""The image and the compose services, as far as their files can show it; the image itself is built by the workflow."""

import json
import re
import subprocess
import sys
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml

from fraud_detection_api.errors import InvalidSetting
from fraud_detection_api.settings import Settings
from fraud_detection_api.training import model_fitter
from support import calls
from support.listening import listening

PROJECT = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((PROJECT / "docker-compose.yml").read_text(encoding="utf-8"))
SERVICES = COMPOSE["services"]
MAKEFILE = (PROJECT / "Makefile").read_text(encoding="utf-8")
INSTRUCTIONS = [
    re.sub(r"\s+", " ", line).strip()
    for line in re.sub(
        r"\\\n|^#.*\n", "", (PROJECT / "Dockerfile").read_text(encoding="utf-8"), flags=re.MULTILINE
    ).split("\n")
    if line.strip()
]


def stage(name: str) -> list[str]:
    """The instructions of a stage, from its FROM to the next."""
    start = next(i for i, line in enumerate(INSTRUCTIONS) if line.startswith("FROM") and line.endswith(f" AS {name}"))
    following = [i for i, line in enumerate(INSTRUCTIONS) if line.startswith("FROM") and i > start]
    return INSTRUCTIONS[start : following[0]]


def image_environment() -> dict[str, str]:
    """The variables that the serving image sets."""
    pairs = [line.removeprefix("ENV ").split(" ") for line in stage("base") if line.startswith("ENV ")]
    return dict(pair.split("=", 1) for line in pairs for pair in line)


def compose_environment(service: str, **variables: str) -> dict[str, str]:
    """What compose sets for the service, where it is run with these variables."""
    given = SERVICES[service].get("environment", {})
    given = given if isinstance(given, dict) else dict(pair.split("=", 1) for pair in given if "=" in pair)
    return {name: interpolated(text, variables) for name, text in given.items()}


def interpolated(text: str, variables: dict[str, str]) -> str:
    """As compose reads it: `${NAME:-default}`, the one form that is used here."""
    return re.sub(r"\$\{(\w+):-(.*?)\}", lambda found: variables.get(found[1]) or found[2], text)


def test_each_image_holds_the_bill_of_what_is_installed_in_it():
    [written] = [line for line in stage("service") if "sbom.py" in line and line.startswith("RUN")]
    assert "sbom.py serve $EXTRAS > /service/opt/venv/sbom.cdx.json" in written
    assert "sbom.py serve $EXTRAS train > /sbom/train.cdx.json" in written
    assert "COPY --from=service /sbom/train.cdx.json /opt/venv/sbom.cdx.json" in stage("train")


def test_the_workflow_that_may_publish_names_its_actions_by_commit():
    release = yaml.safe_load((PROJECT / ".github" / "workflows" / "release.yml").read_text(encoding="utf-8"))
    steps = release["jobs"]["image"]["steps"]
    used = [step["uses"] for step in steps if "uses" in step]
    assert used
    assert all(re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", each) for each in used)
    assert not [step for step in steps if "${{" in step.get("run", "")], "a tag's name must not become a command"


def healthcheck() -> str:
    """The program that the image's HEALTHCHECK runs."""
    line = next(line for line in stage("serve") if line.startswith("HEALTHCHECK"))
    python, option, program = json.loads(line[line.index("[") :])
    assert (python, option) == ("python", "-c")
    return program


@contextmanager
def answering(status: int):
    """A server that answers GET /readyz with `status`, and nothing else; its port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(status if self.path == "/readyz" else 404)
            self.end_headers()

    with listening(Handler) as port:
        yield port


def health_status(port: int) -> int:
    command = [sys.executable, "-c", healthcheck()]
    return subprocess.run(command, env={"FRAUD_PORT": str(port)}, check=False, stderr=subprocess.DEVNULL).returncode


def test_the_default_image_is_the_serving_one():
    assert INSTRUCTIONS[-1] == "FROM serve"


@pytest.mark.parametrize("name", ["serve", "train"])
def test_an_image_is_the_base_with_what_other_stages_made(name):
    first, *rest = stage(name)
    assert first == f"FROM base AS {name}"
    assert {line.split()[0] for line in rest} <= {"COPY", "EXPOSE", "HEALTHCHECK", "CMD"}
    assert stage("base")[0] == "FROM python:3.12-slim-bookworm AS base"


def test_the_serving_image_holds_no_library_that_only_training_needs():
    copied = {line.split()[1] for line in stage("serve") if line.startswith("COPY ")}
    assert copied == {"--from=libraries", "--from=model", "--from=service"}
    [install] = [line for line in stage("libraries") if "pip install" in line]
    assert "requirements/%s.txt ' serve $EXTRAS" in install


def test_images_run_as_a_numbered_user_that_is_not_root():
    [user] = [line.split()[1] for line in stage("base") if line.startswith("USER ")]
    assert int(user.split(":")[0]) >= 1000


def test_the_server_is_told_to_stop_directly_and_not_through_a_shell():
    assert 'ENTRYPOINT ["fraud"]' in stage("base")
    assert "STOPSIGNAL SIGTERM" in stage("base")
    assert 'CMD ["serve"]' in stage("serve")


def test_the_serving_image_refuses_to_start_open_to_everybody():
    given = {name: value for name, value in image_environment().items() if name.startswith("FRAUD_")}
    settings = Settings.from_environment(given)
    with pytest.raises(InvalidSetting, match="no keys are set"):
        settings.require_safe_address(has_keys=False)


def test_the_image_needs_no_buildkit():
    assert not [line for line in INSTRUCTIONS if re.search(r"--mount|--chmod|--link|<<", line)]


def test_an_image_takes_what_the_lock_holds_and_looks_for_nothing_else():
    installs = [line for line in INSTRUCTIONS if re.search(r"pip install.*--requirement", line)]
    assert len(installs) == 4
    assert all(" --no-deps --require-hashes " in line for line in installs)


@pytest.mark.parametrize("extras", [(), ("mlflow",), ("postgres", "mlflow")])
def test_an_image_holds_the_extras_that_it_is_asked_for(extras):
    [line] = [line for line in stage("libraries") if "pip install" in line]
    words = re.search(r"\$\((printf .+ \$EXTRAS)\)", line)[1]
    printed = subprocess.run(
        ["sh", "-c", words], env={"EXTRAS": " ".join(extras)}, check=True, capture_output=True, text=True
    )
    files = [PROJECT / word for word in printed.stdout.split() if not word.startswith("--")]
    assert [path.stem for path in files] == ["serve", *extras]
    assert all(path.is_file() for path in files)


def test_the_image_holds_the_model_that_serving_would_train_by_itself():
    [training] = [line for line in stage("model") if "fraud train" in line]
    assert f"--rows {model_fitter.DEFAULT_ROWS} --seed {model_fitter.DEFAULT_SEED}" in training
    assert f"fraud train credit.parquet --seed {model_fitter.DEFAULT_SEED}" in training


@pytest.mark.parametrize(("answer", "status"), [(200, 0), (503, 1), (404, 1)])
def test_the_health_check_asks_whether_the_service_is_ready(answer, status):
    with answering(answer) as port:
        assert health_status(port) == status


def test_the_health_check_fails_where_nothing_listens():
    with answering(200) as port:
        pass
    assert health_status(port) != 0


def test_compose_has_the_nine_services():
    assert set(SERVICES) == {
        "fraud_detection_api",
        "tests",
        "lint",
        "jupyter",
        "mlflow",
        "postgres",
        "prometheus",
        "alertmanager",
        "grafana",
    }


def test_other_servers_start_only_where_they_are_asked_for():
    profiles = {name: service["profiles"] for name, service in SERVICES.items() if "profiles" in service}
    monitoring = {name: ["monitoring"] for name in ("prometheus", "alertmanager", "grafana")}
    assert profiles == {"mlflow": ["tracking"], "postgres": ["postgres"]} | monitoring


def test_no_variable_has_to_be_set_for_what_does_not_need_it():
    """Compose reads the whole file for any service of it."""
    text = (PROJECT / "docker-compose.yml").read_text(encoding="utf-8")
    assert len(re.findall(r"\$\{", text)) == len(re.findall(r"\$\{\w+:-[^}]*\}", text)) > 0


@pytest.mark.parametrize(
    ("service", "port"),
    [
        ("fraud_detection_api", 8000),
        ("jupyter", 9000),
        ("mlflow", 5000),
        ("prometheus", 9090),
        ("alertmanager", 9093),
        ("grafana", 3000),
    ],
)
def test_a_service_is_published_on_loopback_only(service, port):
    assert SERVICES[service]["ports"] == [f"127.0.0.1:{port}:{port}"]


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_holds_no_privileges(service):
    assert SERVICES[service]["cap_drop"] == ["ALL"]
    assert SERVICES[service]["security_opt"] == ["no-new-privileges:true"]


def test_compose_builds_stages_that_exist():
    targets = {name: service["build"]["target"] for name, service in SERVICES.items() if "build" in service}
    assert targets == {
        "fraud_detection_api": "serve",
        "tests": "development",
        "lint": "development",
        "jupyter": "development",
        "mlflow": "development",
    }
    assert all(stage(name) for name in set(targets.values()))


def test_the_composed_service_writes_to_its_store_its_registry_and_tmp_alone():
    service = SERVICES["fraud_detection_api"]
    assert service["read_only"] is True
    assert service["tmpfs"] == ["/tmp"]
    assert service["volumes"] == ["store:/app/store", f"registry:{image_environment()['FRAUD_REGISTRY']}"]


@pytest.mark.parametrize("given", [image_environment(), compose_environment("fraud_detection_api")])
def test_decisions_are_kept_in_the_volume(given):
    assert Settings.from_environment(given).store == "sqlite:////app/store/decisions.db"


def test_the_journal_is_in_the_volume():
    assert image_environment()["FRAUD_JOURNAL"].startswith("/app/store/")


def test_the_store_belongs_to_the_user_that_serves_and_is_read_by_nobody_else():
    [user] = [line.split()[1] for line in stage("base") if line.startswith("USER ")]
    [made] = [line for line in stage("base") if "/app/store" in line and line.startswith("RUN ")]
    owner, group = user.split(":")
    assert made == f"RUN install --directory --owner={owner} --group={group} --mode=700 /app/store"


def test_the_composed_postgres_writes_to_its_volume_and_memory_alone():
    service = SERVICES["postgres"]
    assert service["read_only"] is True
    assert service["tmpfs"] == ["/tmp", "/var/run/postgresql"]
    assert service["volumes"] == ["postgres:/var/lib/postgresql/data"]
    assert "postgres" in COMPOSE["volumes"]


def test_the_composed_postgres_is_reached_by_the_other_services_alone_and_has_no_password_of_its_own():
    assert "ports" not in SERVICES["postgres"]
    assert compose_environment("postgres")["POSTGRES_PASSWORD"] == ""


def test_the_composed_postgres_is_no_root_and_healthy_when_it_answers_to_its_user():
    service, environment = SERVICES["postgres"], compose_environment("postgres")
    assert service["user"] == "999:999"
    [command, program, *options] = service["healthcheck"]["test"]
    assert (command, program) == ("CMD", "pg_isready")
    assert f"--username={environment['POSTGRES_USER']}" in options
    assert f"--dbname={environment['POSTGRES_DB']}" in options


def test_the_documented_variables_point_the_service_to_the_composed_postgres():
    page = (PROJECT / "docs" / "how-to" / "decision-store.md").read_text(encoding="utf-8")
    variables = dict(re.findall(r"^export (\w+)=(.+)$", page, flags=re.MULTILINE))
    url = urlsplit(compose_environment("fraud_detection_api", **variables)["FRAUD_STORE"])
    server = compose_environment("postgres", **variables)
    assert (url.scheme, url.hostname, url.port) == ("postgresql", "postgres", None)
    assert (url.username, url.path) == (server["POSTGRES_USER"], f"/{server['POSTGRES_DB']}")
    assert url.password == "$POSTGRES_PASSWORD"
    assert variables["POSTGRES_PASSWORD"]
    argument = SERVICES["fraud_detection_api"]["build"]["args"]["EXTRAS"]
    assert interpolated(argument, variables) == "postgres"
    assert interpolated(argument, {}) == ""


def test_the_composed_mlflow_writes_to_its_volume_and_tmp_alone():
    service = SERVICES["mlflow"]
    assert service["read_only"] is True
    assert service["tmpfs"] == ["/tmp"]
    assert service["volumes"] == ["mlflow:/mlflow"]
    assert all(re.search("=(sqlite:///)?/mlflow/", word) for word in service["command"] if "/" in word)
    assert "mlflow" in COMPOSE["volumes"]


def test_the_volume_of_the_composed_mlflow_belongs_to_the_user_that_writes_it():
    [user] = [line.split()[1] for line in stage("development") if line.startswith("USER ")]
    [made] = [line for line in stage("development") if "mkdir /mlflow" in line]
    assert re.search(rf"useradd --uid {user.split(':')[0]} .*developer .*chown developer:developer .*/mlflow", made)


@pytest.mark.parametrize(
    ("host", "status"), [("mlflow", 200), ("localhost", 200), ("127.0.0.1", 200), ("evil.example", 403)]
)
def test_the_composed_mlflow_answers_to_the_names_of_its_callers_alone(mlflow_server, host, status):
    port = mlflow_server.url.rpartition(":")[2]
    search = f"{mlflow_server.url}/api/2.0/mlflow/experiments/search?max_results=1"
    assert calls.get(search, headers={"Host": f"{host}:{port}"}).status_code == status


def test_the_composed_mlflow_is_healthy_when_it_answers(mlflow_server):
    [command, *words] = SERVICES["mlflow"]["healthcheck"]["test"]
    assert command == "CMD"
    assert words[-1] == "http://127.0.0.1:5000/health"
    assert calls.get(f"{mlflow_server.url}/health").status_code == 200


def test_the_composed_service_has_settings_that_start():
    given = {**image_environment(), **compose_environment("fraud_detection_api")}
    Settings.from_environment(given).require_safe_address(has_keys=False)


def test_the_composed_service_gets_longer_to_stop_than_to_drain():
    settings = Settings.from_environment(compose_environment("fraud_detection_api"))
    assert int(SERVICES["fraud_detection_api"]["stop_grace_period"].removesuffix("s")) > settings.drain_seconds


def test_lint_runs_the_makefiles_commands():
    recipe = re.search(r"^lint:.*\n((?:\t.*\n)+)", MAKEFILE, flags=re.MULTILINE).group(1)
    commands = [line.strip().removeprefix("$(venv)/bin/") for line in recipe.splitlines()]
    assert SERVICES["lint"]["command"] == ["sh", "-c", " && ".join(commands)]


def test_notebooks_find_the_composed_service():
    notebooks = "".join(path.read_text(encoding="utf-8") for path in (PROJECT / "notebooks").glob("*.ipynb"))
    [(name, address)] = compose_environment("jupyter").items()
    assert name in notebooks
    assert address == "http://fraud_detection_api:8000"


def test_notebooks_are_mounted_where_jupyter_looks():
    assert SERVICES["jupyter"]["volumes"] == ["./notebooks:/app/notebooks"]
    assert "--ServerApp.root_dir=/app/notebooks" in SERVICES["jupyter"]["command"]


def test_a_notebook_server_is_never_without_a_token():
    assert "JUPYTER_TOKEN" in SERVICES["jupyter"]["environment"]
    assert not [word for word in SERVICES["jupyter"]["command"] if "token" in word or "password" in word]


def test_what_git_ignores_is_not_sent_to_the_engine():
    ignored = (PROJECT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    patterns = {line.removeprefix("**/") for line in ignored}
    assert set((PROJECT / ".gitignore").read_text(encoding="utf-8").split()) <= patterns
    assert ".git/" in patterns
