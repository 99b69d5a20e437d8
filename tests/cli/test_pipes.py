"""Output piped into `head` ends quietly; other broken pipes are errors as ever."""

import subprocess
import sys

import pytest

from posekit import files

PROGRAM = """
import sys
from posekit.cli import {command}, main
def run(options):
    {body}
    return 0
{command}.{command} = run
sys.exit(main.main({arguments}))
"""
PREDICT = ("predict", ["predict", "x.jpg"])
EVALUATE = ("evaluate", ["evaluate", "--model", "x"])


def started(command, arguments, body, **streams):
    program = PROGRAM.format(command=command, arguments=arguments, body=body)
    arguments = [sys.executable, "-c", program]
    return subprocess.Popen(arguments, cwd=files.PROJECT_ROOT, text=True, **streams)


@pytest.mark.parametrize(
    ("command", "body"),
    [
        (PREDICT, "[print(number, flush=True) for number in range(100_000)]"),
        (PREDICT, "from tqdm import tqdm; [tqdm.write(str(number)) for number in range(100_000)]"),
        (EVALUATE, "[print(number) for number in range(100_000)]"),
    ],
)
def test_a_reader_that_has_seen_enough_ends_it_quietly(command, body):
    process = started(*command, body, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout.readline() == "0\n"
    process.stdout.close()
    assert process.stderr.read() == ""
    assert process.wait(30) == 141


def test_errors_that_nobody_reads_end_it_quietly_too():
    body = "[print(number, file=sys.stderr) for number in range(100_000)]"
    process = started(*PREDICT, body, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert process.stderr.readline() == "0\n"
    process.stderr.close()
    assert process.wait(30) == 141


def test_another_broken_pipe_is_an_error():
    body = "raise BrokenPipeError(32, 'a worker has gone')"
    process = started(*EVALUATE, body, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    out, err = process.communicate(timeout=30)
    assert out == "" and "a worker has gone" in err
    assert process.returncode == 1
