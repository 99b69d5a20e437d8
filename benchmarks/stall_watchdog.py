"""A watchdog that knows in which phase training stood still and what the kernel says of threads.

For `stalls.py`; trainings themselves have `posekit.training.stalls`.
"""

import faulthandler
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import keras

from posekit.errors import PosekitError

# A step takes seconds at most; the first one, which compiles, may take longer and is called so.
LIMIT_SECONDS = 60.0
POLL_SECONDS = 1.0

_TASKS = Path("/proc/self/task")


class Sign(NamedTuple):
    """A sign of life: what training began, and when.

    Attributes:
        moment: float, seconds of the monotonic clock.
        phase: str.
        epoch: int, from 1; 0 before the first.
        step: int, from 1, in the epoch or in its validation; 0 outside of both.
    """

    moment: float
    phase: str
    epoch: int
    step: int

    def __str__(self):
        step = f" {self.step}" if self.step else ""
        return f"{self.phase}{step} of epoch {self.epoch}" if self.epoch else self.phase


class Watchdog(keras.callbacks.Callback):
    """Reports a training that shows no sign of life; to be the first of the callbacks.

    Steps of training and of validation, epochs and saving are signs of life. A thread looks after
    them from the beginning of `fit` on, while the `with` block lasts, and ends with it. A report
    is one line on standard error and the threads' stacks in a file; where nothing moves on, the
    next report comes after twice the time.

    Args:
        path: Path of the file, made with the first report, in a folder that exists.
        limit_seconds: float > 0, without a sign of life.

    Raises:
        PosekitError: the limit is out of range.

    Attributes:
        stalls: list of dict, one for each stall that is over: its seconds, the phase, epoch and
            step that it happened in, and threads, `kernel_threads` at the time of the report
            (empty where it was over before).
    """

    def __init__(self, path, *, limit_seconds=LIMIT_SECONDS):
        super().__init__()
        if not limit_seconds > 0:
            raise PosekitError(
                f"Watchdog(): `limit_seconds` must be > 0; got {limit_seconds}. Infinity keeps "
                "it quiet."
            )
        self.stalls = []
        self._path = path
        self._limit_seconds = limit_seconds
        self._over = threading.Event()
        self._sign = None
        self._epoch = 0
        self._compiled = set()
        self._reported = (None, [])
        self._thread = threading.Thread(target=self._watch, name="posekit watchdog", daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *error):
        self._over.set()
        self._thread.join()
        self._show("end of the training")

    def on_train_begin(self, logs=None):
        self._show("beginning of the training")

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch + 1
        self._show("beginning")

    def on_train_batch_begin(self, batch, logs=None):
        self._show_step("training step", batch)

    def on_train_batch_end(self, batch, logs=None):
        self._compiled.add("training step")
        self._show("after training step", batch + 1)

    def on_test_begin(self, logs=None):
        self._show("beginning of the validation")

    def on_test_batch_begin(self, batch, logs=None):
        self._show_step("validation step", batch)

    def on_test_batch_end(self, batch, logs=None):
        self._compiled.add("validation step")
        self._show("after validation step", batch + 1)

    def on_test_end(self, logs=None):
        self._show("after the validation")

    def on_epoch_end(self, epoch, logs=None):
        self._show("saving after training")

    def _show_step(self, phase, batch):
        compiling = "" if phase in self._compiled else "compiling of "
        self._show(compiling + phase, batch + 1)

    def _show(self, phase, step=0):
        earlier = self._sign
        self._sign = Sign(time.monotonic(), phase, self._epoch, step)
        if earlier is None:
            return
        seconds = self._sign.moment - earlier.moment
        if seconds >= self._limit_seconds:
            reported, threads = self._reported
            self.stalls.append(
                {
                    "seconds": seconds,
                    **dict(zip(Sign._fields[1:], earlier[1:], strict=True)),
                    "threads": threads if reported is earlier else [],
                }
            )

    def _watch(self):
        reported, due_seconds = None, self._limit_seconds
        poll_seconds = min(POLL_SECONDS, self._limit_seconds / 4)
        while not self._over.wait(poll_seconds):
            sign = self._sign
            if sign is None:
                continue
            if sign is not reported:
                due_seconds = self._limit_seconds
            seconds = time.monotonic() - sign.moment
            if seconds >= due_seconds:
                reported, due_seconds = sign, 2 * due_seconds
                self._reported = (sign, kernel_threads())
                self._report(sign, seconds)

    def _report(self, sign, seconds):
        try:
            self._write(sign, seconds)
            where = f"the threads' stacks are in {self._path}"
        except OSError as error:
            where = f"the threads' stacks could not be written to {self._path}: {error.strerror}"
        print(
            f"warning: training shows no sign of life for {seconds:.0f} s, in {sign}; {where}",
            file=sys.stderr,
            flush=True,
        )

    def _write(self, sign, seconds):
        now = datetime.now(UTC).isoformat(sep=" ", timespec="seconds")
        with self._path.open("a", encoding="utf-8") as file:
            file.write(f"{now}: no sign of life for {seconds:.0f} s, in {sign}\n\n")
            # The stacks are written past Python's own buffer.
            file.flush()
            faulthandler.dump_traceback(file)
            file.write("\nThreads as the kernel sees them\n")
            for thread in self._reported[1]:
                file.write("  ".join(f"{name}: {value}" for name, value in thread.items()) + "\n")
            file.write("\n")


def kernel_threads():
    """What each thread of this process is doing, as the kernel sees it.

    Returns:
        list of dict: id, name, state (R runs or wants to, S sleeps, D waits for a disk),
        cpu_seconds so far, waits_in (a function of the kernel, "0" or "-" where not told) and
        syscall (its number, "running" or "-"). Empty where the system has no /proc.

    Source: proc(5), /proc/pid/task/tid/{stat,wchan,syscall}.
    """
    threads = (_kernel_thread(task) for task in sorted(_TASKS.glob("[0-9]*")))
    return [thread for thread in threads if thread is not None]


def _kernel_thread(task):
    stat = _read(task / "stat")
    # A thread may end while it is looked at.
    if ")" not in stat:
        return None
    # The name stands in brackets and may hold any character.
    name, _, rest = stat.partition("(")[2].rpartition(")")
    fields = rest.split()
    ticks = int(fields[11]) + int(fields[12])
    return {
        "id": int(task.name),
        "name": name,
        "state": fields[0],
        "cpu_seconds": ticks / 100,
        "waits_in": _read(task / "wchan") or "-",
        "syscall": (_read(task / "syscall").split() or ["-"])[0],
    }


def _read(path):
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
