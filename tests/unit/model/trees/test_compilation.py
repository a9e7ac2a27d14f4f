"""Compiled loops are kept where that is possible, and work where it is not."""

import os
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import numpy as np
import pytest

PACKAGE = Path(__file__).parents[4] / "src" / "fraud_detection_api"
PROGRAM = """
import numpy as np
from numba import float32, void
from kept import loop
numbers = np.ones(3, np.float32)
loop(numbers)
print(numbers.tolist(), sum(loop.stats.cache_hits.values()))
"""
SOURCE = """
from numba import float32, void
from fraud_detection_api.model.trees.compilation import compiled

@compiled(void(float32[::1]))
def loop(numbers):
    numbers[:] = 2 * numbers
"""


def run(folder: Path, **environment) -> str:
    """What a process prints that compiles the loop of `folder`."""
    settings = {**os.environ, "PYTHONPATH": f"{folder}{os.pathsep}{PACKAGE.parent}", "PYTHONDONTWRITEBYTECODE": "1"}
    finished = subprocess.run(
        [sys.executable, "-c", PROGRAM], env={**settings, **environment}, capture_output=True, text=True, check=True
    )
    return finished.stdout.strip()


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "kept.py").write_text(SOURCE, encoding="utf-8")
    return tmp_path


def test_what_was_compiled_is_read_by_whoever_imports_the_source_next(folder):
    """Another module object stands for another process; the slow tests start real ones."""
    hits = []
    for _ in range(2):
        spec = spec_from_file_location("kept", folder / "kept.py")
        module = module_from_spec(spec)
        spec.loader.exec_module(module)
        module.loop(numbers := np.ones(3, np.float32))
        assert numbers.tolist() == [2.0, 2.0, 2.0]
        hits.append(sum(module.loop.stats.cache_hits.values()))
    assert hits == [0, 1]


@pytest.mark.slow
def test_the_second_process_reads_what_the_first_has_compiled(folder):
    assert run(folder) == "[2.0, 2.0, 2.0] 0"
    assert run(folder) == "[2.0, 2.0, 2.0] 1"


@pytest.mark.slow
def test_a_loop_that_cannot_be_kept_is_compiled_anyway(folder):
    nowhere = folder / "file"
    nowhere.write_text("no folder", encoding="utf-8")
    printed = run(folder, NUMBA_CACHE_LOCATOR_CLASSES="UserProvidedCacheLocator", NUMBA_CACHE_DIR=str(nowhere))
    assert printed == "[2.0, 2.0, 2.0] 0"


@pytest.mark.slow
def test_an_image_reads_what_is_kept_beside_the_source(folder):
    beside = {"NUMBA_CACHE_LOCATOR_CLASSES": "fraud_detection_api.model.trees.numba_cache.BesideSource"}
    assert run(folder, **beside) == "[2.0, 2.0, 2.0] 0"
    assert list((folder / "__pycache__").glob("kept.loop*.nbi"))
    assert run(folder, **beside) == "[2.0, 2.0, 2.0] 1"
