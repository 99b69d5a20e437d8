"""Readers in processes of their own, which a crash, a hang or a flood of memory may end."""

import multiprocessing
import resource
import shutil
import signal
import tempfile
import time
from collections import deque
from dataclasses import dataclass
from multiprocessing.connection import wait
from pathlib import Path

from .attempts import attempt, describe

# For each input; a picture of as many pixels as are allowed takes 1 GB and 2 seconds.
SECONDS = 10.0
MEMORY_BYTES = 3 << 29
# For a worker that sleeps: the processor's clock stands still. Other work may keep it waiting.
WALL_SECONDS = 600.0
PAGE_BYTES = resource.getpagesize()


@dataclass(frozen=True)
class Result:
    """What became of one input.

    Attributes:
        reader: str, its name.
        seed: int, of the input.
        outcome: "taken", "refused" or "finding", as from `attempts.attempt`.
        reason: str or None, the error or how the process ended.
        seconds: float, processor time; NaN where the process ended.
    """

    reader: str
    seed: int
    outcome: str
    reason: str | None
    seconds: float = float("nan")


def fuzz(jobs, readers, *, workers=2, seconds=SECONDS, memory_bytes=MEMORY_BYTES):
    """Give damaged inputs to readers.

    Args:
        jobs: list of (reader's name, seed).
        readers: dict, name -> Reader, of functions that another process can import.
        workers: int > 0, processes at a time.
        seconds: float > 0, processor time for each input.
        memory_bytes: int > 0, memory for each input.

    Yields:
        Result for each job, in no order.
    """
    asked = {name: readers[name] for name, _ in jobs}
    waiting = deque(jobs)
    running = {}

    def start():
        worker = _Worker(asked, seconds, memory_bytes)
        running[worker.connection] = worker

    try:
        for _ in range(workers):
            start()
        while running:
            ready = wait(list(running), timeout=WALL_SECONDS)
            for connection in ready or list(running):
                worker = running.pop(connection)
                result = worker.answer() if ready else worker.give_up()
                if result is not None:
                    yield result
                if not waiting:
                    worker.end()
                elif worker.has_ended:
                    start()
                else:
                    worker.give(waiting.popleft())
                    running[connection] = worker
    finally:
        for worker in running.values():
            worker.end()


def bound(seconds, memory_bytes):
    """Let this process use so much more memory and, from now on, so much processor time.

    Processor time is counted, so that a busy machine makes no findings.
    """
    used = int(Path("/proc/self/statm").read_text().split()[0]) * PAGE_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (used + memory_bytes, resource.RLIM_INFINITY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _set_clock(seconds)


class _Worker:
    def __init__(self, readers, seconds, memory_bytes):
        context = multiprocessing.get_context("spawn")
        self._job = None
        self._folder = tempfile.mkdtemp(prefix="posekit-fuzz-")
        self.connection, theirs = context.Pipe()
        self._process = context.Process(
            target=_serve, args=(theirs, readers, self._folder, seconds, memory_bytes), daemon=True
        )
        self._process.start()
        theirs.close()

    def give(self, job):
        self._job = job
        self.connection.send(job)

    def answer(self):
        """Result of the job at work, or None where the worker has only just begun."""
        try:
            outcome, reason, seconds = self.connection.recv()
        except EOFError:
            self._process.join()
            return self._ended(_ending(self._process.exitcode))
        if outcome == "ready":
            return None
        if outcome == "broken":
            raise RuntimeError(reason)
        return Result(*self._job, outcome, reason, seconds)

    def give_up(self):
        """Result of a job at which the worker sleeps."""
        return self._ended(f"asleep for {WALL_SECONDS:.0f} seconds")

    def _ended(self, reason):
        self.end()
        if self._job is None:
            raise RuntimeError(f"a worker did not start: {reason}")
        return Result(*self._job, "finding", reason)

    @property
    def has_ended(self):
        return self.connection.closed

    def end(self):
        self.connection.close()
        self._process.kill()
        self._process.join()
        shutil.rmtree(self._folder, ignore_errors=True)


def _ending(code):
    if code == -signal.SIGPROF:
        return "more processor time than allowed"
    return f"the process ended with {signal.Signals(-code).name if code < 0 else code}"


def _serve(connection, readers, folder, seconds, memory_bytes):
    """What a worker does: one input after the other, until it is ended."""
    for name, reader in readers.items():
        # What is loaded and made once must not count; and the readers take what is not damaged.
        for number, original in enumerate(reader.originals()):
            outcome, error = attempt(reader, original, _emptied(folder))
            if outcome != "taken":
                reason = f"{name}: original {number} is not taken: {describe(error)}"
                connection.send(("broken", reason, 0.0))
                return
    bound(0, memory_bytes)
    connection.send(("ready", None, 0.0))
    while True:
        name, seed = connection.recv()
        begun = time.process_time()
        _set_clock(seconds)
        reader = readers[name]
        outcome, error = attempt(reader, reader.damaged(seed), _emptied(folder))
        _set_clock(0)
        reason = None if error is None else describe(error)
        connection.send((outcome, reason, time.process_time() - begun))


def _set_clock(seconds):
    """End this process after so much processor time, even inside of a library's C code."""
    signal.setitimer(signal.ITIMER_PROF, seconds)


def _emptied(folder):
    path = Path(folder)
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir()
    return path
