"""A packed data set is the set that it was made from, or an error."""

import json

import numpy as np
import pytest

from posekit.cli.main import main
from posekit.datasets import packed, sources
from posekit.errors import PosekitError
from posekit.pipeline import frames as pipeline_frames
from posekit.pipeline.experiment import open_experiment
from posekit.pipeline.frames import FRAMES_VERSION, load_frames


@pytest.fixture(scope="module")
def folder(experiment, tmp_path_factory):
    return packed.write(
        tmp_path_factory.mktemp("packed") / "people",
        experiment.dataset,
        frames=experiment.frames,
        frames_version=FRAMES_VERSION,
        groups=experiment.split.groups,
    )


@pytest.fixture
def copied(folder, tmp_path):
    """A packed set of its own, for a test that damages it."""
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    return tmp_path


def damage(path):
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(bytes(content))


def test_labels_pictures_and_fingerprint_are_the_originals(folder, experiment):
    original, opened = experiment.dataset, packed.read(folder)
    for name in (*packed.ARRAYS, "name", "has_fixed_test", "skeleton"):
        np.testing.assert_array_equal(getattr(opened, name), getattr(original, name), err_msg=name)
    assert list(opened.extras) == list(original.extras) == ["activity", "person_count"]
    for name, values in original.extras.items():
        np.testing.assert_array_equal(opened.extras[name], values)
    for image_id in original.image_ids:
        assert opened.read_image(str(image_id)) == original.read_image(str(image_id))
    assert opened.fingerprint() == original.fingerprint()
    # A subset knows nothing of the stored fingerprint and hashes the pictures.
    everything = np.arange(len(opened))
    assert opened.subset(everything).fingerprint() == original.fingerprint()


def test_an_experiment_on_it_is_the_same_and_decodes_nothing(
    folder, experiment, tmp_path, monkeypatch
):
    def refuse(*arguments):
        raise AssertionError("a picture was decoded")

    for name in ("decode", "squashed"):
        monkeypatch.setattr(pipeline_frames.image_files, name, refuse)
    again = open_experiment(str(folder), profile="smoke", seed=0, cache_dir=tmp_path)
    assert again.describe() == experiment.describe()
    np.testing.assert_array_equal(again.frames, experiment.frames)
    np.testing.assert_array_equal(again.split.groups, experiment.split.groups)
    np.testing.assert_array_equal(again.split.train, experiment.split.train)
    np.testing.assert_array_equal(
        again.targets("train", "masked"), experiment.targets("train", "masked")
    )
    assert not list(tmp_path.iterdir()), "nothing needs a cache"


def test_other_frames_and_parts_come_from_the_pictures(folder, experiment, tmp_path):
    opened = packed.read(folder)
    settings = {"cache_dir": tmp_path}
    small = load_frames(opened, frame_px=16, **settings)
    np.testing.assert_array_equal(small, load_frames(experiment.dataset, frame_px=16, **settings))
    chosen = np.array([5, 2, 40])
    part = load_frames(opened.subset(chosen), frame_px=96, **settings)
    np.testing.assert_array_equal(part, experiment.frames[chosen])
    assert (
        packed.pack_of(opened.subset(chosen)) is None and packed.pack_of(experiment.dataset) is None
    )


def test_frames_of_an_earlier_look_are_not_used(folder):
    pack = packed.pack_of(packed.read(folder))
    version = FRAMES_VERSION
    assert pack.frames(frame_px=96, version=version).shape == (48, 96, 96, 3)
    assert pack.frames(frame_px=96, version=version + 1) is None
    assert pack.frames(frame_px=64, version=version) is None


def test_frames_that_do_not_fit_stay_in_the_file(folder, experiment):
    frames = load_frames(packed.read(folder), frame_px=96, memory_limit_bytes=1)
    assert isinstance(frames, np.memmap)
    rows = pipeline_frames.rows_of(frames, np.array([9, 1]))
    np.testing.assert_array_equal(rows[:], experiment.frames[[9, 1]])


def test_a_damaged_picture_is_named(copied):
    damage(copied / packed.PICTURES)
    opened = packed.read(copied)
    opened.read_image("im00001")
    with pytest.raises(PosekitError, match="image im00048 must be as it was packed; got other"):
        opened.read_image("im00048")


@pytest.mark.parametrize("name", [packed.LABELS, "frames-96px.npy"])
def test_a_damaged_file_is_named(copied, name):
    damage(copied / name)
    with pytest.raises(PosekitError, match=f"{name}: must be as it was packed; got other bytes"):
        load_frames(packed.read(copied), frame_px=96)


def test_a_missing_and_a_short_file_are_named(copied):
    (copied / packed.PICTURES).write_bytes(b"short")
    with pytest.raises(PosekitError, match="pictures.bin: must be as it was packed; got 5 bytes"):
        packed.read(copied)
    (copied / packed.LABELS).unlink()
    with pytest.raises(PosekitError, match="labels.npz: must be as it was packed; got nothing"):
        packed.read(copied)


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        ({"format": "another"}, "packed.json: must have the `format` .*got .*another"),
        ({"files": "many"}, "must be as it was packed; got TypeError"),
        ({"files": {}}, "must be as it was packed; got KeyError: 'labels.npz'"),
    ],
)
def test_a_strange_manifest_is_refused(copied, change, finding):
    manifest = json.loads((copied / packed.MANIFEST).read_text())
    (copied / packed.MANIFEST).write_text(json.dumps(manifest | change))
    with pytest.raises(PosekitError, match=finding):
        packed.read(copied)


def test_nothing_is_written_over_and_nothing_left_behind(folder, experiment, tmp_path):
    arguments = {"frames": experiment.frames, "frames_version": 1}
    groups = experiment.split.groups
    with pytest.raises(PosekitError, match="must be a new one; got .*people, which exists"):
        packed.write(folder, experiment.dataset, **arguments, groups=groups)

    def fail():
        raise OSError(28, "No space left on device")

    unreadable = experiment.dataset.subset(np.arange(3))
    object.__setattr__(unreadable, "read_image", lambda image_id: fail())
    with pytest.raises(PosekitError, match="with room for its files; got No space left"):
        packed.write(tmp_path / "new", unreadable, **arguments, groups=groups[:3])
    assert not list(tmp_path.iterdir())


def test_the_command_packs_what_data_takes(synthetic_folder, experiment, tmp_path, capsys):
    folder = tmp_path / "packed"
    assert main(["data", "pack", "--out", str(folder), "--data", str(synthetic_folder)]) == 0
    assert f"48 images in {folder}" in capsys.readouterr().out
    opened = sources.load(str(folder), synthetic_images=1, seed=0)
    assert opened.fingerprint() == experiment.dataset.fingerprint()
