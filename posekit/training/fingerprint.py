"""What a function, a layer or a value is, as JSON, so that a training's name covers it."""

import dataclasses
import dis
import functools
import hashlib
import inspect
import sys
import textwrap
import types
from pathlib import Path

import keras
import numpy as np

from posekit.errors import PosekitError

# Of a class: where it was written, not what it does.
NOT_DESCRIBED = "__doc__ __module__ __qualname__ __firstlineno__ __static_attributes__".split()

# Keras' callbacks that leave the training as it is.
OBSERVERS = (
    keras.callbacks.BackupAndRestore,
    keras.callbacks.CSVLogger,
    keras.callbacks.History,
    keras.callbacks.ModelCheckpoint,
    keras.callbacks.ProgbarLogger,
    keras.callbacks.RemoteMonitor,
    keras.callbacks.TensorBoard,
    keras.callbacks.TerminateOnNaN,
)


def described_callbacks(callbacks):
    """Callbacks that may change what is trained, as JSON; errors as for `described`.

    One that only watches, of `OBSERVERS` or with an attribute `only_watches`, is left out.
    """
    given_by_keras = vars(keras.callbacks.Callback())
    found = []
    for callback in callbacks:
        kind = type(callback)
        if isinstance(callback, OBSERVERS) or getattr(callback, "only_watches", False):
            continue
        values = {name: it for name, it in vars(callback).items() if name not in given_by_keras}
        if _is_of_library(kind):
            # Keras' own keep what they count beside settings, which have the arguments' names.
            settings = inspect.signature(kind.__init__).parameters
            values = {name: it for name, it in values.items() if name in settings}
        found.append(described(f"the callback {kind.__name__}", [kind, values]))
    return found


def described(what, value, above=()):
    """A value as JSON: equal for what trains alike, different for what may not.

    A function counts by its source, or by its compiled code where it is a lambda or has no
    source, and by the values that it uses from outside. Libraries count by name. `what` says for
    the error what the value is part of, and `above` holds what the value was found in.
    PosekitError: a value that cannot be described, such as an open file.
    """
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if any(value is other for other in above):  # a function that calls itself
        return "itself"
    inner = functools.partial(described, what, above=(*above, value))
    if isinstance(value, (list, tuple)):
        return [inner(item) for item in value]
    if isinstance(value, (set, frozenset)):
        return sorted((inner(item) for item in value), key=repr)
    if isinstance(value, dict):
        return {str(key): inner(item) for key, item in value.items()}
    if isinstance(value, (bytes, complex, range, slice, type(...))):
        return repr(value)
    if isinstance(value, types.ModuleType):
        return value.__name__
    if isinstance(value, functools.partial):
        return [inner(value.func), inner(value.args), inner(value.keywords)]
    if isinstance(value, types.MethodType):
        return [inner(value.__self__), value.__name__]
    if inspect.isroutine(value) or isinstance(value, (type, np.ufunc)):
        return _name(value) if _is_of_library(value) else _definition(value, inner)
    if hasattr(value, "get_config"):
        # Keras numbers the names of its objects through the whole process.
        config = {key: it for key, it in value.get_config().items() if key != "name"}
        return [inner(type(value)), inner(config)]
    if dataclasses.is_dataclass(value):
        fields = {each.name: getattr(value, each.name) for each in dataclasses.fields(value)}
        return [inner(type(value)), inner(fields)]
    if hasattr(value, "__array__"):
        values = np.asarray(value)
        digest = hashlib.sha256(np.ascontiguousarray(values).tobytes()).hexdigest()
        return [str(values.dtype), list(values.shape), digest]
    if callable(value):
        return [inner(type(value)), inner(vars(value))]
    raise PosekitError(
        f"fit(): {what} must depend on numbers, text, arrays and functions alone: a changed "
        f"one must be trained, not found by its name; got {type(value).__name__}. Take the values "
        "that it needs out first."
    )


def _name(value):
    return f"{getattr(value, '__module__', None)}.{getattr(value, '__qualname__', value.__name__)}"


def _is_of_library(value):
    """Whether the user did not write it: config.json records its version."""
    if not inspect.isfunction(value) and not isinstance(value, type):
        return True  # written in C
    name = value.__module__ or "__main__"
    if name == "__main__":
        return False  # a notebook's cell, though its file is Jupyter's
    root = name.split(".")[0]
    file = getattr(sys.modules.get(name), "__file__", None)
    if root in ("posekit", "builtins") or (file and root in sys.stdlib_module_names):
        return True
    return file is not None and "site-packages" in Path(file).parts


def _definition(value, inner):
    if isinstance(value, type):
        kept = (types.FunctionType, bool, int, float, str, tuple, list)
        members = {name: getattr(it, "__func__", it) for name, it in sorted(vars(value).items())}
        described_members = {
            name: inner(it)
            for name, it in members.items()
            if isinstance(it, kept) and name not in NOT_DESCRIBED
        }
        return [*map(inner, value.__bases__), described_members]
    code = value.__code__
    outside = {}
    for name, cell in zip(code.co_freevars, value.__closure__ or (), strict=True):
        try:
            outside[name] = cell.cell_contents
        except ValueError:  # not assigned yet
            outside[name] = None
    known = value.__globals__
    outside |= {name: known[name] for name in _globals_of(code) if name in known}
    return {
        **_text(value),
        "defaults": inner([value.__defaults__, value.__kwdefaults__]),
        "uses": {name: inner(it) for name, it in sorted(outside.items()) if it is not value},
    }


def _text(function):
    # The lines of a lambda may hold others, and may end before it does.
    if function.__name__ != "<lambda>":
        try:
            return {"source": textwrap.dedent(inspect.getsource(function))}
        except (OSError, TypeError):
            pass
    return {"code": hashlib.sha256(repr(_instructions(function.__code__)).encode()).hexdigest()}


def _instructions(code):
    constants = [
        _instructions(each)
        if isinstance(each, types.CodeType)
        else sorted(map(repr, each))
        if isinstance(each, frozenset)
        else repr(each)
        for each in code.co_consts
    ]
    names = [code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars]
    return [code.co_code.hex(), constants, names]


def _globals_of(code):
    """Names of globals that a function reads; attributes of the same name are none."""
    instructions = dis.get_instructions(code)
    names = {each.argval for each in instructions if each.opname in ("LOAD_GLOBAL", "LOAD_NAME")}
    inner = [each for each in code.co_consts if isinstance(each, types.CodeType)]
    return names.union(*map(_globals_of, inner))
