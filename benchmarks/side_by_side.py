"""Two programs on the same work, one after the other in turn, and the ratio of their times.

A worker is a process of its own, in its own environment: it prints "ready" once it is warm, then
answers each line of standard input (one piece of work) with one line of JSON. Machines get
slower and faster by the minute, so only ratios of neighbouring turns are reported.
"""

import json
import statistics
import subprocess
import time


class Worker:
    """A running worker.

    Args:
        name: str, for tables.
        command: list of str that starts it.
    """

    def __init__(self, name, command):
        self.name = name
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        if self._process.stdout.readline().strip() != "ready":
            raise SystemExit(f"{name}: must print `ready`; it ended. See its message above.")

    def answer(self, work):
        """Send one line, wait for its answer; returns (answer, seconds)."""
        started = time.perf_counter()
        self._process.stdin.write(f"{work}\n")
        line = self._process.stdout.readline()
        seconds = time.perf_counter() - started
        if not line:
            raise SystemExit(f"{self.name}: must answer {work!r}; it ended. See its message above.")
        return json.loads(line), seconds

    def close(self):
        """End the worker."""
        self._process.stdin.close()
        self._process.wait()


def alternate(ours, theirs, work, *, turns):
    """Both workers on all pieces of work, `turns` times in turn.

    Args:
        ours, theirs: Worker.
        work: list of str, the pieces.
        turns: int >= 5, pairs of measurements.

    Returns:
        dict: `ratio`, the median over the turns of their time by ours (above 1: ours is faster),
        `ratio_range` of the turns, and for each the median milliseconds for a piece and the
        answers of the last turn.
    """
    for worker in (ours, theirs):
        for piece in work[:5]:
            worker.answer(piece)
    seconds, answers = {ours: [], theirs: []}, {}
    for turn in range(turns):
        order = (ours, theirs) if turn % 2 == 0 else (theirs, ours)
        for worker in order:
            results = [worker.answer(piece) for piece in work]
            answers[worker] = [answer for answer, _ in results]
            seconds[worker].append(sum(taken for _, taken in results))
    ratios = [
        their_time / our_time
        for our_time, their_time in zip(seconds[ours], seconds[theirs], strict=True)
    ]
    return {
        "pieces": len(work),
        "turns": turns,
        "ratio": statistics.median(ratios),
        "ratio_range": [min(ratios), max(ratios)],
        "milliseconds": {
            worker.name: statistics.median(seconds[worker]) / len(work) * 1000
            for worker in (ours, theirs)
        },
        "answers": {worker.name: answers[worker] for worker in (ours, theirs)},
    }
