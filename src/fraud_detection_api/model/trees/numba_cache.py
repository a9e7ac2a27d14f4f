"""A place for Numba's NUMBA_CACHE_LOCATOR_CLASSES, for images: beside the source, read although it cannot be written."""

# mypy: disable-error-code="no-untyped-call"

from pathlib import Path

from numba.core.caching import InTreeCacheLocator


class BesideSource(InTreeCacheLocator):
    """Numba's own place of that kind is passed over where it cannot be written, as in an image whose files are read-only."""

    def ensure_cache_path(self) -> None:
        if not Path(self.get_cache_path()).is_dir():
            super().ensure_cache_path()
