"""What a notebook depends on: of a small package made here, and of the project's own notebooks."""

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from posekit import files
from posekit.report import dependencies

NOTEBOOKS = files.PROJECT_ROOT / "notebooks"
PACKAGE = {
    "__init__.py": '"""The package."""\n',
    "study.py": "from posekit.plots import curves\nPART = 'training.json'\n",
    "plots/__init__.py": "",
    "plots/curves.py": '"""Curves."""\n\ndef draw(x):\n    """Draw."""\n    return x + 1\n',
    "models/__init__.py": "",
    "models/shipped.py": "from posekit.files import PROJECT_ROOT\n"
    "SHIPPED = PROJECT_ROOT / 'models'\nCACHE = PROJECT_ROOT / '.cache'\n"
    "NAMES = Path(__file__).with_name('names.toml')\n",
    "apart.py": "import posekit.models.shipped\n",
}
NOTEBOOK = new_notebook(
    cells=[
        new_markdown_cell("import posekit.apart"),
        new_code_cell("%pwd"),
        new_code_cell("from posekit import study\nstudy.show()"),
    ]
)


@pytest.fixture
def root(tmp_path):
    for name, text in PACKAGE.items():
        files.write_text(tmp_path / "posekit" / name, text)
    return tmp_path


def test_modules_are_those_imported_directly_or_not(root):
    needed = dependencies.of_notebook(NOTEBOOK, root=root)
    assert needed.modules == ("posekit", "posekit.plots", "posekit.plots.curves", "posekit.study")
    assert needed.artifacts == {"training.json"}
    assert needed.files == ()


def test_files_are_those_that_constants_name(root):
    notebook = new_notebook(cells=[new_code_cell("import posekit.apart")])
    needed = dependencies.of_notebook(notebook, root=root)
    assert needed.files == (root / "models", root / "posekit" / "models" / "names.toml")


@pytest.mark.parametrize(
    ("name", "old", "new", "same"),
    [
        # Words for people.
        ("plots/curves.py", '"""Draw."""', '"""Draw a curve."""', True),
        ("plots/curves.py", '"""Curves."""\n', "# A comment.\n", True),
        ("__init__.py", "The package", "Every package", True),
        # Code that the notebook does not import.
        ("apart.py", "import", "from posekit import study\nimport", True),
        # Code that it does.
        ("plots/curves.py", "x + 1", "x + 2", False),
        ("plots/curves.py", "def draw(x):", "def draw(x=1):", False),
        ("study.py", "training.json", "sanity.json", False),
        ("plots/__init__.py", "", "from posekit import apart", False),
    ],
)
def test_code_follows_what_runs(root, name, old, new, same):
    before = dependencies.of_notebook(NOTEBOOK, root=root).code
    path = root / "posekit" / name
    path.write_text(path.read_text().replace(old, new, 1) or new)
    assert (dependencies.of_notebook(NOTEBOOK, root=root).code == before) == same


def test_a_public_name_stands_for_its_module():
    for source in ("import posekit\nposekit.load('best')", "from posekit import load"):
        needed = dependencies.of_notebook(new_notebook(cells=[new_code_cell(source)]))
        assert "posekit.estimators.loading" in needed.modules
        assert "posekit.plots" not in needed.modules
        assert files.PROJECT_ROOT / "models" in needed.files


def test_the_state_of_a_folder_is_that_of_all_its_files(tmp_path):
    assert dependencies.state_of(tmp_path / "nowhere") is None
    files.write_text(tmp_path / "models" / "best" / "a.keras", "network")
    before = dependencies.state_of(tmp_path / "models")
    files.write_text(tmp_path / "models" / ".venv" / "a.py", "hidden")
    assert dependencies.state_of(tmp_path / "models") == before
    files.write_text(tmp_path / "models" / "best" / "a.keras", "another network")
    assert dependencies.state_of(tmp_path / "models") != before


def needed_by(name):
    (path,) = NOTEBOOKS.glob(f"{name}_*.ipynb")
    needed = dependencies.of_notebook(nbformat.read(path, as_version=4))
    return needed, {str(file.relative_to(files.PROJECT_ROOT)) for file in needed.files}


def test_the_projects_notebooks_depend_on_what_they_show():
    for name in ("00", "04", "06", "07"):
        assert "models" in needed_by(name)[1], name
    for name in ("01", "03", "05"):
        assert "models" not in needed_by(name)[1], name
    assert {"reports/ladder.json", "reports/ablation.json"} <= needed_by("06")[1]
    assert {"reports/batchnorm.json", "reports/as_it_was.json"} <= needed_by("03")[1]
    assert "reports/activity.json" in needed_by("07")[1]
    assert "posekit/datasets/coco/mappings" in needed_by("01")[1]
    for name in ("04", "05"):
        assert "training.json" in needed_by(name)[0].artifacts, name
    for name in ("00", "01", "06", "07"):
        assert "training.json" not in needed_by(name)[0].artifacts, name
    modules = set(needed_by("02")[0].modules)
    assert {"posekit.pipeline.batches", "posekit.training.fit", "posekit.plots.curves"} <= modules
    assert not {"posekit.cli.main", "posekit.report.runner", "posekit.estimators.loading"} & modules
