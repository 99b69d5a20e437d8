"""Notebook 06: what each idea between the poster's recipe and the best model contributes."""

from posekit import wording
from posekit.estimators import manifest, recipes
from posekit.estimators.loading import SHIPPED
from posekit.evaluation import metrics
from posekit.files import PROJECT_ROOT, read_json
from posekit.studies.ladder.run import SCORES
from posekit.wording import comparability, number, verdict, with_interval

# An earlier way up on photographs, longer, with one seed and four epochs; the code of its steps is
# gone.
PHOTOGRAPHS = PROJECT_ROOT / "reports" / "ladder.json"

# The leave-one-out ablation on photographs: `posekit ladder` writes it.
ABLATION = PROJECT_ROOT / "reports" / "ablation.json"
# By the minutes of PHOTOGRAPHS' steps with the same trunk at 128 px: 0.6 an epoch, 0.36 at 96 px.
HOURS = "24 trainings of 12 epochs, an estimated two hours on a machine with bfloat16 products"

# The parts on which a model is scored when it ships.
SHIPPED_PARTS = ("validation", "development")


def stored(path):
    """A result of `run_ladder` that the repository holds, or None without it."""
    return read_json(path) if path.is_file() else None


def idea_table(result):
    """Rows for a table of the steps: the idea and what it changes."""
    titles = {row["key"]: row["title"] for row in result["rungs"]}
    return [
        {
            "step": number,
            "title": row["title"],
            "idea": row["idea"],
            "what changes": row["change"],
            "made from": titles.get(row["parent"], "-"),
        }
        for number, row in enumerate(result["rungs"], start=1)
    ]


def score_table(result):
    """Rows for a table of the steps: scores, difference to the step they were made from."""
    return [
        {
            "step": number,
            "title": f"({row['title']})" if row["branch"] else row["title"],
            **{metrics.SCORES[name].label: row["validation"][name] for name in SCORES},
            "PCK, minus that made from": pck and _score(pck),
            "95 % interval over seeds": pck and pck.get("interval_over_seeds"),
            "decided": "–" if pck is None else "yes" if pck["decided"] else "no",
            "MSE on training pictures (bias)": row["train"]["frame_mse"]["value"],
            "validation minus training (variance)": row["gap"]["frame_mse"],
        }
        for number, row in enumerate(result["rungs"], start=1)
        for pck in [row["difference"] and row["difference"]["pck_0.2"]]
    ]


def cost_table(result):
    """Rows for a table of the steps: what they cost."""
    return [
        {
            "step": number,
            "title": row["title"],
            "parameters": row["parameters"],
            "GFLOPs a picture": row["gigaflops"],
            "minutes of training": row["minutes"],
            "PCK@0.2": row["validation"]["pck_0.2"]["value"],
        }
        for number, row in enumerate(result["rungs"], start=1)
    ]


def ablation_text(result):
    """What the ablation found, or how to run it, as Markdown."""
    if result is None:
        return (
            "**Not yet run on photographs.** "
            "`posekit ladder --data path/to/lspet_dataset.zip --profile full "
            "--out reports/ablation.json` trains the finished recipe and seven recipes that each "
            f"lack one part, with three seeds each: {HOURS}. It can be interrupted at any time."
        )
    rows = result["rungs"]
    begun = "" if result["complete"] else f"**Not finished:** {len(rows)} recipes have all seeds. "
    return (
        f"{begun}{rows[0]['idea']} It scores PCK@0.2 "
        f"{with_interval(**rows[0]['validation']['pck_0.2'])} after {result['epochs']} epochs, "
        f"{len(result['seeds'])} seeds. {_steps(rows)}"
    )


def photograph_text(result):
    """What the earlier way up on photographs found, and what surprises in it, as Markdown."""
    if result is None:
        return "No way up on photographs is stored."
    split, seeds = result["data"]["split"], len(result["seeds"])
    return (
        f"{split['train']:,} photographs of {result['data']['name']} to train, "
        f"{split['validation']:,} to validate, {result['epochs']} epochs, {seeds} "
        f"seed{'s' * (seeds > 1)}. {_steps(result['rungs'])}\n\n"
        "**What surprises:** a schedule and augmentation harm here, yet both are in `best`. The "
        "training is too short for them: the averaged weights span most of it, and augmentation "
        "pays where a network would otherwise learn its pictures by rote, which none does in so "
        "few epochs. `best` was trained for 50 and 244 epochs. One seed and intervals over "
        "pictures alone do not say what another seed would give."
    )


def shipped_table(folder=SHIPPED):
    """Rows for a table of the shipped models, the best on validation last; empty without any.

    The scores were written when they shipped; models that a user built are left out.
    """
    rows = [
        _shipped_row(folder / name)
        for name in recipes.MODELS
        if all((folder / name / f"{part}.json").is_file() for part in SHIPPED_PARTS)
    ]
    return sorted(rows, key=lambda row: row["PCK@0.2"]["value"])


def _shipped_row(folder):
    validation, development = (
        read_json(folder / f"{part}.json")["limb_joints"]["metrics"] for part in SHIPPED_PARTS
    )
    files = [stage.path for stage in manifest.read(folder).stages]
    return {
        "model": folder.name,
        **{metrics.SCORES[name].label: _score(validation[name]) for name in SCORES},
        "PCK@0.2, development": _score(development["pck_0.2"]),
        "epochs of all its trainings": sum(
            recipes.RECIPES[name]["epochs"] for name in recipes.recipes_of(folder.name)
        ),
        "megabytes": round(sum(file.stat().st_size for file in files) / 1e6, 1),
    }


def _score(stored):
    return {key: stored[key] for key in ("value", "interval")}


def answer(result):
    """What notebook 06 found, as Markdown."""
    first, last = result["rungs"][0], result["rungs"][-1]
    mean_pose = {name: score["value"] for name, score in result["mean_pose"].items()}
    pck, mse = (
        " to ".join(with_interval(**row["validation"][name]) for row in (first, last))
        for name in ("pck_0.2", "frame_mse")
    )
    bias, variance = (
        " to ".join(number(value, 0) for value in values)
        for values in (
            [row["train"]["frame_mse"]["value"] for row in (first, last)],
            [row["gap"]["frame_mse"] for row in (first, last)],
        )
    )
    return wording.answer(
        _verdict(result),
        f"PCK@0.2 changes from {number(first['validation']['pck_0.2']['value'], 2)} "
        f"({first['title'][0].lower()}{first['title'][1:]}) to "
        f"{number(last['validation']['pck_0.2']['value'], 2)} ({last['title'].lower()}); the mean "
        f"pose gets {number(mean_pose['pck_0.2'], 2)}. {_steps(result['rungs'])}",
        comparability(result["data"]).strip(),
        numbers=[
            f"{result['images']['validation']:,} validation images of {result['data']['name']}, "
            f"{len(result['joints'])} limb joints, {result['epochs']} epochs for every network",
            f"PCK@0.2 {pck}",
            f"MSE {mse}: the last step "
            f"{verdict(last['validation']['frame_mse']['value'], mean_pose['frame_mse'])}",
            f"Bias (training error) {bias}; variance (validation minus training) {variance}",
        ],
    )


def _verdict(result):
    """The answer in a few words: the step that brings most."""
    helping = [row for row in result["rungs"] if row["parent"] and _gain(row)["decided"]]
    best = max(helping, key=lambda row: _gain(row)["value"], default=None)
    if best is None or _gain(best)["value"] <= 0:
        return f"Not decided: {result['epochs']} epochs are too few for any step to help."
    return f"Most comes from one step, {best['title'].lower()}: {_gain(best)['value']:+.2f} PCK."


def _steps(rows):
    """Which steps of the main line help, harm or are not decided, in PCK."""
    chosen = [row for row in rows if row["parent"] and not row["branch"]]
    kinds = {"What helps": [], "What harms": [], "Not decided by these images": []}
    helps, harms, undecided = kinds.values()
    for row in sorted(chosen, key=lambda row: -abs(_gain(row)["value"])):
        step = _gain(row)
        kind = undecided if not step["decided"] else helps if step["value"] > 0 else harms
        kind.append(f"{row['title']} ({step['value']:+.3f} PCK)")
    return " ".join(f"{kind}: {', '.join(steps)}." for kind, steps in kinds.items() if steps)


def _gain(row):
    return row["difference"]["pck_0.2"]
