"""What a run is made on: no names of hosts, no paths."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from benchmarks.serving.results import Machine

STATED = ("fastapi", "uvicorn", "uvloop", "httptools", "pydantic", "numba", "numpy", "xgboost-cpu", "xgboost")
GIBIBYTE = 2**30


def this_machine() -> Machine:
    """Processor, cores, memory and the kernel."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return Machine(_processor(), os.cpu_count() or 1, round(memory / GIBIBYTE), f"{platform.system()} {_kernel()}")


def own_versions() -> dict[str, str]:
    """Those of the product's own environment."""
    found = {name: stated for name in ("fraud-detection-api", *STATED) if (stated := _version(name))}
    return {**found, "Python": platform.python_version()}


def _kernel() -> str:
    return ".".join(platform.release().split("-")[0].split(".")[:2])


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.machine()


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
