"""Rules on the source itself: what may import what, what runs at import, what is installed."""

import ast
import re
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

# From low to high. A module imports its own layer and those below it.
LAYERS = {
    "light": """
        posekit posekit.skeleton posekit.errors posekit.settings posekit.profiles
        posekit.geometry posekit.luma posekit.metrics posekit.bootstrap posekit.comparison
        posekit.baselines posekit.poses posekit.edges posekit.drawing posekit.tables
        posekit.artifacts posekit.engine posekit.sources posekit.views posekit.augmentation
        posekit.decoding posekit.calibration posekit.recipes posekit.datasets
        posekit.datasets.pose_dataset posekit.datasets.lsp posekit.datasets.splits
        posekit.datasets.synthetic posekit.datasets.scenes posekit.datasets.figures
        posekit.datasets.pose_families posekit.datasets.outfits
        posekit.datasets.backgrounds posekit.datasets.rendering posekit.image_files
        posekit.datasets.containers posekit.datasets.joints_mat posekit.datasets.transfer
        posekit.datasets.verification posekit.datasets.download posekit.manifests posekit.locks
        posekit.generations posekit.caches posekit.interruption posekit.pose_files
        posekit.temporal_smoothing posekit.video posekit.datasets.clips
        posekit.array_files posekit.per_image posekit.training_records posekit.joint_sets
        posekit.datasets.own_data posekit.datasets.coco posekit.datasets.coco_json
        posekit.datasets.coco_writing posekit.datasets.checking posekit.explore_drawing
        posekit.sweep_table posekit.activity_labels posekit.activity_scores
        posekit.datasets.packed posekit.second_opinion
    """.split(),
    "networks": """
        posekit.augment posekit.pipeline posekit.models posekit.losses
        posekit.fused_kernels posekit.saliency posekit.timing posekit.heads posekit.flows
        posekit.pose_networks posekit.imagenet posekit.inference
        posekit.explore_subjects posekit.watchdog posekit.distribution posekit.activity_networks
    """.split(),
    "experiments": """
        posekit.evaluation posekit.experiment posekit.training posekit.prediction
        posekit.estimators posekit.delivery posekit.video_prediction posekit.export
        posekit.tensorboard_logs posekit.validation_scores posekit.explore
        posekit.sweep_study posekit.sweep_trials posekit.sweep posekit.activity
    """.split(),
    "stories": """
        posekit.studies posekit.studies.wording posekit.studies.poster
        posekit.studies.exploration posekit.studies.training posekit.studies.batchnorm
        posekit.studies.prediction posekit.studies.saliency posekit.plots
        posekit.plots.style posekit.plots.pictures posekit.plots.curves
        posekit.plots.comparisons posekit.plots.statistics posekit.plots.network
        posekit.plots.confidence posekit.plots.ladder posekit.studies.rungs posekit.studies.climbing
        posekit.studies.ladder posekit.studies.sanity
        posekit.studies.first_look posekit.explore_stills posekit.explore_panel
        posekit.studies.sweep posekit.plots.choices
        posekit.studies.activity posekit.studies.activity_comparison posekit.plots.activity
    """.split(),
    "reports": """
        posekit.report posekit.report_parameters posekit.report_execution posekit.report_index
        posekit.report_verify
        posekit.pages posekit.run_index posekit.report_compare posekit.data_page
        posekit.sweep_report
    """.split(),
    "command line": "posekit.commands posekit.__main__".split(),
}
LEVEL = {name: level for level, names in enumerate(LAYERS.values()) for name in names}


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


def test_every_module_has_its_layer():
    assert sorted(LEVEL) == sorted(SOURCES), "enter a new module into LAYERS, in one layer"
    assert len(LEVEL) == sum(len(names) for names in LAYERS.values())


def test_the_rules_see_imports():
    # Without imports found, every rule below would hold.
    assert {"posekit.metrics", "posekit.pipeline"} <= imported_here("posekit.evaluation")
    assert "posekit.report" in imported_here("posekit.commands")
    assert "tensorflow" in imported(TREES["posekit.pipeline"])


@pytest.mark.parametrize("name", SOURCES)
def test_imports_point_down(name):
    upward = sorted(other for other in imported_here(name) if LEVEL[other] > LEVEL[name])
    assert not upward, f"{name} imports {upward} from a higher layer"


def test_imports_have_no_cycle():
    # A package is made of its modules, so `posekit.plots` may import them.
    order = TopologicalSorter({name: imported_here(name) for name in SOURCES}).static_order()
    assert sorted(order) == sorted(SOURCES)


def test_only_the_commands_import_the_report_runner():
    importers = {name for name in SOURCES if "posekit.report" in imported_here(name)}
    assert importers == {"posekit.commands"}


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


def test_light_modules_load_no_tensorflow():
    # `posekit.__main__` counts: what it needs before a command runs must be light.
    light = [*LAYERS["light"], "posekit.plots", *LAYERS["reports"], *LAYERS["command line"]]
    assert loaded_after("\n".join(f"import {name}" for name in light)) == "[]"


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
    assert finished.stdout.startswith("usage: python -m posekit")
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
        assert is_docstring or isinstance(node, allowed), f"line {node.lineno}: {ast.unparse(node)}"
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
    assert not [name for name, tree in TREES.items() if not ast.get_docstring(tree)]


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
        assert re.fullmatch(r"[a-z0-9-]+==[0-9.]+ +# \w.*", line), line


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
