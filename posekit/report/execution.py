"""Run one notebook with papermill's engine, in the Python of the caller."""

import copy
import logging
import os
import sys
import tempfile
from pathlib import Path

from jupyter_client import AsyncKernelManager
from jupyter_client.connect import jupyter_runtime_dir
from jupyter_client.kernelspec import KernelSpec
from nbconvert.filters import strip_ansi
from papermill.engines import NBClientEngine
from papermill.parameterize import parameterize_notebook

from posekit import files

PATIENCE_SECONDS = 120  # for a kernel to start or to hand over output, on a busy machine


class ThisPython(AsyncKernelManager):
    """Starts the Python that runs the report, whatever kernelspecs a user has installed."""

    @property
    def kernel_spec(self):
        python_path = [str(files.PROJECT_ROOT), os.environ.get("PYTHONPATH", "")]
        return KernelSpec(
            argv=[
                *(sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"),
                # Errors only: a notice about traffic inside this machine would break the bar.
                "--log-level=40",
            ],
            display_name="Python 3",
            language="python",
            env={
                # Notebooks import the posekit that runs them, installed or not.
                "PYTHONPATH": os.pathsep.join(filter(None, python_path)),
                "POSEKIT_BATCH": "1",  # training prints a line for each epoch, not a bar
                # What the engines say about themselves; errors come as exceptions.
                "TF_CPP_MIN_LOG_LEVEL": os.environ.get("TF_CPP_MIN_LOG_LEVEL", "3"),
                "OPENCV_LOG_LEVEL": os.environ.get("OPENCV_LOG_LEVEL", "ERROR"),
                # Another backend in the caller's environment would leave reports without figures.
                "MPLBACKEND": "module://matplotlib_inline.backend_inline",
            },
        )


def execute(name, notebook, given, folder, bar):
    """Run a copy of a notebook, an nbformat node, in `folder` with the parameters `given`.

    papermill's engine is called directly, because `papermill.execute_notebook` takes
    `sys.exit(0)` in a cell for success. The tqdm `bar` counts the cells.

    Returns (executed notebook, error). The error is None, or {"cell": its number from 1 in the
    notebook as written, "anchor": its id in the page, "name", "message"}; cell and anchor are None
    where no cell was reached.
    """
    executed = copy.deepcopy(notebook)
    if given:
        executed = parameterize_notebook(
            executed, given, comment="Given to this run", kernel_name="python3", language="python"
        )
    done_cells, reached, reply = bar.n, None, None

    def on_cell_start(cell, cell_index):
        nonlocal reached
        reached = cell_index
        number = _number(executed, cell_index)
        bar.n = done_cells + number - 1
        bar.set_description_str(f"{name}  cell {number}/{len(notebook.cells)}")

    def on_cell_error(cell, cell_index, execute_reply):
        nonlocal reply
        reply = execute_reply["content"]

    if not files.is_writable(Path(jupyter_runtime_dir())):
        # The kernel's connection file goes there; a home may be read-only.
        os.environ["JUPYTER_RUNTIME_DIR"] = tempfile.mkdtemp(prefix="posekit-jupyter-")
    # What papermill would log is in the error that this function returns.
    logging.getLogger("papermill").setLevel(logging.CRITICAL)
    bar.set_description_str(f"{name}  starting")
    try:
        NBClientEngine.execute_notebook(
            executed,
            "python3",
            progress_bar=False,
            start_timeout=PATIENCE_SECONDS,
            iopub_timeout=PATIENCE_SECONDS,
            kernel_manager_class=ThisPython,
            coalesce_streams=True,
            on_cell_start=on_cell_start,
            on_cell_error=on_cell_error,
            resources={"metadata": {"path": str(folder)}},
        )
    except Exception as problem:  # a kernel that did not start or died: as final as a bad cell
        return executed, _error(executed, reached, type(problem).__name__, str(problem))
    finally:
        bar.n = done_cells + len(notebook.cells)
        bar.refresh()

    if executed.metadata.papermill.exception:
        return executed, _error(executed, reached, reply["ename"], reply["evalue"])
    return executed, None


def _error(executed, cell_index, name, message):
    cell = anchor = None
    if cell_index is not None:
        cell = _number(executed, cell_index)
        anchor = f"cell-id={executed.cells[cell_index].id}"
    return {"cell": cell, "anchor": anchor, "name": name, "message": strip_ansi(message)}


def _number(executed, cell_index):
    """The number of a cell, from 1, in the notebook as written, without the cell papermill adds."""
    cells = executed.cells[: cell_index + 1]
    return sum("injected-parameters" not in cell.metadata.get("tags", []) for cell in cells)
