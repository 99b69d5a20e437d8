"""What a reader under test is, and what may come of one input."""

import random
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from posekit.errors import PosekitError


class Wrong(Exception):
    """A reader took an input and gave something that it must not give."""


@dataclass(frozen=True)
class Reader:
    """One way in.

    Attributes:
        name: str.
        originals: () -> list of bytes, inputs that the reader takes.
        mutate: (bytes, random.Random) -> bytes.
        read: (bytes, Path of a scratch folder) -> None; raises PosekitError where the input is
            refused, Wrong where a promise is broken.
        share: int, how many inputs it gets beside the others.
        is_heavy: bool, whether it needs TensorFlow.
    """

    name: str
    originals: Callable
    mutate: Callable
    read: Callable
    share: int = 10
    is_heavy: bool = False

    def damaged(self, seed):
        """The input number `seed`, always the same."""
        rng = random.Random(f"{self.name} {seed}")
        return self.mutate(rng.choice(self.originals()), rng)


def attempt(reader, content, folder):
    """Give one input to a reader.

    Args:
        reader: Reader.
        content: bytes.
        folder: Path of a scratch folder.

    Returns:
        (outcome, exception): "taken" and None, "refused" and the PosekitError, or "finding" and
        what should not have been raised.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            reader.read(content, folder)
    except PosekitError as error:
        return ("refused" if _is_fair(error) else "finding"), error
    except Exception as error:
        # Whatever else is raised is what is looked for.
        return "finding", error
    return "taken", None


def _is_fair(error):
    """Whether a refusal is one: no end of memory in disguise, and fit to be shown."""
    cause = error
    while cause is not None:
        if isinstance(cause, MemoryError):
            return False
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
    # What a message repeats of a file must not command the terminal that shows it.
    return str(error).replace("\n", "").isprintable()


def describe(error):
    """The error and where it was raised, on one line."""
    frames = traceback.extract_tb(error.__traceback__)[-3:]
    where = " < ".join(
        f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in reversed(frames)
    )
    return f"{type(error).__name__}: {str(error)[:300]!r} at {where}"
