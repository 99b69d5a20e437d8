"""Ctrl-C ends a command within seconds, whatever it is in the middle of."""

import os
import signal
import socket
import threading
import time
from contextlib import contextmanager

PATIENCE_SECONDS = 4.0


@contextmanager
def bounded(farewell, *, patience_seconds=PATIENCE_SECONDS):
    """See to it that Ctrl-C inside the block ends the process soon; for the main thread.

    As ever, Ctrl-C raises KeyboardInterrupt, but only once the running operation is over, and
    then a notebook's kernel may be waited for. All files are written beside their names and
    renamed, so an abrupt end loses nothing that an orderly one keeps.

    Args:
        farewell: str, printed on standard error where the end is abrupt; the status is then 130.
        patience_seconds: float > 0, from Ctrl-C to the abrupt end.
    """
    receiver, sender = socket.socketpair()
    sender.setblocking(False)
    # The system's own handler writes here at once, even while Python waits for an operation.
    earlier = signal.set_wakeup_fd(sender.fileno(), warn_on_full_buffer=False)
    arguments = (receiver, farewell, patience_seconds)
    threading.Thread(target=_end_after_interrupt, args=arguments, daemon=True).start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(earlier)
        sender.close()


def _end_after_interrupt(receiver, farewell, patience_seconds):
    with receiver:
        while received := receiver.recv(1):
            if received[0] == signal.SIGINT:
                time.sleep(patience_seconds)
                os.write(2, f"{farewell}\n".encode())
                os._exit(130)
