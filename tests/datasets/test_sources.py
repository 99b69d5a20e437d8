"""From the string that names data to a data set: joined, thinned out, rid of bad pictures."""

import os
import shutil

import numpy as np
import pytest
import scipy.io

from posekit import files
from posekit.datasets import sources
from posekit.datasets.synthetic import writing
from posekit.errors import PosekitError

UNUSED = {"synthetic_images": 5, "seed": 0}


@pytest.fixture
def copied_folder(synthetic_folder, tmp_path):
    return shutil.copytree(synthetic_folder, tmp_path / "copy")


@pytest.fixture
def lsp_folder(synthetic_folder, tmp_path):
    """Four of the people in the layout of LSP, whose names have four digits."""
    folder = tmp_path / "lsp"
    (folder / "images").mkdir(parents=True)
    for number in range(1, 5):
        shutil.copy(
            synthetic_folder / "images" / f"im{number:05d}.jpg",
            folder / "images" / f"im{number:04d}.jpg",
        )
    joints = scipy.io.loadmat(synthetic_folder / "joints.mat")["joints"][..., :4]
    joints[:, 2] = 0
    scipy.io.savemat(folder / "joints.mat", {"joints": joints.transpose(1, 0, 2)})
    return folder


@pytest.mark.parametrize("data", ["", None])
def test_no_data_is_refused(data):
    with pytest.raises(PosekitError, match=f"'synthetic' or the path .*; got {data!r}"):
        sources.load(data, **UNUSED)


def test_a_missing_path_is_named_as_seen_from_the_root(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PosekitError, match="/data/no such place, which does not exist") as caught:
        sources.load("data/no such place", **UNUSED)
    assert str(files.PROJECT_ROOT) in str(caught.value)


def test_one_folder_comes_back_whole(synthetic_folder):
    dataset = sources.load(str(synthetic_folder), **UNUSED)
    assert dataset.name == "synthetic" and len(dataset) == 48


def test_the_synthetic_set_is_drawn_once(monkeypatch, tmp_path):
    monkeypatch.setattr(sources, "PROJECT_ROOT", tmp_path)
    dataset = sources.load("synthetic", **UNUSED)
    assert len(dataset) == 5
    (folder,) = (tmp_path / "data").iterdir()
    assert folder.name == "synthetic-v2-5-seed0"
    written = (folder / "joints.mat").stat().st_mtime_ns
    again = sources.load("synthetic", **UNUSED)
    assert again.fingerprint() == dataset.fingerprint()
    assert (folder / "joints.mat").stat().st_mtime_ns == written
    other = sources.load("synthetic", synthetic_images=5, seed=1)
    assert other.fingerprint() != dataset.fingerprint()


def test_a_newer_generator_draws_beside_the_old_set(monkeypatch, tmp_path):
    monkeypatch.setattr(sources, "PROJECT_ROOT", tmp_path)
    sources.load("synthetic", **UNUSED)
    monkeypatch.setattr(writing, "GENERATOR_VERSION", 3)
    assert len(sources.load("synthetic", **UNUSED)) == 5
    folders = sorted(folder.name for folder in (tmp_path / "data").iterdir())
    assert folders == ["synthetic-v2-5-seed0", "synthetic-v3-5-seed0"]


def test_two_paths_are_joined_in_order(synthetic_folder, lsp_folder):
    dataset = sources.load(os.pathsep.join([str(lsp_folder), str(synthetic_folder)]), **UNUSED)
    assert dataset.name == "lsp+synthetic" and len(dataset) == 52
    assert dataset.image_ids[[0, 3, 4]].tolist() == ["im0001", "im0004", "im00001"]
    # The same picture under two names, each read from its own folder.
    assert dataset.read_image("im0002") == dataset.read_image("im00002")
    assert dataset.labelled[:4].all() and not dataset.labelled[4:].all()


def test_the_same_set_twice_is_refused(synthetic_folder):
    twice = os.pathsep.join([str(synthetic_folder)] * 2)
    with pytest.raises(PosekitError, match=r"ids must be unique; got .*im00001.* 2 times"):
        sources.load(twice, **UNUSED)


@pytest.mark.parametrize("max_images", [2, 5, 47])
def test_a_part_is_evenly_spread(synthetic_folder, max_images):
    dataset = sources.load(str(synthetic_folder), max_images=max_images, **UNUSED)
    numbers = np.array([int(image_id[2:]) for image_id in dataset.image_ids])
    assert len(numbers) == max_images and (numbers[0], numbers[-1]) == (1, 48)
    gaps = np.diff(numbers)
    assert gaps.min() >= 1 and np.ptp(gaps) <= 1


@pytest.mark.parametrize("max_images", [None, 48, 1000])
def test_a_limit_that_is_not_reached_changes_nothing(synthetic_folder, max_images):
    dataset = sources.load(str(synthetic_folder), max_images=max_images, **UNUSED)
    assert dataset.image_ids.tolist() == [f"im{number:05d}" for number in range(1, 49)]


def test_the_limit_is_lifted_for_data_with_a_fixed_test_part_alone(copied_folder):
    limited = {"max_images": 5, "whole_if_fixed_test": True, **UNUSED}
    assert len(sources.load(str(copied_folder), **limited)) == 5
    # Without the mark of the synthetic set, the folder is LSPet by its layout.
    (copied_folder / "synthetic.json").unlink()
    assert len(sources.load(str(copied_folder), **limited)) == 48
    assert len(sources.load(str(copied_folder), max_images=5, **UNUSED)) == 5


def test_truncated_pictures_are_left_out_with_a_warning(copied_folder):
    for number in (3, 48):
        path = copied_folder / "images" / f"im{number:05d}.jpg"
        path.write_bytes(path.read_bytes()[:-800])
    with pytest.warns(UserWarning, match="2 images do not decode .*im00003: .*truncated.*im00048"):
        dataset = sources.load(str(copied_folder), bad_images="skip", **UNUSED)
    assert len(dataset) == 46 and not {"im00003", "im00048"} & set(dataset.image_ids.tolist())


@pytest.mark.filterwarnings("error")
def test_sound_pictures_are_all_kept_without_a_warning(synthetic_folder):
    assert len(sources.load(str(synthetic_folder), bad_images="skip", **UNUSED)) == 48


def test_an_unknown_way_with_bad_images_is_refused(synthetic_folder):
    with pytest.raises(PosekitError, match="'error', 'skip'; got 'ignore'"):
        sources.load(str(synthetic_folder), bad_images="ignore", **UNUSED)
