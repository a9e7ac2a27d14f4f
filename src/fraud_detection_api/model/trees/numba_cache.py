"""For Numba's NUMBA_CACHE_LOCATOR_CLASSES in images: a cache beside the source that is read although it is read-only."""

# mypy: disable-error-code="no-untyped-call"

from pathlib import Path

from numba.core.caching import InTreeCacheLocator


class BesideSource(InTreeCacheLocator):
    """Numba ignores its own locator of that kind where the folder cannot be written, as in an image."""

    def ensure_cache_path(self) -> None:
        if not Path(self.get_cache_path()).is_dir():
            super().ensure_cache_path()
