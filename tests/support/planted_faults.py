"""Readers with faults, to see that the fuzz tool finds them; what they do, their input says."""

import os
import signal
import time

from fuzz.attempts import Reader

from posekit.errors import PosekitError

WAYS = ("taken", "refused", "crash", "hang", "flood", "disguised", "obeyed", "other", "taken")


def originals():
    return [b"taken"]


def mutate(content, rng):
    return rng.choice(WAYS).encode()


def read(content, folder):
    way = content.decode()
    if way == "refused":
        raise PosekitError("`file` must be good; got a bad one.")
    if way == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    if way == "hang":
        begun = time.process_time()
        while time.process_time() < begun + 60:
            pass
    if way == "flood":
        bytearray(4 << 30)
    if way == "disguised":
        try:
            bytearray(4 << 30)
        except MemoryError as error:
            raise PosekitError("`file` must be readable; got nothing.") from error
    if way == "obeyed":
        raise PosekitError("`name` must be printable; got \x1b[2J.")
    if way == "other":
        raise KeyError(way)


PLANTED = {"planted": Reader("planted", originals, mutate, read)}
