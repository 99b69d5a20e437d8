"""Get LSP and LSPet from a list of sources, verify them, and put them in place whole.

The list is mirrors.toml. However a source packs its files, the result is a plain zip of joints.mat,
the pictures and the authors' README.txt.
"""

import hashlib
import os
import shutil
import tomllib
import zipfile
from dataclasses import dataclass
from pathlib import Path

import requests

from posekit import files, locks
from posekit.datasets import lsp
from posekit.datasets.containers import open_container
from posekit.datasets.fetch import transfer
from posekit.errors import PosekitError, check_choice, raise_problems

MIRRORS = Path(__file__).with_name("mirrors.toml")
URL_BEGINNINGS = ("http://", "https://")


@dataclass(frozen=True)
class _Wanted:
    """What a copy must be: which set, which pictures and, where known, which content."""

    name: str
    image_ids: list[str]
    content_sha256: str | None
    known_from: Path  # the file that names the content's digest


def fetch(name, folder, *, source=None, mirrors=MIRRORS, log=print):
    """Put a verified copy of a data set into a folder.

    The sources are tried in order until one gives the set: the right number of pictures, all
    whole, labels of the right shape, and the known content. Where the content is not known, that
    of the first copy is recorded next to it, and no other is taken later. An existing copy is
    verified and left alone. After an error or an interruption, what has arrived is kept in a
    hidden folder, and the next call resumes from it.

    Args:
        name: "lsp" or "lspet".
        folder: path, made where missing.
        source: None, or a URL of a zip, or the path of a zip or folder, to try first.
        mirrors: path of the list of sources.
        log: called with a str for every source that is tried and for its outcome.

    Returns:
        Path of `<name>_dataset.zip` in the folder, next to `<name>_dataset.json` with the source
        and the digest of the content (`content_sha256`).
    """
    known = _read_mirrors(Path(mirrors))
    check_choice("fetch()", "name", name, list(known))
    target = Path(folder) / f"{name}_dataset.zip"
    wanted = _wanted(name, known[name], Path(mirrors), target)
    sources = [each["url"] for each in known[name]["sources"]]
    if source is not None:
        sources.insert(0, str(source))
        if not (sources[0].startswith(URL_BEGINNINGS) or Path(source).exists()):
            raise PosekitError(
                f"fetch(): `source` must be a URL, a zip or a folder; got {source}, which does "
                "not exist."
            )
    partial = target.with_name(f".{target.name}.partial")
    try:
        partial.mkdir(parents=True, exist_ok=True)
        with locks.held(partial / "lock", what=f"fetch {target}"):
            if target.exists():
                digest = _verified(wanted, target)
                if not target.with_suffix(".json").exists():
                    _record(target, "found in place", digest)
                log(f"{target} is there already, and verified")
            else:
                _try_in_turn(wanted, sources, target, partial, log)
            shutil.rmtree(partial)
    except OSError as error:
        raise PosekitError(
            f"{folder}: must be a folder with space to write to; got {error}. "
            "Run the command again to resume."
        ) from error
    return target


def _read_mirrors(path):
    try:
        known = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise PosekitError(f"{path}: must be a list of sources in TOML; got {error}.") from error
    for name, entry in known.items():
        try:
            is_entry = all(type(entry[field]) is int for field in ("images", "digits")) and all(
                source["url"].startswith(URL_BEGINNINGS) for source in entry["sources"]
            )
        except (AttributeError, KeyError, TypeError):
            is_entry = False
        if not is_entry:
            raise PosekitError(
                f"{path}: `{name}` must have whole numbers `images` and `digits`, and `sources`, "
                f"each with a `url` that begins with http; got {entry!r:.500}."
            )
    return known


def _wanted(name, entry, mirrors, target):
    image_ids = [f"im{number:0{entry['digits']}d}" for number in range(1, entry["images"] + 1)]
    record = target.with_suffix(".json")
    if "content_sha256" in entry or not record.exists():
        return _Wanted(name, image_ids, entry.get("content_sha256"), mirrors)
    stored = files.read_json(record)
    digest = stored.get("content_sha256") if isinstance(stored, dict) else None
    if not isinstance(digest, str):
        raise PosekitError(
            f"{record}: `content_sha256` must be a digest; got {digest!r}. Delete the file to take "
            "the next copy as the first."
        )
    return _Wanted(name, image_ids, digest, record)


def _try_in_turn(wanted, sources, target, partial, log):
    problems = []
    with requests.Session() as session:
        for source in sources:
            log(f"trying {source}")
            try:
                candidate = Path(source)
                if source.startswith(URL_BEGINNINGS):
                    candidate = partial / hashlib.sha256(source.encode()).hexdigest()[:12]
                    transfer.download(session, source, candidate)
                log("verifying")
                digest = _place(wanted, candidate, target, partial)
            except PosekitError as error:
                log(f"  {error}")
                problems.append(f"{source}: " + str(error).removeprefix(f"{source}: "))
            else:
                _record(target, source, digest)
                log(f"{len(wanted.image_ids):,} pictures, all whole; content SHA-256 {digest}")
                return
    raise PosekitError(
        f"fetch(): `{wanted.name}` must come whole from one of {len(sources)} sources; got it from "
        "none. Get it by hand (data/README.md) and name it with --from.\n  " + "\n  ".join(problems)
    )


def _place(wanted, candidate, target, partial):
    """Verify, pack and move into place; a download that fails is removed. Returns the digest."""
    try:
        digest = _verified(wanted, candidate)
        _pack(candidate, partial / target.name)
    except PosekitError:
        if partial in candidate.parents:
            candidate.unlink()  # resuming it would fail in the same way
        raise
    os.replace(partial / target.name, target)
    return digest


def _verified(wanted, path):
    """The digest of a copy's content; PosekitError unless it is the set wanted, all whole."""
    dataset, image_ids = lsp.read(path), wanted.image_ids
    found = dataset.image_ids.tolist()
    problems = []
    if dataset.name != wanted.name:
        problems.append(f"the data set must be {wanted.name}; got {dataset.name}.")
    if found != image_ids:
        problems.append(
            f"`images` must be {len(image_ids):,} pictures from {image_ids[0]} to {image_ids[-1]}; "
            f"got {len(found):,} from {found[0]} to {found[-1]}."
        )
    problems += [f"`{image_id}` {problem}." for image_id, problem in lsp.check_images(dataset)]
    raise_problems(str(path), problems)
    digest = content_sha256(path)
    if wanted.content_sha256 not in (None, digest):
        raise PosekitError(
            f"{path}: the content must have SHA-256 {wanted.content_sha256}, says "
            f"{wanted.known_from}; got {digest}. If you trust this copy more, delete that entry."
        )
    return digest


def _record(target, source, digest):
    files.write_json(target.with_suffix(".json"), {"source": source, "content_sha256": digest})


def content_sha256(source):
    """The digest of the content of a folder or zip in the official layout, 64 hexadecimal digits.

    It is the SHA-256 of a list with one line for joints.mat and for each picture, in the byte
    order of names: the SHA-256 of the file in hexadecimal digits, two spaces, the name with its
    `images/` if any, and a line feed. PosekitError where a file cannot be read.
    """
    digest = hashlib.sha256()
    for name, content in _contents(source):
        digest.update(f"{hashlib.sha256(content).hexdigest()}  {name}\n".encode())
    return digest.hexdigest()


def _pack(source, path):
    """Write a data set as a plain zip of joints.mat, the pictures and the authors' README.txt.

    Without times and compression (pictures have theirs), equal sets make equal files.
    """
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, content in _contents(source, also=("README.txt",)):
            archive.writestr(zipfile.ZipInfo(name), content)


def _contents(source, also=()):
    """(name, bytes) of the set's files, in the byte order of names."""
    opened = open_container(Path(source))
    names = ["joints.mat", *lsp.picture_names(str(source), opened)]
    for name in sorted(names + [name for name in also if name in opened.names]):
        yield name, opened.read(name)
