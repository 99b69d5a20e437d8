"""Numbers and ids as strangers' tools write them: as numbers, as text, or not at all."""

import math


def number(value):
    """A finite number, float: 12, 12.5, "12.5". None for anything else."""
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    # Python takes whole numbers of any length.
    if type(value) not in (int, float) or abs(value) > 1e300 or not math.isfinite(value):
        return None
    return float(value)


def identity(value):
    """An id: 7, 7.0 and "7" are the int 7, other text is itself. None for anything else."""
    if isinstance(value, str):
        if value.isascii() and value.removeprefix("-").isdecimal() and len(value) <= 18:
            return int(value)
        return value if value.strip() and value.isprintable() and len(value) <= 200 else None
    if type(value) is float and value.is_integer():
        value = int(value) if abs(value) < 2**63 else None
    return value if type(value) is int and abs(value) < 2**63 else None
