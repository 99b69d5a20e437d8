"""Programs on the same work, one after the other in turn, and the ratio of their times.

A worker is a process of its own, in its own environment: it prints "ready" once it is warm, then
answers each line of standard input (one piece of work) with one line of JSON. Machines get
slower and faster by the minute, so only ratios of neighbouring turns are reported.
"""

import json
import statistics
import subprocess
import threading
import time

# No answer of a whole run takes as long. A worker that stands still must not hold up the others.
LIMIT_SECONDS = 200.0


class Worker:
    """A running worker.

    Args:
        name: str, for tables.
        command: list of str that starts it.
        limit_seconds: float > 0; one that takes longer to get ready or to answer is killed, and
            the program ends with a message.
    """

    def __init__(self, name, command, *, limit_seconds=LIMIT_SECONDS):
        self.name = name
        self._limit_seconds = limit_seconds
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        first = self._line("print `ready`").strip()
        if first != "ready":
            raise SystemExit(f"{name}: must print `ready` first; it printed {first!r}.")

    def answer(self, work):
        """Send one line, wait for its answer; returns (answer, seconds)."""
        started = time.perf_counter()
        self._process.stdin.write(f"{work}\n")
        line = self._line(f"answer {work!r}")
        return json.loads(line), time.perf_counter() - started

    def _line(self, duty):
        late = threading.Event()

        def end():
            late.set()
            self._process.kill()

        killer = threading.Timer(self._limit_seconds, end)
        killer.start()
        line = self._process.stdout.readline()
        killer.cancel()
        if line:
            return line
        if late.is_set():
            raise SystemExit(
                f"{self.name}: must {duty} within {self._limit_seconds:g} s; it did not and was "
                "killed. Run it again."
            )
        raise SystemExit(f"{self.name}: must {duty}; it ended. See its message above.")

    def close(self):
        """End the worker."""
        self._process.stdin.close()
        self._process.wait()


class Order:
    """One of the things that a worker can do, as a worker of its own.

    Args:
        worker: Worker.
        name: str, for tables.
        order: str, the line that asks for it, whatever the work.
    """

    def __init__(self, worker, name, order):
        self.name = name
        self._worker = worker
        self._order = order

    def answer(self, work):
        """As for a Worker."""
        return self._worker.answer(self._order)


def take_turns(workers, work, *, turns):
    """All workers on all pieces of work, `turns` times in turn.

    Args:
        workers: list of Worker or Order, with different names.
        work: list of str, the pieces; the first five are also done once before, untimed.
        turns: int > 0, at least 5 for figures to quote.

    Returns:
        (name -> list of seconds for all pieces, one for each turn; name -> answers of the last
        turn).
    """
    for worker in workers:
        for piece in work[:5]:
            worker.answer(piece)
    seconds, answers = {worker.name: [] for worker in workers}, {}
    for turn in range(turns):
        # Who goes first changes from turn to turn.
        first = turn % len(workers)
        for worker in workers[first:] + workers[:first]:
            results = [worker.answer(piece) for piece in work]
            answers[worker.name] = [answer for answer, _ in results]
            seconds[worker.name].append(sum(taken for _, taken in results))
    return seconds, answers


def ratio_of(their_seconds, our_seconds):
    """Median and range of their time by ours, turn by turn; above 1 ours is faster."""
    ratios = [theirs / ours for theirs, ours in zip(their_seconds, our_seconds, strict=True)]
    return {"ratio": statistics.median(ratios), "ratio_range": [min(ratios), max(ratios)]}


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
    seconds, answers = take_turns([ours, theirs], work, turns=turns)
    return {
        "pieces": len(work),
        "turns": turns,
        **ratio_of(seconds[theirs.name], seconds[ours.name]),
        "milliseconds": {
            name: statistics.median(taken) / len(work) * 1000 for name, taken in seconds.items()
        },
        "answers": answers,
    }
