"""A lock shared by all processes and machines that use a store."""

from contextlib import AbstractContextManager
from typing import Protocol


class ExclusiveLock(Protocol):
    """One holder of a name among all processes and machines that use a store; free again once the holder has died.

    Raises StoreUnavailable where it cannot work.
    """

    def held(self, name: str) -> AbstractContextManager[bool]:
        """Within the block True where the name was free, else False; never waits. Names are of lower-case letters."""
        ...

    def require(self, name: str) -> None:
        """Raise StoreUnavailable where this object no longer holds the name: the store's server dropped the connection."""
        ...
