"""What `pip install` gives: a wheel with the package, the shipped models and the notebooks."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from configparser import ConfigParser
from email.parser import Parser

import numpy as np
import pytest
from packaging.requirements import Requirement
from PIL import Image

import posekit
from posekit.estimators.manifest import MANIFEST
from posekit.files import PROJECT_ROOT

BUILT_FROM = ("pyproject.toml", "setup.py", "README.md", "LICENSE")
INSIDE = "posekit/project/"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """An open wheel, built of a copy: building leaves files in the source folder."""
    source = tmp_path_factory.mktemp("source")
    for name in ("posekit", "models", "notebooks"):
        ignored = shutil.ignore_patterns("__pycache__", ".*", "*.npz")
        shutil.copytree(PROJECT_ROOT / name, source / name, ignore=ignored)
    (source / "reports").mkdir()
    for name in (*BUILT_FROM, "reports/ladder.json"):
        shutil.copy(PROJECT_ROOT / name, source / name)
    program = "import setuptools.build_meta as meta; print(meta.build_wheel('.'))"
    built = subprocess.run(
        [sys.executable, "-c", program], cwd=source, capture_output=True, text=True, check=True
    )
    with zipfile.ZipFile(source / built.stdout.splitlines()[-1]) as archive:
        yield archive


def read(wheel, name):
    (path,) = [path for path in wheel.namelist() if path.endswith(f".dist-info/{name}")]
    return wheel.read(path).decode()


def test_the_wheel_holds_the_package_whole(wheel):
    package = {
        str(path.relative_to(PROJECT_ROOT))
        for path in (PROJECT_ROOT / "posekit").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    code = {name for name in wheel.namelist() if not name.startswith(INSIDE)}
    assert "posekit/cli/main.py" in package
    assert {name for name in code if ".dist-info/" not in name} == package


def test_the_wheel_holds_what_is_read_of_the_project(wheel):
    found = {name.removeprefix(INSIDE) for name in wheel.namelist() if name.startswith(INSIDE)}
    shipped = [path.parent for path in (PROJECT_ROOT / "models").glob(f"*/{MANIFEST}")]
    assert {"best", "quick"} <= {folder.name for folder in shipped}
    wanted = {path for folder in shipped for path in folder.iterdir()}
    wanted |= set((PROJECT_ROOT / "notebooks").rglob("[!.]*.ipynb"))
    wanted.add(PROJECT_ROOT / "reports" / "ladder.json")
    assert found == {
        str(path.relative_to(PROJECT_ROOT)) for path in wanted if ".ipynb_" not in str(path)
    }


def test_the_wheel_gives_a_command_and_says_what_it_needs(wheel):
    commands = ConfigParser()
    commands.read_string(read(wheel, "entry_points.txt"))
    assert dict(commands["console_scripts"]) == {"posekit": "posekit.cli.main:main"}
    stated = Parser().parsestr(read(wheel, "METADATA"))
    assert stated["Version"] == posekit.__version__
    assert {"sweep", "docs", "test", "export", "heic"} <= set(stated.get_all("Provides-Extra"))
    assert any(line.startswith("tensorflow") for line in stated.get_all("Requires-Dist"))


def test_an_installed_posekit_predicts_in_any_folder(wheel, tmp_path):
    wheel.extractall(tmp_path / "site")
    (tmp_path / "there").mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (90, 60, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "there" / "photo.png")
    environment = {
        **os.environ,
        "PYTHONPATH": str(tmp_path / "site"),
        "PYTHONDONTWRITEBYTECODE": "1",
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
    }
    before = set((tmp_path / "site").rglob("*"))
    ended = subprocess.run(
        [sys.executable, "-m", "posekit", "predict", "photo.png", "--model", "quick"],
        cwd=tmp_path / "there",
        env=environment,
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stderr
    written = {path.name for path in (tmp_path / "there").iterdir()}
    assert written == {"photo.png", "photo_pose.png", "photo_pose.json"}
    assert set((tmp_path / "site").rglob("*")) == before


def pins():
    """The tested version of each package, by name."""
    files = ("requirements.txt", "benchmarks/export_requirements.txt")
    lines = "\n".join((PROJECT_ROOT / name).read_text(encoding="utf-8") for name in files)
    return dict(re.findall(r"^([a-z0-9-]+)==([0-9.]+)", lines, flags=re.MULTILINE))


def test_what_is_declared_is_what_is_tested():
    text = (PROJECT_ROOT / "pyproject.toml").read_text(encoding="utf-8")
    project = tomllib.loads(text)["project"]
    lists = [project["dependencies"], *project["optional-dependencies"].values()]
    declared = [Requirement(text) for each in lists for text in each]
    tested = pins()
    for requirement in declared:
        if requirement.name not in ("posekit", "pillow-heif"):
            assert requirement.specifier.contains(tested[requirement.name]), requirement
    missing = set(tested) - {requirement.name for requirement in declared}
    # tensorflow-cpu is TensorFlow without CUDA, for the checkout.
    assert missing <= {"tensorflow-cpu"}
