from dataclasses import replace

import numpy as np
import pytest

from posekit import geometry
from posekit.estimators.estimator import Poses
from posekit.skeleton import INDEX, LSP
from posekit.studies.explorer import findings
from posekit.studies.explorer.explorer import Explorer


class OffBy:
    """An estimator that is off by so many pixels to the right, at every joint of an image."""

    def __init__(self, keypoints_px, off_px):
        self.keypoints_px = keypoints_px + np.array(off_px)[:, None, None] * [1.0, 0.0]

    def estimate_dataset(self, dataset):
        unknown = np.full(self.keypoints_px.shape[:2], np.nan)
        boxes_px = geometry.squashed_boxes(dataset.image_sizes_px)
        count = len(boxes_px)
        known = np.full(count, np.nan), np.ones(count, bool), np.zeros((count, 5))
        return Poses(self.keypoints_px, unknown, unknown, boxes_px, *known)


@pytest.fixture
def few(experiment):
    profile = replace(experiment.profile, saliency_images=3, resamples=20)
    return replace(experiment, profile=profile)


@pytest.fixture
def result(few):
    indices = findings.choose_images(few, "validation")
    dataset = few.dataset.subset(indices)
    # A joint that is not labelled may hold anything.
    true_px = np.where(dataset.labelled[..., None], dataset.keypoints_px, 0.0)
    explorer = Explorer(dataset, estimator=OffBy(true_px, [1.0, 900.0, 2.0]))
    return findings.report(explorer, few, indices, model="best", part="validation", seed=0)


def test_chosen_images_are_spread_over_the_part(few):
    part = few.split.indices(few.dataset, "validation")
    chosen = findings.choose_images(few, "validation")
    assert len(chosen) == 3 and chosen[0] == part[0] and chosen[-1] == part[-1]
    assert findings.choose_images(few, "validation", count=10_000).tolist() == part.tolist()


def test_the_worst_come_first(result, few):
    ids = few.dataset.image_ids[findings.choose_images(few, "validation")]
    rows = result["images_worst_first"]
    assert [row["image"] for row in rows] == [ids[1], ids[2], ids[0]]
    assert [row["mean_error_px"] for row in rows] == pytest.approx([900.0, 2.0, 1.0])
    assert [row["mean error, px"] for row in findings.worst_table(result)][0] == rows[0][
        "mean_error_px"
    ]


def test_the_headline_is_the_share_of_correct_joints(result, few):
    # The second image is all wrong, the others all right, where a torso can be measured.
    right = counted = 0
    indices = findings.choose_images(few, "validation")
    for wrong, labelled in zip([False, True, False], few.dataset.labelled[indices], strict=True):
        if labelled[INDEX["left_shoulder"]] and labelled[INDEX["right_hip"]]:
            counted += labelled.sum()
            right += 0 if wrong else labelled.sum()
    (row,) = result["headline"]
    assert row["value"] == pytest.approx(right / counted, abs=5e-4)
    assert row["label"] == "PCK@0.2 of best, validation" and len(row["interval"]) == 2


def test_the_answer_names_the_picture_to_look_at(result):
    answer, share = findings.answer(result), result["headline"][0]["value"]
    assert 0 < share < 1
    begins = (
        f"**`best` places {share:.0%} of the joints within 0.2 torso lengths of their labels.**"
    )
    assert answer.startswith(begins)
    assert "- 3 validation images of synthetic, " in answer
    assert "3 images are too few for more than a rough answer" in answer
    worst = result["images_worst_first"][0]["image"]
    assert f"The median picture is off by 2.0 px, the worst, `{worst}`, by 900.0 px." in answer
    assert "another split" not in answer and "{" not in answer


def test_images_that_the_model_may_know_are_named(few):
    # Synthetic people are new to the shipped model; these are not what it was trained on.
    photographs = replace(few, dataset=replace(few.dataset, name="lspet"))
    assert findings._other_split("best", few) == ""
    assert "trained on another split" in findings._other_split("best", photographs)


def test_without_a_model_only_the_labels_are_reported(few):
    indices = findings.choose_images(few, "validation", count=2)
    explorer = Explorer(few.dataset.subset(indices))
    result = findings.report(explorer, few, indices, model="none", part="validation", seed=0)
    assert result["headline"] == [{"label": "images to browse, validation", "value": 2}]
    assert findings.answer(result).startswith("**No error is known, since no model was used.**")
    assert findings.worst_table(result)[0]["worst"] == "no error is known"


def test_a_shipped_model_is_not_used_for_other_joints(few):
    assert findings.usable_model("best", few.dataset) == "best"
    other = replace(few.dataset, skeleton=replace(LSP, name="trunk"))
    with pytest.warns(UserWarning, match="best predicts the joints of .*, and these are trunk"):
        assert findings.usable_model("best", other) == "none"
    # What somebody trained is taken at its word; Explorer says if it does not fit.
    assert findings.usable_model("reports/mine/training/a", other) == "reports/mine/training/a"
    assert findings.usable_model("none", other) == "none"


def test_states_to_keep(few, result):
    indices = findings.choose_images(few, "validation")
    dataset = few.dataset.subset(indices)
    bare = findings.states_to_keep(Explorer(dataset), joint=None, seed=4)
    assert list(bare) == ["first image", "as training may vary it"]
    varied = bare["as training may vary it"]
    assert (varied.joint, varied.draw, varied.variation is not None) == ("head_top", 4, True)
    true_px = np.where(dataset.labelled[..., None], dataset.keypoints_px, 0.0)
    explorer = Explorer(
        dataset, estimator=OffBy(true_px, [1.0, 900.0, 2.0]), gradient_stage=object()
    )
    kept = findings.states_to_keep(explorer, joint="left_wrist", seed=4)
    assert list(kept) == [
        "a typical picture",
        "which pixels move its left wrist",
        "as training may vary it",
        "the largest error",
    ]
    # Off by 1, 900 and 2 px: the third picture is the median, the second the worst.
    assert [state.image for state in kept.values()] == [2, 2, 2, 1]
    assert [state.saliency for state in kept.values()] == [False, True, False, False]


def test_the_gallery_goes_from_typical_over_good_to_worst(few):
    indices = findings.choose_images(few, "validation")
    dataset = few.dataset.subset(indices)
    assert findings.gallery(Explorer(dataset)) is None
    true_px = np.where(dataset.labelled[..., None], dataset.keypoints_px, 0.0)
    explorer = Explorer(dataset, estimator=OffBy(true_px, [1.0, 900.0, 2.0]))
    shown = findings.gallery(explorer)
    assert shown["titles"] == ["typical: 2.0 px", "good: 1.0 px", "worst: 900.0 px"]
    assert shown["columns"] == 3  # one of each in one row
    np.testing.assert_array_equal(shown["pred_px"], explorer.poses.keypoints_px[[2, 0, 1]])
    sizes_px = [image.shape[1::-1] for image in shown["images"]]
    assert sizes_px == [tuple(size) for size in dataset.image_sizes_px[[2, 0, 1]]]
