"""The page of a study: its notebook, run on the table of its trials."""

import nbformat
from papermill.iorw import load_notebook_node
from tqdm import tqdm

from posekit import files
from posekit.errors import PosekitError
from posekit.report import execution, index

NOTEBOOK = files.PROJECT_ROOT / "notebooks" / "studies" / "sweep.ipynb"


def write(run_dir, title):
    """Run the notebook; write executed/sweep.ipynb and sweep.html, whose Path comes back.

    `run_dir`, absolute, holds sweep.json. If a cell fails, the page ends with its PosekitError.
    """
    notebook = load_notebook_node(str(NOTEBOOK))
    with tqdm(total=len(notebook.cells), disable=None, leave=False) as bar:
        executed, error = execution.execute(
            "sweep", notebook, {"run_dir": str(run_dir)}, NOTEBOOK.parent, bar
        )
    with files.replacing(run_dir / "executed" / "sweep.ipynb") as temporary:
        nbformat.write(executed, temporary)
    page = run_dir / "sweep.html"
    files.write_text(page, index.notebook_page(executed, title=title, error=error))
    if error is not None:
        raise PosekitError(f"{page}: {error['name']}: {error['message']}")
    return page
