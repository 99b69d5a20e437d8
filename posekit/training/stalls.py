"""The stacks of all threads, written to a file when training stands still."""

import faulthandler
import sys
import time

import keras

from posekit.errors import PosekitError

# A step takes seconds at most; the first one, which compiles, may take longer.
LIMIT_SECONDS = 60.0


class Watchdog(keras.callbacks.Callback):
    """Dumps all stacks to the file `path` when no step ends in time, and again after as long.

    The timer runs inside the `with` block and starts again with each step of training or
    validation and each epoch. Once training moves on, a line on standard error says how long it
    stood still. `faulthandler` has one timer for each process, so the last block to begin has it.
    """

    def __init__(self, path, *, limit_seconds=LIMIT_SECONDS):
        super().__init__()
        if not limit_seconds > 0:
            raise PosekitError(
                f"Watchdog(): `limit_seconds` must be > 0; got {limit_seconds}. Infinity keeps "
                "it quiet."
            )
        self._path = path
        # The timer takes no infinity.
        self._limit_seconds = min(limit_seconds, 1e9)

    def __enter__(self):
        self._file = self._path.open("a", encoding="utf-8")
        self._restarted = time.monotonic()
        self.restart()
        return self

    def __exit__(self, *error):
        self.restart()
        faulthandler.cancel_dump_traceback_later()
        self._file.close()
        if not self._path.stat().st_size:
            self._path.unlink()

    def restart(self, *arguments, logs=None):
        now = time.monotonic()
        seconds, self._restarted = now - self._restarted, now
        faulthandler.dump_traceback_later(self._limit_seconds, repeat=True, file=self._file)
        if seconds >= self._limit_seconds:
            message = f"training stood still for {seconds:.0f} s"
            print(f"warning: {message}; all stacks are in {self._path}", file=sys.stderr)
            print(f"{message} until {time.ctime()}\n", file=self._file, flush=True)

    on_epoch_begin = on_train_batch_end = on_test_batch_end = on_epoch_end = restart
