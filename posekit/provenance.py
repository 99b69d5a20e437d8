"""What made a file: versions of the packages, the commit, the machine."""

import os
import subprocess
import sys
from importlib import metadata

from posekit.files import IS_INSTALLED, PROJECT_ROOT

VERSIONED_PACKAGES = ("posekit", "tensorflow", "keras", "numpy", "scipy", "opencv-python", "pillow")


def provenance(**settings):
    """What made an artifact: versions, git commit, cores, and `settings` such as parameters."""
    return {
        **({"settings": settings} if settings else {}),
        "python": sys.version.split()[0],
        "versions": {name: _version(name) for name in VERSIONED_PACKAGES},
        "git_commit": _git_commit(),
        # Sums over threads depend on how many there are.
        "cores": os.cpu_count(),
        "onednn_fpmath_mode": os.environ.get("ONEDNN_DEFAULT_FPMATH_MODE", "STRICT"),
    }


def _version(package):
    from posekit import __version__

    if package == "posekit":
        return __version__
    for name in (package, f"{package}-cpu"):  # TensorFlow's two names
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            pass
    return None


def _git_commit():
    """The commit, with "-dirty" where files were edited since; None outside git."""
    if IS_INSTALLED:
        return None  # the repository around it, if there is one, is another project's
    try:
        answer = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=12"],
            cwd=PROJECT_ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return answer.stdout.strip()
