"""A lock shared by all processes and machines that use a store."""

from contextlib import AbstractContextManager
from typing import Protocol


class ExclusiveLock(Protocol):
    """Gives a name to one holder among all processes and machines that use a store; a holder's death frees it.

    Raises StoreUnavailable when the store cannot work.
    """

    def held(self, name: str) -> AbstractContextManager[bool]:
        """Hold the name within the block. Gives False where another holds it; never waits. Names are lower-case letters."""

    def require(self, name: str) -> None:
        """Raise StoreUnavailable if this object no longer holds the name because the connection was lost."""
