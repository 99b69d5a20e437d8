import json
import math
from dataclasses import asdict, replace
from types import SimpleNamespace

import keras
import pytest
from eager import eager_steps

from posekit import files, profiles
from posekit.estimators import loading, recipes
from posekit.estimators.estimator import Stage
from posekit.evaluation.scores import score_original_px
from posekit.models import summary
from posekit.skeleton import LSP
from posekit.studies.ladder import findings, run
from posekit.studies.ladder.steps import Step, change_text, leave_one_out, way_up
from posekit.training import fit as training_fit
from posekit.training.config import TrainingConfig

STEPS = {
    "short": way_up(profiles.by_name("quick")),
    "shortest": way_up(profiles.by_name("smoke")),
    "ablation": leave_one_out(epochs=12),
}

# What each recipe of the ablation claims to leave out.
LEFT_OUT = {
    "no_imagenet": {"initial_weights"},
    "no_map": {"head", "loss"},
    "no_mask": {"label_treatment"},
    "no_augmentation": {"augmentation"},
    "no_schedule": {"schedule"},
    "no_average": {"weight_average"},
    "no_proportions": {"view"},
}


def differing(step, parent):
    """Names of everything in which two steps' settings differ."""
    names, before = set(), list(parent.stages)
    if len(step.stages) != len(before):
        names.add("stages")
        assert step.stages[: len(before)] == parent.stages
        before.append(before[-1])
    for old, new in zip(map(asdict, before), map(asdict, step.stages), strict=True):
        names |= {name for name in old if old[name] != new[name]}
    return names


@pytest.mark.parametrize("steps", STEPS.values(), ids=STEPS)
def test_a_step_differs_from_its_parent_in_what_it_says_and_nothing_else(steps):
    by_key = {step.key: step for step in steps}
    assert len(by_key) == len(steps) and steps[0].parent is None
    for step in steps[1:]:
        assert differing(step, by_key[step.parent]) == set(step.change), step.key


def test_the_ablation_runs_at_another_size():
    small = leave_one_out(epochs=12, frame_px=64)
    assert {stage.frame_px for step in small for stage in step.stages} == {64}
    assert "64 px" in small[0].idea


def test_the_ablation_leaves_out_one_part_of_the_recipe_of_best():
    finished, *others = STEPS["ablation"]
    assert {step.key: set(step.change) for step in others} == LEFT_OUT
    assert {step.parent for step in others} == {"finished"}
    (config,) = finished.stages
    recipe = recipes.RECIPES[recipes.RECIPES["best_whole"]["starts_from"]]
    assert {name: getattr(config, name) for name in recipe} == {
        **recipe,
        "frame_px": 96,
        "epochs": 12,
    }


@pytest.mark.parametrize("steps", STEPS.values(), ids=STEPS)
def test_every_network_has_the_same_budget(steps):
    stages = [stage for step in steps for stage in step.stages]
    assert len({stage.epochs for stage in stages}) == 1
    assert len({stage.batch_size for stage in stages}) == 1
    assert len({stage.seed for stage in stages}) == 1


@pytest.mark.parametrize("name", ["smoke", "quick"])
def test_the_way_up_starts_with_what_notebook_02_trains(name):
    profile = profiles.by_name(name)
    for step, treatment in zip(way_up(profile), ("poster_origin", "masked"), strict=False):
        assert step.stages == (
            TrainingConfig(
                "poster_batchnorm",
                treatment,
                epochs=profile.epochs,
                seed=0,
                batch_size=profile.batch_size,
            ),
        )


def test_ways_up_lead_to_a_cascade():
    short = ["poster", "masked", "map", "schedule", "cascade"]
    assert [step.key for step in STEPS["short"]] == short
    assert [step.key for step in STEPS["shortest"]] == [key for key in short if key != "schedule"]
    assert {len(STEPS[name][-1].stages) for name in ("short", "shortest")} == {2}


def test_epochs_come_from_the_profile_or_the_caller():
    full = profiles.by_name("full")
    assert way_up(full)[0].stages[0].epochs == full.ladder_epochs
    assert way_up(full, epochs=3)[-1].stages[1].epochs == 3


def test_changes_in_words():
    by_key = {step.key: step for step in (*STEPS["short"], *STEPS["ablation"])}

    def words(key):
        return change_text(by_key[key], by_key.get(by_key[key].parent))

    assert words("poster") == words("finished") == "the start"
    assert words("masked") == "label treatment: poster_origin to masked"
    assert words("cascade") == (
        "a second network; view: squashed to person; augmentation: none to turned"
    )
    assert words("no_imagenet") == "initial weights: imagenet to none"
    assert words("no_proportions") == "view: whole to squashed"


def tiny_steps():
    """The poster's network on frames of 32 pixels, then with masked labels."""
    config = TrainingConfig(
        "poster_plain", "poster_origin", epochs=1, seed=7, batch_size=16, frame_px=32
    )
    first = Step("poster", "First", "It is there.", (config,))
    return first, first.changed("masked", "Second", "It masks.", label_treatment="masked")


@pytest.fixture(scope="module")
def trained_ladder(experiment, tmp_path_factory):
    run_dir = tmp_path_factory.mktemp("ladder")
    with eager_steps():
        return run_dir, run.run_ladder(tiny_steps(), experiment, run_dir, seeds=[0])


def test_a_ladder_scores_as_metrics_do(trained_ladder, experiment):
    run_dir, result = trained_ladder
    for step, row in zip(tiny_steps(), result["rungs"], strict=True):
        (trained,) = run.train(step, experiment, run_dir, 0)
        estimator = loading.from_runs("x", [trained])
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
        assert row["gigaflops"] == summary.count_flops(trained.best_model()) / 1e9
        assert trained.config == replace(step.stages[0], seed=0)


def test_a_difference_is_that_of_the_scores(trained_ladder):
    first, second = trained_ladder[1]["rungs"]
    assert first["difference"] is None
    for name, difference in second["difference"].items():
        scores = [row["validation"][name]["value"] for row in (first, second)]
        assert difference["value"] == pytest.approx(scores[1] - scores[0])
        low, high = difference["interval"]
        assert low <= difference["value"] <= high
        # One seed: the pictures alone decide.
        assert difference["interval_over_seeds"] is None
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
        for score in row["validation"].values():
            assert score["interval"][0] <= score["value"] <= score["interval"][1]
    assert len(written["needs"]) == 2
    assert all((run_dir / path).is_file() for path in written["needs"])


def test_nothing_is_trained_twice(trained_ladder, experiment, monkeypatch):
    run_dir, result = trained_ladder
    monkeypatch.setattr(training_fit, "_train", lambda *_, **__: pytest.fail("trained again"))
    again = run.run_ladder(tiny_steps(), experiment, run_dir, seeds=[0], out=run_dir / "again.json")
    assert again["rungs"] == result["rungs"]
    assert json.loads((run_dir / "again.json").read_text())["complete"]


def test_an_interrupted_ladder_keeps_what_it_has(trained_ladder, experiment, monkeypatch, tmp_path):
    run_dir, _ = trained_ladder

    def stop_at_the_second(step, *arguments):
        if step.key == "masked":
            raise KeyboardInterrupt
        return train(step, *arguments)

    train = run.train
    monkeypatch.setattr(run, "train", stop_at_the_second)
    with pytest.raises(KeyboardInterrupt):
        run.run_ladder(tiny_steps(), experiment, run_dir, seeds=[0], out=tmp_path / "out.json")
    kept = json.loads((tmp_path / "out.json").read_text())
    assert not kept["complete"]
    assert [row["key"] for row in kept["rungs"]] == ["poster"]


def test_the_repositorys_way_up_on_photographs_is_shown():
    stored = findings.stored(findings.PHOTOGRAPHS)
    # One name, one network: the other way up starts with batch normalisation.
    names = {
        row["settings"]["stages"][0]["network"]: row["title"]
        for row in stored["rungs"]
        if row["parent"] is None
    }
    assert names == {"poster_plain": "The poster's recipe, without batch normalisation"}
    assert STEPS["short"][0].title not in names.values()
    assert len(findings.score_table(stored)) == len(stored["rungs"])
    text = findings.photograph_text(stored)
    assert "7,282 photographs of lspet to train" in text and "4 epochs, 1 seed." in text
    by_key = {row["key"]: row["difference"]["pck_0.2"] for row in stored["rungs"][1:]}
    for key in ("schedule", "augmentation"):
        assert by_key[key]["decided"] and by_key[key]["value"] < 0


def test_a_missing_file_is_no_result(tmp_path):
    assert findings.stored(tmp_path / "absent.json") is None
    assert findings.photograph_text(None) == "No way up on photographs is stored."
    assert findings.ablation_text(None).startswith("**Not yet run on photographs.**")


def test_seeds_are_averaged_and_kept_apart(experiment, monkeypatch, tmp_path):
    network = keras.Sequential(
        [keras.Input((32, 32, 3)), keras.layers.Flatten(), keras.layers.Dense(28)]
    )
    shift_px = {("poster", 0): 3.0, ("poster", 1): 5.0, ("masked", 0): 1.0, ("masked", 1): 2.0}

    def estimator(step, runs):
        def estimate_dataset(dataset):
            moved_px = dataset.keypoints_px + shift_px[step.key, runs[0].config.seed]
            return SimpleNamespace(keypoints_px=moved_px)

        stage = Stage(network, "coordinates", "squashed")
        return SimpleNamespace(stages=(stage, stage), estimate_dataset=estimate_dataset)

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
    assert over_seeds["values"] == pytest.approx([9 * unit, 25 * unit])
    assert (first["minutes"], first["epochs"]) == (2.0, 2)
    assert first["gigaflops"] == pytest.approx(2 * 2 * 32 * 32 * 3 * 28 / 1e9)
    assert first["parameters"] == 2 * (32 * 32 * 3 * 28 + 28)
    # Over seeds: the differences are 1 - 9 and 4 - 25, and Student's t has one degree of freedom.
    low, high = second["difference"]["frame_mse"]["interval_over_seeds"]
    assert (low + high) / 2 == pytest.approx(-14.5 * unit)
    assert (high - low) / 2 == pytest.approx(12.7062 * 6.5 * unit, rel=1e-4)
    assert not second["difference"]["frame_mse"]["decided"]


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
            "pck_0.2": {
                "value": value,
                "interval": interval,
                "interval_over_seeds": interval,
                "decided": decided,
            },
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
    assert text.startswith("**Most comes from one step, long: +0.14 PCK.** PCK@0.2 changes from")
    assert "0.05 (start) to 0.15 (back); the mean pose gets 0.03" in text
    assert "1,234 validation images of people, 12 limb joints, 12 epochs" in text
    assert "beats the mean pose by 50%" in text
    assert "What helps: Long (+0.140 PCK). What harms: Back (-0.050 PCK)." in text
    assert "Not decided by these images: Small (+0.010 PCK)." in text
    assert "Aside" not in text  # a branch is no step of the way up
    assert "(training error) 200 to 85; variance" in text
    assert "not comparable" not in text
    for each in result["rungs"][1:]:
        each["difference"]["pck_0.2"]["decided"] = False
    assert findings.answer(result).startswith("**Not decided: 12 epochs are too few")


def test_the_ablation_in_words(result):
    first, small, long, _, back = result["rungs"]
    for each in (small, long, back):
        each["parent"] = "a"
    whole = {**result, "rungs": [first, small, long, back], "complete": True, "seeds": [0, 1, 2]}
    text = findings.ablation_text(whole)
    assert "scores PCK@0.2 0.050 (95 % interval 0.040 to 0.060) after 12 epochs, 3 seeds." in text
    assert "What helps: Long (+0.140 PCK). What harms: Back (-0.050 PCK). Not decided" in text
    begun = {**whole, "complete": False}
    assert findings.ablation_text(begun).startswith("**Not finished:** 4 recipes have all seeds.")


def test_tables_name_branches_and_parents(result):
    scores = findings.score_table(result)
    assert [line["title"] for line in scores] == ["Start", "Small", "Long", "(Aside)", "Back"]
    assert [line["decided"] for line in scores] == ["–", "no", "yes", "yes", "yes"]
    assert scores[0]["PCK, minus that made from"] is None
    assert scores[2]["PCK, minus that made from"]["interval"] == pytest.approx([0.12, 0.16])
    assert scores[2]["95 % interval over seeds"] == pytest.approx([0.12, 0.16])
    ideas = findings.idea_table(result)
    assert [line["made from"] for line in ideas] == ["-", "Start", "Small", "Long", "Long"]
    assert [line["minutes of training"] for line in findings.cost_table(result)][:2] == [10, 20]


def test_shipped_models_stand_in_the_order_of_their_scores(tmp_path, monkeypatch):
    def ship(name, pck):
        folder = tmp_path / name
        folder.mkdir()
        scores = {
            "pck_0.2": {"value": pck, "interval": [pck - 0.1, pck + 0.1]},
            "pcp_0.5": {"value": 0.5, "interval": [0.4, 0.6]},
            "frame_mse": {"value": 99.0, "interval": [90.0, 110.0]},
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
    assert good["PCK@0.2"] == {"value": 0.6, "interval": pytest.approx([0.5, 0.7])}
    assert good["PCK@0.2, development"] == {"value": 0.61, "interval": pytest.approx([0.6, 0.62])}
    # What two stages start from was trained once.
    assert (fair["epochs of all its trainings"], good["epochs of all its trainings"]) == (3, 15)
    assert good["megabytes"] == 2.0
    assert findings.shipped_table(tmp_path / "none") == []
