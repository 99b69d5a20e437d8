from types import SimpleNamespace

import keras
import numpy as np
import pytest

from posekit import files
from posekit.errors import PosekitError
from posekit.studies.activity import comparison, cues, findings, scores
from posekit.studies.activity.labels import ActivityLabels, open_labels
from posekit.studies.activity.trainer import share_of_each


@pytest.fixture(scope="module")
def known(experiment):
    """Two activities of all pictures but the first validation picture."""
    codes = np.arange(len(experiment.dataset)) % 2
    codes[experiment.split.validation[0]] = -1
    return ActivityLabels("table.csv", ("hop", "run"), codes)


@pytest.fixture(scope="module")
def compared(experiment, known, tmp_path_factory):
    rng = np.random.default_rng(0)

    def pose_cues(dataset, cache_dir, *, model):
        # The pose networks are tested elsewhere.
        assert (len(dataset), model) == (len(experiment.dataset), "quick")
        keypoints_px = dataset.keypoints_px.reshape(1, len(dataset), -1).repeat(2, axis=0)
        return cues.Cues(rng.normal(size=(2, len(dataset), 6)).astype("float32"), keypoints_px)

    run_dir = tmp_path_factory.mktemp("run")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cues, "pose_cues", pose_cues)
        patch.setattr(cues, "picture_features", lambda *_: None)
        result = comparison.compare(
            known, experiment, run_dir, seeds=[3, 4], steps=2, fractions=[0.5, 1]
        )
    return result, run_dir


def test_all_kinds_are_scored_alike(compared, experiment):
    result, _ = compared
    scored = len(experiment.split.validation) - 1  # one picture has no label
    assert result["pictures"]["validation"] == scored
    train = len(experiment.split.train)
    assert result["pictures"]["train"][1] == train
    assert train / 2 <= result["pictures"]["train"][0] <= train / 2 + 1
    assert list(result["kinds"]) == ["image", "pose", "staged", "both", "true_pose"]
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
    def difference(*right_by_seed, interval):
        """Of two networks with 2 activities: how many of 10 pictures more are right, by seed."""
        with_it = np.zeros((len(right_by_seed), 10, 2, 2))
        without = with_it.copy()
        without[:, :, 0, 1] = 1
        for found, right in zip(with_it, right_by_seed, strict=True):
            found[:right, 0, 0] = 1
            found[right:, 0, 1] = 1
        sample = object.__new__(comparison._Sample)
        sample.contrast = lambda *_: {"value": 0.0, "interval": interval}
        return sample.difference("accuracy", [1, -1], [with_it, without])

    same = difference(4, 4, 4, interval=[0.1, 0.3])
    assert same["decided"] and same["interval_over_seeds"] == pytest.approx([0.4, 0.4])
    assert not difference(0, 9, 0, interval=[0.1, 0.3])["decided"]
    assert not difference(4, 4, 4, interval=[-0.1, 0.3])["decided"]
    assert not difference(4, interval=[0.1, 0.3])["decided"]


def test_the_network_with_both_branches_is_kept(compared):
    network = keras.saving.load_model(
        compared[1] / comparison.NETWORK_FILE, compile=False, safe_mode=True
    )
    assert {tensor.name for tensor in network.inputs} == {"picture", "features", "keypoints_px"}
    assert network.output_shape == (None, 2)


def test_folds_keep_near_duplicates_together():
    groups = np.array([4, 4, 7, 9, 9, 9, 2, 1])
    folds = comparison._folds(groups, 0)
    assert set(folds) == set(range(comparison.FOLDS))
    for group in groups:
        assert len(set(folds[groups == group])) == 1


def test_a_training_picture_is_predicted_by_trainings_without_it():
    """A trainer that predicts, for each picture, whether it was trained on it."""

    class Remembering:
        def train(self, pictures, codes, rows, *, seed):
            self.seen = set(rows.tolist())

        def predict(self, pictures, rows):
            seen = np.array([row in self.seen for row in rows.tolist()], float)
            return np.stack([seen, 1 - seen], axis=1)

    sample = SimpleNamespace(
        rows=lambda fraction, seed: share_of_each(np.arange(20) % 2, fraction, seed=seed),
        train_codes=np.arange(20) % 2,
        train_groups=np.arange(20) // 2,
        validated=np.ones(20, bool),
        activities=2,
    )
    for fraction, count in ((0.5, 10), (1, 20)):
        for seed in (0, 1):
            scored, unseen = comparison._learned(
                Remembering(), None, None, sample, fraction, seed, crossed=True
            )
            np.testing.assert_array_equal(unseen, [[0, 1]] * count)
            assert scored[:, 0].sum() == count
    _, unseen = comparison._learned(Remembering(), None, None, sample, 1, 0, crossed=False)
    assert unseen is None


def test_tables_figures_and_answer_follow(compared, tmp_path):
    result, _ = compared
    files.write_json(tmp_path / "activity.json", result)
    stored = files.read_json(tmp_path / "activity.json")
    assert [row["label"] for row in stored["headline"]][:2] == [
        "accuracy, picture alone",
        "accuracy, pose alone",
    ]
    assert len(findings.score_table(stored)) == 2 * 5 + 1
    assert len(findings.difference_table(stored)) == 4 * 2
    weights = {row["network"]: row["trained weights"] for row in findings.score_table(stored)}
    assert weights["both, in stages"] == weights["picture alone"] + weights["pose alone"] + 2
    assert findings.curve_arguments(stored)["pictures"] == stored["pictures"]["train"]
    assert list(findings.confusion_arguments(stored)["confusion_by_name"]) == [
        *("picture alone", "pose alone", "both, in stages", "true joints")
    ]
    words = findings.answer(stored)
    assert words == findings.answer(result)
    for said in ("- Both, in stages: accuracy 0.", ", 2 seeds", "2 steps of 16", "not decided"):
        assert said in words
    assert "{" not in words
    assert "has seen none of these pictures" in findings.pose_errors_text(stored)
    stored["pose_model"]["has_seen_training_pictures"] = True
    assert "was **trained on these pictures**" in findings.pose_errors_text(stored)


def difference(value, *, decided):
    return {"value": value, "interval": [value, value], "decided": decided}


@pytest.mark.parametrize(
    ("over_image", "over_pose", "verdict"),
    [
        ((0.2, True), (0.1, True), "Yes: picture and pose together beat either alone."),
        ((0.2, True), (0.1, False), "Yes, the pose helps; whether the picture adds to the pose"),
        ((0.2, True), (-0.1, True), "The pose helps, but the pose alone is better than both."),
        ((-0.2, True), (0.1, True), "No: the picture alone is better than both."),
        ((0.2, False), (0.1, False), "Not decided: 77 validation pictures"),
    ],
)
def test_the_verdict_follows_what_is_decided(over_image, over_pose, verdict):
    differences = [
        {"by_fraction": [{"accuracy": difference(value, decided=decided)}]}
        for value, decided in (over_image, over_pose)
    ]
    result = {"differences": differences, "pictures": {"validation": 77}}
    assert findings._verdict(result).startswith(verdict)


def test_few_labels_in_words():
    result = {"pictures": {"train": [1600]}, "gain_with_few_labels": None}
    assert findings._few_labels(result) == ""
    result["gain_with_few_labels"] = difference(0.2, decided=True)
    few = "With only 1,600 labelled pictures the pose"
    assert findings._few_labels(result) == f"{few} helps more than with all."
    result["gain_with_few_labels"] = difference(-0.2, decided=True)
    assert findings._few_labels(result) == f"{few} helps less than with all."
    result["gain_with_few_labels"] = difference(-0.2, decided=False)
    assert findings._few_labels(result).endswith("not decided.")


def test_without_labels_nothing_is_measured(experiment, tmp_path):
    result = comparison.compare(None, experiment, tmp_path, seeds=[0])
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
        comparison.compare(labels, experiment, tmp_path, seeds=[0], **settings)

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
