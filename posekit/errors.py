"""The one error type and the one error grammar.

A message reads ``caller: `field` must be <rule>; got <finding>. <what to do>``.
"""

import numpy as np


class PosekitError(ValueError):
    """Bad input, named: the file or argument, what was expected and what was found."""


def raise_problems(caller, problems):
    """Raise one PosekitError that lists every problem, ten at most; nothing where there is none.

    `caller` is the function or file that the problems, whole sentences, belong to.
    """
    more = [f"... and {len(problems) - 10} more."] if len(problems) > 10 else []
    if problems:
        raise PosekitError(f"{caller}: " + "\n  ".join([*problems[:10], *more]))


def brief(error, most=200):
    """The first line of another library's message, cut to `most` characters."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = lines[0] if lines else type(error).__name__
    return text.rstrip(".") if len(text) <= most else f"{text[:most].rstrip()} ..."


def check_choice(caller, field, value, choices):
    """Raise unless `value` is one of `choices`, which the message lists."""
    if value not in choices:
        listed = ", ".join(repr(choice) for choice in choices)
        raise PosekitError(f"{caller}: `{field}` must be one of {listed}; got {value!r}.")


def check_keypoints(caller, *, labelled=None, **keypoints):
    """Raise unless all arrays are finite (N, K, 2) of one shape and `labelled` is bool (N, K).

    Where there is `labelled`, coordinates of unlabelled joints may hold anything, NaN included.
    The message names `caller`, then shapes, or the first non-finite value of each array.
    """
    shapes = []
    first_name, first = next(iter(keypoints.items()))
    for name, array in keypoints.items():
        if array.ndim != 3 or array.shape[-1] != 2:
            shapes.append(f"`{name}` must have shape (N, K, 2); got {array.shape}.")
        elif array.shape != first.shape:
            shapes.append(
                f"`{name}` must have the shape of `{first_name}`, {first.shape}; got {array.shape}."
            )
        elif not np.issubdtype(array.dtype, np.number) or np.iscomplexobj(array):
            shapes.append(f"`{name}` must hold real numbers; got dtype {array.dtype}.")
    if labelled is not None and (labelled.shape != first.shape[:-1] or labelled.dtype != bool):
        shapes.append(
            f"`labelled` must be bool of shape {first.shape[:-1]}; "
            f"got {labelled.dtype} {labelled.shape}."
        )
    raise_problems(caller, shapes)

    values = []
    for name, array in keypoints.items():
        finite = np.isfinite(array)
        if finite.all():
            continue  # the usual case, and quicker than the rest
        finite = finite.all(axis=-1)  # (N, K)
        wrong = ~finite if labelled is None else ~finite & labelled
        if wrong.any():
            n, k = np.argwhere(wrong)[0]
            values.append(f"`{name}` must be finite; got {array[n, k].tolist()} at [{n}, {k}].")
    raise_problems(caller, values)
