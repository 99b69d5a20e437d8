"""The results of a study in one table: a row for each trial, and one for each choice over seeds.

sweep.json holds both, sweep.csv the rows of the trials.
"""

from posekit import files
from posekit.evaluation import seeds
from posekit.provenance import provenance

ARTIFACT = "sweep.json"

# A trial's results, next to its settings.
OUTCOME = ("folder", "train_images", "epochs_trained", "best_epoch", "minutes", "error")


def build(study, rows):
    """A study's results so far, JSON-ready.

    `rows` has the row of each trial that has ended, see `trial.train`; a failed one has only its
    settings and `error`. `choices` are the combinations of settings; their scores are those of
    `seeds.seed_summary`.
    """
    varied = [name for name in study.varied if name != "seed"]
    done = [row for row in rows if row["error"] is None]
    return {
        "study": {
            **{name: getattr(study, name) for name in ("name", "data", "profile", "split", "seed")},
            "trials": len(study.trials),
        },
        "data": done[0]["data"] if done else None,
        "varied": varied,
        "complete": len(done) == len(study.trials),
        "choices": [_choice(chosen, varied) for chosen in _by_choice(done)],
        "trials": [{name: row[name] for name in row if name != "data"} for row in rows],
        **provenance(),
    }


def write(run_dir, result):
    """Write sweep.json and sweep.csv."""
    names = list(result["choices"][0]["scores"]) if result["choices"] else []
    rows = []
    for trial in result["trials"]:
        scores = {name: trial.get("scores", {}).get(name) for name in names}
        outcome = {name: trial.get(name) for name in OUTCOME}
        settings = {name: value for name, value in trial.items() if not isinstance(value, dict)}
        rows.append({**settings, **outcome, **scores})
    files.write_json(run_dir / ARTIFACT, result)
    files.write_csv(run_dir / "sweep.csv", rows)


def label(settings, varied):
    """The values of a trial's varied settings, as text."""
    return ", ".join(_to_text(name, settings[name]) for name in varied) or str(settings["network"])


def _to_text(name, value):
    if name == "data_fraction":
        return f"{value:.4g} of the data"
    # Names of networks and the like speak for themselves.
    return value if isinstance(value, str) else f"{name.replace('_', ' ')} {value}"


def _by_choice(rows):
    choices = {}
    for row in rows:
        # The folder's settings but for the seed: equal ones are one choice.
        apart = ("seed", "data", "scores", "mean_pose", *OUTCOME)
        key = tuple((name, value) for name, value in row.items() if name not in apart)
        choices.setdefault(key, []).append(row)
    return [sorted(chosen, key=lambda row: row["seed"]) for chosen in choices.values()]


def _choice(rows, varied):
    first = rows[0]
    return {
        "label": label(first, varied),
        "settings": {name: first[name] for name in varied},
        "seeds": [row["seed"] for row in rows],
        "minutes": sum(row["minutes"] for row in rows) / len(rows),
        "scores": {
            name: seeds.seed_summary([row["scores"][name] for row in rows])
            for name in first["scores"]
        },
        "mean_pose": first["mean_pose"],
    }
