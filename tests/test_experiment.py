"""The data of one experiment: parts, targets and caches, on drawn and on real people."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from posekit import pipeline
from posekit.datasets import splits
from posekit.errors import PosekitError
from posekit.experiment import open_experiment

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
    alone = pipeline.decode_frame(chosen.read_image(last), experiment.frame_px)
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
    assert described["split"]["train"] == 38 and described["frames_placement"] == "memory"


def test_look_alikes_are_sought_once(synthetic_folder, experiment, tmp_path, monkeypatch):
    first = reopen(synthetic_folder, tmp_path)
    (path,) = tmp_path.glob("groups-*.npz")

    def sought_again(*args, **kwargs):
        raise AssertionError("sought again")

    monkeypatch.setattr(splits, "similarity_groups", sought_again)
    again = reopen(synthetic_folder, tmp_path)
    np.testing.assert_array_equal(again.split.groups, first.split.groups)
    np.testing.assert_array_equal(again.split.train, experiment.split.train)
    path.write_bytes(b"")
    with pytest.raises(AssertionError, match="sought again"):
        reopen(synthetic_folder, tmp_path)


@pytest.mark.parametrize("damage", [b"", b"no archive", b"PK\x03\x04 cut off"])
def test_a_damaged_cache_of_look_alikes_is_made_anew(
    synthetic_folder, experiment, tmp_path, damage
):
    reopen(synthetic_folder, tmp_path)
    (path,) = tmp_path.glob("groups-*.npz")
    path.write_bytes(damage)
    again = reopen(synthetic_folder, tmp_path)
    np.testing.assert_array_equal(again.split.groups, experiment.split.groups)
    assert path.stat().st_size > len(damage)


def test_look_alikes_do_not_depend_on_the_networks_input(synthetic_folder, experiment, tmp_path):
    small = reopen(synthetic_folder, tmp_path, frame_px=32)
    assert small.frame_px == 32 and small.frames.images.shape == (48, 32, 32, 3)
    np.testing.assert_array_equal(small.split.groups, experiment.split.groups)
    np.testing.assert_allclose(
        small.keypoints_frame_px, (experiment.keypoints_frame_px + 0.5) / 3 - 0.5
    )


def test_the_posters_split_has_no_test_part(synthetic_folder, tmp_path):
    opened = reopen(synthetic_folder, tmp_path, split="poster")
    assert not opened.split.comparable and len(opened.split.validation) == 5
    with pytest.raises(PosekitError, match="because the poster split has no test part"):
        opened.images("test")


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
    with pytest.raises(PosekitError, match="image im00007 must be a whole JPEG or PNG; got jpeg"):
        reopen(folder_with_a_truncated_picture, tmp_path / "cache")


def test_a_truncated_picture_can_be_skipped(folder_with_a_truncated_picture, tmp_path):
    with pytest.warns(UserWarning, match="1 images do not decode and are left out: im00007"):
        opened = reopen(folder_with_a_truncated_picture, tmp_path / "cache", bad_images="skip")
    assert len(opened.dataset) == len(opened.frames.images) == 47
    assert "im00007" not in opened.dataset.image_ids


@pytest.mark.skipif("POSEKIT_LSPET" not in os.environ, reason="POSEKIT_LSPET names no zip")
def test_the_photographs_open_under_the_smoke_profile(tmp_path):
    path = Path(os.environ["POSEKIT_LSPET"]).resolve()
    opened = open_experiment(str(path), profile="smoke", seed=0, cache_dir=tmp_path)
    assert "lspet" in opened.dataset.name and len(opened.dataset) == 240
    assert opened.frames.images.shape == (240, 96, 96, 3)
    assert 0.5 < opened.dataset.labelled.mean() < 1
    splits.check_no_leak(opened.split)
    assert min(len(opened.images(part)) for part in ("train", "validation")) > 10
    labelled = opened.targets("train", "masked")
    counted = labelled[labelled[..., 2] > 0]
    assert counted[:, :2].min() >= -0.5 and counted[:, :2].max() <= 95.5
