"""Locks between processes: refused, waited for, taken over from the dead."""

import errno
import fcntl
import math
import os
import socket
import subprocess
import sys
import threading

import pytest

from posekit import files, locks
from posekit.errors import PosekitError

HOLD = (
    "import sys, pathlib; from posekit import locks\n"
    "with locks.held(pathlib.Path(sys.argv[1]), what='it'):\n"
    "    print('held', flush=True); sys.stdin.read()\n"
)


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the lock until it is killed."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / ".lock")],
        cwd=files.PROJECT_ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def test_the_second_names_the_first_and_a_dead_one_does_not_matter(tmp_path, holder):
    path = tmp_path / ".lock"
    named = f"report x: must be used .* got process {holder.pid} on {socket.gethostname()} since 2"
    with (
        pytest.raises(PosekitError, match=named),
        locks.held(path, what="report x", patience_seconds=0.15),
    ):
        raise AssertionError("held by two")
    holder.kill()
    holder.wait()
    assert f"process {holder.pid} " in path.read_text()
    with locks.held(path, what="report x"):
        assert path.read_text().startswith(f"process {os.getpid()} on ")


def test_waiting_is_announced_and_ends_with_the_owner(tmp_path, holder, capsys):
    threading.Timer(0.3, holder.kill).start()
    with locks.held(tmp_path / ".lock", what="cache x", patience_seconds=math.inf):
        pass
    assert capsys.readouterr().err.startswith(f"cache x: waiting for process {holder.pid} on ")


def test_a_lock_ends_with_its_block_even_by_an_error(tmp_path):
    path = tmp_path / "new" / ".lock"
    with pytest.raises(RuntimeError, match="inside"), locks.held(path, what="x"):
        raise RuntimeError("inside")
    with locks.held(path, what="x"), pytest.raises(PosekitError, match=f"process {os.getpid()} on"):
        locks.held(path, what="x").__enter__()


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(PosekitError, match=r"x: its folder .* got .*file: Not a directory|exists"):
        locks.held(tmp_path / "file" / ".lock", what="x").__enter__()


def test_a_file_system_without_locks_is_warned_of(tmp_path, monkeypatch):
    def unsupported(file, operation):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", unsupported)
    with (
        pytest.warns(UserWarning, match=r"x: .* no locks \(No locks available\)"),
        locks.held(tmp_path / ".lock", what="x"),
    ):
        assert f"process {os.getpid()}" in (tmp_path / ".lock").read_text()
