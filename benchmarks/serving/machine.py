"""What a run is made on: no names of hosts, no paths."""

import os
import platform

from benchmarks.installation import installed_version, processor
from benchmarks.serving.results import Machine

STATED = ("fastapi", "uvicorn", "uvloop", "httptools", "pydantic", "numba", "numpy", "xgboost-cpu", "xgboost")
GIBIBYTE = 2**30


def this_machine() -> Machine:
    """Processor, cores, memory and the kernel."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return Machine(processor(), os.cpu_count() or 1, round(memory / GIBIBYTE), f"{platform.system()} {_kernel()}")


def own_versions() -> dict[str, str]:
    """Those of the product's own environment."""
    found = {name: stated for name in ("fraud-detection-api", *STATED) if (stated := installed_version(name))}
    return {**found, "Python": platform.python_version()}


def _kernel() -> str:
    return ".".join(platform.release().split("-")[0].split(".")[:2])
