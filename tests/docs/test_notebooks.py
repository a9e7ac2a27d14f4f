"""The notebooks: run from top to bottom beside a real server, and committed without what running leaves behind."""

import json
import os
import re
import sys
import tempfile
from pathlib import Path

import nbformat
import pytest
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient

from support import calls
from support.builders import OVERDRAWN
from support.servers import running_server

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
EXPLORATION = NOTEBOOKS / "01_explore_and_train.ipynb"
ROWS = 4000
QUICK = """
from support.commands import plots_made_by, quick_training, sketch
quick = quick_training(), plots_made_by(sketch)
for each in quick:
    each.__enter__()
"""
"""For a kernel whose training takes a moment; the slow test takes the notebook's own."""

every_notebook = pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("*.ipynb")), ids=lambda path: path.stem)


@pytest.mark.slow
def test_exploration_runs_and_is_answered_by_the_service(file_registry_path: Path, tmp_path: Path):
    startup = tmp_path / "ipython" / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "quick.py").write_text(QUICK)
    with running_server(file_registry_path, tmp_path / "server.log") as server:
        cells = run(EXPLORATION, tmp_path, API_URL=server.url, PYTHONPATH=os.pathsep.join(sys.path))
        [probability] = calls.post(f"{server.url}/fraud_detection", json=[OVERDRAWN]).json()
    assert f"{ROWS:,} records" in printed(cells["contract-dataset"])
    assert re.search(rf"the service, version 1 +{probability:.4f}\n", printed(cells["api-score"]))
    assert {name for name, cell in cells.items() if figures(cell)} == {n for n in cells if n.endswith("-plot")}


@pytest.mark.slow
def test_exploration_goes_on_where_no_service_answers(tmp_path: Path):
    cells = run(EXPLORATION, tmp_path, API_URL="http://127.0.0.1:1")
    assert "No score from http://127.0.0.1:1" in printed(cells["api-score"])
    assert "make serve" in printed(cells["api-score"])


def test_no_notebook_goes_untested():
    assert list(NOTEBOOKS.glob("**/[!.]*.ipynb")) == [EXPLORATION]


@every_notebook
def test_notebook_is_valid(path: Path):
    nbformat.validate(json.loads(path.read_text(encoding="utf-8")))


@every_notebook
def test_notebook_has_no_outputs(path: Path):
    code = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    assert code
    assert [cell.id for cell in code if cell.outputs or cell.execution_count is not None] == []


@every_notebook
def test_notebook_has_no_metadata_of_one_machine(path: Path):
    notebook = nbformat.read(path, as_version=4)
    assert notebook.metadata == {
        "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    assert [cell.id for cell in notebook.cells if cell.metadata] == []


def run(path: Path, folder: Path, **environment: str) -> dict[str, nbformat.NotebookNode]:
    """The executed cells, by id. The kernel runs in `folder`, with this interpreter; a cell that fails fails the test."""
    notebook = nbformat.read(path, as_version=4)
    places = {"IPYTHONDIR": str(folder / "ipython"), "MPLBACKEND": "module://matplotlib_inline.backend_inline"}
    variables = {**os.environ, "OMP_NUM_THREADS": "1", "NOTEBOOK_ROWS": str(ROWS), **places, **environment}
    # Sockets in a folder of their own: a TCP port is chosen before it is taken, which parallel tests race for. The
    # folder's path is short, because a socket's must be.
    with tempfile.TemporaryDirectory(dir="/tmp") as sockets:
        manager = AsyncKernelManager(
            kernel_name="python3",
            # without folders to look in, python3 is ipykernel under this interpreter, whatever kernels are installed
            kernel_spec_manager=KernelSpecManager(kernel_dirs=[]),
            transport="ipc",
            ip=f"{sockets}/kernel",
            connection_file=f"{sockets}/kernel.json",
        )
        client = NotebookClient(notebook, km=manager, timeout=120, resources={"metadata": {"path": str(folder)}})
        client.execute(env=variables, cleanup_kc=True)  # nbclient leaves a kernel running that it did not make itself
    return {cell.id: cell for cell in notebook.cells}


def printed(cell: nbformat.NotebookNode) -> str:
    return "".join(output.text for output in cell.outputs if output.output_type == "stream")


def figures(cell: nbformat.NotebookNode) -> list[str]:
    outputs = cell.get("outputs", [])
    return [output.data["image/png"] for output in outputs if "image/png" in output.get("data", {})]
