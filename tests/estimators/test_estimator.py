"""Estimators: what the manifest must say, which stage sees what, and the way back to pixels."""

import json
import shutil
from dataclasses import asdict, replace

import numpy as np
import pytest
from PIL import Image
from scipy.special import expit, logit

from posekit import geometry
from posekit.datasets import image_files
from posekit.datasets.pose_dataset import PoseDataset
from posekit.errors import PosekitError
from posekit.estimators import calibration, loading, presence
from posekit.estimators import estimator as estimators_estimator
from posekit.estimators.estimator import PoseEstimator, Stage
from posekit.estimators.manifest import ONE_PASS, CropScale
from posekit.estimators.predict import photos
from posekit.evaluation import predictions
from posekit.models import poster
from posekit.pipeline import views
from posekit.skeleton import INDEX, JOINT_COUNT, LSP, MIRROR
from posekit.training.config import TrainingConfig
from posekit.training.records import HISTORY_COLUMNS

FRAME_PX = 32

MIRRORED_TOO = ((CropScale(), CropScale(mirrored=True)),)


class Network:
    """Stands in for a Keras model: answers by a function and keeps the crops that it saw."""

    input_shape = (None, FRAME_PX, FRAME_PX, 3)

    def __init__(self, answer):
        self.answer = answer
        self.seen = []

    def predict_on_batch(self, crops):
        self.seen.append(crops)
        return self.answer(crops)


def always(pose_px):
    """A network that sees the same pose of its frame in every crop."""
    flat = np.broadcast_to(np.asarray(pose_px, np.float32), (JOINT_COUNT, 2)).ravel()
    return Network(lambda crops: np.tile(flat, (len(crops), 1)))


def forbidden(crops):
    raise AssertionError("this stage must not be asked")


CENTRE_PX = (FRAME_PX - 1) / 2
SPREAD_PX = np.stack([np.linspace(4, 20, JOINT_COUNT), np.linspace(30, 2, JOINT_COUNT)], axis=1)


def picture(width=60, height=40, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


@pytest.fixture(scope="module")
def tiny(estimator_folder):
    return loading.load(estimator_folder)


@pytest.fixture
def copied(estimator_folder, tmp_path):
    """A copy of the small estimator's folder, to be spoilt."""
    return shutil.copytree(estimator_folder, tmp_path / "copied")


def rewrite(folder, change):
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    change(manifest)
    path.write_text(json.dumps(manifest))


# Reading a model.


def test_manifest_gives_stages_in_order(tiny):
    assert tiny.name == "tiny"
    assert [(stage.view, stage.head, stage.frame_px) for stage in tiny.stages] == [
        ("whole", "soft_argmax", 32),
        ("person", "soft_argmax", 64),
    ]
    assert tiny.stages[0].passes == ONE_PASS
    assert tiny.stages[1].passes == ((CropScale(), CropScale(0.9, mirrored=True)),)
    assert tiny.calibration.slope == 2.0 and tiny.calibration.offsets[13] == pytest.approx(1.3)


def test_shipped_models_are_known_by_name(monkeypatch, estimator_folder, tmp_path):
    monkeypatch.setattr(loading, "SHIPPED", estimator_folder.parent)
    monkeypatch.chdir(tmp_path)
    assert loading.load("tiny").name == "tiny"
    with pytest.raises(PosekitError, match=r"name of a shipped model \(tiny\) or .* got 'huge'"):
        loading.load("huge")
    monkeypatch.setattr(loading, "SHIPPED", tmp_path)
    with pytest.raises(PosekitError, match=r"shipped model \(none\) or .* got 'best'"):
        loading.load("best")


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        (lambda it: it.update(version=1), "`version` must be 2; got 1"),
        (
            lambda it: it["joints"].reverse(),
            "`joints` must be right_ankle, .*; got 'head_top', 'neck'",
        ),
        (lambda it: it.update(joints=[1]), "`joints` must be right_ankle, .*; got 1"),
        (lambda it: it.update(joints=None), "got values of other kinds .*NoneType"),
        (lambda it: it.pop("calibration"), "got a manifest without 'calibration'"),
        (lambda it: it["stages"][1].pop("view"), "got a manifest without 'view'"),
        (lambda it: it["stages"].clear(), "`stages` must list a network; got none"),
        (lambda it: it["stages"][1].update(looks=[]), r"`looks` must be .*; got \[0\] in stage 1"),
        (lambda it: it["stages"][1].update(looks=[1]), "got values of other kinds .*int"),
        (lambda it: it["stages"][0].update(head="eyes"), "`head` must be one of .*; got 'eyes'"),
        (lambda it: it["stages"][0].update(view="far"), "`view` must be one of .*; got 'far'"),
        (lambda it: it["calibration"].update(offsets=[1]), r"14 offsets; got shape \(1,\)"),
        (lambda it: it.update(presence={"offset": 1}), "presence: must hold finite `weights`"),
        (
            lambda it: it.update(calibration={"slope": 1}),
            "`slope` >= 0 and a list `offsets` of .*; got",
        ),
        (lambda it: it.update(stages=["whole"]), "got values of other kinds .*string"),
    ],
)
def test_manifests_that_do_not_fit_are_refused(copied, change, finding):
    rewrite(copied, change)
    with pytest.raises(PosekitError, match=finding):
        loading.load(copied)


def test_a_network_other_than_the_manifests_is_refused(copied):
    with (copied / "person.keras").open("ab") as file:
        file.write(b"!")
    rule = r"person\.keras: must have the SHA-256 \w{64} of the manifest; got"
    with pytest.raises(PosekitError, match=rule + r" \w{64}\."):
        loading.load(copied)
    (copied / "person.keras").unlink()
    with pytest.raises(PosekitError, match=rule + r" no file\."):
        loading.load(copied)


def test_a_training_is_read_with_its_head_and_view(estimator_folder, tmp_path):
    shutil.copy(estimator_folder / "person.keras", tmp_path / "best.keras")
    config = TrainingConfig(
        "residual", "masked", epochs=1, seed=0, head="soft_argmax", loss="cross_entropy", view="whole"
    )
    stored = {"config": asdict(config), "baselines": {}}
    (tmp_path / "config.json").write_text(json.dumps(stored))
    (tmp_path / "history.json").write_text(json.dumps([dict.fromkeys(HISTORY_COLUMNS, 1)]))
    estimator = loading.load(tmp_path)
    (stage,) = estimator.stages
    assert (stage.head, stage.view, stage.frame_px) == ("soft_argmax", "whole", 64)
    assert estimator.name == str(tmp_path) and estimator.calibration is None
    poses = estimator.estimate([picture()])
    assert np.isfinite(poses.peak_mass).all() and np.isnan(poses.confidences).all()


@pytest.mark.parametrize("content", ["[]", "{}", '{"config": 1}'])
def test_another_programs_folder_is_refused(tmp_path, content):
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(PosekitError, match="config.json: must describe a training; got"):
        loading.load(tmp_path)


def test_the_split_of_the_training_is_known(monkeypatch, estimator_folder, tmp_path):
    split = {"name": "standard", "seed": 5, "images": 9000}
    monkeypatch.setattr(loading, "SHIPPED", estimator_folder.parent)
    for model in ("tiny", estimator_folder, estimator_folder / "whole.keras"):
        assert loading.training_split(model) == split
    assert loading.training_split(tmp_path / "none.keras") is None
    (tmp_path / "config.json").write_text(json.dumps({"data": {"split": split}}))
    assert loading.training_split(tmp_path / "none.keras") == split


# What each stage sees.


def test_a_squashed_network_predicts_on_the_frames_of_its_training(experiment, tmp_path):
    network = poster.poster_network(batch_norm=False, convolution_widths=((2,),), dense_widths=(4,))
    network.save(tmp_path / "poster.keras")
    part = experiment.part("validation")
    poses = loading.load(tmp_path / "poster.keras").estimate_dataset(part)
    in_frame_px = predictions.predict_frame_px(network, experiment.images("validation"))
    expected_px = geometry.resize_keypoints(in_frame_px, (96, 96), part.image_sizes_px)
    np.testing.assert_allclose(poses.keypoints_px, expected_px, atol=1e-3)
    assert np.isnan(poses.confidences).all() and np.isnan(poses.peak_mass).all()
    np.testing.assert_array_equal(poses.boxes_px[:, 2:], part.image_sizes_px)


def test_a_squashed_network_sees_pictures_of_any_size_squashed():
    pictures = [picture(60, 40), picture(31, 200)]
    network = always(CENTRE_PX)
    PoseEstimator("squashed", (Stage(network, "coordinates", "squashed"),), LSP).estimate(pictures)
    expected = [image_files.squash(each, FRAME_PX) for each in pictures]
    np.testing.assert_array_equal(network.seen[0], expected)


@pytest.mark.parametrize("view", ["squashed", "whole"])
@pytest.mark.parametrize("size", [(60, 40), (3, 40), (9, 2), (1, 1)])
def test_the_frames_centre_is_the_pictures_centre(view, size):
    estimator = PoseEstimator("centre", (Stage(always(CENTRE_PX), "coordinates", view),), LSP)
    poses = estimator.estimate([picture(*size)])
    centre_px = (np.array(size) - 1) / 2
    np.testing.assert_allclose(poses.keypoints_px, np.tile(centre_px, (1, 14, 1)), atol=1e-9)


@pytest.mark.parametrize("size", [(3, 40), (9, 2), (1, 1)])
def test_tiny_pictures_get_a_pose(tiny, size):
    poses = tiny.estimate([picture(*size)])
    assert np.isfinite(poses.keypoints_px).all()
    assert (poses.confidences > 0).all() and (poses.confidences < 1).all()


@pytest.mark.parametrize("scale", [1, 0.8, 1.5])
def test_the_second_stage_looks_around_the_first_ones_pose(scale):
    first, second = always(SPREAD_PX), always(CENTRE_PX)
    stages = (
        Stage(first, "coordinates", "whole"),
        Stage(second, "coordinates", "person", ((CropScale(scale),),)),
    )
    image = picture(64, 64)
    poses = PoseEstimator("two", stages, LSP).estimate([image])
    in_picture_px = (SPREAD_PX + 0.5) * 2 - 0.5
    # The joints span 32 pixels of the picture in x and 56 in y.
    box_px = geometry.person_boxes(in_picture_px[None], np.ones((1, JOINT_COUNT), bool))
    assert box_px[0, 2:] == pytest.approx(56 * 1.3)
    np.testing.assert_allclose(poses.boxes_px, box_px)
    shown_px = geometry.scale_boxes(box_px[0], scale)
    assert shown_px[2:] == pytest.approx(56 * 1.3 * scale)
    np.testing.assert_array_equal(second.seen[0][0], views.cut(image, shown_px, FRAME_PX))
    # The centre of a crop is the centre of its box; x = 4 to 20 and y = 2 to 30 in the frame.
    np.testing.assert_allclose(poses.keypoints_px[0, 0], [24.5, 32.5])


def test_each_pass_goes_halfway_to_the_pose_of_the_one_before():
    second = always(CENTRE_PX)
    stages = (
        Stage(always(SPREAD_PX), "coordinates", "whole"),
        Stage(second, "coordinates", "person", 3 * ONE_PASS),
    )
    poses = PoseEstimator("thrice", stages, LSP).estimate([picture(64, 64)])
    assert len(second.seen) == 3
    # All joints in one place, which asks for the least side; the first box holds 56 pixels.
    side_px = 56**0.25 * geometry.LEAST_SIDE_PX**0.75 * geometry.PERSON_MARGIN
    np.testing.assert_allclose(poses.boxes_px[0, 2:], side_px)


def test_a_box_skips_the_stages_that_see_whole_pictures():
    person = always(CENTRE_PX)
    stages = (
        Stage(Network(forbidden), "coordinates", "whole"),
        Stage(person, "coordinates", "person"),
    )
    estimator = PoseEstimator("two", stages, LSP)
    with pytest.raises(AssertionError, match="must not be asked"):
        estimator.estimate([picture()])
    poses = estimator.estimate([picture()], [[10, -5, 30, 20]])
    # The square about the same centre.
    np.testing.assert_allclose(poses.boxes_px, [[10, -10, 30, 30]])
    np.testing.assert_allclose(poses.keypoints_px[0, 0], [24.5, 4.5])


@pytest.mark.parametrize(
    ("boxes_px", "finding"),
    [
        ([10, 10, 20, 20], r"shape \(2, 4\), one box for each image; got shape \(4,\)"),
        ([[0, 0, 9, 9]], r"shape \(2, 4\), one box for each image; got shape \(1, 4\)"),
        (
            [[0, 0, 0, 9], [60, 0, 9, 9]],
            r"image 0 must .* 60 x 40 picture; got \[0.0, 0.0, 0.0, 9.0\](.|\n)*"
            r"image 1 must .* 60 x 40 picture; got \[60.0, 0.0, 9.0, 9.0\]",
        ),
        ([[0, 0, 9, 9], [-9, 0, 9, 9]], r"image 1 must .* got \[-9.0, 0.0, 9.0, 9.0\]"),
        ([[0, 0, 9, 9], [0, np.nan, 9, 9]], r"image 1 must .* got \[0.0, nan, 9.0, 9.0\]"),
        ([[0, 0, np.inf, 9], [0, 0, 9, 9]], r"image 0 must .* got \[0.0, 0.0, inf, 9.0\]"),
    ],
)
def test_boxes_that_do_not_fit_are_refused(boxes_px, finding):
    estimator = PoseEstimator("person", (Stage(Network(forbidden), "coordinates", "person"),), LSP)
    with pytest.raises(PosekitError, match=finding):
        estimator.estimate([picture(), picture()], boxes_px)


def test_boxes_and_stages_must_suit_each_other():
    whole = PoseEstimator("far", (Stage(always(CENTRE_PX), "coordinates", "whole"),), LSP)
    with pytest.raises(PosekitError, match="need a stage that sees people; got far, which sees wh"):
        whole.estimate([picture()], [[0, 0, 9, 9]])
    person = PoseEstimator("near", (Stage(always(CENTRE_PX), "coordinates", "person"),), LSP)
    with pytest.raises(PosekitError, match="`boxes_px` must be given to near, .*; got none"):
        person.estimate([picture()])


@pytest.mark.parametrize(
    ("images", "finding"),
    [
        ([], "must hold a picture; got none"),
        ([picture(), picture()[..., 0]], r"got uint8 \(40, 60\) at \[1\]"),
        ([picture() / 255], r"got float64 \(40, 60, 3\) at \[0\]"),
        ([picture()[:0]], r"got uint8 \(0, 60, 3\) at \[0\]"),
    ],
)
def test_pictures_of_another_kind_are_refused(images, finding):
    estimator = PoseEstimator("any", (Stage(always(CENTRE_PX), "coordinates", "whole"),), LSP)
    with pytest.raises(PosekitError, match=finding):
        estimator.estimate(images)


# What comes back.


def test_batches_give_what_one_by_one_gives(monkeypatch, tiny):
    images = [picture(50 + 5 * seed, 70 - 6 * seed, seed) for seed in range(7)]
    monkeypatch.setattr(estimators_estimator, "BATCH_SIZE", 3)
    together = tiny.estimate(images)
    assert together.keypoints_px.shape == (7, JOINT_COUNT, 2)
    for index, image in enumerate(images):
        alone = tiny.estimate([image])
        for name in ("keypoints_px", "confidences", "peak_mass", "boxes_px"):
            expected = getattr(together, name)[index]
            np.testing.assert_allclose(getattr(alone, name)[0], expected, atol=0.01)


def test_boxes_are_batched_with_their_pictures(monkeypatch, tiny):
    images = [picture(seed=seed) for seed in range(4)]
    boxes_px = np.array([[5.0 * index, 2, 20, 20] for index in range(4)])
    monkeypatch.setattr(estimators_estimator, "BATCH_SIZE", 3)
    np.testing.assert_array_equal(tiny.estimate(images, boxes_px).boxes_px, boxes_px)


def test_arguments_are_left_alone(tiny):
    images, boxes_px = [picture(), picture(seed=1)], np.array([[0.0, 0, 30, 20], [5, 5, 9, 30]])
    kept = [image.copy() for image in images], boxes_px.copy()
    tiny.estimate(images, boxes_px)
    np.testing.assert_array_equal(images, kept[0])
    np.testing.assert_array_equal(boxes_px, kept[1])


def test_a_mirrored_crop_of_coordinates_by_hand():
    # The network finds the brightest column and puts joint k as many pixels right of it.
    def answer(crops):
        column = crops.sum(axis=(1, 3)).argmax(axis=1)  # (N,)
        x = column[:, None] + np.arange(JOINT_COUNT)
        return np.stack([x, np.full_like(x, 7)], axis=-1).reshape(len(crops), -1)

    image = np.zeros((FRAME_PX, FRAME_PX, 3), np.uint8)
    image[:, 9] = 255
    plain = Stage(Network(answer), "coordinates", "squashed")
    joint, mirrored = np.arange(JOINT_COUNT), np.array(MIRROR)
    once = PoseEstimator("once", (plain,), LSP).estimate([image])
    np.testing.assert_allclose(once.keypoints_px[0, :, 0], 9 + joint)
    twice = PoseEstimator("twice", (replace(plain, passes=MIRRORED_TOO),), LSP).estimate([image])
    # In the mirror the column is at 22, so joint k's partner j says 31 - (22 + j) = 9 - j.
    np.testing.assert_allclose(twice.keypoints_px[0, :, 0], 9 + (joint - mirrored) / 2)
    np.testing.assert_allclose(twice.keypoints_px[0, :, 1], 7)


def test_a_mirrored_crop_of_maps_by_hand():
    # Red marks the left wrist, green the right one, blue all others, in the mirror as well: there
    # the network mistakes the wrists for each other, so that each map is half here, half there.
    channel = np.full(JOINT_COUNT, 2)
    channel[[INDEX["left_wrist"], INDEX["right_wrist"]]] = [0, 1]

    def answer(crops):
        return np.where(crops[..., channel] > 127, 50.0, 0.0)

    image = np.zeros((FRAME_PX, FRAME_PX, 3), np.uint8)
    image[8, 4, 0] = image[8, 26, 1] = image[20, 10, 2] = 255
    plain = Stage(Network(answer), "soft_argmax", "squashed")
    once = PoseEstimator("once", (plain,), LSP).estimate([image])
    np.testing.assert_allclose(once.keypoints_px[0, INDEX["left_wrist"]], [4, 8], atol=1e-6)
    np.testing.assert_allclose(once.peak_mass, 1, atol=1e-6)
    twice = PoseEstimator("twice", (replace(plain, passes=MIRRORED_TOO),), LSP).estimate([image])
    np.testing.assert_allclose(twice.keypoints_px[0, INDEX["neck"]], [10, 20], atol=1e-6)
    expected = np.where(channel == 2, 1.0, 0.5)
    np.testing.assert_allclose(twice.peak_mass[0], expected, atol=1e-6)


@pytest.mark.parametrize("scales", [(1, 1.5), (0.8, 1.2, 1.6)])
def test_crops_of_any_size_point_at_the_same_place(scales):
    # A bright square is where the map is high, and all of it is in the narrowest crop.
    def answer(crops):
        return np.where(crops[..., :1] > 127, 50.0, 0.0) * np.ones(JOINT_COUNT)

    image = np.zeros((96, 96, 3), np.uint8)
    image[58:64, 40:46] = 255
    crops = tuple(CropScale(scale, mirrored=scale == 1.2) for scale in scales)
    stage = Stage(Network(answer), "soft_argmax", "person", (crops,))
    (poses,) = (
        PoseEstimator("sizes", (stage,), LSP).estimate([image], [[20, 20, 60, 60]]).keypoints_px
    )
    np.testing.assert_allclose(poses, np.tile([42.5, 60.5], (JOINT_COUNT, 1)), atol=1)


def test_crops_of_coordinates_are_averaged_in_the_picture():
    # A quarter into the frame from the left and from the top, whatever it shows.
    stage = Stage(always((7.5, 7.5)), "coordinates", "person", ((CropScale(1), CropScale(0.5)),))
    poses = PoseEstimator("two", (stage,), LSP).estimate([picture(80, 80)], [[10, 20, 40, 40]])
    # From 10 to 50 and from 20 to 40: at 20 and at 25, less half a pixel; so is y, from 20 to 60.
    np.testing.assert_allclose(poses.keypoints_px[0, 0], [22, 32])
    np.testing.assert_array_equal(poses.boxes_px, [[10, 20, 40, 40]])


def test_confidences_are_the_calibrated_certainty():
    # Two cells of equal weight, far apart: half of the map is near the joint.
    def answer(crops):
        logits = np.zeros((len(crops), FRAME_PX, FRAME_PX, JOINT_COUNT))
        logits[:, 3, 3] = logits[:, 28, 28] = 50
        return logits

    offsets = np.linspace(-1, 1, JOINT_COUNT)
    stage = Stage(Network(answer), "soft_argmax", "whole")
    estimator = PoseEstimator("half", (stage,), LSP, calibration.Calibration(2.0, offsets))
    poses = estimator.estimate([picture()])
    np.testing.assert_allclose(poses.peak_mass, 0.5, atol=1e-6)
    np.testing.assert_allclose(poses.confidences[0], expit(2 * logit(0.5) + offsets), atol=1e-6)
    without = PoseEstimator("half", (stage,), LSP).estimate([picture()])
    assert np.isnan(without.confidences).all()


def test_labels_frame_is_the_stored_picture_but_a_persons_own_is_turned(tmp_path):
    # A data set's labels are in the stored picture's frame; a person sees a photograph turned.
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(picture(40, 20)).save(tmp_path / "photo.jpg", exif=exif)
    encoded = (tmp_path / "photo.jpg").read_bytes()
    dataset = PoseDataset(
        name="one",
        image_ids=np.array(["photo"]),
        keypoints_px=np.zeros((1, JOINT_COUNT, 2)),
        labelled=np.ones((1, JOINT_COUNT), bool),
        image_sizes_px=np.array([[40, 20]]),
        fixed_test=np.zeros(1, bool),
        has_fixed_test=False,
        read_image=lambda image_id: encoded,
        skeleton=LSP,
    )
    estimator = PoseEstimator("any", (Stage(always(CENTRE_PX), "coordinates", "squashed"),), LSP)
    stored = estimator.estimate_dataset(dataset)
    np.testing.assert_array_equal(stored.boxes_px, [[0, 0, 40, 20]])
    shown = estimator.estimate([photos.read_photo(tmp_path / "photo.jpg")])
    np.testing.assert_array_equal(shown.boxes_px, [[0, 0, 20, 40]])


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA", "P"])
def test_grey_and_transparent_pictures_are_predicted_like_their_colours(tiny, tmp_path, mode):
    grey = Image.fromarray(picture()).convert("L")
    grey.convert(mode).save(tmp_path / "photo.png")
    read = photos.read_photo(tmp_path / "photo.png")
    got, expected = tiny.estimate([read]), tiny.estimate([np.array(grey.convert("RGB"))])
    np.testing.assert_allclose(got.keypoints_px, expected.keypoints_px, atol=0.01)


# A box, and nobody.


def test_a_tall_box_shows_no_neighbour():
    # The person is grey, and neighbours on both sides are white.
    image = np.full((500, 600, 3), 255, np.uint8)
    image[:, 200:400] = 100
    person = always(CENTRE_PX)
    stage = Stage(person, "coordinates", "person", 2 * ((CropScale(1.15),),))
    estimator = PoseEstimator("alone", (stage,), LSP)
    poses = estimator.estimate([image], [[250, 30, 100, 440]])
    for seen in person.seen:
        assert seen.min() == 100 and seen.max() == views.FILL
    np.testing.assert_allclose(poses.keypoints_px[0, 0], [299.5, 249.5])


@pytest.mark.parametrize("corner", [(0, 0), (FRAME_PX - 1, FRAME_PX - 1)])
def test_later_passes_stay_at_a_given_box(corner):
    # A network that sees everything in a corner would walk away, and shrink.
    stage = Stage(always(corner), "coordinates", "person", 6 * ONE_PASS)
    given_px = np.array([[100.0, 100, 80, 80]])
    estimator = PoseEstimator("restless", (stage,), LSP)
    (box_px,) = estimator.estimate([picture(400, 400)], given_px).boxes_px
    least, _ = estimators_estimator.SIDE_LIMITS
    assert box_px[2] == pytest.approx(least * 80)
    moved_px = np.abs(box_px[:2] + box_px[2:] / 2 - 140).max()
    assert moved_px == pytest.approx(estimators_estimator.MOVE_LIMIT * 80)


def test_looks_that_disagree_are_less_sure():
    # One crop sees the joint on the left, the mirrored one on the left too: on the right, that is.
    def answer(crops):
        logits = np.zeros((len(crops), 8, 8, JOINT_COUNT))
        logits[:, 4, 1] = 20
        return logits

    crops = (CropScale(), CropScale(mirrored=True))
    one, both = (
        PoseEstimator("sides", (Stage(Network(answer), "soft_argmax", "whole", (some,)),), LSP)
        for some in (crops[:1], crops)
    )
    assert one.estimate([picture()]).peak_mass.min() > 0.99
    assert both.estimate([picture()]).peak_mass.max() < 0.51
    agree, differ = (
        each.estimate([picture()]).features[0, presence.FEATURES.index("disagreement")]
        for each in (one, both)
    )
    assert agree == pytest.approx(0) and differ == pytest.approx(np.log(2), abs=1e-3)


def test_nobody_is_found_below_the_threshold(tiny):
    poses = tiny.estimate([picture()])
    assert poses.found.all() and np.isnan(poses.presence).all()
    weights = np.zeros(len(presence.FEATURES))
    for threshold, found in ((0.6, False), (0.5, True)):
        judge = presence.Presence(weights, 0.0, threshold)
        judged = replace(tiny, presence=judge).estimate([picture(), picture(seed=1)])
        np.testing.assert_array_equal(judged.presence, 0.5)
        np.testing.assert_array_equal(judged.found, found)
    judged = replace(tiny, presence=judge).with_least_presence(0.9).estimate([picture()])
    assert not judged.found.any()
    assert tiny.with_least_presence(0.9) is tiny
    # A network without maps does not know.
    stage = Stage(always(CENTRE_PX), "coordinates", "whole")
    blind = PoseEstimator("blind", (stage,), LSP, presence=judge).estimate([picture()])
    assert np.isnan(blind.presence).all() and blind.found.all()
