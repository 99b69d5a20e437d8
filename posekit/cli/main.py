"""The command line: `posekit --help`. Commands load TensorFlow when they run."""

import argparse
import os
import re
import select
import shlex
import sys
from importlib import metadata

from posekit import __version__, files
from posekit.cli import data, evaluate, options, poster, predict, report, train
from posekit.cli.interruption import exit_on_interrupt
from posekit.errors import PosekitError


def main(arguments=None):
    """Run one command, of a list of words or of the process itself, and return the exit status.

    It is 0 for success, 1 for a failed notebook, other numbers in a verified report, or faults in
    data or photographs, 2 for bad input, 130 interrupted, 141 where the output's reader has gone.
    """
    chosen = parser().parse_args(arguments)
    # TensorFlow reads this as it loads: without a GPU it would print errors in every process.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if getattr(chosen, "cache_dir", None) is not None:
        os.environ[files.CACHE_VARIABLE] = str(chosen.cache_dir)  # notebooks inherit it
    message = f"stopped; finished work is kept\nto resume: {_resuming(chosen, arguments)}"
    try:
        with exit_on_interrupt(message):
            status = chosen.run(chosen)
            sys.stdout.flush()
            return status
    except BrokenPipeError:
        if not _reader_has_gone():
            raise
        return 141  # what shells show of a process that SIGPIPE ends
    except PosekitError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except ModuleNotFoundError as error:
        extra = _extra_with(error.name)
        if extra is None:
            raise
        needed = f"the package {error.name}: pip install 'posekit[{extra}]'"
        print(f"error: this command needs {needed}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(message, file=sys.stderr)
        return 130


def parser():
    """The parser of all commands; `run` of what it parses is the command's function."""
    parser = argparse.ArgumentParser(
        prog="posekit",
        description="Human pose estimation that one person can reproduce, understand and improve.",
        epilog="example: posekit predict photo.jpg",
        formatter_class=options.AS_WRITTEN,
    )
    parser.add_argument("--version", action="version", version=f"posekit {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for group in (predict, evaluate, data, train, report, poster):
        group.add(commands)
    return parser


def _reader_has_gone():
    """Whether the output goes into a pipe that nobody reads on, as of `head`; then it is shut."""
    if not hasattr(select, "poll"):  # Windows
        return True
    gone = False
    for stream in (sys.stdout, sys.stderr):
        pipe = select.poll()
        pipe.register(stream.fileno(), select.POLLOUT)
        if any(event & (select.POLLERR | select.POLLHUP) for _, event in pipe.poll(0)):
            # Python flushes it at its end, and would complain.
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
            gone = True
    return gone


def _extra_with(module):
    """The extra of this installation that brings a module, or None."""
    try:
        requirements = metadata.requires("posekit") or ()
    except metadata.PackageNotFoundError:  # a checkout that is not installed
        return None
    wanted = re.compile(rf"{re.escape(str(module)).replace('_', '[-_]')}\b.*extra == ['\"](\w+)")
    found = filter(None, map(wanted.match, requirements))
    return next((match[1] for match in found), None)


def _resuming(chosen, arguments):
    """The command line that resumes this one."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    if chosen.run is report.report and not (chosen.resume or chosen.verify or chosen.compare):
        words.append("--resume")
    if chosen.run is predict.predict and not chosen.force:
        words.append("--force")  # over what it has finished
    return shlex.join([sys.executable, "-m", "posekit", *words])
