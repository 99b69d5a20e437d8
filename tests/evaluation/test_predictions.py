"""Scores per image against the truth itself, seen through every kind of view."""

from types import SimpleNamespace

import numpy as np
import pytest

from posekit.evaluation import predictions
from posekit.evaluation import scores as evaluation_scores
from posekit.pipeline import augmentation
from posekit.pipeline.batches import evaluation_batches


class Knowing:
    """A network that answers with the targets of its pictures, moved by some frame pixels."""

    def __init__(self, batches, moved_px=0.0):
        self._answers = iter([np.asarray(targets)[..., :2] + moved_px for _, targets in batches])

    def __call__(self, images, training):
        assert training is False
        answer = next(self._answers)
        assert len(images) == len(answer)
        return answer.reshape(len(answer), -1)


def knowing(experiment, view, frame_px, **options):
    canvases = experiment.canvases(view, frame_px)
    batches = evaluation_batches(
        canvases.images("validation"),
        canvases.targets("validation", "masked"),
        batch_size=predictions.BATCH_SIZE,
        crop=canvases.crop(frame_px, augmentation.by_name("none")),
    )
    config = SimpleNamespace(view=view, frame_px=frame_px, head="coordinates")
    return Knowing(batches, **options), config


@pytest.mark.parametrize(("view", "frame_px"), [("squashed", 96), ("whole", 64), ("person", 64)])
def test_who_knows_the_truth_is_right_in_every_view(experiment, view, frame_px):
    network, config = knowing(experiment, view, frame_px)
    part = experiment.part("validation")
    predicted_px = predictions.predict_px(network, experiment, config)
    assert predicted_px.shape == part.keypoints_px.shape
    np.testing.assert_allclose(
        predicted_px[part.labelled], part.keypoints_px[part.labelled], atol=0.01
    )


def test_the_sums_are_of_the_validation_images_in_their_groups(experiment):
    network, config = knowing(experiment, "squashed", 96, moved_px=3.0)
    predicted_px = predictions.predict_px(network, experiment, config)
    sums = evaluation_scores.per_image(predicted_px, experiment, "validation")
    part = experiment.part("validation")
    assert sums.image_ids.tolist() == part.image_ids.tolist()
    np.testing.assert_array_equal(sums.groups, experiment.split.groups[experiment.split.validation])
    # 3 px in both coordinates of a frame of 96.
    assert sums.value("frame_mse") == pytest.approx(9, rel=1e-4)
    moved_px = experiment.keypoints_frame_px[experiment.split.validation] + 3.0
    moved_px = np.where(part.labelled[..., None], moved_px, 0.0)
    scores = evaluation_scores.score(moved_px, experiment, "validation", seed=0)["metrics"]
    for name, score in scores.items():
        assert sums.value(name) == pytest.approx(score["value"], rel=1e-4), name
