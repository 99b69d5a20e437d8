"""Give damaged inputs to every reader; keep what none of them should have done, with its seed."""

import argparse
import json
import math
import os
import sys
import tempfile
import time
import traceback
from pathlib import Path

# Before NumPy is loaded: a worker has one processor, and threads' stacks would count as memory.
os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", TF_CPP_MIN_LOG_LEVEL="3")
os.environ.update(TF_NUM_INTRAOP_THREADS="1", TF_NUM_INTEROP_THREADS="1", CUDA_VISIBLE_DEVICES="")


def main():
    """Run; the exit status is 1 when there is a finding."""
    from . import workers
    from .readers import READERS

    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    parser.add_argument("--inputs", type=int, default=60_000, help="default: %(default)s")
    parser.add_argument("--first-seed", type=int, default=0, help="default: %(default)s")
    parser.add_argument("--readers", nargs="+", choices=READERS, default=list(READERS))
    parser.add_argument("--workers", type=int, default=2, help="processes (default: %(default)s)")
    parser.add_argument("--out", type=Path, default=Path("reports/fuzz"), help="of the findings")
    parser.add_argument("--replay", metavar="READER:SEED", help="one input, with its traceback")
    options = parser.parse_args()
    if options.replay:
        name, _, seed = options.replay.partition(":")
        return _replay(name, int(seed))
    chosen = {name: READERS[name] for name in options.readers}
    begun = time.monotonic()
    options.out.mkdir(parents=True, exist_ok=True)
    results = []
    for is_heavy in (False, True):
        jobs = _jobs(chosen, options, is_heavy)
        for result in workers.fuzz(jobs, READERS, workers=options.workers) if jobs else ():
            results.append(result)
            if result.outcome == "finding":
                _keep(result, READERS[result.reader].damaged(result.seed), options.out)
    seconds = time.monotonic() - begun
    rows = [_row(name, results) for name in options.readers]
    for row in rows:
        print(
            "{reader:9} {inputs:7,} inputs: {taken:7,} taken, {refused:7,} refused, {finding:5,} "
            "findings; {mean_ms:6.1f} ms each, at most {most_ms:7.1f}".format(**row)
        )
    findings = sum(row["finding"] for row in rows)
    print(f"{len(results):,} inputs in {seconds / 60:.1f} minutes, {findings:,} findings")
    summary = {"inputs": len(results), "seconds": round(seconds, 1), "readers": rows}
    (options.out / "summary.json").write_text(json.dumps(summary, indent=2) + "\n")
    return 1 if findings else 0


def _jobs(chosen, options, is_heavy):
    total = sum(reader.share for reader in chosen.values())
    return [
        (name, options.first_seed + number)
        for name, reader in chosen.items()
        if reader.is_heavy == is_heavy
        for number in range(round(options.inputs * reader.share / total))
    ]


def _keep(result, damaged, folder):
    """Write a finding's input and what happened, and say how to see it again."""
    stem = f"{result.reader}-{result.seed}"
    (folder / f"{stem}.bin").write_bytes(damaged)
    (folder / f"{stem}.txt").write_text(f"{result.reason}\n", encoding="utf-8")
    print(f"finding, see --replay {result.reader}:{result.seed}: {result.reason}", flush=True)


def _row(name, results):
    mine = [result for result in results if result.reader == name]
    milliseconds = [1e3 * it.seconds for it in mine if not math.isnan(it.seconds)]
    return {
        "reader": name,
        "inputs": len(mine),
        **{
            outcome: sum(result.outcome == outcome for result in mine)
            for outcome in ("taken", "refused", "finding")
        },
        "mean_ms": sum(milliseconds) / max(1, len(milliseconds)),
        "most_ms": max(milliseconds, default=0.0),
    }


def _replay(name, seed):
    from . import workers
    from .attempts import attempt
    from .readers import READERS

    content = READERS[name].damaged(seed)
    print(f"{len(content):,} bytes: {content[:200]!r}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        workers.bound(workers.SECONDS, workers.MEMORY_BYTES)
        outcome, error = attempt(READERS[name], content, Path(folder))
    if error is not None:
        traceback.print_exception(error)
    print(outcome)
    return 1 if outcome == "finding" else 0


if __name__ == "__main__":
    sys.exit(main())
