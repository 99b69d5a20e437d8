import keras
import numpy as np
import pytest

from posekit.estimators import loading
from posekit.models import imagenet
from posekit.studies.activity import cues


@pytest.fixture(scope="module")
def cache_dir(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def pose(experiment, cache_dir):
    return cues.pose_cues(experiment.dataset, cache_dir, model="quick")


@pytest.fixture(scope="module")
def quick():
    return loading.load("quick")


def test_the_joints_are_those_of_the_shipped_model(pose, quick, experiment):
    count = len(experiment.dataset)
    expected = quick.estimate_dataset(experiment.dataset)
    found_px = pose.keypoints_px[0].reshape(count, -1, 2)
    np.testing.assert_allclose(found_px, expected.keypoints_px, atol=0.5)
    assert pose.features.shape == (2, count, 14 + 320)
    np.testing.assert_allclose(pose.features[0, :, :14], expected.confidences, atol=0.02)


def test_a_mirrored_picture_has_the_mirrored_pose(pose, quick, experiment):
    mirror = list(quick.skeleton.mirror)
    widths_px = experiment.dataset.image_sizes_px[:, :1]
    x, mirrored_x = pose.keypoints_px[..., 0::2]
    np.testing.assert_allclose(mirrored_x, (widths_px - 1 - x)[:, mirror], rtol=1e-4)
    confidences, mirrored = pose.features[..., :14]
    np.testing.assert_array_equal(mirrored, confidences[:, mirror])
    np.testing.assert_array_equal(pose.features[0, :, 14:], pose.features[1, :, 14:])


def test_cues_come_from_the_cache_the_second_time(pose, experiment, cache_dir, monkeypatch):
    monkeypatch.setattr(cues, "_pose_reader", lambda _: pytest.fail("read again"))
    again = cues.pose_cues(experiment.dataset, cache_dir, model="quick")
    np.testing.assert_array_equal(again.features, pose.features)
    chosen = again.rows(np.array([3, 1]))
    np.testing.assert_array_equal(chosen.keypoints_px, pose.keypoints_px[:, [3, 1]])


def test_the_means_are_of_the_deepest_maps():
    image = keras.Input((8, 8, 3))
    deep = keras.layers.Conv2D(5, 3, strides=4, name=cues.DEEPEST)(image)
    network = keras.Model(image, keras.layers.Conv2D(2, 1, name="maps")(deep))
    recording = cues._WithFeatures(network)
    images = np.random.default_rng(0).uniform(0, 255, (3, 8, 8, 3)).astype(np.float32)
    np.testing.assert_allclose(recording.predict_on_batch(images), network(images), rtol=1e-4)
    deepest = keras.Model(image, deep)(images)
    np.testing.assert_allclose(recording.features, np.mean(deepest, axis=(1, 2)), rtol=1e-4)


def test_pictures_have_no_features_without_imagenet(experiment, cache_dir, monkeypatch, tmp_path):
    monkeypatch.setattr(imagenet, "WEIGHTS", tmp_path / "absent.npz")
    assert cues.picture_features(experiment.dataset, cache_dir) is None


def test_features_of_a_picture_and_its_mirror_image_are_averaged(
    experiment, cache_dir, monkeypatch, tmp_path
):
    weights = tmp_path / "lite0.npz"
    weights.write_bytes(b"any")
    monkeypatch.setattr(imagenet, "WEIGHTS", weights)
    monkeypatch.setattr(imagenet, "load_into", lambda network: None)
    keras.utils.set_random_seed(0)
    features = cues.picture_features(experiment.dataset.subset(np.arange(4)), cache_dir)
    assert features.shape == (4, 320) and np.ptp(features) > 0


def test_true_cues_are_the_labelled_joints(experiment):
    found = cues.true_cues(experiment, "validation")
    part = experiment.part("validation")
    labelled = part.labelled
    poses_px = found.keypoints_px.reshape(2, len(part), -1, 2)
    np.testing.assert_allclose(poses_px[0][labelled], part.keypoints_px[labelled], rtol=1e-5)
    np.testing.assert_array_equal(found.features[0], labelled)
    # Unlabelled joints hold junk in the file; here they stand amid the others.
    assert not labelled.all()
    image = int(np.argmin(labelled.all(axis=1)))
    middle = part.keypoints_px[image][labelled[image]].mean(axis=0)
    for joint in np.flatnonzero(~labelled[image]):
        np.testing.assert_allclose(poses_px[0, image, joint], middle, rtol=1e-5)
    mirror = list(part.skeleton.mirror)
    widths_px = part.image_sizes_px[:, :1]
    np.testing.assert_allclose(
        poses_px[1, :, mirror, 0].T, widths_px - 1 - poses_px[0, :, :, 0], rtol=1e-4
    )
