"""Rules on the source itself: what may import what, what runs at import, what is installed."""

import ast
import re
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

# From low to high. A file imports from its own room and from those before it; files directly in
# posekit/ are the ground.
ROOMS = (
    "ground datasets plots pipeline models evaluation training estimators report studies cli"
).split()

# Files in posekit/ that bring rooms together: entry points, which may import from any room.
ENTRY_POINTS = {"posekit.__main__", "posekit.notebook"}

# In the rooms that work with TensorFlow, the files that must not load it. All other rooms but
# these are light as a whole.
HEAVY_ROOMS = ("pipeline", "models", "evaluation", "training", "estimators", "studies")
LIGHT_FILES = """
    pipeline/targets pipeline/augmentation pipeline/views pipeline/caches models/names
    training/config training/records evaluation/metrics evaluation/bootstrap evaluation/seeds
    evaluation/baselines evaluation/pose_statistics evaluation/saliency_checks
    estimators/recipes estimators/manifest estimators/decoding
    estimators/calibration estimators/presence estimators/backgrounds
    estimators/predict/pose_files estimators/predict/poses estimators/predict/smoothing
    estimators/predict/video_files estimators/predict/video_writing
    estimators/predict/inputs estimators/predict/pictures
""".split()


def room(name):
    """The room of a module's full name."""
    parts = name.split(".")
    return parts[1] if len(parts) > 1 and parts[1] in ROOMS else "ground"


def module_name(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


SOURCES = {module_name(path): path for path in sorted((ROOT / "posekit").rglob("*.py"))}
TREES = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in SOURCES.items()}


def imported(tree):
    """Full names of everything imported anywhere in a module; `from a import b` gives a and a.b."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide the layer"
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def imported_here(name):
    """The modules of posekit that a module imports; the bare package is no dependency."""
    return (imported(TREES[name]) & set(SOURCES)) - {"posekit", name}


def study(name):
    """Which study a module belongs to, or None outside of them."""
    parts = name.split(".")
    return parts[2] if parts[:2] == ["posekit", "studies"] and len(parts) > 2 else None


def test_rooms_are_the_folders():
    folders = {path.parent.name for path in (ROOT / "posekit").glob("*/__init__.py")}
    assert folders == set(ROOMS) - {"ground"}


def test_the_house_stays_small():
    def files_of(folder):
        return [path for path in folder.glob("*.py") if path.name != "__init__.py"]

    folders = {path.parent for path in (ROOT / "posekit").rglob("__init__.py")}
    crowded = {str(folder): len(files_of(folder)) for folder in folders}
    assert len(list((ROOT / "posekit").glob("*.py"))) <= 16
    assert not {name: count for name, count in crowded.items() if count > 14}


def test_the_rules_see_imports():
    # Without imports found, every rule below would hold.
    assert {"posekit.evaluation.metrics", "posekit.pipeline.batches"} <= imported_here(
        "posekit.evaluation.predictions"
    ) | imported_here("posekit.evaluation.scores")
    assert "tensorflow" in imported(TREES["posekit.pipeline.batches"])


@pytest.mark.parametrize("name", sorted(set(SOURCES) - ENTRY_POINTS))
def test_imports_point_down(name):
    level = ROOMS.index(room(name))
    upward = sorted(other for other in imported_here(name) if ROOMS.index(room(other)) > level)
    assert not upward, f"{name} imports {upward} from a higher room"


def test_studies_do_not_import_each_other():
    for name in SOURCES:
        others = {study(other) for other in imported_here(name)} - {None, study(name)}
        assert study(name) is None or not others, f"{name} imports the studies {others}"


def test_the_posters_study_needs_no_estimators():
    for name in SOURCES:
        if study(name) == "poster":
            assert "estimators" not in map(room, imported_here(name)), name


def test_imports_have_no_cycle():
    # A package is made of its modules, so `posekit.plots` may import them.
    order = TopologicalSorter({name: imported_here(name) for name in SOURCES}).static_order()
    assert sorted(order) == sorted(SOURCES)


def test_only_the_command_line_imports_the_report():
    importers = {name for name in SOURCES for other in imported_here(name) if room(other) == "report"}
    outside = {name for name in importers if room(name) not in ("report", "cli")}
    assert outside == {"posekit.studies.sweep.page"}
    runner = {name for name in SOURCES if "posekit.report.runner" in imported_here(name)}
    assert {room(name) for name in runner} <= {"report", "cli"}


def test_notebooks_do_not_import_the_report_runner():
    notebooks = sorted((ROOT / "notebooks").glob("*.ipynb"))
    assert notebooks
    assert not [path.name for path in notebooks if "posekit.report" in path.read_text("utf-8")]


def loaded_after(program):
    """Which of TensorFlow and Keras a fresh Python has loaded at the end of a program."""
    question = "import sys; print(sorted({'tensorflow', 'keras'} & set(sys.modules)))"
    finished = subprocess.run(
        [sys.executable, "-c", f"{program}\n{question}"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=True,
    )
    return finished.stdout.strip().splitlines()[-1]


def is_light(name):
    """Whether importing a module must leave TensorFlow unloaded."""
    if room(name) not in HEAVY_ROOMS:
        return name != "posekit.saliency"
    return name.removeprefix("posekit.").replace(".", "/") in LIGHT_FILES


def test_light_modules_load_no_tensorflow():
    light = sorted(filter(is_light, SOURCES))
    assert len(light) > len(LIGHT_FILES)
    assert loaded_after("\n".join(f"import {name}" for name in light)) == "[]"


def test_the_public_face_is_light_until_used():
    import posekit

    program = "import posekit\nassert set(posekit.PUBLIC) <= set(dir(posekit))"
    assert loaded_after(program) == "[]"
    assert loaded_after("from posekit import TrainingConfig, plots") == "[]"
    for name in posekit.PUBLIC:
        assert getattr(posekit, name).__doc__ and f"`{name}`" in posekit.__doc__
    with pytest.raises(AttributeError, match="no attribute 'fitt'"):
        posekit.fitt  # noqa: B018


@pytest.mark.parametrize("asked", [None, "0"])
def test_onednn_computes_on_every_processor_unless_switched_off(asked, monkeypatch):
    # TensorFlow reads the variable as it loads, so posekit sets it when it is imported first.
    monkeypatch.delenv("TF_ENABLE_ONEDNN_OPTS", raising=False)
    if asked is not None:
        monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", asked)
    program = "import os, posekit; print(os.environ['TF_ENABLE_ONEDNN_OPTS'])"
    command = [sys.executable, "-c", program]
    finished = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True)
    assert finished.stdout.split() == [asked or "1"]


def test_the_probe_sees_keras():
    assert loaded_after("import sys; sys.modules['keras'] = None") == "['keras']"


def test_help_loads_no_tensorflow():
    finished = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "posekit", "--help"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=True,
    )
    assert finished.stdout.startswith("usage: posekit")
    loaded = set(re.findall(r"\|\s+([\w.]+)$", finished.stderr, re.MULTILINE))
    assert "argparse" in loaded
    assert not loaded & {"tensorflow", "keras"}


def at_import(node):
    """Every node that runs when a module is imported: bodies of functions do not."""
    if isinstance(node, (ast.FunctionDef, ast.Lambda)):
        defaults = [*node.args.defaults, *node.args.kw_defaults]
        parts = filter(None, [*defaults, *getattr(node, "decorator_list", [])])
    else:
        yield node
        parts = ast.iter_child_nodes(node)
    for part in parts:
        yield from at_import(part)


def is_main_guard(node):
    return isinstance(node, ast.If) and ast.unparse(node.test) == "__name__ == '__main__'"


@pytest.mark.parametrize("name", SOURCES)
def test_importing_does_no_work(name):
    allowed = (ast.Import, ast.ImportFrom, ast.Assign, ast.FunctionDef, ast.ClassDef)
    body = [node for node in TREES[name].body if not is_main_guard(node)]
    for node in body:
        is_docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        # TensorFlow reads its variables as it loads.
        is_variable = ast.unparse(node).startswith("os.environ.setdefault('TF_")
        is_allowed = is_docstring or is_variable or isinstance(node, allowed)
        assert is_allowed, f"line {node.lineno}: {ast.unparse(node)}"
        called = [part.func for part in at_import(node) if isinstance(part, ast.Call)]
        names = {word for function in called for word in ast.unparse(function).split(".")}
        working = {"random", "default_rng", "set_random_seed", "open", "read_text", "run", "load"}
        assert not names & working, f"line {node.lineno}: {sorted(names & working)} at import"


def test_the_rule_sees_work_at_import():
    tree = ast.parse(
        "def f(x=draw()):\n    inner()\nclass C:\n    y = lambda: inner()\n    z = read()"
    )
    called = [ast.unparse(node) for node in at_import(tree) if isinstance(node, ast.Call)]
    assert called == ["draw()", "read()"]


def test_every_module_says_what_it_is():
    # An empty __init__.py only makes its folder a package.
    said = {name for name, tree in TREES.items() if not tree.body or ast.get_docstring(tree)}
    assert said == set(TREES)


def repository_files():
    try:
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            capture_output=True,
            text=True,
            cwd=ROOT,
            check=True,
        ).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"not a git checkout: {error}")
    return [path for name in listed.split("\0") if name and (path := ROOT / name).is_file()]


def test_no_file_names_a_folder_outside_the_project():
    files = repository_files()
    assert Path(__file__) in files
    # Put together here, so that this file does not hold the words itself.
    words = ["/".join(parts).encode() for parts in (("", "work", "shared"), ("..", "shared"))]
    found = [
        str(path.relative_to(ROOT))
        for path in files
        if any(word in path.read_bytes() for word in words)
    ]
    assert not found


def requirements():
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line.strip() and not line.startswith("#")]


def test_every_requirement_is_pinned_and_has_its_reason():
    assert requirements()
    for line in requirements():
        assert re.fullmatch(r"[a-z0-9-]+==[0-9.]+( ; [^#]+)? +# \w.*", line), line


def test_every_requirement_is_locked_at_its_version():
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    for line in requirements():
        pinned = line.split()[0]
        assert re.search(rf"^{re.escape(pinned)}[ ;\\]", lock, re.MULTILINE), pinned


def test_the_lock_has_hashes_and_names_no_host():
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    packages = re.split(r"^(?=[a-zA-Z0-9])", lock, flags=re.MULTILINE)[1:]
    assert len(packages) > len(requirements())
    for package in packages:
        name = package.splitlines()[0]
        assert re.match(r"[\w.-]+==[\w.+]+ ", name), name
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", package), name
    # `http` alone also begins names of packages.
    for word in ("http:", "https:", "--index-url", "--extra-index-url", "--find-links", " @ "):
        assert word not in lock
