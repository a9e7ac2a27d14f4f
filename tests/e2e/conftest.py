"""Servers that several files share. A test that changes a registry or stops its server starts one of its own."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from fraud_detection_api.adapters.file_registry import FileRegistry
from support.builders import every_dtype_files
from support.forgery import flip_a_bit
from support.http import API_KEYS
from support.servers import Server, running_server

LIMITS = {
    "FRAUD_MAX_BODY_BYTES": "2000",
    "FRAUD_MAX_RECORDS": "3",
    "FRAUD_MAX_IN_FLIGHT": "1",
    "FRAUD_MAX_BUFFERED_BYTES": "1",
    "FRAUD_BODY_TIMEOUT_SECONDS": "1.5",
}


@pytest.fixture
def own_registry(file_registry_path: Path, tmp_path: Path) -> Path:
    """A registry of the test's own, to be written to; version 1, a credit model, is champion."""
    return shutil.copytree(file_registry_path, tmp_path / "registry")


@pytest.fixture(scope="session")
def limited_server(file_registry_path: Path, tmp_path_factory) -> Iterator[Server]:
    """A server with keys and low limits. Version 1 is champion, 2 is damaged, 3 is of another contract."""
    folder = tmp_path_factory.mktemp("limited")
    path = shutil.copytree(file_registry_path, folder / "registry")
    registry = FileRegistry(path)
    flip_a_bit(path, registry.register(registry.fetch("1")))
    registry.register(every_dtype_files())
    with running_server(path, folder / "server.log", FRAUD_API_KEYS=API_KEYS, **LIMITS) as server:
        yield server


@pytest.fixture(scope="session")
def open_server(file_registry_path: Path, tmp_path_factory) -> Iterator[Server]:
    """A server as it comes: no keys, default limits."""
    with running_server(file_registry_path, tmp_path_factory.mktemp("open") / "server.log") as server:
        yield server
