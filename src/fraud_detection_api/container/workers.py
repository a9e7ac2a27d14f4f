"""Builds the workers that share long work: this process, others of this machine, or a Ray cluster."""

import os
import re
from typing import Literal

from fraud_detection_api.adapters.local_processes import LocalProcesses
from fraud_detection_api.adapters.ray_cluster import RayCluster
from fraud_detection_api.errors import InvalidSetting
from fraud_detection_api.services.workers.pool import ThisProcess, Workers

_ADDRESS = re.compile(r"auto|[A-Za-z0-9.:\[\]_-]+:[0-9]+")

EngineName = Literal["local", "ray"]


def build_workers(engine: EngineName = "local", *, jobs: int | None = None, address: str | None = None) -> Workers:
    """`jobs` processes of this machine, by default one for each core; or the Ray cluster at `address`.

    Without an address, Ray starts a cluster of `jobs` cores on this machine. Raises InvalidSetting.
    """
    if address is not None and not _ADDRESS.fullmatch(address):
        raise InvalidSetting("--ray-address", "must be HOST:PORT, or auto")
    if engine == "ray":
        return RayCluster(address, jobs)
    if address is not None:
        raise InvalidSetting("--ray-address", "is for --engine ray")
    count = jobs or os.cpu_count() or 1
    return LocalProcesses(count) if count > 1 else ThisProcess()


def training_workers(engine: EngineName = "local", *, address: str | None = None) -> Workers | None:
    """The Ray cluster, or None: on one machine, the threads of the training share its records. Raises InvalidSetting."""
    workers = build_workers(engine, address=address)
    return workers if engine == "ray" else None
