"""The data of one experiment: parts, targets and caches, on drawn and on real people."""

import os
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from posekit.datasets import image_files, lsp, near_duplicates, splits
from posekit.errors import PosekitError
from posekit.pipeline import crops
from posekit.pipeline.augmentation import AUGMENTATIONS
from posekit.pipeline.experiment import open_experiment

PARTS = ("train", "validation", "test")


@pytest.fixture
def folder_with_a_truncated_picture(synthetic_folder, tmp_path):
    folder = shutil.copytree(synthetic_folder, tmp_path / "damaged")
    path = folder / "images" / "im00007.jpg"
    path.write_bytes(path.read_bytes()[:-800])
    return folder


def reopen(folder, cache_dir, **options):
    return open_experiment(str(folder), profile="smoke", seed=0, cache_dir=cache_dir, **options)


def test_drawn_people_are_divided_eighty_ten_ten(experiment):
    sizes = [len(getattr(experiment.split, part)) for part in PARTS]
    assert sizes == [38, 5, 5] and experiment.split.comparable
    assert len(experiment.dataset) == 48
    splits.check_no_leak(experiment.split)


@pytest.mark.parametrize("part", [*PARTS, "all"])
def test_images_and_targets_of_a_part_belong_together(experiment, part):
    chosen = experiment.part(part)
    images = experiment.images(part)
    targets = experiment.targets(part, "poster")
    assert len(chosen) == len(images) == len(targets)
    last = str(chosen.image_ids[-1])
    alone = image_files.squashed(chosen.read_image(last), experiment.frame_px)
    np.testing.assert_array_equal(images[-1], alone)
    width, height = chosen.image_sizes_px[-1]
    expected_px = (chosen.keypoints_px[-1] + 0.5) * [96 / width, 96 / height] - 0.5
    np.testing.assert_allclose(targets[-1, :, :2], expected_px, rtol=1e-5, atol=1e-4)


def test_label_treatments_differ_in_the_unlabelled_joints_alone(experiment):
    labelled = experiment.part("train").labelled
    assert 0 < labelled.mean() < 1
    targets = {
        treatment: experiment.targets("train", treatment)
        for treatment in ("masked", "poster", "poster_origin")
    }
    for each in targets.values():
        assert each.dtype == np.float32 and each.shape == (38, 14, 3)
        np.testing.assert_array_equal(each[labelled], targets["poster"][labelled])
    np.testing.assert_array_equal(targets["masked"][..., 2], labelled)
    assert (targets["poster"][..., 2] == 1).all() and (targets["poster_origin"][..., 2] == 1).all()
    assert (targets["poster_origin"][~labelled][:, :2] == 0).all()
    stored_px = experiment.keypoints_frame_px[experiment.split.train][~labelled]
    np.testing.assert_allclose(targets["poster"][~labelled][:, :2], stored_px, rtol=1e-5)


def test_the_description_is_ready_for_json(experiment):
    described = experiment.describe()
    assert described["images"] == 48 and described["frame_px"] == 96
    assert described["fingerprint"] == experiment.dataset.fingerprint()
    assert described["split"]["train"] == 38


def test_look_alikes_are_sought_once(synthetic_folder, experiment, tmp_path, monkeypatch):
    first = reopen(synthetic_folder, tmp_path)
    (path,) = tmp_path.glob("groups-*.npz")

    def sought_again(*args, **kwargs):
        raise AssertionError("sought again")

    monkeypatch.setattr(near_duplicates, "find_groups", sought_again)
    again = reopen(synthetic_folder, tmp_path)
    np.testing.assert_array_equal(again.split.groups, first.split.groups)
    np.testing.assert_array_equal(again.split.train, experiment.split.train)
    path.write_bytes(b"")
    damaged = pytest.warns(UserWarning, match=f"{path.name}: the cache is damaged")
    with damaged, pytest.raises(AssertionError, match="sought again"):
        reopen(synthetic_folder, tmp_path)


@pytest.mark.parametrize("damage", ["empty", "no archive", "one bit"])
def test_a_damaged_cache_of_look_alikes_is_made_anew(
    synthetic_folder, experiment, tmp_path, damage
):
    reopen(synthetic_folder, tmp_path)
    (path,) = tmp_path.glob("groups-*.npz")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes({"empty": b"", "no archive": b"no archive", "one bit": content}[damage])
    with pytest.warns(UserWarning, match=f"{path.name}: the cache is damaged"):
        again = reopen(synthetic_folder, tmp_path)
    np.testing.assert_array_equal(again.split.groups, experiment.split.groups)


def test_look_alikes_do_not_depend_on_the_networks_input(synthetic_folder, experiment, tmp_path):
    small = reopen(synthetic_folder, tmp_path, frame_px=32)
    assert small.frame_px == 32 and small.frames.shape == (48, 32, 32, 3)
    np.testing.assert_array_equal(small.split.groups, experiment.split.groups)
    np.testing.assert_allclose(
        small.keypoints_frame_px, (experiment.keypoints_frame_px + 0.5) / 3 - 0.5
    )


def test_the_posters_split_has_no_test_part(synthetic_folder, tmp_path):
    opened = reopen(synthetic_folder, tmp_path, split="poster")
    assert not opened.split.comparable and len(opened.split.validation) == 5
    with pytest.raises(PosekitError, match="because the poster split has no test part"):
        opened.images("test")


def test_squashed_canvases_are_the_frames(experiment):
    canvases = experiment.canvases("squashed", 96)
    assert canvases.crop(96, AUGMENTATIONS["none"]) is None
    for part in PARTS:
        np.testing.assert_array_equal(canvases.images(part), experiment.images(part))
        np.testing.assert_allclose(
            canvases.targets(part, "masked"), experiment.targets(part, "masked"), rtol=1e-6
        )


def test_each_view_has_its_canvas(experiment):
    turned = AUGMENTATIONS["turned"]
    for view, canvas_px, share in [("squashed", 64, 1), ("whole", 224, 1), ("person", 256, 0.6)]:
        canvases = experiment.canvases(view, 64)
        assert canvases.frames.shape == (48, canvas_px, canvas_px, 3)
        assert canvases.crop(64, turned) == crops.Crop(64, canvas_px, share, turned)
    # Larger canvases are cut to the input even where nothing is varied.
    assert canvases.crop(64, AUGMENTATIONS["none"]).canvas_px == 256


@pytest.mark.parametrize("view", ["whole", "person"])
def test_keypoints_on_canvases_belong_to_the_same_pixels(experiment, view):
    canvases = experiment.canvases(view, 96)
    part = experiment.part("train")
    images, targets = canvases.images("train"), canvases.targets("train", "masked")
    assert targets.dtype == np.float32 and targets.shape == (38, 14, 3)
    np.testing.assert_array_equal(targets[..., 2], part.labelled)

    def grey_at(image, place_px):
        column, row = np.round(place_px).astype(int)
        return image[row, column]

    on_canvas, in_picture = [], []
    for index in range(len(part)):
        picture = lsp.decode(part, index)
        scale = images.shape[1] / canvases.boxes_px[experiment.split.train[index], 2]
        # Smooth both by the same length of the picture.
        canvas = cv2.GaussianBlur(images[index].mean(axis=-1), (0, 0), max(4 * scale, 1))
        smooth = cv2.GaussianBlur(picture.mean(axis=-1), (0, 0), 4)
        for joint in np.flatnonzero(part.labelled[index]):
            place_px = part.keypoints_px[index, joint]
            if (place_px > 16).all() and (place_px < part.image_sizes_px[index] - 17).all():
                on_canvas.append(grey_at(canvas, targets[index, joint, :2]))
                in_picture.append(grey_at(smooth, place_px))
    assert len(on_canvas) > 100 and np.std(in_picture) > 20
    assert np.abs(np.subtract(on_canvas, in_picture)).mean() < 3


def test_a_persons_crop_shows_all_joints_with_a_margin(experiment):
    canvases = experiment.canvases("person", 96)
    crop = canvases.crop(96, AUGMENTATIONS["none"])
    targets = canvases.targets("train", "masked")
    moved = crop.cropped_targets(targets)
    counted = targets[..., 2] > 0
    low_px = np.where(counted[..., None], moved[..., :2], np.inf).min(axis=1)
    high_px = np.where(counted[..., None], moved[..., :2], -np.inf).max(axis=1)
    # The longer side of the joints' box, and 1.3 times that, in the middle of the frame.
    np.testing.assert_allclose((high_px - low_px).max(axis=1), 96 / 1.3, rtol=1e-4)
    np.testing.assert_allclose((low_px + high_px) / 2, 47.5, atol=1e-2)


def test_an_input_larger_than_the_canvas_is_refused(experiment):
    with pytest.raises(PosekitError, match="at most 224, the side of the whole view's .*got 256"):
        experiment.canvases("whole", 256)
    with pytest.raises(PosekitError, match="'squashed', 'whole', 'person'; got 'half'"):
        experiment.canvases("half", 96)


@pytest.mark.parametrize(
    ("options", "finding"),
    [
        ({"profile": "huge"}, "'smoke', 'quick', 'full'; got 'huge'"),
        ({"split": "random"}, "'standard', 'poster'; got 'random'"),
        ({"data": ""}, "'synthetic' or the path of a folder or zip; got ''"),
        ({"data": "/no/such/place"}, "got /no/such/place, which does not exist"),
    ],
)
def test_bad_choices_are_named(synthetic_folder, tmp_path, options, finding):
    arguments = {"data": str(synthetic_folder), "profile": "smoke", "seed": 0, **options}
    with pytest.raises(PosekitError, match=finding):
        open_experiment(**arguments, cache_dir=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_truncated_picture_is_an_error_that_names_it(folder_with_a_truncated_picture, tmp_path):
    with pytest.raises(PosekitError, match="image im00007 must be a whole JPEG or PNG image; got "):
        reopen(folder_with_a_truncated_picture, tmp_path / "cache")


def test_a_truncated_picture_can_be_skipped(folder_with_a_truncated_picture, tmp_path):
    with pytest.warns(UserWarning, match="1 images do not decode and are left out: im00007"):
        opened = reopen(folder_with_a_truncated_picture, tmp_path / "cache", bad_images="skip")
    assert len(opened.dataset) == len(opened.frames) == 47
    assert "im00007" not in opened.dataset.image_ids


@pytest.mark.skipif("POSEKIT_LSPET" not in os.environ, reason="POSEKIT_LSPET names no zip")
def test_the_photographs_open_under_the_smoke_profile(tmp_path):
    path = Path(os.environ["POSEKIT_LSPET"]).resolve()
    opened = open_experiment(str(path), profile="smoke", seed=0, cache_dir=tmp_path)
    assert "lspet" in opened.dataset.name and len(opened.dataset) == 240
    assert opened.frames.shape == (240, 96, 96, 3)
    assert 0.5 < opened.dataset.labelled.mean() < 1
    splits.check_no_leak(opened.split)
    assert min(len(opened.images(part)) for part in ("train", "validation")) > 10
    labelled = opened.targets("train", "masked")
    counted = labelled[labelled[..., 2] > 0]
    assert counted[:, :2].min() >= -0.5 and counted[:, :2].max() <= 95.5
