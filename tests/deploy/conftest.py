"""Each overlay is rendered once."""

import pytest

from support.manifests import OVERLAYS, Object, copy_with_secrets, kubectl, rendered


@pytest.fixture(scope="session")
def manifests(tmp_path_factory) -> dict[str, list[Object]]:
    """The objects of each overlay."""
    kubectl()
    folder = copy_with_secrets(tmp_path_factory.mktemp("manifests"))
    return {overlay: rendered(overlay, folder) for overlay in OVERLAYS}


@pytest.fixture(params=OVERLAYS)
def overlay(request, manifests) -> list[Object]:
    """The objects of one overlay after the other."""
    return manifests[request.param]


@pytest.fixture
def dev(manifests) -> list[Object]:
    return manifests["dev"]


@pytest.fixture
def production(manifests) -> list[Object]:
    return manifests["production"]


@pytest.fixture
def migrations(manifests) -> list[Object]:
    return manifests["production/migrations"]
