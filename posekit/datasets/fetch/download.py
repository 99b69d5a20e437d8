"""Get LSP and LSPet from a list of sources, verify them, and put them in place whole.

The list is mirrors.toml. However a source packs its files, the result is a plain zip of joints.mat,
the pictures and the authors' README.txt.
"""

import hashlib
import os
import shutil
import tomllib
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests
from tqdm import tqdm

from posekit import files, locks
from posekit.datasets.fetch import transfer, verification
from posekit.errors import PosekitError, check_choice, raise_problems

MIRRORS = Path(__file__).with_name("mirrors.toml")
URL_BEGINNINGS = ("http://", "https://")


def fetch(name, folder, *, source=None, mirrors=MIRRORS, patience=transfer.Patience(), log=print):
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
        patience: transfer.Patience.
        log: called with a str for every source that is tried and for its outcome.

    Returns:
        Path of `<name>_dataset.zip` in the folder, next to `<name>_dataset.json` with the source
        and the digest of the content (`content_sha256`).

    Raises:
        PosekitError: no source gave the set, and why not; the copy in place is another one; the
            list of sources is no such list; another process fetches the same; or the folder
            cannot be written to.
    """
    known = _read_mirrors(Path(mirrors))
    check_choice("fetch()", "name", name, list(known))
    target = Path(folder) / f"{name}_dataset.zip"
    wanted = _wanted(name, known[name], target)
    sources = ([_of_user(source)] if source else []) + known[name]["sources"]
    try:
        with _working_folder(target) as partial:
            if target.exists():
                _accept_present(wanted, target)
                log(f"{target} is there already, and verified")
            else:
                _try_in_turn(wanted, sources, target, partial, patience, log)
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
    problems = []
    for name, entry in known.items():
        if not isinstance(entry, dict):
            problems.append(f"`{name}` must be a table; got {entry!r}.")
            continue
        for field, kind in (("images", int), ("digits", int), ("sources", list)):
            if not isinstance(entry.get(field), kind):
                problems.append(
                    f"`{name}.{field}` must be of type {kind.__name__}; got {entry.get(field)!r}."
                )
        for source in entry.get("sources", []):
            if source.get("kind") not in ("zip", "files"):
                problems.append(
                    f"`kind` of each source must be 'zip' or 'files'; got {source.get('kind')!r}."
                )
            if not str(source.get("url")).startswith(URL_BEGINNINGS):
                problems.append(
                    f"`url` of each source must begin with http; got {source.get('url')!r}."
                )
    raise_problems(str(path), problems)
    return known


@dataclass(frozen=True)
class _Wanted:
    """What a copy must be: which set, which pictures and, where known, which content.

    `knower` names the origin of the content's digest, `advice` what to do about another one.
    """

    name: str
    image_ids: list[str]
    content_sha256: str | None
    knower: str
    advice: str


def _wanted(name, entry, target):
    image_ids = [f"im{number:0{entry['digits']}d}" for number in range(1, entry["images"] + 1)]
    record = _record_of(target)
    if "content_sha256" in entry or not record.exists():
        digest, knower = entry.get("content_sha256"), "the list of sources"
        advice = "It is not the copy that results are compared on."
    else:
        digest, knower = _recorded(record), f"{record}, which the first copy left"
        advice = "If you trust this copy more, delete that file and fetch again."
    return _Wanted(name, image_ids, digest, knower, advice)


def _recorded(path):
    record = files.read_json(path)
    digest = record.get("content_sha256") if isinstance(record, dict) else None
    if not isinstance(digest, str):
        raise PosekitError(
            f"{path}: `content_sha256` must be a digest; got {digest!r}. Delete the file to take "
            "the next copy as the first."
        )
    return digest


def _of_user(source):
    if str(source).startswith(URL_BEGINNINGS):
        return {"kind": "zip", "url": str(source)}
    if Path(source).exists():
        return {"kind": "local", "url": str(source)}
    raise PosekitError(
        f"fetch(): `source` must be a URL, a zip or a folder; got {source}, which does not exist."
    )


@contextmanager
def _working_folder(target):
    """The hidden folder of unfinished downloads, locked; removed after a success."""
    partial = target.with_name(f".{target.name}.partial")
    partial.mkdir(parents=True, exist_ok=True)
    with locks.held(partial / "lock", what=f"fetch {target}"):
        yield partial
        shutil.rmtree(partial)


def _try_in_turn(wanted, sources, target, partial, patience, log):
    problems = []
    with requests.Session() as session:
        for source in sources:
            log(f"trying {source['url']}")
            try:
                candidate = _obtain(source, wanted, partial, session, patience)
                log("verifying")
                digest = _place(source, wanted, candidate, target, partial)
            except PosekitError as error:
                log(f"  {error}")
                problems.append(
                    f"{source['url']}: " + str(error).removeprefix(f"{source['url']}: ")
                )
            else:
                _record(target, source["url"], digest)
                log(f"{len(wanted.image_ids):,} pictures, all whole; content SHA-256 {digest}")
                return
    raise PosekitError(
        f"fetch(): `{wanted.name}` must come whole from one of {len(sources)} sources; got it from "
        "none. Get it by hand (data/README.md) and name it with --from.\n  " + "\n  ".join(problems)
    )


def _obtain(source, wanted, partial, session, patience):
    """The folder or zip that the source gives; downloads lie in `partial`."""
    if source["kind"] == "local":
        return Path(source["url"])
    path = partial / hashlib.sha256(source["url"].encode()).hexdigest()[:12]
    if source["kind"] == "zip":
        transfer.download(session, source["url"], path, patience=patience)
        return path
    (path / "images").mkdir(parents=True, exist_ok=True)
    # Labels first: a source without them is given up at once.
    names = ["joints.mat", *(f"images/{image_id}.jpg" for image_id in wanted.image_ids)]
    for name in tqdm(names, desc="files", unit="file", leave=False, disable=None):
        if not (path / name).exists():
            part, url = path / "part", source["url"].replace("{name}", name)
            transfer.download(session, url, part, patience=patience, show_progress=False)
            part.replace(path / name)
    return path


def _place(source, wanted, candidate, target, partial):
    """Verify, pack and move into place; a download that fails is removed. Returns the digest."""
    try:
        _check_archive(source, candidate)
        verification.check_structure(candidate, name=wanted.name, image_ids=wanted.image_ids)
        packed = partial / target.name
        digest = verification.pack(candidate, packed)
        _check_content(wanted, candidate, digest)
    except PosekitError:
        if partial in candidate.parents:
            # Resuming it would fail in the same way.
            shutil.rmtree(candidate) if candidate.is_dir() else candidate.unlink()
        raise
    os.replace(packed, target)
    return digest


def _check_archive(source, path):
    problems = []
    if "bytes" in source and path.stat().st_size != source["bytes"]:
        problems.append(
            f"the archive must have {source['bytes']:,} bytes; got {path.stat().st_size:,}."
        )
    if "sha256" in source:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if digest != source["sha256"]:
            problems.append(f"the archive must have SHA-256 {source['sha256']}; got {digest}.")
    raise_problems(str(path), problems)


def _check_content(wanted, path, digest):
    if wanted.content_sha256 not in (None, digest):
        raise PosekitError(
            f"{path}: the content must have SHA-256 {wanted.content_sha256}, says {wanted.knower}; "
            f"got {digest}. {wanted.advice}"
        )


def _accept_present(wanted, target):
    try:
        verification.check_structure(target, name=wanted.name, image_ids=wanted.image_ids)
        digest = verification.content_sha256(target)
        _check_content(wanted, target, digest)
    except PosekitError as error:
        raise PosekitError(f"{error}\n  Move {target} away to fetch the set again.") from error
    if not _record_of(target).exists():
        _record(target, "found in place", digest)


def _record_of(target):
    return target.with_suffix(".json")


def _record(target, source, digest):
    files.write_json(_record_of(target), {"source": source, "content_sha256": digest})
