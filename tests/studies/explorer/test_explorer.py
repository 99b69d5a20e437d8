"""Each state of the panel against what another computation says it must show."""

from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf

from posekit import geometry
from posekit.errors import PosekitError
from posekit.estimators import loading
from posekit.estimators.estimator import Poses, Stage
from posekit.models import poster
from posekit.pipeline import views
from posekit.pipeline.augmentation import AUGMENTATIONS
from posekit.skeleton import INDEX, JOINTS
from posekit.studies.explorer.explorer import Explorer, State, open_explorer
from posekit.studies.explorer.subject import PICTURE_PX

COUNT = 8
ACTIVITIES = ["b", "a", "b", "c", "a", "b", "b", "a"]


class Guesses:
    """An estimator whose answers are known: those given for the data set, one pose for others."""

    def __init__(self, keypoints_px):
        self.keypoints_px = keypoints_px
        self.asked = []

    def estimate_dataset(self, dataset):
        return self._poses(self.keypoints_px, dataset.image_sizes_px)

    def estimate(self, images):
        self.asked += images
        spread_px = np.stack([np.linspace(20, 300, 14), np.linspace(300, 10, 14)], axis=-1)
        return self._poses(spread_px[None], [image.shape[1::-1] for image in images])

    def _poses(self, keypoints_px, sizes_px):
        ones = np.ones(keypoints_px.shape[:2])
        boxes_px = geometry.squashed_boxes(sizes_px)
        count = len(keypoints_px)
        known = np.full(count, np.nan), np.ones(count, bool), np.zeros((count, 5))
        return Poses(keypoints_px, 0.9 * ones, ones, boxes_px, *known)


class Dots:
    """A linear network of 32 x 32 pictures: x and y of each joint hang on one pixel each."""

    input_shape = (None, 32, 32, 3)
    places = np.random.default_rng(5).permutation(32 * 32)[:14]

    def __call__(self, batch, training):
        assert training is False
        flat = tf.reshape(batch, (-1, 32 * 32, 3))
        return tf.repeat(tf.gather(flat, self.places, axis=1)[..., 0], 2, axis=1)


@pytest.fixture(scope="module")
def dataset(experiment):
    labelled = experiment.dataset.labelled[:COUNT].copy()
    labelled[3] = False
    return replace(experiment.dataset.subset(range(COUNT)), labelled=labelled)


@pytest.fixture(scope="module")
def errors_px(dataset):
    """Known offsets of the guesses, (N, 14, 2)."""
    return np.random.default_rng(1).normal(0, 12, dataset.keypoints_px.shape)


@pytest.fixture
def explorer(dataset, errors_px):
    true_px = np.where(dataset.labelled[..., None], dataset.keypoints_px, 50.0)
    return Explorer(
        dataset,
        estimator=Guesses(true_px + errors_px),
        gradient_stage=Stage(Dots(), "coordinates", "squashed"),
        activities=ACTIVITIES,
    )


@pytest.fixture
def start(explorer):
    return explorer.start()


def shown_px(point_px, size_px):
    """A pixel of a picture of (width, height) in the panel's square, by hand."""
    side = max(size_px)
    margin = (side - np.array(size_px)) / 2
    return (np.array(point_px) + 0.5 + margin) * PICTURE_PX / side - 0.5


def test_starts_with_the_first_image_and_the_last_joint(start):
    assert (start.image, start.joint, start.order) == (0, "head_top", "index")


def test_stored_order(explorer, start):
    assert explorer.browsed(start).tolist() == list(range(COUNT))


def test_error_order_is_argsort_of_the_errors(explorer, start, dataset, errors_px):
    # Image 3 has no labelled joint: its error is not known, and it comes last.
    length_px = np.hypot(errors_px[..., 0], errors_px[..., 1])
    mean_px = [
        length_px[image][dataset.labelled[image]].mean() if image != 3 else -1
        for image in range(COUNT)
    ]
    expected = np.argsort(mean_px)[::-1]
    browsed = explorer.browsed(replace(start, order="error"))
    assert browsed.tolist() == expected.tolist()
    assert browsed[-1] == 3 and np.isnan(explorer.image_error_px[3])


@pytest.mark.parametrize("joint", ["left_wrist", "neck"])
def test_joint_order_is_argsort_of_that_joints_errors(explorer, start, dataset, errors_px, joint):
    error_px = np.linalg.norm(errors_px[:, INDEX[joint]], axis=-1)
    known = dataset.labelled[:, INDEX[joint]]
    browsed = explorer.browsed(replace(start, order="joint", joint=joint))
    expected = [image for image in np.argsort(-error_px) if known[image]]
    assert browsed[: len(expected)].tolist() == expected
    assert sorted(browsed) == list(range(COUNT))


def test_activity_leaves_the_others_out_and_keeps_the_order(explorer, start):
    chosen = replace(start, activity="a")
    assert explorer.browsed(chosen).tolist() == [1, 4, 7]
    by_error = explorer.browsed(replace(start, order="error")).tolist()
    expected = [image for image in by_error if ACTIVITIES[image] == "a"]
    assert explorer.browsed(replace(chosen, order="error")).tolist() == expected
    assert explorer.activity_names == ["a", "b", "c"]


def test_steps_go_around(explorer, start):
    state = replace(start, activity="b")
    seen = [state.image]
    for _ in range(4):
        state = explorer.step(state, 1)
        seen.append(state.image)
    assert seen == [0, 2, 5, 6, 0]
    assert explorer.step(start, -1).image == COUNT - 1


def test_a_step_from_an_image_of_another_activity_goes_to_the_first(explorer, start):
    assert explorer.step(replace(start, activity="a", image=2), 0).image == 1


@pytest.mark.parametrize("joint", JOINTS)
def test_a_click_chooses_the_joint_that_is_there(explorer, start, dataset, joint):
    state = replace(start, image=2, truth=False)
    predicted_px = explorer.poses.keypoints_px[2, INDEX[joint]]
    clicked = explorer.click(state, *shown_px(predicted_px, dataset.image_sizes_px[2]))
    assert clicked == replace(state, joint=joint, saliency=True)


def test_a_click_on_a_true_joint_where_predictions_are_hidden(explorer, start, dataset):
    state = replace(start, prediction=False)
    joint = int(np.flatnonzero(dataset.labelled[0])[0])
    at_px = shown_px(dataset.keypoints_px[0, joint], dataset.image_sizes_px[0])
    assert explorer.click(state, *at_px).joint == JOINTS[joint]


def test_a_second_click_hides_the_saliency(explorer, start, dataset):
    at_px = shown_px(explorer.poses.keypoints_px[0, 0], dataset.image_sizes_px[0])
    state = replace(start, truth=False)
    once = explorer.click(state, *at_px)
    assert once.saliency and not explorer.click(once, *at_px).saliency


def test_a_click_chooses_nothing_where_no_joint_is_shown(explorer, start):
    state = replace(start, truth=False, prediction=False)
    assert explorer.click(state, 100, 100) is state


def test_a_bare_picture_is_the_whole_stored_picture(explorer, start, dataset):
    state = replace(start, truth=False, prediction=False)
    image = explorer.subject(state).image
    assert image.shape[1::-1] == tuple(dataset.image_sizes_px[0])
    expected = views.cut(image, geometry.whole_boxes(dataset.image_sizes_px[0]), PICTURE_PX)
    np.testing.assert_array_equal(explorer.picture(state), expected)


@pytest.mark.parametrize("layer", ["truth", "prediction", "saliency"])
def test_each_layer_changes_the_picture_where_it_should(explorer, start, dataset, layer):
    bare = replace(start, truth=False, prediction=False)
    with_layer = explorer.picture(replace(bare, **{layer: True}))
    assert (with_layer != explorer.picture(bare)).any()
    joint = INDEX["left_knee"]
    position_px = {
        "truth": dataset.keypoints_px[0, joint],
        "prediction": explorer.poses.keypoints_px[0, joint],
    }.get(layer)
    if position_px is not None:
        x, y = np.rint(shown_px(position_px, dataset.image_sizes_px[0])).astype(int)
        colour = {"truth": (255, 255, 255), "prediction": (230, 159, 0)}[layer]
        np.testing.assert_allclose(with_layer[y, x], colour, atol=3)


@pytest.mark.parametrize("joint", ["right_ankle", "neck"])
def test_saliency_lies_where_the_network_looks(explorer, start, dataset, joint):
    state = replace(start, truth=False, prediction=False, joint=joint)
    bare, shown = (explorer.picture(replace(state, saliency=on)) for on in (False, True))
    # Squashed: pixel (column, row) of the 32 x 32 frame, as a place of the picture.
    row, column = divmod(Dots.places[INDEX[joint]], 32)
    width, height = dataset.image_sizes_px[0]
    place_px = [(column + 0.5) * width / 32 - 0.5, (row + 0.5) * height / 32 - 0.5]
    expected_px = shown_px(place_px, (width, height))
    grey = np.repeat(bare.mean(axis=-1, keepdims=True), 3, axis=-1)
    rows, columns = np.nonzero(np.abs(shown - grey).max(axis=-1) > 1)
    cell_px = PICTURE_PX / 32
    np.testing.assert_allclose([columns.mean(), rows.mean()], expected_px, atol=1)
    assert np.ptp(columns) <= 2 * cell_px and np.ptp(rows) <= 2 * cell_px


def test_sliders_ask_the_model_anew(explorer, start):
    state = replace(start, augmentation=AUGMENTATIONS["turned"], draw=4)
    subject = explorer.subject(state)
    (asked,) = explorer._estimator.asked
    assert asked is subject.image
    np.testing.assert_allclose(subject.predicted_px[0], [20, 300])
    # Layers change, the picture does not: the model is not asked again.
    explorer.picture(replace(state, truth=False))
    assert len(explorer._estimator.asked) == 1
    explorer.picture(replace(state, draw=5))
    assert len(explorer._estimator.asked) == 2


def test_strengths_of_nothing_show_the_picture_as_stored(explorer, start):
    still = replace(start, augmentation=AUGMENTATIONS["none"], draw=7)
    assert explorer.subject(still) is explorer.subject(start)
    assert explorer.subject(replace(start, mirrored=True)) is not explorer.subject(start)


def test_rows_tell_each_joints_error(explorer, start, dataset, errors_px):
    rows = explorer.joint_rows(start)
    assert [row["joint"] for row in rows] == list(JOINTS)
    true_px = dataset.keypoints_px[0]
    torso_px = np.linalg.norm(true_px[INDEX["left_shoulder"]] - true_px[INDEX["right_hip"]])
    for row, labelled, offset_px in zip(rows, dataset.labelled[0], errors_px[0], strict=True):
        if labelled:
            assert row["error_px"] == pytest.approx(np.hypot(*offset_px))
        else:
            assert row["error_px"] is None
        assert row["confidence"] == 0.9
    measured = dataset.labelled[0][[INDEX["left_shoulder"], INDEX["right_hip"]]].all()
    for row in rows:
        known = measured and row["error_px"] is not None
        expected = row["error_px"] / torso_px if known else None
        assert row["error_torsos"] == (pytest.approx(expected) if known else None)


def test_errors_of_a_varied_picture_are_in_pixels_of_the_stored_one(explorer, start, dataset):
    subject = explorer.subject(replace(start, mirrored=True))
    joint = int(np.flatnonzero(subject.labelled)[0])
    distance_px = np.linalg.norm(subject.predicted_px[joint] - subject.true_px[joint])
    longer_px = dataset.image_sizes_px[0].max()
    assert subject.error_px[joint] == pytest.approx(distance_px * longer_px / 320)


def test_the_title_names_image_place_activity_and_error(explorer, start, dataset):
    state = explorer.step(replace(start, activity="a"), 0)
    mean_px = explorer.image_error_px[1]
    expected = f"{dataset.image_ids[1]} · 1 of 3 · a · mean error {mean_px:.1f} px"
    assert explorer.title(state) == expected


def test_without_a_model_labels_are_all_there_is(dataset):
    explorer = open_explorer(dataset, model="none")
    state = explorer.start()
    assert explorer.orders == ("index",)
    assert explorer.activities.tolist() == dataset.extras["activity"].tolist()
    # The same picture whether the layers that need a model are asked for or not.
    with_all = explorer.picture(replace(state, prediction=True, saliency=True))
    np.testing.assert_array_equal(with_all, explorer.picture(replace(state, prediction=False)))
    assert not explorer.click(state, 240, 240).saliency
    assert {row["error_px"] for row in explorer.joint_rows(state)} == {None}


def test_a_model_by_its_path_answers_as_the_estimator_does(dataset, tmp_path):
    path = tmp_path / "small.keras"
    keras.utils.set_random_seed(0)
    poster.poster_network(
        batch_norm=False, frame_px=32, convolution_widths=((2,), (3,)), dense_widths=(4,)
    ).save(path)
    few = dataset.subset([0, 1])
    explorer = open_explorer(few, model=str(path), activities=["x", "y"])
    exact = loading.load(path, compiled=False).estimate_dataset(few)
    np.testing.assert_allclose(explorer.poses.keypoints_px, exact.keypoints_px, atol=0.01)
    assert explorer.activities.tolist() == ["x", "y"]
    assert explorer.has_saliency


def test_what_does_not_fit_is_named(dataset):
    with pytest.raises(PosekitError, match="`dataset` must hold an image; got none"):
        Explorer(dataset.subset([]))
    with pytest.raises(PosekitError, match="must predict the 14 joints of .*; got 17"):
        Explorer(dataset, estimator=Guesses(np.zeros((COUNT, 17, 2))))


def test_the_data_set_stays_as_it_was(explorer, dataset):
    before = dataset.keypoints_px.copy(), dataset.labelled.copy()
    state = State(joint="neck", augmentation=AUGMENTATIONS["turned"], saliency=True, mirrored=True)
    explorer.picture(state)
    explorer.joint_rows(state)
    np.testing.assert_array_equal(dataset.keypoints_px, before[0])
    np.testing.assert_array_equal(dataset.labelled, before[1])
