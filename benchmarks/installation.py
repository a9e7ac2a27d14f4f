"""What a benchmark ran on: the processor, and the releases that are installed."""

import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path


def processor() -> str:
    """The processor's name, or its kind where the system tells no name."""
    information = Path("/proc/cpuinfo")
    lines = information.read_text(encoding="utf-8").splitlines() if information.exists() else []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.machine()


def installed_version(name: str) -> str | None:
    """The release of a distribution, None where it is not installed."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None
