"""What is added to a report when it is written out: version, date, who, from what, and the champion of that time."""

import json

import pytest

from fraud_detection_api.pages.registration import registered_document
from fraud_detection_api.training.report.card import card_markdown
from fraud_detection_api.training.report.contents import report_html
from support.scored import card, evidence

MEASURES = {"roc_auc": 0.9, "average_precision": 0.5}
CHAMPION = {
    "version": "3", "digest": "sha256:" + "4" * 64, "unseen": False, "records": 1200, "frauds": 90,
    "model": MEASURES, "other": {"roc_auc": 0.88, "average_precision": 0.51},
    "differences": {
        "roc_auc": {"difference": 0.02, "low": 0.01, "high": 0.03},
        "average_precision": {"difference": -0.01, "low": -0.03, "high": 0.01},
    },
}  # fmt: skip
MANIFEST = {"created_at": "2026-11-22T10:00:00Z", "digest": "sha256:" + "5" * 64}
KNOWN = {"by": "ada <ada>", "source": "loans.csv"}
DOCUMENTS = {"report.html": report_html, "card.md": card_markdown}


def written(name: str, **circumstances: object) -> str:
    manifest = {**MANIFEST, **({"circumstances": circumstances} if circumstances else {})}
    return registered_document(DOCUMENTS[name](card(), evidence()), name, version="7", manifest=manifest).decode()


@pytest.mark.parametrize("name", DOCUMENTS)
def test_version_date_person_and_file_stand_before_all_sections(name):
    document = written(name, **KNOWN)
    front = document[: document.index("What this model is for", document.index("loans.csv"))]
    for said in ("2026-11-22 10:00 UTC", "loans.csv", "ada", "version"):
        assert said in front
    assert "<ada>" not in document.replace("\\<", "")


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_champion_is_beside_with_the_caveat_that_it_may_know_the_records(name):
    document = written(name, **KNOWN, champion=CHAMPION)
    assert "the champion when this model was trained" in document
    assert "may have been trained on some of these records" in document
    assert "better" in document
    assert "may be chance" in document


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_bundle_that_does_not_say_who_made_it_says_that_it_is_not_recorded(name):
    assert written(name).count("not recorded") == 2


def test_circumstances_are_in_the_manifest_and_not_in_the_digest():
    from fraud_detection_api.model.bundle import read_bundle, with_changes
    from support.builders import credit_files

    files = credit_files()
    manifest = {**json.loads(files["manifest.json"]), "circumstances": KNOWN}
    told = {**files, "manifest.json": json.dumps(manifest).encode()}
    bundle = read_bundle(told, source="x")
    assert bundle.digest == read_bundle(files, source="x").digest
    changed = with_changes(
        told, policy=bundle.policy, card=bundle.card, documents=files, created_at="2026-11-23T10:00:00Z"
    )
    assert json.loads(changed.files["manifest.json"])["circumstances"] == KNOWN
