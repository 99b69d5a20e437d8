import keras
import numpy as np
import pytest

from posekit.errors import PosekitError
from posekit.studies.activity import networks
from posekit.studies.activity.trainer import (
    Budget,
    Cues,
    Pictures,
    Trainer,
    predicted_cues,
    schedule,
    share_of_each,
    true_cues,
)


@pytest.fixture(scope="module")
def colours():
    """48 dark pictures, red or blue ones by their activity; cues that know nothing."""
    rng = np.random.default_rng(0)
    codes = np.arange(48) % 2
    images = rng.integers(0, 40, (48, 32, 32, 3), dtype=np.uint8)
    images[codes == 0, ..., 0] += 120
    images[codes == 1, ..., 2] += 120
    cues = Cues(np.zeros((2, 48, 3), np.float32), rng.uniform(0, 32, (2, 48, 8)).astype("float32"))
    return Pictures(images, cues), codes


@pytest.fixture(scope="module")
def trainer():
    return Trainer(
        lambda: networks.classifier("both", activities=2, frame_px=32, features=3, joints=4),
        Budget(steps=30, batch_size=8),
    )


def test_a_trainer_learns_and_starts_from_new_weights_each_time(trainer, colours):
    pictures, codes = colours
    rows = np.arange(40)
    trainer.train(pictures, codes, rows, seed=1)
    first = [np.array(variable) for variable in trainer.network.weights]
    assert (trainer.predict(pictures)[40:] == codes[40:]).mean() == 1.0
    trainer.train(pictures, 1 - codes, rows, seed=2)
    assert (trainer.predict(pictures)[40:] == codes[40:]).mean() == 0.0
    trainer.train(pictures, codes, rows, seed=1)
    for again, before in zip(trainer.network.weights, first, strict=True):
        np.testing.assert_allclose(np.array(again), before, rtol=1e-3, atol=1e-4)


def test_training_stops_at_a_loss_that_is_not_finite(trainer, colours):
    pictures, codes = colours
    cues = Cues(np.full((2, 48, 3), np.nan, np.float32), pictures.cues.keypoints_px)
    with pytest.raises(PosekitError, match="loss must stay finite; got nan"):
        trainer.train(Pictures(pictures.images, cues), codes, np.arange(8), seed=0)


def test_mirrored_pictures_come_with_their_own_cues(colours):
    pictures, _ = colours
    before = pictures.images.copy()
    chosen = pictures.inputs(("image", "keypoints_px"), np.array([5, 6]), np.array([False, True]))
    assert set(chosen) == {"image", "keypoints_px"}
    np.testing.assert_array_equal(chosen["image"][0], pictures.images[5])
    np.testing.assert_array_equal(chosen["image"][1], pictures.images[6][:, ::-1])
    np.testing.assert_array_equal(chosen["keypoints_px"][0], pictures.cues.keypoints_px[0, 5])
    np.testing.assert_array_equal(chosen["keypoints_px"][1], pictures.cues.keypoints_px[1, 6])
    np.testing.assert_array_equal(pictures.images, before)


def test_every_picture_is_seen_before_one_is_seen_again():
    rows, flips = schedule(np.array([3, 5, 7, 9]), Budget(3, 4), seed=0)
    assert rows.shape == flips.shape == (3, 4)
    assert [sorted(step) for step in rows.tolist()] == 3 * [[3, 5, 7, 9]]
    again = schedule(np.array([3, 5, 7, 9]), Budget(3, 4), seed=0)
    np.testing.assert_array_equal(rows, again[0])
    np.testing.assert_array_equal(flips, again[1])
    assert 0.3 < schedule(np.arange(9), Budget(50, 20), seed=1)[1].mean() < 0.7


def test_shares_are_nested_and_of_each_activity():
    codes = np.array([0] * 20 + [1] * 10 + [-1] * 5 + [2])
    small, large = (share_of_each(codes, share, seed=3) for share in (0.1, 0.5))
    assert np.bincount(codes[small]).tolist() == [2, 1, 1]
    assert np.bincount(codes[large]).tolist() == [10, 5, 1]
    assert set(small) <= set(large)
    np.testing.assert_array_equal(share_of_each(codes, 1.0, seed=4), np.flatnonzero(codes >= 0))


def test_true_cues_are_the_labelled_joints(experiment):
    cues = true_cues(experiment, "validation", mirrored=True)
    indices = experiment.split.validation
    labelled = experiment.dataset.labelled[indices]
    poses_px = cues.keypoints_px.reshape(2, len(indices), -1, 2)
    true_px = experiment.keypoints_frame_px[indices]
    np.testing.assert_allclose(poses_px[0][labelled], true_px[labelled], rtol=1e-5)
    np.testing.assert_array_equal(cues.features[0], labelled)
    # Unlabelled joints hold junk in the file; here they stand amid the others.
    assert not labelled.all()
    image = int(np.argmin(labelled.all(axis=1)))
    middle = true_px[image][labelled[image]].mean(axis=0)
    for joint in np.flatnonzero(~labelled[image]):
        np.testing.assert_allclose(poses_px[0, image, joint], middle, rtol=1e-5)
    mirror = list(experiment.dataset.skeleton.mirror)
    np.testing.assert_allclose(
        poses_px[1, :, mirror, 0], experiment.frame_px - 1 - poses_px[0, :, :, 0].T, rtol=1e-4
    )


def test_mirrored_pictures_are_predicted_by_themselves():
    image = keras.Input((8, 8, 3))
    maps = keras.layers.DepthwiseConv2D(1)(image)
    # The red of the first column, which a mirror exchanges with the last one's.
    network = keras.Model(image, keras.layers.Flatten()(maps[:, :, :1, :1]))
    reader = networks.cue_reader(network)
    images = np.random.default_rng(0).integers(0, 256, (5, 8, 8, 3), dtype=np.uint8)
    cues = predicted_cues(reader, images, mirrored=True)
    flipped = predicted_cues(reader, images[:, :, ::-1].copy(), mirrored=False)
    assert cues.keypoints_px.shape == (2, 5, 8) and flipped.keypoints_px.shape == (1, 5, 8)
    np.testing.assert_allclose(cues.keypoints_px[1], flipped.keypoints_px[0], rtol=1e-5)
    assert np.abs(cues.keypoints_px[1] - cues.keypoints_px[0]).max() > 0.1
