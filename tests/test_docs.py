"""The documents tell the truth: their commands run, their links lead somewhere, names exist.

Commands are the indented lines of a document that begin with one of `PROGRAMS`. All are parsed by
what they call. Those of the README and the how-tos are also run, in order and on little data,
except for those that `NOT_RUN` lists with the reason.
"""

import ast
import glob
import importlib
import os
import pkgutil
import re
import shlex
import shutil
import subprocess
import sys
from typing import NamedTuple

import numpy as np
import papermill
import pytest
import yaml
from made_runs import write_training
from PIL import Image
from test_layers import ROOMS, SOURCES
from tiny_sets import labels, lspet_files, write_zip

import posekit
from posekit import files as files_module
from posekit.cli import main
from posekit.datasets import sources
from posekit.datasets.synthetic import writing
from posekit.estimators import loading
from posekit.estimators.predict import video_writing
from posekit.files import PROJECT_ROOT

ROOT = PROJECT_ROOT
HOW_TOS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
OTHERS = [ROOT / "data" / "README.md", ROOT / "reports" / "README.md", ROOT / "CHANGELOG.md"]
DOCUMENTS = [*HOW_TOS, *OTHERS, *sorted((ROOT / "models").glob("*/README.md"))]

PROGRAMS = ("make", "python", "papermill", "tensorboard", "dask", "sbatch")

# Why a command is not run here: the start of the command, or a part of it, and the reason.
NOT_RUN = {
    "make": "its targets install or take minutes; what each calls is parsed",
    "papermill": "tests/test_notebooks.py runs the notebooks; the parameters are checked",
    "tensorboard": "it serves until it is stopped",
    "dask": "a cluster; tests/studies/sweep/test_sweep.py starts one",
    "sbatch": "Slurm's",
    "python -m pytest": "this is it",
    "python -m pip": "a download",
    "python -c": "asks for a GPU",
    "posekit data fetch": "a download; tests/datasets/fetch/test_download.py has a server of its own",
    "posekit build": "hours of training; tests/estimators/test_release.py builds a small model",
    "posekit batchnorm": "hours of training; test_poster_trials.py has its parts",
    "posekit poster": "hours of training; test_poster_as_it_was.py has its parts",
    "posekit ladder": "hours of training; tests/studies/ladder/test_ladder.py runs a short one",
    "posekit sweep": "many trainings; tests/studies/sweep/test_sweep.py runs small studies",
    "--track": "needs a report on LSPet; tests/studies/test_photographs.py makes one",
    "--camera": "needs a camera; tests/estimators/predict/test_videos.py feeds one",
}
RUN_ELSEWHERE = {"own_data.md": "datasets/coco/test_own_data.py"}

# The notebook that docs/new_notebook.md makes up.
NEW_NOTEBOOK = "left_and_right"

# What an option gets in place of its own value: little to do, and one training for all documents.
SMALL = {"--images": "40", "--epochs": "1", "--network": "poster_batchnorm"}


class Command(NamedTuple):
    """A command line, taken apart: `program` without its folder, and its arguments."""

    program: str
    arguments: list

    def __str__(self):
        return shlex.join([self.program, *self.arguments]).replace("python -m posekit", "posekit")


def joined(text):
    """The text with lines that go on after a backslash made one."""
    return re.sub(r"\\\n\s*", " ", text)


def commands(text):
    """The commands of a document, in order."""
    start = rf"^ {{4,}}(?:[A-Z_]+=\S+ )*(?:\.venv/bin/)?({'|'.join(PROGRAMS)})(?=\s|$)(.*)"
    installed = r"^( {4,}(?:[A-Z_]+=\S+ )*(?:\.venv/bin/)?)posekit(?=\s)"
    text = re.sub(installed, r"\1python -m posekit", joined(text), flags=re.MULTILINE)
    return [
        Command(program, shlex.split(rest, comments=True))
        for program, rest in re.findall(start, text, flags=re.MULTILINE)
    ]


def commands_of(path):
    return commands(path.read_text(encoding="utf-8"))


def reason_not_to_run(command):
    line = str(command)
    found = [why for key, why in NOT_RUN.items() if line.startswith(key) or key in line.split()]
    return found[0] if found else None


def check_posekit(arguments):
    """The command line takes the arguments."""
    try:
        main.parser().parse_args(arguments)
    except SystemExit as ended:  # with 0 after --help
        assert ended.code == 0, f"posekit does not understand: {shlex.join(arguments)}"


def check_python(arguments):
    """Module, code or script with its options, whichever python is given."""
    if arguments[:2] == ["-m", "posekit"]:
        check_posekit(arguments[2:])
    elif arguments[0] == "-m":
        assert arguments[1] in ("pytest", "pip"), arguments
        named = [word for word in arguments[2:] if arguments[1] == "pytest" and "/" in word]
        assert all((ROOT / word).exists() for word in named), arguments
    elif arguments[0] == "-c":
        ast.parse(arguments[1])
    else:
        script = ROOT / arguments[0]
        assert script.is_file(), arguments
        # Scripts of one folder may share how they read their options.
        source = "".join(path.read_text(encoding="utf-8") for path in script.parent.glob("*.py"))
        options = {word.split("=")[0] for word in arguments if word.startswith("--")}
        assert not [option for option in options if f'"{option}"' not in source], arguments


def check_papermill(arguments):
    """The notebook is there and has the parameters."""
    given = {arguments[at + 1] for at, word in enumerate(arguments) if word == "-p"}
    assert given <= set(papermill.inspect_notebook(ROOT / arguments[0]))


def check_make(arguments, folder):
    """The targets are there, and posekit understands what they call."""
    plan = subprocess.run(
        ["make", "--dry-run", *arguments],
        cwd=folder,
        # The make that runs these tests must not pass its settings on.
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
    )
    assert plan.returncode == 0, plan.stderr
    for command in commands(re.sub(r"^", "    ", plan.stdout, flags=re.MULTILINE)):
        if command.arguments[:2] == ["-m", "posekit"]:
            check_posekit(command.arguments[2:])


@pytest.fixture(scope="module")
def workshop(estimator_folder, tmp_path_factory):
    """A small project with the names of this one, in which somebody follows the documents."""
    folder = tmp_path_factory.mktemp("workshop")
    for name in ("Makefile", "requirements.lock", "pyproject.toml", "benchmarks", "notebooks"):
        (folder / name).symlink_to(ROOT / name)
    for name in (".venv", "models", "data/raw", "holiday", "clips"):
        (folder / name).mkdir(parents=True)
    (folder / ".venv" / ".installed").touch()
    shutil.copytree(estimator_folder, folder / "models" / "best")
    (folder / "models" / "imagenet").symlink_to(ROOT / "models" / "imagenet")
    people = writing.write(folder / "data" / "people", count=int(SMALL["--images"]), seed=1)
    photo = sorted((people / "images").iterdir())[0]
    Image.open(photo).resize((400, 600)).save(folder / "photo.jpg")
    shutil.copy(photo, folder / "holiday")
    with video_writing.writing(folder / "clips" / "one.mp4", 10, (64, 48)) as show:
        show(0.1, np.zeros((48, 64, 3), np.uint8))
    joints = labels(60)
    joints[..., 1] %= 10
    write_zip(folder / "data" / "raw" / "lspet_dataset.zip", lspet_files(joints))
    for name in ("quick-synthetic", "other"):
        write_training(folder / "reports" / name)
    return folder


@pytest.fixture
def inside(workshop, monkeypatch):
    """The workshop as working directory and project."""
    # What takes paths from the project's root as it loads must find the real one.
    for name in SOURCES:
        importlib.import_module(name)
    from posekit.pipeline.experiment import open_experiment

    monkeypatch.chdir(workshop)
    monkeypatch.setitem(open_experiment.__kwdefaults__, "cache_dir", workshop / ".cache")
    for module in (files_module, sources):
        monkeypatch.setattr(module, "PROJECT_ROOT", workshop)
    monkeypatch.setattr(loading, "SHIPPED", workshop / "models")
    return workshop


def run(arguments):
    """The exit status of a posekit command."""
    try:
        return main.main(arguments)
    except SystemExit as ended:
        return ended.code


def small(arguments):
    """The same command with less to do, and its patterns resolved as a shell does."""
    before = ["", *arguments[:-1]]
    words = [SMALL.get(option, word) for option, word in zip(before, arguments, strict=True)]
    words = [word.replace("NAME", "*") for word in words]
    return [found for word in words for found in sorted(glob.glob(word)) or [word]]


def test_there_are_commands_to_try():
    found = [command for path in HOW_TOS for command in commands_of(path)]
    run = [command for command in found if reason_not_to_run(command) is None]
    assert len(found) >= 20 and len(run) >= 8


@pytest.mark.parametrize("path", HOW_TOS, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_command_is_overlooked(path):
    lines = joined(path.read_text(encoding="utf-8")).splitlines()
    for line in lines:
        if re.match(r" {4,}.*(\.venv/bin/|-m posekit\b)", line):
            assert commands(line), f"{line}: enter its program into PROGRAMS"


def test_commands_by_hand():
    text = "Prose: make sense.\n\n    A=1 make reports X='a b'  # why\n\n    makes none\n\n"
    text += "    .venv/bin/python -m posekit train \\\n      --epochs 5\n\n    key: value\n"
    text += "\n    .venv/bin/posekit runs --reverse\n"
    found = commands(text)
    assert found == [
        ("make", ["reports", "X=a b"]),
        ("python", ["-m", "posekit", "train", "--epochs", "5"]),
        ("python", ["-m", "posekit", "runs", "--reverse"]),
    ]
    assert str(found[1]) == "posekit train --epochs 5"
    assert reason_not_to_run(found[0]).startswith("its targets")
    assert reason_not_to_run(found[1]) is None
    assert small(found[1].arguments) == ["-m", "posekit", "train", "--epochs", "1"]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_command_is_understood(path, inside):
    for command in commands_of(path):
        if command.program == "make":
            check_make(command.arguments, inside)
        elif command.program == "python":
            check_python(command.arguments)
        elif command.program == "papermill":
            check_papermill(command.arguments)


@pytest.mark.parametrize(
    "path",
    [path for path in HOW_TOS if path.name not in RUN_ELSEWHERE],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_every_command_runs(path, inside):
    shutil.rmtree(inside / "poses", ignore_errors=True)  # of another document
    for command in commands_of(path):
        if reason_not_to_run(command) is None:
            assert command.arguments[:2] == ["-m", "posekit"], f"{command}: say why it is not run"
            assert run(small(command.arguments)[2:]) == 0, str(command)


def test_each_reason_is_still_needed():
    lines = [str(command) for path in HOW_TOS for command in commands_of(path)]
    for key in NOT_RUN:
        assert any(line.startswith(key) or key in line.split() for line in lines), key
    assert all((ROOT / "docs" / name).is_file() for name in RUN_ELSEWHERE)
    assert all((ROOT / "tests" / name).is_file() for name in RUN_ELSEWHERE.values())


def python_examples(path):
    """The fenced Python of a document that uses posekit."""
    text = path.read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)
    return [
        ast.parse(block) for block in blocks if block.startswith(("from posekit", "import posekit"))
    ]


def test_there_are_python_examples():
    assert sum(map(len, map(python_examples, HOW_TOS))) >= 2


@pytest.mark.parametrize("path", HOW_TOS, ids=lambda path: str(path.relative_to(ROOT)))
def test_names_in_python_examples_exist(path):
    for tree in python_examples(path):
        bound = {"posekit": posekit}
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module.split(".")[0] == "posekit":
                for alias in node.names:
                    bound[alias.name] = pkgutil.resolve_name(f"{node.module}.{alias.name}")
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and ast.unparse(node.value) in bound:
                getattr(bound[ast.unparse(node.value)], node.attr)


def test_the_page_of_python_runs_in_an_empty_folder(tmp_path):
    text = (ROOT / "docs" / "python_api.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)
    assert len(blocks) >= 7
    (tmp_path / "page.py").write_text("\n".join(blocks), encoding="utf-8")
    photo = np.random.default_rng(0).integers(0, 256, (120, 90, 3), dtype=np.uint8)
    Image.fromarray(photo).save(tmp_path / "photo.jpg")
    ended = subprocess.run(
        [sys.executable, "page.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    names = [path.name for path in (tmp_path / "reports" / "mine" / "training").iterdir()]
    assert sorted(name.split("-")[0] for name in names) == [
        "poster_batchnorm",
        *3 * ["sequential"],
    ]
    assert (tmp_path / "drawn.png").is_file() and (tmp_path / "saliency.png").is_file()


def headings(path):
    """The anchors of a document's headings, as they are made from their words."""
    titles = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_and_names_in_the_prose_exist(path):
    text = path.read_text(encoding="utf-8")
    folders = "posekit|tests|benchmarks|notebooks|examples"
    files = re.findall(rf"`((?:{folders})/[\w/.]+\.\w+)`", text)
    missing = [name for name in files if not (ROOT / name).is_file()]
    assert not [name for name in missing if NEW_NOTEBOOK not in name]
    for name in re.findall(r"`(posekit(?:\.\w+)+)`", text):
        pkgutil.resolve_name(name)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path):
    for link in re.findall(r"\]\(([^)\s]+)\)", path.read_text(encoding="utf-8")):
        if re.match(r"https?:", link):
            continue
        file, _, anchor = link.partition("#")
        target = (path.parent / file).resolve() if file else path
        assert target.exists(), f"{link} leads nowhere"
        assert not anchor or anchor in headings(target), f"{link}: no such heading"


def test_the_index_names_every_how_to():
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    linked = set(re.findall(r"\]\((\w+\.md)\)", index))
    assert linked == {path.name for path in (ROOT / "docs").glob("*.md")} - {"README.md"}


def test_the_readme_lists_the_rooms_from_the_bottom_up():
    text = (ROOT / "README.md").read_text(encoding="utf-8").split("## Where things are")[1]
    named = re.findall(r"^\| `([\w/*.]+)` \|", text, flags=re.MULTILINE)
    assert named == ["posekit/*.py", *(f"{room}/" for room in ROOMS[1:])]


def test_the_citation_is_of_this_version():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["cff-version"] == "1.2.0"
    assert {"message", "title", "authors"} <= set(citation)
    assert citation["version"] == posekit.__version__
    for reference in citation["references"]:
        assert {"type", "title", "authors"} <= set(reference), reference
    licence = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert citation["license"] == "MIT" and licence.startswith("MIT License\n")


def test_the_reference_shows_docstrings_as_sections():
    # All modules take a quarter of a minute (`make docs`); one shows what is made of them.
    import pdoc

    pdoc.render.configure(docformat="google", show_source=False)
    page = pdoc.pdoc("posekit.datasets.lsp")
    assert 'id="summarise"' in page
    for section in ("Arguments", "Returns", "Raises"):
        assert re.search(rf"<h6[^>]*>{section}:</h6>", page), section
