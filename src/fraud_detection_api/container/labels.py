"""Builds what records labels, for a command."""

from collections.abc import Iterator
from contextlib import contextmanager

from fraud_detection_api.container.secrets import build_recorder
from fraud_detection_api.container.storage import open_stores
from fraud_detection_api.services.labels.recording import LabelService
from fraud_detection_api.settings import Settings


@contextmanager
def open_labels(settings: Settings) -> Iterator[LabelService]:
    """The service of labels, while the block runs. Raises as `open_stores`."""
    with open_stores(settings) as (_, labels):
        yield LabelService(labels, build_recorder(settings))
