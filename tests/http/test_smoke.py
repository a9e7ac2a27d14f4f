from starlette.testclient import TestClient

from fraud_detection_api.container import build_container
from fraud_detection_api.main import create_app
from fraud_detection_api.settings import Settings
from support.builders import OVERDRAWN


def test_the_given_request_gets_a_probability(registry):
    settings = Settings()
    with TestClient(create_app(settings, container=build_container(settings, registry=registry))) as client:
        answer = client.post("/fraud_detection", json=[OVERDRAWN])
    assert answer.status_code == 200
    assert 0.5 < answer.json()[0] <= 1
