"""Files that belong together: an epoch is whole or not there, whatever was killed or damaged."""

import itertools
import json
import shutil
import warnings

import pytest

from posekit import files
from posekit.errors import PosekitError
from posekit.training.checkpoint import PREVIOUS, RECORD, CheckpointFiles

# As in a training: one file is written at the start, one only now and then.
NAMES = ("config", "best", "last", "checkpoint")


@pytest.fixture(autouse=True)
def no_waiting_for_the_disk(monkeypatch):
    """No test here cuts the power, and hundreds of small files would wait for the disk."""
    monkeypatch.setattr(files.os, "fsync", lambda handle: None)


class Killed(BaseException):
    """Ends the writing as a kill would: nothing is tidied up after it."""


def content(name, epoch):
    if name == "config":
        return "config"
    if name == "best":
        epoch -= 1 - epoch % 2  # better in odd epochs only
    return f"{name} of epoch {epoch}"


def write_epoch(checkpoint_files, epoch):
    for name in NAMES:
        if name == "config" and epoch > 1 or name == "best" and epoch % 2 == 0:
            continue
        text = content(name, epoch)
        checkpoint_files.write(name, lambda path, text=text: path.write_text(text))
    checkpoint_files.commit(epoch)


def written(folder, epochs):
    checkpoint_files = CheckpointFiles(folder)
    for epoch in range(1, epochs + 1):
        write_epoch(checkpoint_files, epoch)
    return checkpoint_files


def held(folder):
    return {name: (folder / name).read_text() for name in NAMES if (folder / name).exists()}


def expected(epoch):
    return {name: content(name, epoch) for name in NAMES}


def names_in(folder):
    return {path.name for path in folder.iterdir()}


def test_an_epoch_is_found_again(tmp_path):
    written(tmp_path, 3)
    again = CheckpointFiles(tmp_path)
    assert again.is_whole() and again.recover() == 3
    assert held(tmp_path) == expected(3)
    assert names_in(tmp_path) == {*NAMES, RECORD, PREVIOUS}
    assert [record["epoch"] for record in json.loads((tmp_path / RECORD).read_text())] == [3, 2]


def test_nothing_recorded_is_left_as_it_is(tmp_path):
    (tmp_path / "last").write_text("of an earlier version")
    checkpoint_files = CheckpointFiles(tmp_path)
    assert checkpoint_files.is_whole() and checkpoint_files.recover() is None
    assert names_in(tmp_path) == {"last"}
    assert CheckpointFiles(tmp_path / "nothing").recover() is None


@pytest.mark.parametrize("is_done", [True, False], ids=["after a rename", "before a rename"])
def test_whatever_step_is_the_last_one_an_epoch_is_whole(tmp_path, monkeypatch, is_done):
    """Every rename of two epochs is tried as the last thing that the process did, or did not."""
    replace, found = files.os.replace, []
    written(tmp_path / "start", 2)
    for last_step in itertools.count(1):
        folder = shutil.copytree(tmp_path / "start", tmp_path / str(last_step))
        steps = itertools.count(1)

        def killed_at(source, target, steps=steps, last_step=last_step):
            is_last = next(steps) == last_step
            if is_done or not is_last:
                replace(source, target)
            if is_last:
                raise Killed

        resumed = CheckpointFiles(folder)
        with monkeypatch.context() as patched:
            patched.setattr(files.os, "replace", killed_at)
            try:
                assert resumed.recover() == 2
                write_epoch(resumed, 3)
                write_epoch(resumed, 4)
                break  # there are no more steps
            except Killed:
                pass
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            resumed = CheckpointFiles(folder)
            epoch = resumed.recover()
        assert held(folder) == expected(epoch)
        found.append(epoch)
        for later in range(epoch + 1, 5):
            write_epoch(resumed, later)
        assert CheckpointFiles(folder).recover() == 4 and held(folder) == expected(4)
    # A record, two or three files and a copy of each for the two epochs, and the first record.
    assert len(found) == 13 and set(found) >= {2, 3} and found == sorted(found)


@pytest.mark.parametrize("damaged", [b"", b"last of epoch 4", b"last of epoch"])
def test_damage_is_named_set_aside_and_the_epoch_before_is_used(tmp_path, damaged):
    written(tmp_path, 3)
    (tmp_path / "last").write_bytes(damaged)
    assert not CheckpointFiles(tmp_path).is_whole()
    checkpoint_files = CheckpointFiles(tmp_path)
    with pytest.warns(UserWarning, match=r"last: is damaged .* as last\.damaged; epoch 3 cannot"):
        assert checkpoint_files.recover() == 2
    assert held(tmp_path) == expected(2)
    assert (tmp_path / "last.damaged").read_bytes() == damaged
    # The lost epoch is no longer spoken of.
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert CheckpointFiles(tmp_path).recover() == 2
    write_epoch(checkpoint_files, 3)
    assert CheckpointFiles(tmp_path).recover() == 3 and held(tmp_path) == expected(3)


def test_a_missing_file_is_named_as_well(tmp_path):
    written(tmp_path, 3)
    (tmp_path / "checkpoint").unlink()
    with pytest.warns(UserWarning, match=r"checkpoint: is missing; epoch 3 cannot"):
        assert CheckpointFiles(tmp_path).recover() == 2


def test_damage_that_no_epoch_survives_starts_anew(tmp_path):
    written(tmp_path, 4)
    # The best network is that of epoch 3, in both recorded epochs.
    (tmp_path / "best").write_text("damaged")
    with pytest.warns(UserWarning, match="no epoch is left whole; all is set aside") as caught:
        assert CheckpointFiles(tmp_path).recover() == 0
    assert [str(each.message).split(": ")[1][:10] for each in caught][0] == "is damaged"
    aside = {f"{name}.damaged" for name in (*NAMES, RECORD)}
    assert names_in(tmp_path) == {*aside, PREVIOUS}
    assert (tmp_path / "best.damaged").read_text() == "damaged"
    again = CheckpointFiles(tmp_path)
    assert again.recover() is None
    write_epoch(again, 1)
    assert CheckpointFiles(tmp_path).recover() == 1 and held(tmp_path) == expected(1)


@pytest.mark.parametrize(
    "damaged", ["", "[", "{}", "[1]", '[{"epoch": "1"}]', '[{"epoch": 3, "sha256": []}]']
)
def test_a_damaged_record_is_named_and_the_files_are_used(tmp_path, damaged):
    written(tmp_path, 3)
    (tmp_path / RECORD).write_text(damaged)
    checkpoint_files = CheckpointFiles(tmp_path)
    assert not checkpoint_files.is_whole()
    with pytest.warns(UserWarning, match=r"checkpoint\.json: must .* as checkpoint\.json\.damaged"):
        assert checkpoint_files.recover() is None
    assert held(tmp_path) == expected(3)


def test_no_room_leaves_the_epoch_whole(tmp_path, monkeypatch):
    checkpoint_files = written(tmp_path, 2)

    def full(source, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shutil, "copyfile", full)
    with pytest.raises(PosekitError, match="previous/best: .*room.* No space left on device"):
        write_epoch(checkpoint_files, 3)
    assert CheckpointFiles(tmp_path).recover() == 2 and held(tmp_path) == expected(2)
