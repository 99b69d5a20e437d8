"""Ctrl-C: in Python at once, in an endless operation when patience ends."""

import signal
import subprocess
import sys
import time
from functools import partial

import pytest

from posekit import files
from posekit.cli import interruption

PROGRAM = """
import hashlib, sys, time
from posekit.cli.interruption import exit_on_interrupt

with exit_on_interrupt("bye", patience_seconds=1.0):
    print("ready", flush=True)
    {operation}
"""


@pytest.mark.parametrize(
    ("operation", "status", "last_word"),
    [
        ("time.sleep(100)", -signal.SIGINT, "KeyboardInterrupt"),
        # One call into C that no signal ends.
        ("hashlib.pbkdf2_hmac('sha256', b'', b'', 10**9)", 130, "bye"),
    ],
)
def test_ctrl_c_ends_whatever_runs(operation, status, last_word):
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM.format(operation=operation)],
        cwd=files.PROJECT_ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Where the tests run in the background, they were started deaf to Ctrl-C.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )
    try:
        assert process.stdout.readline() == "ready\n"
        time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == status
    assert error.splitlines()[-1] == last_word


def test_afterwards_signals_go_where_they_went():
    before = signal.set_wakeup_fd(-1)
    try:
        with interruption.exit_on_interrupt("bye"):
            assert signal.set_wakeup_fd(-1) != -1
        assert signal.set_wakeup_fd(-1) == -1
    finally:
        signal.set_wakeup_fd(before)
