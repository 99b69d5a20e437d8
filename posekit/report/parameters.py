"""The parameters of notebooks: what each declares, and what a run gives to each.

papermill ignores a misspelt name, a missing tag and a derived value; here each is an error.
"""

import ast
import math
import re

from posekit.errors import PosekitError, raise_problems

# What survives being written into a notebook as source; a tuple or a Path does not.
PLAIN_TYPES = (str, int, float, bool, type(None))

_BARE_WORD = re.compile(r"[\w./~:+-]+")

# What Python's parser and `ast.literal_eval` raise for texts that are no literals, such as a dict
# with a list for a key, or a thousand nested brackets.
_NO_LITERAL = (ValueError, SyntaxError, TypeError, RecursionError, MemoryError)


def declared(name, notebook):
    """The parameters of one notebook, an nbformat node, and their defaults: dict, name -> value.

    One cell must have the tag `parameters` and only assign literals. `name` is for messages.
    """
    tagged = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]
    if len(tagged) != 1:
        raise PosekitError(
            f"{name}: exactly one cell must have the tag `parameters`; got {len(tagged)}. "
            "Without it a run would keep the notebook's own values."
        )
    try:
        statements = ast.parse(tagged[0].source).body
    except _NO_LITERAL as error:
        raise PosekitError(
            f"{name}: the parameters cell must be Python; got {error or type(error).__name__}."
        ) from None

    defaults, problems = {}, []
    for statement in statements:
        try:
            (target,) = statement.targets
            defaults[target.id] = _plain(ast.literal_eval(statement.value))
        except (AttributeError, *_NO_LITERAL):
            problems.append(
                "the parameters cell must only hold `name = value` with a str, int, float, bool, "
                f"None, list or dict; got `{ast.unparse(statement)}`. A value derived from a "
                "parameter belongs in a later cell."
            )
    raise_problems(name, problems)
    return defaults


def resolve(declared_by_notebook, parameters, overrides=()):
    """The values that each notebook is given: name -> {parameter: value}, defaults left out.

    Unknown names, unreadable values and those of another type than the default raise one
    PosekitError; an int given for a float becomes one.

    Args:
        declared_by_notebook: dict, notebook name -> its defaults, as `declared` returns them.
        parameters: dict, given to every notebook that declares the name.
        overrides: str each, "epochs=50" for every notebook that declares it or
            "02_training.epochs=50" for that one alone, which wins. The value is a Python literal,
            or a bare word such as quick or data/photos.zip.
    """
    problems, resolved = [], {notebook: {} for notebook in declared_by_notebook}
    settings = [(None, name, value) for name, value in parameters.items()]
    for override in overrides:
        try:
            settings.append(_parse(override))
        except ValueError as error:
            problems.append(str(error))
    # The settings of one notebook come last, so that they win over those of all.
    for only, name, value in sorted(settings, key=lambda setting: setting[0] is not None):
        if only not in (None, *declared_by_notebook):
            problems.append(
                f"`{only}.{name}` must name one of the notebooks "
                f"{', '.join(declared_by_notebook)}; got {only!r}."
            )
            continue
        asked = [only] if only else list(declared_by_notebook)
        takers = [notebook for notebook in asked if name in declared_by_notebook[notebook]]
        if not takers:
            known = sorted(set().union(*(declared_by_notebook[notebook] for notebook in asked)))
            problems.append(
                f"`{name}` must be a parameter of {only or 'a notebook of this run'}; got a name "
                f"that is not declared. Declared are {', '.join(known)}."
            )
        for notebook in takers:
            try:
                resolved[notebook][name] = _like(declared_by_notebook[notebook][name], value)
            except (OverflowError, ValueError) as error:
                problems.append(f"`{name}` of {notebook} must be {error}")
    raise_problems("parameters", problems)
    return resolved


def _parse(override):
    key, equals, text = override.partition("=")
    notebook, _, name = key.strip().rpartition(".")
    if not equals or not name.isidentifier() or not notebook.isprintable():
        raise ValueError(
            f"an override must read name=value or notebook.name=value; got {override!r}."
        )
    text = text.strip()
    try:
        value = ast.literal_eval(text)
    except _NO_LITERAL:
        if not _BARE_WORD.fullmatch(text):
            raise ValueError(
                f"`{name}` must be a Python literal or a bare word; got {text!r}. "
                "Put quotes around a text with blanks or brackets."
            ) from None
        value = text
    return notebook or None, name, value


def _like(default, value):
    value = _plain(value)
    if type(default) is float and type(value) is int:
        return float(value)
    if default is not None and type(value) is not type(default):
        raise ValueError(
            f"{type(default).__name__}, as its default {default!r} is; "
            f"got {type(value).__name__} {value!r}."
        )
    return value


def _plain(value):
    """The value, when a notebook's source and a report's JSON can both hold it."""
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {_plain(key): _plain(item) for key, item in value.items()}
    if type(value) not in PLAIN_TYPES:
        raise ValueError(
            f"a str, int, float, bool, None, list or dict; got {type(value).__name__} {value!r}."
        )
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"finite; got {value}.")
    try:
        str(value).encode()
    except ValueError:
        raise ValueError("text that UTF-8 can hold, or a number of at most 4,300 digits.") from None
    return value
