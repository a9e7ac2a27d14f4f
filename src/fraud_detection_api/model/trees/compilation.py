"""How loops over trees are compiled, where the result is kept, and what happens on a platform that cannot."""

import logging
from collections.abc import Callable
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any

from fraud_detection_api.telemetry import log_event


@cache
def kernels() -> ModuleType | None:
    """The compiled loops, or None, logged once, where Numba cannot be loaded: XGBoost then scores, more slowly."""
    try:
        return import_module("fraud_detection_api.model.trees.kernels")
    except (ImportError, OSError) as error:  # no wheel for the platform, or a library of it that does not load
        log_event(
            "numba_unavailable", level=logging.WARNING, error=type(error).__name__, effect="xgboost scores, slower"
        )
        return None


def compiled(signature: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorator that compiles a function for one signature at once, so that no caller waits for it.

    The machine code is kept beside the source, or else where Numba keeps such things; where neither can be written,
    the function is compiled anew by each process.
    """
    from numba import njit  # noqa: PLC0415 see `kernels`

    def compile_function(function: Callable[..., Any]) -> Callable[..., Any]:
        try:
            return njit(signature, cache=True, nogil=True)(function)  # type: ignore[no-any-return]
        except (RuntimeError, OSError):
            return njit(signature, nogil=True)(function)  # type: ignore[no-any-return]

    return compile_function
