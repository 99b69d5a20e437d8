"""Run a study on Dask: trials go to workers, here or on a cluster, and results into one table.

A trial is an ordinary training in the run's folder; a finished one is not trained again. When a
worker dies, Dask gives its trial to another one, which resumes from the training's checkpoint.
"""

import logging
import os
import sys
import time
from concurrent.futures import CancelledError
from contextlib import contextmanager

from distributed import Client, LocalCluster, as_completed
from distributed.scheduler import KilledWorker
from tqdm import tqdm

from posekit.errors import PosekitError
from posekit.studies.sweep import table
from posekit.studies.sweep.trial import train

# How often finished trials and new workers are looked for.
POLL_SECONDS = 0.5

# Only this machine sees the dashboard of a cluster that is started here.
DASHBOARD = "127.0.0.1:8787"


def run(study, run_dir, *, scheduler=None, workers=1, cache_dir=None):
    """Train what is not finished of a Study, and write its table after each trial.

    Args:
        run_dir: Path, the study's folder, which every worker must see under this path.
        scheduler: str, address of a running Dask scheduler; None trains on this machine.
        workers: int > 0, trials at a time on this machine; a single one trains in this process.
        cache_dir: Path, folder of the caches, or None for `files.cache_dir` of each worker.

    Returns the dict of `table.build`, failed trials included.
    """
    rows = [None] * len(study.trials)
    bar = tqdm(
        total=len(study.trials),
        unit="trial",
        disable=None,  # where standard error is a file, one line for each trial is enough
        leave=False,
    )
    with _client(scheduler, workers) as client, bar:
        print(f"dashboard: {client.dashboard_link}")
        for index, row in _outcomes(client, study, run_dir, cache_dir):
            rows[index] = row
            result = table.build(study, [row for row in rows if row is not None])
            table.write(run_dir, result)
            bar.update()
    return result


@contextmanager
def _client(scheduler, workers):
    # A training that compiles keeps Python busy for seconds; Dask need not report that.
    logging.getLogger("distributed").setLevel(logging.ERROR)
    if scheduler is not None:
        try:
            client = Client(scheduler)
        except (OSError, ValueError) as error:
            raise PosekitError(
                f"sweep: `scheduler` must be the address of a running Dask scheduler; got "
                f"{scheduler!r}: {error}."
            ) from error
        with client:
            yield client
        return
    threads = str(max(1, (os.cpu_count() or 1) // workers))
    with (
        LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            processes=workers > 1,
            memory_limit=0,
            dashboard_address=DASHBOARD,
            silence_logs=logging.ERROR,
            # Together, the workers compute on as many threads as there are cores.
            **({"env": {"TF_NUM_INTRAOP_THREADS": threads}} if workers > 1 else {}),
        ) as cluster,
        Client(cluster) as client,
    ):
        yield client


def _outcomes(client, study, run_dir, cache_dir):
    """Yield (index of the trial, its row) as trials end."""
    waiting, index_of, running = list(enumerate(study.trials))[::-1], {}, as_completed()
    warned = False
    while waiting or not running.is_empty():
        # At most one trial a worker: the order is the study's, and a worker that dies takes no
        # trial with it that has not begun. Workers come and go, so this is checked again and again.
        count = _worker_count(client)
        while waiting and running.count() < count:
            index, trial = waiting.pop()
            future = client.submit(train, study, trial, run_dir, cache_dir, pure=False)
            index_of[future] = index
            running.add(future)
        if not count and not warned:
            tqdm.write("waiting for a worker", file=sys.stderr)
            warned = True
        time.sleep(POLL_SECONDS)
        for future in running.next_batch(block=False):
            index = index_of.pop(future)
            row = _row(future, study.trials[index])
            label = table.label(row, study.varied)
            tqdm.write(f"{label}: {row['error'] or 'done'}", file=sys.stderr)
            yield index, row


def _worker_count(client):
    try:
        return len(client.nthreads())
    except (OSError, TimeoutError) as error:
        raise PosekitError(
            "sweep: the scheduler must answer until all trials have ended; got "
            f"{error or type(error).__name__}. Finished trials are kept: run the study again."
        ) from error


def _row(future, trial):
    try:
        return future.result()
    except PosekitError as error:
        problem = str(error)
    except KilledWorker as error:
        problem = (
            f"{error.allowed_failures + 1} workers died training it; run the study again to resume"
        )
    # No other error of one trial may end the others either.
    except (Exception, CancelledError) as error:
        problem = f"{type(error).__name__}: {error}"
    return {**trial.settings(), "error": problem}
