import json
from dataclasses import replace

import numpy as np
import pytest

from posekit import files
from posekit.evaluation import baselines
from posekit.skeleton import JOINTS
from posekit.studies.poster import exploration


@pytest.fixture(scope="module")
def result(experiment):
    return exploration.explore(experiment)


def test_a_record_is_what_the_files_hold(experiment):
    dataset = experiment.dataset
    rows = exploration.record(dataset, 2)
    names, x, y, labelled = zip(*(row.values() for row in rows), strict=True)
    assert [name.replace(" ", "_") for name in names] == list(JOINTS)
    np.testing.assert_allclose(np.stack([x, y], axis=1), dataset.keypoints_px[2], atol=0.051)
    assert list(labelled) == dataset.labelled[2].tolist()


def test_original_images_have_their_own_sizes(experiment):
    images = exploration.original_images(experiment.dataset, [0, 5])
    sizes_px = [image.shape[1::-1] for image in images]
    assert sizes_px == [tuple(experiment.dataset.image_sizes_px[index]) for index in (0, 5)]


def without(dataset, *joints, images=slice(None)):
    """The data set with joints that some images do not label."""
    labelled = dataset.labelled.copy()
    for joint in joints:
        labelled[images, dataset.skeleton.joints.index(joint)] = False
    return replace(dataset, labelled=labelled)


def test_the_answer_names_joints_that_are_never_labelled(experiment):
    unlabelled = replace(experiment, dataset=without(experiment.dataset, "head_top"))
    assert unlabelled.dataset.known_joints == experiment.dataset.skeleton.joints[:-1]
    object.__setattr__(
        unlabelled, "split", replace(experiment.split, fingerprint=unlabelled.dataset.fingerprint())
    )
    result = exploration.explore(unlabelled)
    assert result["never_labelled"] == ["head_top"]
    assert "Never labelled, and so in no score: `head_top`." in exploration.answer(result)


def test_what_is_reported_is_measured(experiment, result):
    assert result["summary"]["images"] == len(experiment.dataset) == 48
    assert result["summary"]["labelled_joints"] == experiment.dataset.labelled.sum()
    groups = experiment.split.groups.tolist()
    shared = [group for group in groups if groups.count(group) > 1]
    assert result["images_in_similar_groups"] == len(shared)
    assert result["similar_groups"] == len(set(shared))

    # The mean pose of the training part, scored by hand on validation.
    train = experiment.targets("train", "masked")
    validation = experiment.targets("validation", "masked")
    counts = train[..., 2].sum(axis=0)[:, None]
    pose_px = (train[..., :2] * train[..., 2:]).sum(axis=0) / counts
    squared = (validation[..., :2] - pose_px) ** 2 * validation[..., 2:]
    expected = squared.sum() / (2 * validation[..., 2].sum())
    got = result["constant_guess_validation"]["masked"]["mean_pose"]
    assert got == pytest.approx(expected, rel=1e-4)


def test_artifact_and_answer_hold_the_numbers(result, tmp_path):
    files.write_json(tmp_path / "exploration.json", result)
    stored = files.read_json(tmp_path / "exploration.json")
    text = exploration.answer(stored)
    assert text == exploration.answer(result)
    assert text.startswith("**A loss says nothing before it says what missing joints count for: ")
    for treatment in ("masked", "poster", "poster_origin"):
        assert f"{stored['constant_guess_validation'][treatment]['mean_pose']:.1f}" in text
    assert f"{stored['summary']['labelled_share']:.1%}" in text
    placed = stored["placed_figure_validation"]["true_centre"]
    assert f"the mean figure at each person's true centre scores {placed:.1f} on labelled" in text
    assert "427.41" not in text and "Careful: 5 images are too few" in text
    values = {row["label"]: row["value"] for row in stored["headline"]}
    assert values["images"] == 48


def test_the_placed_figure_is_scored_on_validation(experiment, result):
    train, validation = (experiment.targets(part, "masked") for part in ("train", "validation"))
    figures = baselines.placed_figures(train, validation)
    assert result["placed_figure_validation"] == {
        name: baselines.treatment_mse(figure_px, validation) for name, figure_px in figures.items()
    }
    masked = exploration.guess_arguments(result)["scores"]["masked"]
    assert list(masked) == list(baselines.NAMES.values())
    assert list(exploration.guess_arguments(result)["scores"]["poster"]) == list(masked)[:2]


def test_only_photographs_are_compared_with_the_poster(result):
    guesses = {"masked": 264.0, "poster": 572.0, "poster_origin": 443.5}
    invented = {
        **result,
        "data": {**result["data"], "name": "lspet"},
        "constant_guess_validation": {
            name: {"mean_pose": value} for name, value in guesses.items()
        },
    }
    # 427.41 / 443.5 = 0.964; / 572 = 0.747; / 264 = 1.619.
    reading = (
        "Against one constant pose, the poster's validation loss of 427.41 is about the same with "
        "missing joints at the origin (444), 25% below it with the junk that is stored for missing "
        "joints (572) and 62% above it on labelled joints alone (264); the poster does not say "
        "which it is."
    )
    assert reading in exploration.answer(invented)
    assert exploration.guess_arguments(invented)["references"] == {
        "poster, training": 139.29,
        "poster, validation": 427.41,
    }
    assert exploration.guess_arguments(result)["references"] == {}


def test_what_is_publishable_names_no_image(experiment, result):
    published = json.dumps({name: result[name] for name in result["publishable"]}, default=str)
    assert not any(str(image_id) in published for image_id in experiment.dataset.image_ids)
