"""What pyproject.toml cannot say: a wheel also holds the shipped models and the notebooks.

They lie in posekit/project/ there, see `PROJECT_ROOT` in posekit/files.py.
"""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py


class BuildWithModels(build_py):
    """Copies the package, and what it reads from the project, into the build folder."""

    def run(self):
        if not self.editable_mode:
            shutil.rmtree(self.build_lib, ignore_errors=True)  # modules that have since moved
        super().run()
        if not self.editable_mode:
            for source in self._project_files():
                target = Path(self.build_lib, "posekit", "project", source)
                self.mkpath(str(target.parent))
                self.copy_file(str(source), str(target))

    def get_source_files(self):
        """What a source distribution takes as well."""
        return [*super().get_source_files(), *map(str, self._project_files())]

    def _project_files(self):
        models = [manifest.parent for manifest in Path("models").glob("*/manifest.json")]
        return [
            *sorted(file for folder in models for file in folder.iterdir() if file.is_file()),
            *sorted(Path("notebooks").rglob("*.ipynb")),
            *sorted(Path("reports").glob("*.json")),
        ]


setup(cmdclass={"build_py": BuildWithModels})
