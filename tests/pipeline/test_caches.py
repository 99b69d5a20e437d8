"""Caches: made once, checked by digest, remade when damaged, left whole when there is no room."""

import errno
import os
import threading

import pytest

from posekit import files
from posekit.errors import PosekitError
from posekit.pipeline import caches


class Maker:
    """Writes a cache and counts how often."""

    def __init__(self, content=b"content"):
        self.content, self.calls = content, 0

    def __call__(self, path):
        self.calls += 1
        path.write_bytes(self.content)


def refuse(path):
    raise AssertionError(f"written again: {path}")


def ensure(path, write):
    caches.ensure(path, write)
    return path.read_bytes()


def test_a_cache_is_made_once_and_says_its_digest(tmp_path):
    path = tmp_path / "cache" / "frames.npy"
    assert ensure(path, Maker()) == b"content"
    assert ensure(path, refuse) == b"content"
    note = (path.parent / "frames.npy.sha256").read_text()
    # The digest of b"content" by sha256sum(1).
    known = "ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73"
    assert note == f"{known}  frames.npy\n"


@pytest.mark.parametrize("damaged", [b"", b"conten", b"cOntent", b"content and more"])
def test_a_damaged_cache_is_named_set_aside_and_made_anew(tmp_path, damaged):
    path = tmp_path / "frames.npy"
    ensure(path, Maker())
    path.write_bytes(damaged)
    with pytest.warns(UserWarning, match=r"frames\.npy: .* damaged.* frames\.npy\.damaged and"):
        assert ensure(path, Maker(b"anew")) == b"anew"
    assert (tmp_path / "frames.npy.damaged").read_bytes() == damaged
    assert ensure(path, refuse) == b"anew"


def test_a_file_without_a_digest_is_made_anew(tmp_path):
    path = tmp_path / "frames.npy"
    path.write_bytes(b"old")
    assert ensure(path, Maker()) == b"content"
    assert ensure(path, refuse) == b"content"


def test_a_digest_that_is_damaged_or_alone_is_no_proof(tmp_path):
    path, note = tmp_path / "frames.npy", tmp_path / "frames.npy.sha256"
    ensure(path, Maker())
    note.write_bytes(b"\xff\xfe")
    with pytest.warns(UserWarning, match="damaged"):
        assert ensure(path, Maker(b"second")) == b"second"
    path.unlink()
    assert ensure(path, Maker(b"third")) == b"third"
    assert ensure(path, refuse) == b"third"


def test_what_a_kill_left_half_written_is_removed(tmp_path):
    path, other = tmp_path / "frames.npy", tmp_path / ".partial-b-groups.npz"
    (tmp_path / ".partial-a-frames.npy").write_bytes(b"half")
    other.write_bytes(b"of another process")
    ensure(path, Maker())
    assert sorted(tmp_path.glob(".partial-*")) == [other]


def test_no_room_is_named_and_leaves_nothing_behind(tmp_path):
    def full(path):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(PosekitError, match=r"frames\.npy: .*room.* got No space left on device"):
        ensure(tmp_path / "frames.npy", full)
    assert [path.name for path in tmp_path.iterdir()] == [".frames.npy.lock"]


def test_two_at_once_make_it_once(tmp_path):
    path, begun, go_on = tmp_path / "frames.npy", threading.Event(), threading.Event()

    def slowly(temporary):
        begun.set()
        assert go_on.wait(10)
        temporary.write_bytes(b"slow")

    first = threading.Thread(target=ensure, args=(path, slowly))
    first.start()
    assert begun.wait(10)
    second = threading.Thread(target=ensure, args=(path, refuse))
    second.start()
    second.join(0.2)
    assert second.is_alive() and not path.exists()
    go_on.set()
    first.join(10)
    second.join(10)
    assert not second.is_alive() and path.read_bytes() == b"slow"
    assert files.digest(path) == (tmp_path / "frames.npy.sha256").read_text().split()[0]
