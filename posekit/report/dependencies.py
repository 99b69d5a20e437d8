"""What a notebook depends on besides its data: code, files of the project, earlier notebooks.

Everything is read from source, so no list has to be kept: the modules of posekit that a notebook
imports, directly or not; the files that these modules name by a constant, such as
`SHIPPED = PROJECT_ROOT / "models"`; and the artifacts that this code names.
"""

import ast
import hashlib
import json
from dataclasses import dataclass
from functools import cache

import posekit
from posekit.files import PACKAGE, PROJECT_ROOT
from posekit.report.names import PRODUCER


@dataclass(frozen=True)
class Dependencies:
    """What a notebook depends on."""

    modules: tuple  # names of the posekit modules that it imports, directly or not
    code: str  # digest of these modules without their docstrings and comments
    files: tuple  # Paths of files and folders that they name
    artifacts: frozenset  # names of artifacts in the notebook or its modules


def of_notebook(notebook, *, root=PACKAGE.parent):
    """The Dependencies of an nbformat node; `root` is the folder around the package `posekit`."""
    cells = [_parsed(cell.source) for cell in notebook.cells if cell.cell_type == "code"]
    modules = {}
    waiting = {name for tree in cells for name in _imports(tree)}
    while waiting:
        name = waiting.pop()
        path = _path_of(name, root)
        if name not in modules and path is not None:
            modules[name] = _module(path, path.stat().st_mtime_ns, root)
            waiting |= modules[name].imports
    texts = {text for tree in cells for text in _texts(tree)}.union(
        *(module.texts for module in modules.values())
    )
    return Dependencies(
        modules=tuple(sorted(modules)),
        code=digest({name: module.digest for name, module in modules.items()}),
        files=tuple(sorted({path for module in modules.values() for path in module.files})),
        artifacts=frozenset(texts & set(PRODUCER)),
    )


def state_of(path):
    """Digest of the name, size and time of a file, or of every file in a folder; None without any.

    Hidden files and folders do not count.
    """
    inside = path.rglob("*") if path.is_dir() else [path]
    shown = [file for file in inside if not _is_hidden(file.relative_to(path.parent))]
    return state_of_files(shown, path.parent)


def state_of_files(files, folder):
    """Digest of name, size and time of those files of a folder that exist; None without any."""
    states = sorted(
        [str(file.relative_to(folder)), file.stat().st_size, file.stat().st_mtime_ns]
        for file in files
        if file.is_file()
    )
    return digest(states) if states else None


def digest(value):
    """SHA-256 of a JSON-ready value, hexadecimal."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class _Module:
    digest: str
    imports: frozenset
    files: frozenset
    texts: frozenset


@cache
def _module(path, modified, root):
    """What there is to know of one module; the time makes an edited file another one."""
    tree = _without_docstrings(ast.parse(path.read_text(encoding="utf-8")))
    return _Module(
        digest(ast.dump(tree)),
        frozenset(_imports(tree)),
        frozenset(_named_files(tree, path, root)),
        frozenset(_texts(tree)),
    )


def _parsed(source):
    """A cell's syntax tree; one that is not Python counts for nothing, since it fails when run."""
    try:
        return ast.parse(source)
    except SyntaxError:
        return ast.Module([], [])


def _imports(tree):
    """Full names of the posekit modules imported anywhere, and of the packages around them."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Attribute) and ast.unparse(node.value) == "posekit":
            names.add(f"posekit.{node.attr}")
    for name in list(names):
        parts = name.split(".")
        names |= {".".join(parts[:count]) for count in range(1, len(parts))}
        if len(parts) == 2 and parts[0] == "posekit" and parts[1] in posekit.PUBLIC:
            names.add(posekit.PUBLIC[parts[1]][0])
    return {name for name in names if name.partition(".")[0] == "posekit"}


def _path_of(name, root):
    base = root.joinpath(*name.split("."))
    found = [path for path in (base / "__init__.py", base.with_suffix(".py")) if path.is_file()]
    return found[0] if found else None


def _named_files(tree, path, root):
    """Paths that constants of a module name, seen from the project's root or from the module."""
    for statement in tree.body:
        if isinstance(statement, ast.Assign):
            named = _as_path(statement.value, path, root)
            if named not in (None, root) and not _is_hidden(named.relative_to(root)):
                yield named


def _as_path(node, path, root):
    match node:
        case ast.Name("PROJECT_ROOT") | ast.Attribute(attr="PROJECT_ROOT"):
            return PROJECT_ROOT if root == PACKAGE.parent else root
        case ast.BinOp(left, ast.Div(), ast.Constant(str(part))):
            parent = _as_path(left, path, root)
            return None if parent is None else parent / part
        case ast.Call(
            ast.Attribute(ast.Call(ast.Name("Path"), [ast.Name("__file__")]), "with_name"),
            [ast.Constant(str(name))],
        ):
            return path.with_name(name)
    return None


def _is_hidden(path):
    return any(part.startswith(".") for part in path.parts)


def _texts(tree):
    return {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


def _without_docstrings(tree):
    for node in ast.walk(tree):
        has_body = isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef))
        if has_body and ast.get_docstring(node):
            # What is left of a body of nothing else is its definition.
            node.body = node.body[1:]
    return tree
