"""Somebody else's file, from an inferred contract to scores, through the command line alone."""

import json
import tomllib

import polars as pl
import pytest
from typer.testing import CliRunner

from fraud_detection_api.cli import app
from fraud_detection_api.services.batch.files import ADDED
from support import calls
from support.servers import running_server

pytestmark = pytest.mark.real_data

JSON_TYPES = {"int": "integer", "float": "number", "category": "string"}

FILES = {
    "german_credit": {"target": "class", "options": [], "auc": 0.72},
    "uci_default_credit_card": {"target": "default.payment.next.month", "options": ["--id", "ID"], "auc": 0.77},
}


def fraud(*arguments: object) -> str:
    result = CliRunner().invoke(app, [str(part) for part in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.stderr
    return result.stdout


@pytest.fixture(
    scope="module", params=["german_credit", pytest.param("uci_default_credit_card", marks=pytest.mark.slow)]
)
def trained(request, real_data, tmp_path_factory):
    """The file's name, the folder with its contract and registry, and what `fraud train` printed."""
    name, folder = request.param, tmp_path_factory.mktemp(request.param)
    path = real_data / f"{name}.parquet"
    if not path.is_file():
        pytest.skip(f"no {path.name} among the real data")
    described = FILES[name]
    infer = ["contract", "infer", path, "--target", described["target"], *described["options"]]
    (folder / "my.toml").write_text(fraud(*infer), encoding="utf-8")
    train = ["train", path, "--contract", folder / "my.toml", "--registry", folder / "registry", "--json"]
    return name, path, folder, json.loads(fraud(*train))


def test_the_inferred_contract_is_sound_and_knows_every_column(trained):
    _, path, folder, _ = trained
    fraud("contract", "check", folder / "my.toml")
    contract = tomllib.loads((folder / "my.toml").read_text(encoding="utf-8"))
    named = {contract["target"]["name"], contract.get("id", {}).get("name")} - {None}
    known = {*contract["features"], *contract.get("ignored", []), *named}
    assert known == set(pl.read_parquet_schema(path))


def test_the_held_out_auc_is_as_good_as_is_known_of_the_data(trained):
    name, _, _, printed = trained
    auc = printed["evaluation"]["metrics"]["roc_auc"]
    assert auc["value"] >= FILES[name]["auc"]
    assert auc["bayes_limit"] is None


def test_the_probabilities_are_calibrated(trained):
    _, _, _, printed = trained
    rows = printed["evaluation"]["rows"]
    assert printed["evaluation"]["metrics"]["expected_calibration_error"]["value"] < (0.03 if rows > 1000 else 0.12)


def test_the_whole_file_is_scored_with_its_columns_kept(trained, tmp_path):
    _, path, folder, printed = trained
    fraud("score", path, "--out", tmp_path / "scored.parquet", "--registry", folder / "registry")
    given, scored = pl.read_parquet(path), pl.read_parquet(tmp_path / "scored.parquet")
    assert scored.drop(ADDED).equals(given)
    share = printed["data"]["frauds"] / printed["data"]["rows"]
    assert scored["fraud_probability"].mean() == pytest.approx(share, abs=0.03)


def test_the_server_documents_these_columns_and_scores_them_as_the_file_was(trained, tmp_path):
    _, path, folder, _ = trained
    fraud("score", path, "--out", tmp_path / "scored.parquet", "--registry", folder / "registry")
    scored = pl.read_parquet(tmp_path / "scored.parquet").head(50)
    contract = tomllib.loads((folder / "my.toml").read_text(encoding="utf-8"))
    named = [contract["id"]["name"]] if "id" in contract else []
    records = scored.select(*named, *contract["features"]).to_dicts()
    with running_server(folder / "registry", tmp_path / "server.log") as server:
        schema = calls.get(f"{server.url}/openapi.json").json()["components"]["schemas"]["Record"]
        answer = calls.post(f"{server.url}/fraud_detection", json=records)
    assert set(schema["required"]) == set(schema["properties"]) == {*named, *contract["features"]}
    documented = {name: schema["properties"][name]["type"] for name in contract["features"]}
    assert documented == {name: JSON_TYPES[feature["dtype"]] for name, feature in contract["features"].items()}
    assert answer.json() == scored["fraud_probability"].to_list()
