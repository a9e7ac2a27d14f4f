"""A bundle is verified before it is read: a byte more, less or other than what was registered is refused."""

import ast
import json
from dataclasses import replace
from pathlib import Path

import pytest

import fraud_detection_api
from fraud_detection_api.errors import CorruptBundle
from fraud_detection_api.model.bundle import FILES, MANIFEST, _level_codes, read_bundle, read_contract, read_manifest
from fraud_detection_api.model.trees.nodes import Trees
from fraud_detection_api.policy.outcomes import Policy
from support.builders import credit_files, every_dtype_files
from support.forgery import manifest_of, resealed, sha256

JSON_FILES = [name for name in FILES if name.endswith(".json")]


def flipped(content: bytes, position: int) -> bytes:
    return content[:position] + bytes([content[position] ^ 1]) + content[position + 1 :]


def test_a_sound_bundle_is_read():
    bundle = read_bundle(credit_files(), source="version 1")
    assert bundle.contract.name == "credit"
    assert bundle.created_at == "2026-11-22T10:00:00Z"
    assert bundle.digest == json.loads(credit_files()[MANIFEST])["digest"]
    assert bundle.card["data"]["rows"] == 6000


def test_the_policy_and_the_risk_scale_survive_sealing():
    files = credit_files()
    bundle = read_bundle(files, source="version 1")
    assert bundle.policy == Policy()
    assert json.loads(files["policy.json"]) == bundle.policy.as_json()
    assert json.loads(files["risk.json"]) == bundle.risk.as_json()
    assert len(set(bundle.risk.margins.tolist())) > 500


def test_categories_survive_sealing():
    bundle = read_bundle(every_dtype_files(), source="version 1")
    assert set(bundle.scorer.encoder.level_codes["channel"].levels) == {"branch", "phone", "web"}


def test_a_level_that_was_learned_in_another_unicode_form_is_found_as_requests_have_it():
    apart, composed = "e\N{COMBINING ACUTE ACCENT}", "\N{LATIN SMALL LETTER E WITH ACUTE}"
    document = {"levels": {apart: 0.25, "o\N{COMBINING DIAERESIS}": 0.5}, "unseen": 0.1, "missing": 0.2}
    codes = _level_codes(document | {"levels": {**document["levels"], "\N{LATIN SMALL LETTER O WITH DIAERESIS}": 0.75}})
    assert (codes.of_one()(apart), codes.of_one()(composed)) == (0.25, 0.25)
    assert codes.of_one()("\N{LATIN SMALL LETTER O WITH DIAERESIS}") == 0.75, "its own, where it has one"


def test_a_reference_with_accents_of_their_own_counts_a_level_as_requests_have_it():
    apart, composed = "cafe\N{COMBINING ACUTE ACCENT}", "caf\N{LATIN SMALL LETTER E WITH ACUTE}"
    files = every_dtype_files()
    reference = json.loads(files["reference.json"])
    reference["features"]["channel"] = {"levels": {apart: 5, "web": 4, composed: 2}, "missing": 0, "frauds": {}}
    bundle = read_bundle(resealed(files, **{"reference.json": json.dumps(reference).encode()}), source="version 1")
    assert bundle.reference["features"]["channel"]["levels"] == {composed: 7, "web": 4}
    assert bundle.reference["probability"] == reference["probability"]


@pytest.mark.parametrize("place", [0.0, 0.3, 0.6, 0.999])
@pytest.mark.parametrize("name", FILES)
def test_a_flipped_bit_in_any_file_is_refused_by_name(name, place):
    files = credit_files()
    position = int(place * len(files[name]))
    with pytest.raises(CorruptBundle, match=f"{name} is not the file that was registered"):
        read_bundle({**files, name: flipped(files[name], position)}, source="version 1")


def test_a_flipped_bit_in_the_manifest_is_refused_or_changes_no_more_than_the_time():
    files = credit_files()
    sound = json.loads(files[MANIFEST])
    for position in range(len(files[MANIFEST])):
        try:
            manifest = read_manifest({**files, MANIFEST: flipped(files[MANIFEST], position)}, source="version 1")
        except CorruptBundle:
            continue
        assert {**manifest, "created_at": ""} == {**sound, "created_at": ""}


@pytest.mark.parametrize("name", [*FILES, MANIFEST])
def test_a_missing_file_is_refused(name):
    files = {other: content for other, content in credit_files().items() if other != name}
    with pytest.raises(CorruptBundle, match="missing"):
        read_bundle(files, source="version 1")


def test_a_file_too_many_is_refused():
    with pytest.raises(CorruptBundle, match="do not belong"):
        read_bundle({**credit_files(), "extra.json": b"{}"}, source="version 1")


def test_a_truncated_file_is_refused():
    files = credit_files()
    with pytest.raises(CorruptBundle, match=r"card\.json is not"):
        read_bundle({**files, "card.json": files["card.json"][:-1]}, source="version 1")


@pytest.mark.parametrize("manifest", [b"", b"not json", b"[]", b"null", b"3", b"{}", b"\xff\xfe", b'{"format": 1}'])
def test_a_manifest_that_is_none_is_refused(manifest):
    with pytest.raises(CorruptBundle, match=r"manifest\.json is missing or broken"):
        read_bundle({**credit_files(), MANIFEST: manifest}, source="version 1")


@pytest.mark.parametrize("stated", [None, 3, [], "abc", {}])
def test_a_manifest_whose_files_are_no_table_is_refused(stated):
    files = credit_files()
    with pytest.raises(CorruptBundle):
        read_bundle({**files, MANIFEST: manifest_of(files, files=stated)}, source="version 1")


@pytest.mark.parametrize("number", [0, 2, "3", None])
def test_another_format_is_refused_by_its_number(number):
    files = credit_files()
    with pytest.raises(CorruptBundle, match="reads formats 3 and 4"):
        read_bundle({**files, MANIFEST: manifest_of(files, format=number)}, source="version 1")


def test_a_bundle_of_the_former_format_is_read():
    files = credit_files()
    former = read_bundle({**files, MANIFEST: manifest_of(files, format=3)}, source="version 1")
    assert former.digest == read_bundle(files, source="version 1").digest


def test_a_manifest_whose_digest_is_not_that_of_its_files_is_refused():
    files = credit_files()
    with pytest.raises(CorruptBundle, match="its digest is not"):
        read_bundle({**files, MANIFEST: manifest_of(files, digest=sha256(b""))}, source="version 1")


def test_a_manifest_remade_for_changed_files_has_another_digest():
    files = credit_files()
    card = files["card.json"].replace(b"6000", b"9000")
    forged = read_bundle(resealed(files, card_json=card), source="version 1")
    assert forged.digest != read_bundle(files, source="version 1").digest


def test_a_remade_manifest_of_unchanged_files_has_the_same_digest():
    files = credit_files()
    assert read_bundle(resealed(files), source="a").digest == read_bundle(files, source="b").digest


def test_the_time_of_making_is_no_part_of_the_digest():
    files = credit_files()
    later = {**files, MANIFEST: manifest_of(files, created_at="2030-01-01T00:00:00Z")}
    assert read_bundle(later, source="a").digest == read_bundle(files, source="b").digest


def test_trees_of_another_model_do_not_reproduce_the_golden_rows():
    files = credit_files()
    trees = Trees.from_bytes(files["forest.npz"])
    shorter = replace(trees, trees=trees.trees[:1], nodes=trees.nodes[: trees.trees["root"][1]])
    with pytest.raises(CorruptBundle, match="64 golden rows is not reproduced"):
        read_bundle(resealed(files, forest_npz=shorter.as_bytes()), source="version 1")


def test_trees_of_another_shape_are_refused():
    with pytest.raises(CorruptBundle):
        read_bundle(resealed(credit_files(), forest_npz=every_dtype_files()["forest.npz"]), source="version 1")


def test_nothing_is_parsed_before_the_digests_hold():
    files = {**credit_files(), **dict.fromkeys(FILES, b"\x80garbage")}
    with pytest.raises(CorruptBundle, match=r"booster\.ubj is not the file that was registered"):
        read_bundle(files, source="version 1")


def test_trees_that_are_garbage_are_refused_although_their_digest_holds():
    with pytest.raises(CorruptBundle):
        read_bundle(resealed(credit_files(), forest_npz=b"\x80garbage"), source="version 1")


@pytest.mark.parametrize("content", [b"", b"\xff", b"not json", b"[]", b"null", b"3", b'"x"'])
@pytest.mark.parametrize("name", JSON_FILES)
def test_a_document_that_is_no_table_is_refused_although_its_digest_holds(name, content):
    with pytest.raises(CorruptBundle):
        read_bundle(resealed(credit_files(), **{name.replace(".", "_"): content}), source="version 1")


def test_the_contract_is_read_without_the_model():
    files = every_dtype_files()
    assert read_contract(files, source="version 1") == read_bundle(files, source="version 1").contract


@pytest.mark.parametrize("content", [b"", b"\xff", b"[]", b"{}"])
def test_a_contract_that_is_none_is_refused_although_its_digest_holds(content):
    with pytest.raises(CorruptBundle):
        read_contract(resealed(credit_files(), contract_json=content), source="version 1")


@pytest.mark.parametrize("name", ["calibration.json", "contract.json", "golden.json", "policy.json", "risk.json"])
def test_a_document_without_its_keys_is_refused_although_its_digest_holds(name):
    with pytest.raises(CorruptBundle):
        read_bundle(resealed(credit_files(), **{name.replace(".", "_"): b"{}"}), source="version 1")


@pytest.mark.parametrize("change", [{"review_cost": -1}, {"version": 1}, {"review_costs": 3}, {"amount_at_risk": None}])
def test_a_policy_that_cannot_be_is_refused_although_its_digest_holds(change):
    files = credit_files()
    policy = json.dumps({**json.loads(files["policy.json"]), **change}).encode()
    with pytest.raises(CorruptBundle, match="cannot be read"):
        read_bundle(resealed(files, policy_json=policy), source="version 1")


def test_a_risk_scale_that_falls_is_refused_although_its_digest_holds():
    files = credit_files()
    falling = json.dumps({"margins": json.loads(files["risk.json"])["margins"][::-1]}).encode()
    with pytest.raises(CorruptBundle, match="cannot be read"):
        read_bundle(resealed(files, risk_json=falling), source="version 1")


@pytest.mark.parametrize("encoding", [b"{}", b'{"channel": []}', b'{"channel": {"levels": {}}}'])
def test_an_encoding_without_its_codes_is_refused_although_its_digest_holds(encoding):
    with pytest.raises(CorruptBundle):
        read_bundle(resealed(every_dtype_files(), encoding_json=encoding), source="version 1")


def test_the_error_names_its_source():
    with pytest.raises(CorruptBundle) as caught:
        read_bundle({}, source="version 12")
    assert caught.value.source == "version 12"


def imported_modules(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    return {name.split(".")[0] for name in names}


def test_no_module_can_unpickle_anything():
    unsafe = {"pickle", "_pickle", "joblib", "dill", "cloudpickle", "marshal", "shelve"}
    sources = list(Path(fraud_detection_api.__file__).parent.rglob("*.py"))
    assert len(sources) > 30
    assert {str(path): found for path in sources if (found := imported_modules(path) & unsafe)} == {}
