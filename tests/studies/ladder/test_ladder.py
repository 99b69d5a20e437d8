import json
import math
from dataclasses import asdict, replace
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from posekit import files, profiles
from posekit.estimators import loading, recipes
from posekit.estimators.estimator import Stage
from posekit.estimators.passes import ONE_PASS, CropScale
from posekit.estimators.recipes import TWO_QUICK_PASSES
from posekit.evaluation.scores import score_original_px
from posekit.models import summary
from posekit.skeleton import LSP
from posekit.studies.ladder import findings, run
from posekit.studies.ladder.steps import Step, change_text, for_profile, main_line
from posekit.training import fit as training_fit
from posekit.training.config import TrainingConfig

LADDERS = {
    "whole": for_profile(profiles.by_name("full")),
    "whole, no ImageNet": for_profile(profiles.by_name("full"), imagenet=False),
    "short": for_profile(profiles.by_name("quick")),
    "shortest": for_profile(profiles.by_name("smoke")),
}

# What each step of the whole ladder claims to change, and from which step.
CHANGES = {
    "masked": ("poster", {"label_treatment"}),
    "l1": ("masked", {"loss"}),
    "residual": ("l1", {"network"}),
    "likelihood": ("residual", {"head", "loss"}),
    "map": ("residual", {"head"}),
    "cross_entropy": ("map", {"loss"}),
    "simcc": ("cross_entropy", {"head"}),
    "schedule": (
        "cross_entropy",
        {"schedule", "learning_rate", "weight_decay", "clip_norm", "weight_average"},
    ),
    "augmentation": ("schedule", {"augmentation"}),
    "whole": ("augmentation", {"view", "frame_px"}),
    "drawn": ("whole", {"initial_weights"}),
    "cascade": ("whole", {"stages", "view"}),
    "imagenet": ("cascade", {"network", "initial_weights", "learning_rate"}),
    "longer": ("imagenet", {"initial_weights"}),
    "second_look": ("longer", {"looks"}),
}


def differing(step, parent):
    """Names of everything in which two steps' settings differ."""
    names = {"looks"} if step.looks != parent.looks else set()
    before = list(parent.stages)
    if len(step.stages) != len(before):
        names.add("stages")
        assert step.stages[: len(before)] == parent.stages
        before.append(before[-1])
    for old, new in zip(map(asdict, before), map(asdict, step.stages), strict=True):
        names |= {name for name in old if old[name] != new[name]}
    return names


@pytest.mark.parametrize("steps", LADDERS.values(), ids=LADDERS)
def test_a_step_differs_from_its_parent_in_what_it_says_and_nothing_else(steps):
    by_key = {step.key: step for step in steps}
    assert len(by_key) == len(steps) and steps[0].parent is None
    for step in steps[1:]:
        assert differing(step, by_key[step.parent]) == set(step.change), step.key


def test_the_whole_ladder_makes_the_changes_it_is_meant_to_make():
    assert [step.key for step in LADDERS["whole"]] == ["poster", *CHANGES]
    found = {step.key: (step.parent, set(step.change)) for step in LADDERS["whole"][1:]}
    assert found == CHANGES


@pytest.mark.parametrize("steps", LADDERS.values(), ids=LADDERS)
def test_every_network_has_the_same_budget(steps):
    stages = [stage for step in steps for stage in step.stages]
    assert len({stage.epochs for stage in stages}) == 1
    assert len({stage.batch_size for stage in stages}) == 1
    assert len({stage.seed for stage in stages}) == 1


@pytest.mark.parametrize("name", ["smoke", "quick"])
def test_the_short_ladder_starts_with_what_notebook_02_trains(name):
    profile = profiles.by_name(name)
    for step, treatment in zip(for_profile(profile), ("poster_origin", "masked"), strict=False):
        assert step.stages == (
            TrainingConfig(
                "poster_batchnorm",
                treatment,
                epochs=profile.epochs,
                seed=0,
                batch_size=profile.batch_size,
            ),
        )


def test_shorter_ladders_lead_to_a_cascade_too():
    assert [step.key for step in LADDERS["short"]] == [
        "poster",
        "masked",
        "map",
        "schedule",
        "cascade",
    ]
    assert [step.key for step in LADDERS["shortest"]] == ["poster", "masked", "map", "cascade"]
    assert {len(LADDERS[name][-1].stages) for name in ("short", "shortest")} == {2}


def test_epochs_come_from_the_profile_or_the_caller():
    full = profiles.by_name("full")
    assert for_profile(full)[0].stages[0].epochs == full.ladder_epochs
    assert for_profile(full, epochs=3)[-1].stages[1].epochs == 3


def test_without_imagenet_the_last_step_is_made_from_the_cascade():
    last = LADDERS["whole, no ImageNet"][-1]
    assert (last.parent, last.looks) == ("cascade", TWO_QUICK_PASSES)
    assert all(stage.initial_weights is None for stage in last.stages)


def test_branches_are_not_on_the_way_up():
    line = main_line(LADDERS["whole"])
    beside = {step.key for step in LADDERS["whole"]} - set(line)
    assert beside == {"likelihood", "simcc", "drawn"}
    assert (line[-1], line[0]) == ("poster", "second_look")


def test_changes_in_words():
    by_key = {step.key: step for step in LADDERS["whole"]}

    def words(key):
        return change_text(by_key[key], by_key.get(by_key[key].parent))

    assert words("poster") == "the start"
    assert words("l1") == "loss: mse to l1"
    assert words("whole") == "view: squashed to whole; frame px: 96 to 128"
    assert words("cascade") == "a second network; view: whole to person"
    assert words("imagenet") == (
        "network: residual to lite0_short, lite0; initial weights: none to imagenet; "
        "learning rate: 0.002 to 0.001"
    )
    assert words("longer") == "initial weights: imagenet to its own"
    assert words("second_look") == "looks: x1 to x1.15, then x0.9 + x1.1 mirrored"


MIRRORED_TOO = ((CropScale(), CropScale(mirrored=True)),)


def tiny_steps():
    """The poster's network on frames of 32 pixels, then asked about mirrored pictures too."""
    config = TrainingConfig(
        "poster_plain", "poster_origin", epochs=1, seed=7, batch_size=16, frame_px=32
    )
    first = Step("poster", "First", "It is there.", (config,))
    return first, first.changed("mirrored", "Second", "It looks twice.", looks=MIRRORED_TOO)


@pytest.fixture(scope="module")
def trained_ladder(experiment, tmp_path_factory):
    run_dir = tmp_path_factory.mktemp("ladder")
    return run_dir, run.run_ladder(tiny_steps(), experiment, run_dir, seeds=[0])


def test_a_ladder_scores_as_metrics_do(trained_ladder, experiment):
    run_dir, result = trained_ladder
    for step, row in zip(tiny_steps(), result["rungs"], strict=True):
        (trained,) = run.train(step, experiment, run_dir, 0)
        estimator = loading.from_runs("x", [trained], passes=step.looks)
        found = estimator.estimate_dataset(experiment.part("validation"))
        expected = score_original_px(
            found.keypoints_px,
            experiment,
            "validation",
            seed=experiment.split.seed,
            joints=LSP.limb_joints,
        )
        for name, score in row["validation"].items():
            wanted = expected["metrics"][name]
            assert score["value"] == pytest.approx(wanted["value"]), name
            assert score["interval"] == pytest.approx(wanted["interval"]), name
        assert row["minutes"] == sum(trained.history["seconds"]) / 60
        assert row["parameters"] == trained.best_model().count_params()
        copies = 2 if step.looks == MIRRORED_TOO else 1
        assert row["gigaflops"] == copies * summary.count_flops(trained.best_model()) / 1e9
        assert trained.config == replace(step.stages[0], seed=0)


def test_a_difference_is_that_of_the_scores(trained_ladder):
    first, second = trained_ladder[1]["rungs"]
    assert first["difference"] is None
    for name, difference in second["difference"].items():
        scores = [row["validation"][name]["value"] for row in (first, second)]
        assert difference["value"] == pytest.approx(scores[1] - scores[0])
        low, high = difference["interval"]
        assert low <= difference["value"] <= high
        assert difference["decided"] == (not low <= 0 <= high)
        # More is better for PCK and PCP, less for MSE; a gap is how much worse validation is.
        train = second["train"][name]["value"]
        assert second["gap"][name] == (
            scores[1] - train if name == "frame_mse" else train - scores[1]
        )


def numbers_in(value):
    if isinstance(value, dict):
        value = value.values()
    if isinstance(value, (list, tuple, type({}.values()))):
        return [number for item in value for number in numbers_in(item)]
    return [value] if isinstance(value, (int, float)) else []


def test_the_file_is_complete_and_finite(trained_ladder):
    run_dir, result = trained_ladder
    written = json.loads((run_dir / "ladder.json").read_text())
    assert written["complete"] and written["seeds"] == [0] and written["epochs"] == 1
    assert written["joints"] == list(LSP.limb_joints)
    assert written["images"] == {"validation": 5, "train": 5}
    assert written["versions"]["posekit"] and len(written["headline"]) == 4
    assert set(written["mean_pose"]) == {"pck_0.2", "pcp_0.5", "frame_mse"}
    for row in written["rungs"]:
        assert all(map(math.isfinite, numbers_in(row)))
        assert len(row["pck_per_joint"]) == 14
        for part in ("train", "validation"):
            for score in row[part].values():
                assert score["interval"][0] <= score["value"] <= score["interval"][1]
    # The steps share their one training.
    assert len(written["needs"]) == 1
    assert all((run_dir / path).is_file() for path in written["needs"])


def test_nothing_is_trained_twice(trained_ladder, experiment, monkeypatch):
    run_dir, result = trained_ladder
    monkeypatch.setattr(training_fit, "_train", lambda *_, **__: pytest.fail("trained again"))
    again = run.run_ladder(tiny_steps(), experiment, run_dir, seeds=[0], out=run_dir / "again.json")
    assert again["rungs"] == result["rungs"]
    assert json.loads((run_dir / "again.json").read_text())["complete"]


def test_an_interrupted_ladder_keeps_what_it_has(trained_ladder, experiment, monkeypatch, tmp_path):
    run_dir, result = trained_ladder

    def stop_at_the_second(step, *arguments):
        if step.key == "mirrored":
            raise KeyboardInterrupt
        return train(step, *arguments)

    train = run.train
    monkeypatch.setattr(run, "train", stop_at_the_second)
    with pytest.raises(KeyboardInterrupt):
        run.run_ladder(tiny_steps(), experiment, run_dir, seeds=[0], out=tmp_path / "out.json")
    kept = json.loads((tmp_path / "out.json").read_text())
    assert not kept["complete"]
    assert [row["key"] for row in kept["rungs"]] == ["poster"]
    assert not findings.fits(kept, tiny_steps(), experiment, [0])


def test_a_ladder_fits_the_same_steps_data_and_seeds(trained_ladder, experiment):
    run_dir, _ = trained_ladder
    stored = files.read_json(run_dir / "ladder.json")
    steps = tiny_steps()
    assert findings.fits(stored, steps, experiment, [0])
    assert not findings.fits(stored, steps, experiment, [0, 1])
    assert not findings.fits(stored, steps[:1], experiment, [0])
    longer = tuple(step.changed(step.key, "", "", epochs=2) for step in steps)
    assert not findings.fits(stored, longer, experiment, [0])
    looking_twice = replace(steps[1], looks=2 * MIRRORED_TOO)
    assert not findings.fits(stored, (steps[0], looking_twice), experiment, [0])
    # A retired step is passed over, an unknown setting that is switched on is not.
    gone = {**stored["rungs"][1], "key": findings.RETIRED[0]}
    assert findings.fits({**stored, "rungs": [*stored["rungs"], gone]}, steps, experiment, [0])
    stored["rungs"][1]["settings"]["second_opinion"] = False
    assert findings.fits(stored, steps, experiment, [0])
    stored["rungs"][1]["settings"]["second_opinion"] = True
    assert not findings.fits(stored, steps, experiment, [0])
    del stored["rungs"][1]["settings"]["second_opinion"]
    other = {**stored, "data": {**stored["data"], "fingerprint": "0"}}
    assert not findings.fits(other, steps, experiment, [0])
    # A field that a later version of the settings adds has its default in older files.
    for row in stored["rungs"]:
        assert row["settings"]["stages"][0].pop("dropout") == 0.0
    assert findings.fits(stored, steps, experiment, [0])
    stored["rungs"][0]["settings"]["stages"][0]["forgotten"] = 1
    assert not findings.fits(stored, steps, experiment, [0])


def test_the_repositorys_ladder_has_the_codes_steps_and_retired_ones(experiment):
    stored = findings.tracked()
    assert {row["key"] for row in stored["rungs"]} - {step.key for step in LADDERS["whole"]} == {
        "flow",
        "second_opinion",
    }
    here = {"fingerprint": experiment.dataset.fingerprint(), "split": experiment.split.summary()}
    stored["data"] |= here
    trained_ladder = for_profile(profiles.by_name("full"), epochs=stored["epochs"])
    assert findings.fits(stored, trained_ladder, experiment, stored["seeds"])
    # Retired steps are shown all the same.
    assert "**Second opinion on labels**, from As long again" in findings.contributions(stored)
    assert len(findings.score_table(stored)) == len(trained_ladder) + len(findings.RETIRED)


def test_the_tracked_ladder_is_read_where_it_fits(
    trained_ladder, experiment, monkeypatch, tmp_path
):
    run_dir, result = trained_ladder
    monkeypatch.setattr(findings, "TRACKED", run_dir / "ladder.json")

    def of_epochs(*_, epochs, **__):
        return tiny_steps() if epochs == 1 else tiny_steps()[:1]

    monkeypatch.setattr(findings, "for_profile", of_epochs)
    monkeypatch.setattr(findings, "run_ladder", lambda *_, **__: {"rungs": []})
    read = findings.load_or_run(experiment, tmp_path, seeds=[0])
    assert read["rungs"] == files.read_json(run_dir / "ladder.json")["rungs"]
    assert read["needs"] == []
    assert findings.tracked_beside(read) is None
    new = findings.load_or_run(experiment, tmp_path, seeds=[1])
    assert new == {"rungs": []}
    assert findings.load_or_run(experiment, tmp_path, seeds=[0], epochs=2) == new
    assert findings.tracked_beside(new)["rungs"] == read["rungs"]
    monkeypatch.setattr(findings, "TRACKED", tmp_path / "absent.json")
    assert findings.tracked() is None and findings.tracked_beside(new) is None


def test_seeds_are_averaged_and_kept_apart(experiment, monkeypatch, tmp_path):
    network = keras.Sequential(
        [keras.Input((32, 32, 3)), keras.layers.Flatten(), keras.layers.Dense(28)]
    )
    shift_px = {("poster", 0): 3.0, ("poster", 1): 5.0, ("mirrored", 0): 1.0, ("mirrored", 1): 2.0}

    def estimator(step, runs):
        def estimate_dataset(dataset):
            moved_px = dataset.keypoints_px + shift_px[step.key, runs[0].config.seed]
            return SimpleNamespace(keypoints_px=moved_px)

        stage = Stage(network, "coordinates", "squashed", 3 * MIRRORED_TOO)
        once = replace(stage, passes=ONE_PASS)
        return SimpleNamespace(stages=(stage, once), estimate_dataset=estimate_dataset)

    def fit(config, *_):
        return SimpleNamespace(
            config=config,
            folder=tmp_path / "training" / f"{config.seed}",
            history={"epoch": [1, 2], "seconds": [30.0, 60.0 * (1 + config.seed)]},
        )

    monkeypatch.setattr(run, "estimator_of", estimator)
    monkeypatch.setattr(run, "fit", fit)
    result = run.run_ladder(tiny_steps(), experiment, tmp_path, seeds=[0, 1])
    first, second = result["rungs"]
    validation = experiment.part("validation")
    # Moved by d in x and y, a coordinate's error in the frame is d * 96 / side, squared.
    joints = validation.labelled[:, :12].sum(axis=1)
    scale = ((96 / validation.image_sizes_px) ** 2).mean(axis=1)
    unit = (joints * scale).sum() / joints.sum()
    assert first["validation"]["frame_mse"]["value"] == pytest.approx((9 + 25) / 2 * unit)
    assert second["difference"]["frame_mse"]["value"] == pytest.approx((2.5 - 17) * unit)
    over_seeds = first["over_seeds"]["frame_mse"]
    assert over_seeds["mean"] == pytest.approx(17 * unit)
    assert over_seeds["standard_deviation"] == pytest.approx((25 - 9) / math.sqrt(2) * unit)
    assert [row["minutes"] for row in first["by_seed"]] == [1.5, 2.5]
    assert (first["minutes"], first["epochs"]) == (2.0, 2)
    # 3 looks at the picture and its mirror image by the first network, one by the second.
    assert first["gigaflops"] == pytest.approx(7 * 2 * 32 * 32 * 3 * 28 / 1e9)
    assert first["parameters"] == 2 * (32 * 32 * 3 * 28 + 28)


def test_synthetic_people_come_first_where_a_step_says_so(experiment, monkeypatch, tmp_path):
    seen = []

    def fit(config, chosen, run_dir):
        seen.append((chosen, config))
        return SimpleNamespace(folder=tmp_path / f"{len(seen)}", config=config)

    monkeypatch.setattr(run, "fit", fit)
    monkeypatch.setattr(run, "open_experiment", lambda data, **_: data)
    first = tiny_steps()[0]
    step = first.changed("drawn", "", "", initial_weights="synthetic")
    runs = run.train(step, experiment, tmp_path, 4)
    (drawn, before), (real, after) = seen
    assert (drawn, before.initial_weights) == ("synthetic", None)
    assert (real, after.initial_weights) == (experiment, str(tmp_path / "1" / "best.keras"))
    assert [run.config for run in runs] == [before, after]
    assert replace(after, initial_weights=None) == before == replace(first.stages[0], seed=4)


def test_a_network_is_trained_further_where_a_step_says_so(experiment, monkeypatch, tmp_path):
    seen = []

    def fit(config, chosen, run_dir):
        seen.append((chosen, config))
        return SimpleNamespace(folder=tmp_path / f"{len(seen)}", config=config)

    monkeypatch.setattr(run, "fit", fit)
    imagenet, longer = LADDERS["whole"][-3:-1]
    assert [step.key for step in (imagenet, longer)] == ["imagenet", "longer"]
    whole, person = (replace(stage, seed=4) for stage in imagenet.stages)
    runs = run.train(longer, experiment, tmp_path, 4)
    again = replace(person, initial_weights=str(tmp_path / "2" / "best.keras"))
    assert seen == [(experiment, whole), (experiment, person), (experiment, again)]
    # First the one that only gave its weights.
    assert [run.config for run in runs] == [person, whole, again]


def test_synthetic_data_have_no_step_that_starts_from_synthetic_people():
    def keys(name):
        chosen = SimpleNamespace(
            profile=profiles.by_name("full"), dataset=SimpleNamespace(name=name)
        )
        return [step.key for step in findings.steps(chosen, with_imagenet=True)]

    assert keys("lspet") == ["poster", *CHANGES]
    assert keys("synthetic") == [key for key in keys("lspet") if key != "drawn"]


def row(key, title, pck, mse, parent=None, *, step=None, branch=False):
    score = {
        "pck_0.2": {"value": pck, "interval": [pck - 0.01, pck + 0.01]},
        "pcp_0.5": {"value": pck, "interval": [pck, pck]},
        "frame_mse": {"value": mse, "interval": [mse - 5, mse + 5]},
    }
    difference = None
    if step is not None:
        value, decided = step
        interval = [value - 0.02, value + 0.02]
        difference = {
            "pck_0.2": {"value": value, "interval": interval, "decided": decided},
            "frame_mse": {"value": -9.0, "interval": [-12.0, -6.0], "decided": True},
        }
    return {
        "key": key,
        "title": title,
        "idea": "An idea.",
        "change": "loss: mse to l1",
        "parent": parent,
        "branch": branch,
        "validation": score,
        "train": {"frame_mse": {"value": mse - 40}, "pck_0.2": {"value": pck + 0.1}},
        "gap": {"frame_mse": 40.0, "pck_0.2": 0.1},
        "difference": difference,
        "gigaflops": 0.2 * (1 + len(key)),
        "parameters": 1000,
        "minutes": 10.0 * len(key),
        "epochs": 12,
        "pck_per_joint": {"right_ankle": pck, "neck": None},
    }


@pytest.fixture
def result():
    return {
        "data": {
            "name": "people",
            "images": 9000,
            "split": {"comparable": True, "name": "standard"},
        },
        "epochs": 12,
        "joints": list(LSP.limb_joints),
        "images": {"validation": 1234, "train": 1234},
        "mean_pose": {"pck_0.2": {"value": 0.03}, "frame_mse": {"value": 250.0}},
        "rungs": [
            row("a", "Start", 0.05, 240.0),
            row("bb", "Small", 0.06, 230.0, "a", step=(0.01, False)),
            row("ccc", "Long", 0.2, 200.0, "bb", step=(0.14, True)),
            row("x", "Aside", 0.1, 220.0, "ccc", step=(-0.1, True), branch=True),
            row("dddd", "Back", 0.15, 125.0, "ccc", step=(-0.05, True)),
        ],
    }


def test_the_answer_names_what_helps_what_harms_and_what_is_not_decided(result):
    text = findings.answer(result)
    assert text.startswith("**Answer.** PCK@0.2 changes from 0.050")
    assert "on 1,234 validation images of people, over 12 limb joints, after 12 epochs" in text
    assert "from 0.050 (95 % interval 0.040 to 0.060) (Start) to 0.150" in text
    assert "the mean pose gets 0.030" in text and "beats the mean pose by 50%" in text
    assert "Steps that help: Long (+0.140 PCK). Steps that harm: Back (-0.050 PCK)." in text
    assert "Not decided by these images: Small (+0.010 PCK)." in text
    assert "Aside" not in text  # a branch is no step of the way up
    assert "(training error) changes from 200.0 to 85.0, its variance" in text
    assert "(validation minus training) from 40.0 to 40.0" in text
    assert (
        "changes from 0.40 to 1.00 billion operations, that of training from 10.0 to 40.0 minutes"
        in text
    )
    assert "not comparable" not in text


def test_contributions_have_a_line_for_each_change(result):
    lines = findings.contributions(result).splitlines()
    assert len(lines) == 4
    assert lines[0] == (
        "- **Small**, from Start (loss: mse to l1): PCK@0.2 +0.010 (95 % interval -0.010 to "
        "+0.030, not decided), MSE -9.0 (95 % interval -12.0 to -6.0)."
    )
    assert lines[2].startswith("- **Aside**, from Long")


def test_tables_name_branches_and_parents(result):
    scores = findings.score_table(result)
    assert [line["title"] for line in scores] == ["Start", "Small", "Long", "(Aside)", "Back"]
    assert [line["decided"] for line in scores] == ["-", "no", "yes", "yes", "yes"]
    assert scores[0]["PCK against its parent"] is None
    assert scores[2]["95 % interval"] == pytest.approx([0.12, 0.16])
    ideas = findings.idea_table(result)
    assert [line["made from"] for line in ideas] == ["-", "Start", "Small", "Long", "Long"]


def test_photograph_text(result):
    text = findings.photograph_text(result)
    assert text.startswith("9,000 images of people. PCK@0.2 changes from 0.050")
    assert text.endswith(findings.contributions(result)) and "Answer" not in text
    assert findings.photograph_text(None) == "The repository has no other ladder."


def test_shipped_models_stand_in_the_order_of_their_scores(tmp_path, monkeypatch):
    def ship(name, pck):
        folder = tmp_path / name
        folder.mkdir()
        scores = {
            "pck_0.2": {"value": pck, "interval": [pck - 0.1, pck + 0.1]},
            "pcp_0.5": {"value": 0.5},
            "frame_mse": {"value": 99.0},
        }
        for part in ("validation", "development"):
            # Those of all joints, which the table must leave alone.
            metrics = {key: {"value": 9.0, "interval": [9.0, 9.0]} for key in scores}
            written = {"metrics": metrics, "limb_joints": {"metrics": scores}}
            files.write_json(folder / f"{part}.json", written)
            scores = {**scores, "pck_0.2": {"value": pck + 0.01, "interval": [pck, pck + 0.02]}}
        (folder / "one.keras").write_bytes(bytes(2_000_000))
        manifest = files.read_json(loading.SHIPPED / "quick" / "manifest.json")
        first = {**manifest["stages"][0], "file": "one.keras"}
        files.write_json(folder / "manifest.json", {**manifest, "stages": [first]})

    ship("good", 0.6)
    ship("fair", 0.4)
    ship("mine", 0.5)
    (tmp_path / "unscored").mkdir()
    shipped = {
        "good": recipes.Model(("second", "whole")),
        "fair": recipes.Model(("first",)),
        "unscored": recipes.Model(("first",)),
    }
    monkeypatch.setattr(recipes, "MODELS", shipped)
    trainings = {
        "first": {"epochs": 3},
        "second": {"epochs": 5, "starts_from": "first"},
        "whole": {"epochs": 7, "starts_from": "first"},
    }
    monkeypatch.setattr(recipes, "RECIPES", trainings)
    fair, good = findings.shipped_table(tmp_path)
    assert (fair["model"], good["model"]) == ("fair", "good")
    assert (good["PCK@0.2"], good["PCK, development"]) == (0.6, 0.61)
    assert good["PCK's 95 % interval"] == pytest.approx([0.5, 0.7])
    assert good["its 95 % interval"] == pytest.approx([0.6, 0.62])
    # What two stages start from was trained once.
    assert (fair["epochs of all its trainings"], good["epochs of all its trainings"]) == (3, 15)
    assert good["megabytes"] == 2.0
    assert findings.shipped_table(tmp_path / "none") == []


def test_joints_of_both_ends(result):
    assert findings.joint_arguments(result) == {
        "values_by_name": {"Start": [0.05, None], "Back": [0.15, None]},
        "joints": ["right_ankle", "neck"],
    }


def test_pictures_are_shown_of_drawn_people_alone(experiment, monkeypatch, tmp_path):
    validation = experiment.part("validation")

    def estimator(step, runs):
        return SimpleNamespace(
            estimate_dataset=lambda dataset: SimpleNamespace(keypoints_px=dataset.keypoints_px + 1)
        )

    monkeypatch.setattr(findings, "train", lambda *_: [])
    monkeypatch.setattr(findings, "estimator_of", estimator)
    stored = {"epochs": 2, "seeds": [3]}
    drawn = replace(experiment, dataset=replace(experiment.dataset, name="synthetic"))
    shown = findings.pictures(stored, drawn, tmp_path, count=3)
    assert list(shown["titles"]) == list(validation.image_ids[[0, 2, 4]])
    np.testing.assert_array_equal(shown["pred_px"], shown["true_px"] + 1)
    assert [image.shape[1::-1] for image in shown["images"]] == [
        tuple(size) for size in validation.image_sizes_px[[0, 2, 4]]
    ]
    photographs = replace(experiment, dataset=replace(experiment.dataset, name="lspet"))
    assert findings.pictures(stored, photographs, tmp_path, count=3) is None
