"""An installation for serving alone: what only training, tests or notebooks need is neither there nor missed."""

import json
import subprocess
import sys

from support.builders import OVERDRAWN
from support.servers import clean_environment

ABSENT = ("scipy", "sklearn", "xgboost", "polars", "pandas", "matplotlib", "pytest", "hypothesis", "mlflow")
ABSENT += (
    "opentelemetry.sdk",
    "opentelemetry.exporter",
    "fraud_detection_api.training",
)  # its API: FastAPI takes it in

SERVE_ONE_REQUEST = """
import asyncio, json, sys

absent, registry, body = sys.argv[1].split(","), sys.argv[2], sys.argv[3].encode()

class Absent:
    # libraries that serving needs may try an optional import; only ours would fail on it
    def find_spec(self, name, path=None, target=None):
        if name in absent or name.split(".")[0] in absent:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Absent())
from fraud_detection_api.main import create_app
from fraud_detection_api.settings import Settings

async def score():
    app, sent = create_app(Settings(registry=registry)), []
    async def receive():
        return {"type": "http.request", "body": body, "more_body": False}
    async def send(message):
        sent.append(message)
    scope = {"type": "http", "method": "POST", "path": "/fraud_detection", "query_string": b"", "root_path": "",
             "headers": [(b"content-type", b"application/json")]}
    async with app.router.lifespan_context(app):
        await app(scope, receive, send)
    return sent

start, *rest = asyncio.run(score())
loaded = sorted({name for name in sys.modules for one in absent if name == one or name.startswith(one + ".")})
print(json.dumps({"status": start["status"], "body": rest[0]["body"].decode(), "loaded": loaded}))
"""


def run_python(program: str, *arguments: str) -> str:
    """What a Python process of its own prints."""
    command = [sys.executable, "-c", program, *arguments]
    run = subprocess.run(command, env=clean_environment(), capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode == 0, run.stderr
    return run.stdout


def test_a_server_scores_without_training_or_test_libraries(file_registry_path):
    told = json.loads(run_python(SERVE_ONE_REQUEST, ",".join(ABSENT), str(file_registry_path), json.dumps([OVERDRAWN])))
    assert told["status"] == 200
    assert 0.5 < json.loads(told["body"])[0] <= 1
    assert told["loaded"] == []


def test_importing_the_application_imports_nothing_of_training_where_it_is_installed():
    program = f"import sys, fraud_detection_api.main; print([name for name in {ABSENT} if name in sys.modules])"
    assert run_python(program).strip() == "[]"
