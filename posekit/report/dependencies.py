"""What each notebook writes, and what decides its result, so that a rerun may be needless."""

import hashlib
import json
import os

from posekit import files
from posekit.files import PACKAGE, PROJECT_ROOT, from_root

# Which notebook writes which artifact of a run.
PRODUCER = {
    "explore.json": "00_explore",
    "exploration.json": "01_data_exploration",
    "training.json": "02_training",
    "sanity.json": "02_training",
    "batchnorm_comparison.json": "03_batchnorm_comparison",
    "prediction.json": "04_prediction_visualization",
    "saliency.json": "05_saliency",
    "ladder.json": "06_beyond_the_poster",
    "activity.json": "07_activity_recognition",
}


def written_by(notebook, run_dir):
    """Artifact -> content of what a notebook left in a run's folder, a Path."""
    names = [name for name, producer in PRODUCER.items() if producer == notebook]
    return {name: files.read_json(run_dir / name) for name in names if (run_dir / name).is_file()}


def inputs_of(name, notebook, values, index):
    """Everything that decides what a notebook, an nbformat node, computes; JSON-ready.

    `values` are all its parameters, `index` is index.json of the run so far.
    """
    entries = {entry["name"]: entry for entry in index["notebooks"]}
    # Models and stored results that notebooks show.
    shown = [*PROJECT_ROOT.glob("models/*/*"), *PROJECT_ROOT.glob("reports/*.json")]
    return {
        "notebook": digest(
            [[cell.cell_type, cell.source, cell.metadata.tags] for cell in notebook.cells]
        ),
        "code": code(),
        "files": state_of(shown),
        "parameters": values,
        # Data, labels or a model: a parameter may be the path of any of them.
        "named": {key: state_named(value) for key, value in values.items() if key != "run_dir"},
        "provenance": {key: index["provenance"][key] for key in ("python", "versions")},
        # Each run ends at its own time, so a rerun of an earlier notebook shows here.
        "before": {
            other: entries[other]["finished"] for other in read_by(name, notebook, list(entries))
        },
    }


def read_by(name, notebook, names):
    """The earlier notebooks, of all `names` in order, whose results a notebook may read.

    Its cells name an artifact of theirs, or `PRODUCER` does not list them.
    """
    text = "\n".join(cell.source for cell in notebook.cells)
    read = {producer for artifact, producer in PRODUCER.items() if artifact in text}
    earlier = names[: names.index(name)]
    return [other for other in earlier if other in read or other not in PRODUCER.values()]


def code():
    """Digest of the package's code, but for what only shows results: commands and pages."""
    sources = [
        path
        for path in PACKAGE.rglob("*")
        if path.suffix in (".py", ".toml")
        and path.relative_to(PACKAGE).parts[0] not in ("cli", "report", "project")
    ]
    return digest({str(path): files.digest(path) for path in sources})


def state_named(value):
    """Digest of the state of all files at the paths in a parameter; None where it names no file."""
    if not isinstance(value, str):
        return None
    found = []
    for path in map(from_root, filter(None, value.split(os.pathsep))):
        # Labels of activities may lie next to a zip; pictures and annotations around own data's
        # file. Not deeper: a folder of data may hold other things.
        found += [path, path.with_name("labels.csv")]
        if path.is_dir() or path.suffix in (".toml", ".json"):
            folder = path if path.is_dir() else path.parent
            found += [*folder.glob("*"), *folder.glob("images/*")]
    return state_of(found)


def state_of(paths):
    """Digest of the path, size and time of those that are files; None without any."""
    states = sorted(
        [str(path), path.stat().st_size, path.stat().st_mtime_ns]
        for path in set(paths)
        if path.is_file() and not path.name.startswith(".")
    )
    return digest(states) if states else None


def digest(value):
    """SHA-256 of a JSON-ready value, hexadecimal."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
