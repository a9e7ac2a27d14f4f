import pytest

from support.builders import NOW, OVERDRAWN, credit_files, every_dtype_files, registry_with_champion
from support.fakes import InMemoryRegistry
from support.http import JSON, DamagedAlias, UnavailableRegistry, assert_problem, flipped

VERSION_KEYS = {
    *("version", "status", "aliases", "digest", "created_at", "contract"),
    *("roc_auc", "average_precision"),
}


@pytest.fixture
def two_credit_models(registry):
    """Version 1 is champion, version 2 is as good and waits."""
    registry.register(credit_files())
    return registry


def test_models_are_listed_newest_first_with_their_aliases(client_for, two_credit_models):
    models = client_for(two_credit_models).get("/v1/models").json()["models"]
    assert [(model["version"], model["aliases"]) for model in models] == [("2", []), ("1", ["champion"])]
    assert set(models[0]) == VERSION_KEYS


def test_a_listed_model_tells_how_good_it_is(client):
    (model,) = client.get("/v1/models").json()["models"]
    assert model["status"] == "ok"
    assert model["digest"].startswith("sha256:")
    assert model["created_at"] == NOW.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert model["contract"] == "credit"
    assert 0.5 < model["roc_auc"] <= 1
    assert 0 < model["average_precision"] <= 1


def test_an_empty_registry_lists_nothing(client_for):
    assert client_for(InMemoryRegistry()).get("/v1/models").json() == {"models": []}


def test_a_damaged_model_is_listed_as_such_among_sound_ones(client_for, registry):
    registry.register(flipped(credit_files(), "card.json"))
    damaged, sound = client_for(registry).get("/v1/models").json()["models"]
    assert (damaged["version"], damaged["status"], damaged["digest"], damaged["roc_auc"]) == (
        "2",
        "damaged",
        None,
        None,
    )
    assert sound["status"] == "ok"


def test_a_damaged_alias_hides_no_model(client_for):
    registry = DamagedAlias()
    registry.register(credit_files())
    (model,) = client_for(registry).get("/v1/models").json()["models"]
    assert (model["version"], model["aliases"]) == ("1", [])


def test_a_model_card_tells_data_split_training_metrics_and_software(client):
    answer = client.get("/v1/models/1").json()
    assert set(answer) == VERSION_KEYS | {"fault", "card"}
    assert answer["fault"] is None
    assert set(answer["card"]) >= {"contract", "data", "features", "split", "training", "evaluation", "software"}
    assert set(answer["card"]) >= {"purpose", "calibration", "constraint_prices", "warnings"}


def test_the_card_of_a_damaged_model_tells_what_is_wrong(client_for):
    client = client_for(registry_with_champion(flipped(credit_files())))
    answer = client.get("/v1/models/1").json()
    assert answer["status"] == "damaged"
    assert "booster.ubj is not the file that was registered" in answer["fault"]
    assert answer["card"] == {}


@pytest.mark.parametrize("version", ["2", "0", "%2e%2e", "1%20", "9" * 300, "9" * 5000])
def test_an_unknown_version_is_not_found(client, version):
    assert_problem(client.get(f"/v1/models/{version}"), 404, "unknown_model")


def test_a_model_is_found_by_its_alias(client):
    assert client.get("/v1/models/champion").json() == client.get("/v1/models/1").json()
    assert_problem(client.get("/v1/models/challenger"), 404, "no_challenger")


def test_a_promoted_model_serves_at_once(client_for, two_credit_models):
    client = client_for(two_credit_models)
    answer = client.post("/v1/models/2/promote")
    assert (answer.status_code, answer.json()) == (200, {"champion": "2"})
    assert client.get("/readyz").json()["model_version"] == "2"
    assert two_credit_models.assigned("champion") == "2"


def test_promoting_the_champion_again_changes_nothing(client):
    assert [client.post("/v1/models/1/promote").json() for _ in range(2)] == [{"champion": "1"}] * 2


@pytest.mark.parametrize(
    "body", [{}, {"allow_contract_change": False}, {"allow_contract_change": True}], ids=["empty", "false", "true"]
)
def test_a_promotion_may_say_how(client, body):
    assert client.post("/v1/models/1/promote", json=body).json() == {"champion": "1"}


def test_an_unknown_version_cannot_be_promoted(client):
    assert_problem(client.post("/v1/models/9/promote"), 404, "unknown_model")
    assert client.get("/readyz").json()["model_version"] == "1"


def test_an_alias_that_was_never_assigned_cannot_be_promoted(client):
    assert_problem(client.post("/v1/models/challenger/promote"), 404, "no_challenger")


def test_a_damaged_model_cannot_be_promoted(client_for, registry):
    registry.register(flipped(credit_files()))
    client = client_for(registry)
    problem = assert_problem(client.post("/v1/models/2/promote"), 409, "corrupt_bundle")
    assert "version 2" in problem["detail"]
    assert registry.assigned("champion") == "1"
    assert client.post("/fraud_detection", json=[OVERDRAWN]).status_code == 200


def test_a_sound_model_replaces_a_damaged_champion(client_for):
    registry = registry_with_champion(flipped(credit_files()))
    registry.register(credit_files())
    client = client_for(registry)
    assert_problem(client.post("/fraud_detection", json=[OVERDRAWN]), 503, "model_not_ready")
    assert client.post("/v1/models/2/promote").status_code == 200
    assert client.post("/fraud_detection", json=[OVERDRAWN]).status_code == 200


def test_promoting_mends_a_damaged_alias(client_for):
    registry = DamagedAlias()
    registry.register(credit_files())
    client = client_for(registry)
    assert client.get("/readyz").status_code == 503
    assert client.post("/v1/models/1/promote").json() == {"champion": "1"}
    assert client.get("/readyz").status_code == 200


def test_a_model_of_another_contract_is_not_promoted_by_mistake(client_for, registry):
    registry.register(every_dtype_files())
    problem = assert_problem(client_for(registry).post("/v1/models/2/promote"), 409, "contract_mismatch")
    assert "allow_contract_change" in problem["detail"]
    assert registry.assigned("champion") == "1"


@pytest.mark.parametrize("body", [b"{bad", b"\xff", b"[" * 16_000], ids=["cut", "not UTF-8", "deep"])
def test_a_promotion_that_is_not_json_is_malformed(client, body):
    assert_problem(client.post("/v1/models/1/promote", content=body, headers=JSON), 400, "malformed_body")


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ([], [""]),
        (7, [""]),
        ({"allow_contract_change": "yes", "a/b": 1}, ["/allow_contract_change", "/a~1b"]),
        ({"allow_contract_change": 1}, ["/allow_contract_change"]),
        ({"x" * 10_000: 1}, ["/" + "x" * 256]),
    ],
    ids=["array", "number", "two faults", "1 is not true", "long name"],
)
def test_every_bad_field_of_a_promotion_is_named(client, body, pointers):
    problem = assert_problem(client.post("/v1/models/1/promote", json=body), 422, "invalid_request")
    assert [error["pointer"] for error in problem["errors"]] == pointers


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/v1/models"), ("GET", "/v1/models/1"), ("POST", "/v1/models/1/promote")]
)
def test_a_registry_that_cannot_be_read_is_told(client_for, method, path):
    registry = UnavailableRegistry()
    registry.assign("champion", registry.register(credit_files()))
    client = client_for(registry)
    registry.available = False
    assert_problem(client.request(method, path), 503, "registry_unavailable")
    assert client.post("/fraud_detection", json=[OVERDRAWN]).status_code == 200


def test_a_promotion_is_logged_with_version_and_digest(client_for, two_credit_models, caplog):
    with caplog.at_level("INFO", logger="fraud_detection_api"):
        client_for(two_credit_models).post("/v1/models/2/promote")
    (promoted,) = [entry.fields for entry in caplog.records if entry.getMessage() == "promoted"]
    assert promoted["version"] == "2"
    assert promoted["digest"].startswith("sha256:")
