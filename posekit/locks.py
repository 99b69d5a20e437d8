"""One process at a time: locks on a folder or file that two runs must not write to together."""

import fcntl
import math
import os
import socket
import sys
import time
import warnings
from contextlib import contextmanager
from datetime import UTC, datetime

from posekit.errors import PosekitError

POLL_SECONDS = 0.1


@contextmanager
def held(path, *, what, patience_seconds=0.0):
    """Hold a lock while the block runs; the system frees it when the process ends, however it ends.

    What the file says about its owner is for people, and stays. So does the file: otherwise two
    processes could each lock a file of this name.

    Args:
        path: Path of the lock file, made where missing, its folder too.
        what: str, what the lock is for, as the message calls it.
        patience_seconds: float >= 0, how long to wait for an owner; math.inf waits, and says so.

    Raises:
        PosekitError: another process holds the lock (named by id, host and start), or the file
            cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a+", encoding="utf-8")
    except OSError as error:
        raise PosekitError(
            f"{what}: its folder must be one that can be written to; got {path.parent}: "
            f"{error.strerror}. Choose another folder."
        ) from error
    with file:
        _lock(file, what, patience_seconds)
        file.truncate(0)
        now = datetime.now(UTC).isoformat(sep=" ", timespec="seconds")
        file.write(f"process {os.getpid()} on {socket.gethostname()} since {now}")
        file.flush()
        yield


@contextmanager
def held_if_free(folder):
    """Hold a folder's lock and yield True; False where another has it, or there are no locks."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
        else:
            yield True
    finally:
        os.close(handle)


def _lock(file, what, patience_seconds):
    """Lock an open file, or raise when patience ends."""
    deadline, announced = time.monotonic() + patience_seconds, False
    while True:
        try:
            return fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            owner = file.read() or "another process"
        except OSError as error:
            # Some network folders have no locks; work there is better than none.
            message = f"{what}: the folder's file system has no locks ({error.strerror}); "
            message += "take care that no other process writes there."
            return warnings.warn(message, stacklevel=4)
        if time.monotonic() >= deadline:
            raise PosekitError(
                f"{what}: must be used by one process at a time; got {owner}. Wait for it, or "
                "choose another folder."
            )
        if patience_seconds == math.inf and not announced:
            print(f"{what}: waiting for {owner}", file=sys.stderr)
            announced = True
        time.sleep(POLL_SECONDS)
