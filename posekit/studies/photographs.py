"""What the last full run measured on LSPet's photographs, for readers without the photographs.

A notebook's result names under `PUBLISHABLE` which of its entries can be published: numbers and
curves, no picture, no label and no image's name. `collect` copies these from a finished run on
LSPet into one tracked file; `tracked` reads them for the notebooks of runs on other data.
"""

import os
from math import isfinite
from pathlib import Path

from posekit import files
from posekit.errors import PosekitError, raise_problems
from posekit.files import PROJECT_ROOT

TRACKED = PROJECT_ROOT / "reports" / "photographs.json"
VERSION = 1

# The entry of a result that names the entries that can be published.
PUBLISHABLE = "publishable"

DATA = "lspet"
MADE_BY = ("settings", "python", "versions", "git_commit", "cores")
DIGITS = 6


def collect(run_dir, path=TRACKED):
    """Copy what a finished run on LSPet measured into the tracked file; other entries stay.

    Returns:
        list of the results that were copied, such as "training.json".

    Raises:
        PosekitError: the run is not on LSPet, has no result to publish, or `path` holds another
            kind of file; the file is then left as it is.
    """
    found, problems = {}, []
    for file in sorted(Path(run_dir).glob("*.json")):
        result = files.read_json(file)
        if not isinstance(result, dict) or PUBLISHABLE not in result:
            continue
        name = result.get("data", {}).get("name")
        if name != DATA:
            problems.append(f"{file}: `data.name` must be {DATA!r}; got {name!r}.")
            continue
        found[file.name] = _published(result)
    if not found and not problems:
        problems.append(
            f"{run_dir}: must hold results of notebooks with an entry {PUBLISHABLE!r}; got none. "
            "Run the notebooks there first."
        )
    raise_problems("photographs.collect()", problems)
    results = {**(_read(path) if path.is_file() else {}), **found}
    files.write_json(path, {"version": VERSION, "results": dict(sorted(results.items()))})
    return sorted(found)


def _published(result):
    chosen = {name: result[name] for name in ("data", *result[PUBLISHABLE])}
    made_by = {name: result[name] for name in MADE_BY if name in result}
    # A path says where the data lay on that machine.
    made_by["settings"] = {
        name: value
        for name, value in made_by.get("settings", {}).items()
        if not (isinstance(value, str) and os.sep in value)
    }
    return _rounded({"made_by": made_by, **chosen})


def _rounded(value):
    if isinstance(value, dict):
        return {key: _rounded(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_rounded(each) for each in value]
    return float(f"{value:.{DIGITS}g}") if isinstance(value, float) and isfinite(value) else value


def tracked(session, name, path=TRACKED):
    """What the last run on LSPet left of one result, such as "training.json", dict.

    Its provenance is under "made_by". None where nothing is tracked, or the notebook.Session is on
    the same photographs itself.
    """
    result = _read(path).get(name) if path.is_file() else None
    own = session.experiment.dataset.fingerprint()
    return None if result is None or result["data"]["fingerprint"] == own else result


def introduction(result):
    """What was run, as Markdown; `result` is that of `tracked`."""
    if result is None:
        return "No other run on photographs is stored."
    split, made_by = result["data"]["split"], result["made_by"]
    epochs = f"{result['epochs']} epochs, " if result.get("epochs") else ""
    trained_at = made_by["settings"].get("trained_at")
    trained = f" (trained at {', '.join(trained_at)})" if trained_at else ""
    return (
        f"Measured on photographs, LSPet: {split['train']:,} to train, {split['validation']:,} to "
        f"validate; {epochs}seed {made_by['settings'].get('seed')}; posekit at commit "
        f"{made_by['git_commit']}{trained}. The photographs may not be passed on, so only numbers "
        "are shown."
    )


def _read(path):
    """The tracked file's results; PosekitError where it is not what `collect` writes."""
    stored = files.read_json(path)
    version = stored.get("version") if isinstance(stored, dict) else None
    if version != VERSION or not isinstance(stored.get("results"), dict):
        raise PosekitError(
            f"{path}: must hold `version` {VERSION} and `results`; got version {version!r}. "
            "Make it again with: posekit report --track RUN"
        )
    return stored["results"]
