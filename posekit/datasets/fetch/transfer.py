"""One file over HTTP, resumed where it stopped.

Pooch, the usual library for data sets, starts every retry from the first byte and has one address
per file. So this uses requests, and adds ranges, stalls and patience.
"""

import re
import time
from dataclasses import dataclass

import requests
from tqdm import tqdm

from posekit import files
from posekit.errors import PosekitError

# Six times the largest archive of the two sets; more is no data set of ours.
LIMIT_BYTES = 1 << 30
# An interruption loses the block that is not full yet.
BLOCK_BYTES = 1 << 14
# An attempt that brings less than this counts as fruitless.
PROGRESS_BYTES = 1 << 20

# Another attempt would get the same answer.
NOT_RETRIED = (
    requests.exceptions.InvalidHeader,
    requests.exceptions.InvalidSchema,
    requests.exceptions.InvalidURL,
    requests.exceptions.MissingSchema,
    requests.exceptions.TooManyRedirects,
)
BUSY_STATUSES = (408, 425, 429)


@dataclass(frozen=True)
class Patience:
    """When to give up a server.

    Attributes:
        stall_seconds: float, without a byte, before an attempt is given up.
        waits_seconds: tuple of float, the pauses between fruitless attempts; after as many and
            one more, the server is given up. An attempt that got further than all before it by
            PROGRESS_BYTES restarts the count.
    """

    stall_seconds: float = 30.0
    waits_seconds: tuple[float, ...] = (1.0, 3.0, 9.0)


def download(session, url, path, *, patience, show_progress=True):
    """Get a file, resuming where an earlier call stopped.

    An earlier part is used only if ETag or modification time show that the server's file is still
    the same; otherwise the download starts again. Both, with the expected size, are kept in a file
    of the same name with .json added.

    Args:
        session: requests.Session.
        url: str, http or https.
        path: Path of the file to write; after an error it holds what has arrived.
        patience: Patience.
        show_progress: bool, a bar on a terminal.

    Raises:
        PosekitError: the server has no such file, sends more than LIMIT_BYTES, or does not send
            the file whole in spite of all patience.
        OSError: the file cannot be written.
    """
    furthest, fruitless = _size(path), 0
    while True:
        try:
            return _attempt(session, url, path, patience.stall_seconds, show_progress)
        except NOT_RETRIED as error:
            raise PosekitError(f"{url}: must lead to a file; got {error}.") from error
        except (requests.RequestException, _Interrupted) as error:
            finding = error
        reached = _size(path)
        fruitless = 0 if reached >= furthest + PROGRESS_BYTES else fruitless + 1
        furthest = max(furthest, reached)
        if fruitless > len(patience.waits_seconds):
            raise PosekitError(
                f"{url}: must arrive whole; got {reached:,} bytes so far, and at last: {finding}. "
                "Run the command again to resume."
            )
        time.sleep(patience.waits_seconds[max(fruitless - 1, 0)])


class _Interrupted(Exception):
    """Why an answer was not whole or could not be used; another attempt may succeed."""


def _attempt(session, url, path, stall_seconds, show_progress):
    known = _known(url, path)
    have = _size(path) if known else 0
    if have and have == known["total"]:
        return
    # Lengths and ranges count bytes as sent, so these must be the file's own.
    headers = {"Accept-Encoding": "identity"}
    if have:
        headers |= {"Range": f"bytes={have}-", "If-Range": known["validator"]}
    with session.get(url, headers=headers, stream=True, timeout=stall_seconds) as response:
        _check_status(url, response.status_code)
        found = _described(url, response)
        resumes = response.status_code == 206
        if resumes and not (found["start"] == have and _same(known, found)):
            _forget(path)
            raise _Interrupted("a part that does not continue the one that is here")
        if response.status_code == 416:
            _forget(path)
            raise _Interrupted(f"no bytes after the first {have:,}")
        if (found["total"] or 0) > LIMIT_BYTES:
            raise PosekitError(
                f"{url}: must have at most {LIMIT_BYTES:,} bytes; got {found['total']:,}."
            )
        if not resumes:
            have = 0
            # Emptied first: a part must never meet the notes on another file.
            path.write_bytes(b"")
            files.write_json(_notes(path), found)
        _append(url, response, path, have, found["total"], show_progress)
    if found["total"] is not None and _size(path) < found["total"]:
        raise _Interrupted(f"an end before {found['total']:,} bytes")


def _append(url, response, path, have, total, show_progress):
    bar = tqdm(
        desc=url.rpartition("/")[2],
        total=total,
        initial=have,
        unit="B",
        unit_scale=True,
        leave=False,
        # None: shown on a terminal only.
        disable=None if show_progress else True,
    )
    with path.open("ab") as file, bar:
        for block in response.iter_content(BLOCK_BYTES):
            have += len(block)
            if have > LIMIT_BYTES:
                _forget(path)
                raise PosekitError(f"{url}: must have at most {LIMIT_BYTES:,} bytes; got more.")
            file.write(block)
            bar.update(len(block))


def _check_status(url, status):
    if status in (200, 206, 416):
        return
    if status >= 500 or status in BUSY_STATUSES:
        raise _Interrupted(f"status {status}")
    raise PosekitError(f"{url}: must be there; got status {status}.")


def _described(url, response):
    """What an answer says about the file: where its bytes start, the total, and its validator."""
    headers = response.headers
    if headers.get("Content-Encoding", "identity") != "identity":
        return {"url": url, "start": 0, "total": None, "validator": None}
    content_range = re.fullmatch(
        r"bytes (\d+)-\d+/(\d+|\*)", headers.get("Content-Range", "").strip()
    )
    if content_range:
        start, total = content_range.groups()
    else:
        start, total = 0, headers.get("Content-Length", "")
    etag = headers.get("ETag", "")
    # A weak ETag does not promise the same bytes.
    strong = etag if etag and not etag.startswith("W/") else None
    return {
        "url": url,
        "start": int(start),
        "total": int(total) if total.isdecimal() else None,
        "validator": strong or headers.get("Last-Modified"),
    }


def _same(known, found):
    """Whether a part belongs to the file known before, as far as the answer says."""
    return all(
        found[field] in (None, known[field]) or known[field] is None
        for field in ("total", "validator")
    )


def _known(url, path):
    """The notes on the part that is here, or None where it cannot be continued."""
    try:
        known = files.read_json(_notes(path))
        return known if known["url"] == url and known["validator"] else None
    except (PosekitError, KeyError, TypeError):
        return None


def _forget(path):
    path.unlink(missing_ok=True)
    _notes(path).unlink(missing_ok=True)


def _notes(path):
    return path.with_name(f"{path.name}.json")


def _size(path):
    return path.stat().st_size if path.exists() else 0
