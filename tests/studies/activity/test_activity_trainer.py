import numpy as np
import pytest

from posekit.errors import PosekitError
from posekit.studies.activity import networks
from posekit.studies.activity.cues import Cues
from posekit.studies.activity.trainer import Budget, Pictures, Trainer, schedule, share_of_each


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
        lambda: networks.classifier(
            "both", activities=2, picture_shape=(32, 32, 3), features=3, joints=4
        ),
        Budget(steps=30, batch_size=8),
    )


def test_a_trainer_learns_and_starts_from_new_weights_each_time(trainer, colours):
    pictures, codes = colours
    rows = np.arange(40)
    trainer.train(pictures, codes, rows, seed=1)
    first = [np.array(variable) for variable in trainer.network.weights]
    unseen = np.arange(40, 48)
    found = trainer.predict(pictures, unseen)
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-5)
    assert (found.argmax(axis=1) == codes[unseen]).all()
    trainer.train(pictures, 1 - codes, rows, seed=2)
    assert (trainer.predict(pictures, unseen).argmax(axis=1) != codes[unseen]).all()
    trainer.train(pictures, codes, rows, seed=1)
    for again, before in zip(trainer.network.weights, first, strict=True):
        np.testing.assert_allclose(np.array(again), before, rtol=1e-3, atol=1e-4)


def test_training_stops_at_a_loss_that_is_not_finite(trainer, colours):
    pictures, codes = colours
    cues = Cues(np.full((2, 48, 3), np.nan, np.float32), pictures.cues.keypoints_px)
    with pytest.raises(PosekitError, match="loss must stay finite; got nan"):
        trainer.train(Pictures(pictures.pictures, cues), codes, np.arange(8), seed=0)


def test_mirrored_pictures_come_with_their_own_cues(colours):
    pictures, _ = colours
    before = pictures.pictures.copy()
    chosen = pictures.inputs(("picture", "keypoints_px"), np.array([5, 6]), np.array([False, True]))
    assert set(chosen) == {"picture", "keypoints_px"}
    np.testing.assert_array_equal(chosen["picture"][0], pictures.pictures[5])
    np.testing.assert_array_equal(chosen["picture"][1], pictures.pictures[6][:, ::-1])
    np.testing.assert_array_equal(chosen["keypoints_px"][0], pictures.cues.keypoints_px[0, 5])
    np.testing.assert_array_equal(chosen["keypoints_px"][1], pictures.cues.keypoints_px[1, 6])
    np.testing.assert_array_equal(pictures.pictures, before)


def test_features_of_a_picture_are_those_of_its_mirror_image(colours):
    features = np.random.default_rng(0).normal(size=(48, 5)).astype(np.float32)
    rows = np.array([7, 7])
    chosen = Pictures(features, colours[0].cues).inputs(("picture",), rows, np.array([True, False]))
    np.testing.assert_array_equal(chosen["picture"], features[rows])


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
