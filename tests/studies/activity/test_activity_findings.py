from dataclasses import replace

import keras
import numpy as np
import pytest

from posekit import files
from posekit.errors import PosekitError
from posekit.models import poster
from posekit.studies.activity import comparison, findings, scores
from posekit.studies.activity.labels import ActivityLabels, open_labels

DESCRIBED = {
    "folder": "training/x",
    "epochs": 2,
    "validation_mse": 150.0,
    "baselines": {"mean_pose": 200.0},
}


@pytest.fixture(scope="module")
def known(experiment):
    """Two activities of all pictures but the first validation picture."""
    codes = np.arange(len(experiment.dataset)) % 2
    codes[experiment.split.validation[0]] = -1
    return ActivityLabels("table.csv", ("hop", "run"), codes)


@pytest.fixture(scope="module")
def compared(experiment, known, tmp_path_factory):
    keras.utils.set_random_seed(0)
    pose_network = poster.poster_network(
        batch_norm=True, convolution_widths=((4,), (4,), (4,), (4,), (8,)), dense_widths=(8,)
    )
    run_dir = tmp_path_factory.mktemp("run")
    result = comparison.compare(
        known,
        replace(experiment, profile=replace(experiment.profile, batch_size=4)),
        pose_network,
        DESCRIBED,
        run_dir,
        seeds=[3, 4],
        steps=2,
        fractions=[0.5, 1],
    )
    return result, run_dir


def test_all_kinds_are_scored_alike(compared, experiment):
    result, _ = compared
    scored = len(experiment.split.validation) - 1  # one picture has no label
    assert result["pictures"]["validation"] == scored
    train = len(experiment.split.train)
    assert result["pictures"]["train"][1] == train
    assert train / 2 <= result["pictures"]["train"][0] <= train / 2 + 1
    assert list(result["kinds"]) == ["image", "pose", "both", "true_pose"]
    for row in result["kinds"].values():
        # Two seeds predict every picture.
        assert row["confusion"].sum() == 2 * scored
        for at in row["by_fraction"]:
            for name in scores.SCORES:
                low, high = at[name]["interval"]
                assert 0 <= low <= at[name]["value"] <= high <= 1
            # All seeds see the same pictures: pooled accuracy is the seeds' mean.
            assert at["accuracy"]["value"] == pytest.approx(np.mean(at["by_seed"]["accuracy"]))


def test_differences_are_those_of_the_scores(compared):
    result, _ = compared
    kinds = result["kinds"]
    for pair in result["differences"]:
        for index, row in enumerate(pair["by_fraction"]):
            for name in scores.SCORES:
                first, second = (
                    kinds[pair[role]]["by_fraction"][index][name]["value"]
                    for role in ("first", "second")
                )
                assert row[name]["value"] == pytest.approx(first - second)
    few, everything = (row["accuracy"]["value"] for row in result["differences"][0]["by_fraction"])
    assert result["gain_with_few_labels"]["value"] == pytest.approx(few - everything)


def test_a_difference_is_decided_by_pictures_and_seeds_together():
    def decided(interval, over_seeds):
        return comparison._decided({"interval": interval}, over_seeds)["decided"]

    assert decided([0.1, 0.3], [0.05, 0.35])
    assert decided([-0.3, -0.1], [-0.3, -0.1])
    assert not decided([0.1, 0.3], [-0.1, 0.5])
    assert not decided([-0.1, 0.3], [0.1, 0.3])
    assert not decided([0.1, 0.3], None)


def test_the_network_of_the_first_seed_is_kept_whole(compared, experiment, known):
    result, run_dir = compared
    network = keras.saving.load_model(
        run_dir / comparison.NETWORK_FILE, compile=False, safe_mode=True
    )
    labelled = known.codes[experiment.split.validation] >= 0
    images = experiment.images("validation")[labelled].astype(np.float32)
    predicted = np.asarray(network(images)).argmax(axis=-1)
    true = known.codes[experiment.split.validation][labelled]
    of_first = result["kinds"]["both"]["by_fraction"][-1]["by_seed"]["accuracy"][0]
    assert (predicted == true).mean() == pytest.approx(of_first)


def test_tables_figures_and_answer_follow(compared, tmp_path):
    result, _ = compared
    files.write_json(tmp_path / "activity.json", result)
    stored = files.read_json(tmp_path / "activity.json")
    assert [row["label"] for row in stored["headline"]][:2] == [
        "accuracy, image alone",
        "accuracy, pose alone",
    ]
    assert len(findings.score_table(stored)) == 2 * 4 + 1
    assert len(findings.difference_table(stored)) == 3 * 2 * 2
    assert [row["activity"] for row in findings.f1_table(stored)] == ["hop", "run"]
    budget = findings.budget_table(stored)
    assert {row["steps"] for row in budget} == {2}
    assert [row["epochs on joints before"] for row in budget] == [0, 2, 2, 0]
    assert findings.curve_arguments(stored)["pictures"] == stored["pictures"]["train"]
    assert set(findings.confusion_arguments(stored)["confusion_by_name"]) == {
        row["title"] for row in stored["kinds"].values()
    }
    words = findings.answer(stored)
    assert words == findings.answer(result)
    for said in ("Image and pose: accuracy 0.", ", 2 seeds", "2 epochs", "150.0", "not decided"):
        assert said in words
    assert "{" not in words


def test_what_is_decided_is_said():
    more = {"value": 0.2, "decided": True}
    assert findings._where_most(more) == "the pose helps most when labels are few"
    assert findings._where_most({**more, "value": -0.2}).startswith("the pose helps least")
    assert findings._where_most({**more, "decided": False}).endswith("is not decided")


def test_without_labels_nothing_is_measured(experiment, tmp_path):
    result = comparison.compare(None, experiment, None, DESCRIBED, tmp_path, seeds=[0])
    files.write_json(tmp_path / "activity.json", result)
    assert result["headline"][0]["value"] is None
    assert "labels.csv" in findings.answer(result)
    assert findings.count_table(None, experiment)[0]["activity"] == "no labels"
    assert findings.pictures(None, experiment, count=3)["titles"] is None


def test_pictures_show_every_activity(experiment, synthetic_folder):
    predicted = open_labels(str(synthetic_folder), experiment.dataset)
    shown = findings.pictures(predicted, experiment, count=len(predicted.names))
    assert sorted(shown["titles"]) == sorted(predicted.names)
    counts = findings.count_table(predicted, experiment)
    assert sum(row["train"] for row in counts) == len(experiment.split.train)


def test_labels_that_cannot_be_learned_are_refused(experiment, known, tmp_path):
    def compare(codes, **settings):
        labels = ActivityLabels("table.csv", known.names, codes)
        comparison.compare(labels, experiment, None, DESCRIBED, tmp_path, seeds=[0], **settings)

    never_trained = np.zeros(len(experiment.dataset), int)
    never_trained[experiment.split.validation] = 1
    with pytest.raises(PosekitError, match=r"table\.csv: every activity .* got none of 'run'"):
        compare(never_trained)
    never_validated = known.codes.copy()
    never_validated[experiment.split.validation] = -1
    with pytest.raises(PosekitError, match="pictures of the validation part must have .* got none"):
        compare(never_validated)
    for fractions in ([0.5], [1, 0.5], [0, 1], []):
        with pytest.raises(PosekitError, match="must be above 0, rise and end in 1; got"):
            compare(known.codes, fractions=fractions)
