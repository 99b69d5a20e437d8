"""Ctrl-C ends a command within seconds, whatever it is doing."""

import os
import signal
import socket
import threading
import time
from contextlib import contextmanager

PATIENCE_SECONDS = 4.0


@contextmanager
def exit_on_interrupt(message, *, patience_seconds=PATIENCE_SECONDS):
    """End the process soon after Ctrl-C inside the block; for the main thread.

    Ctrl-C raises KeyboardInterrupt as usual, but only when the running operation is over, and
    shutting down a notebook's kernel takes time too. Files are written under temporary names and
    renamed, so an abrupt exit loses nothing that an orderly one keeps.

    Args:
        message: str, printed on standard error at an abrupt exit, whose status is 130.
        patience_seconds: float > 0, from Ctrl-C to the abrupt exit.
    """
    receiver, sender = socket.socketpair()
    sender.setblocking(False)
    # The system's own handler writes here at once, even while Python waits for an operation.
    earlier = signal.set_wakeup_fd(sender.fileno(), warn_on_full_buffer=False)
    arguments = (receiver, message, patience_seconds)
    threading.Thread(target=_exit_after_interrupt, args=arguments, daemon=True).start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(earlier)
        sender.close()


def _exit_after_interrupt(receiver, message, patience_seconds):
    with receiver:
        while received := receiver.recv(1):
            if received[0] == signal.SIGINT:
                time.sleep(patience_seconds)
                os.write(2, f"{message}\n".encode())
                os._exit(130)
