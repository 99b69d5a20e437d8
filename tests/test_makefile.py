"""What make hands on, in a copy of the Makefile with stand-ins for Python."""

import os
import re
import shutil
import subprocess

import pytest

from posekit.files import PROJECT_ROOT
from posekit.report import parameters

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


def stand_in(path, version):
    """A program that tells a version, as Python does, and of other calls the arguments."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        "#!/bin/sh\n"
        f'if [ "$1" = --version ]; then echo "Python {version}"; else printf "%s\\n" "$@"; fi\n'
    )
    path.chmod(0o755)


@pytest.fixture
def project(tmp_path):
    shutil.copy(PROJECT_ROOT / "Makefile", tmp_path)
    for name in ("requirements.lock", "pyproject.toml"):
        (tmp_path / name).touch()
    stand_in(tmp_path / ".venv" / "bin" / "python", "3.11.7")
    (tmp_path / ".venv" / ".installed").touch()
    return tmp_path


def make(project, *arguments):
    """What make prints. The make that runs these tests must not pass its settings on."""
    return subprocess.run(
        ["make", "--silent", *arguments],
        cwd=project,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def test_the_list_in_the_help_arrives_whole(project):
    setting = re.search(r"SET='(\S+=\[.+\])'", make(project, "help"))[1]
    words = make(project, "reports", f"SET={setting} seed=1").splitlines()
    overrides = [words[at + 1] for at, word in enumerate(words) if word == "--set"]
    assert overrides == [setting, "seed=1"]
    declared = {"02_training": {"label_treatments": ["masked"], "seed": 0}}
    given = parameters.resolve(declared, {}, overrides)
    assert given["02_training"] == {"label_treatments": ["masked", "poster"], "seed": 1}


@pytest.mark.parametrize(
    ("settings", "anew"),
    [([], False), (["PYTHON=./same"], False), (["PYTHON=./other"], True), (["PYTHON=./no"], True)],
    ids=str,
)
def test_another_python_makes_the_environment_anew(project, settings, anew):
    stand_in(project / "same", "3.11.7")
    stand_in(project / "other", "3.12.1")
    planned = make(project, "--dry-run", "setup", *settings)
    assert ("-m venv --clear" in planned) == anew
