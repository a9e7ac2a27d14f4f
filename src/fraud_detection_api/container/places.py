"""Opens the places of files that the command line names: a folder, or object storage."""

from pathlib import Path

from fraud_detection_api.adapters.object_storage import PATIENCE_SECONDS, SCHEMES, ObjectLocation, ObjectStorage
from fraud_detection_api.errors import InvalidSetting
from fraud_detection_api.services.batch.places import DiskFolder, Place, split_glob


def open_place(text: str, *, patience_seconds: float = PATIENCE_SECONDS) -> Place:
    """The place at a path, or at `s3://`, `gs://`, `az://` or `abfss://`; nothing is read yet.

    Storage that does not answer is asked again for `patience_seconds`. Raises InvalidSetting for a URL of another kind, or one
    that holds credentials or a query; MissingExtra without the extra `cloud`; FilesUnavailable where the environment does not
    say which account.
    """
    if "://" not in text:
        return DiskFolder(Path(text))
    if text.partition("://")[0] not in SCHEMES:
        raise InvalidSetting(
            "place of files", f"must be a path, or begin with {', '.join(f'{each}://' for each in SCHEMES)}"
        )
    storage = ObjectStorage(ObjectLocation.parse(text), patience_seconds)
    storage.require()
    return storage


def open_parts(text: str, *, patience_seconds: float = PATIENCE_SECONDS) -> tuple[Place, str]:
    """The place and the pattern of what a person names: a file, a folder, or a glob. Raises as `open_place`, and as `parts`."""
    folder, pattern = split_glob(text)
    above, _, name = text.rstrip("/").rpartition("/")
    if "://" not in text:
        path = Path(text)
        if path.is_file():
            return DiskFolder(path.parent), path.name
        return (DiskFolder(path), "**") if path.is_dir() else (DiskFolder(Path(folder)), pattern)
    if folder == text and not above.endswith("/") and text[-1] != "/":
        place = open_place(above, patience_seconds=patience_seconds)
        if place.parts(name):
            return place, name
    return open_place(folder, patience_seconds=patience_seconds), pattern
