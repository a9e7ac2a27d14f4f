"""A bundle with any file mutated, and a manifest that agrees with it, is read or is a CorruptBundle."""

import json
import random
from contextlib import suppress

import pytest

from fraud_detection_api.errors import CorruptBundle
from fraud_detection_api.model.bundle import FILES, MANIFEST, read_bundle, read_card, read_evidence
from fraud_detection_api.schemas.models import model_card
from fraud_detection_api.services.models.registered import ModelDescription
from support.builders import credit_files, every_dtype_files
from support.forgery import resealed
from support.mutations import mutated

MUTATIONS = 24
"""Of each file. 20,000 of all files found nothing else."""


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # NumPy's, of numbers that are none
@pytest.mark.parametrize("name", [*FILES, MANIFEST])
def test_a_mutated_file_is_read_or_refused(name):
    draw = random.Random(name)
    for files in (credit_files(), every_dtype_files()):
        for _ in range(MUTATIONS // 2):
            content = mutated(files[name], draw)
            forged = (
                {**files, name: content} if name == MANIFEST else resealed(files, **{name.replace(".", "_"): content})
            )
            for read in (read_bundle, read_evidence, _listed):
                with suppress(CorruptBundle):
                    read(forged, source="version 1")


def _listed(files, *, source: str) -> str:
    """As a list of models shows it, in JSON."""
    manifest, card = read_card(files, source=source)
    return model_card(ModelDescription("1", (), manifest["digest"], manifest["created_at"], card)).model_dump_json()


@pytest.mark.parametrize("change", [{"evaluation": 5}, {"contract": {"name": 1}}, {"contract": None}], ids=json.dumps)
def test_a_card_that_could_not_be_listed_is_refused(change):
    card = json.loads(credit_files()["card.json"]) | change
    with pytest.raises(CorruptBundle):
        read_card(resealed(credit_files(), card_json=json.dumps(card).encode()), source="version 1")
