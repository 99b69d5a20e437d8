"""One file over HTTP, resumed where it stopped; Pooch starts every retry from the first byte."""

import time

import requests
from tqdm import tqdm

from posekit import files
from posekit.errors import PosekitError

# Six times the largest archive of the two sets; more is no data set of ours.
LIMIT_BYTES = 1 << 30
# An interruption loses the block that is not full yet.
BLOCK_BYTES = 1 << 14
# Without a byte for so long, an attempt is given up.
STALL_SECONDS = 30.0
# The pauses between attempts that got no further; after as many and one more, the server is given
# up.
WAITS_SECONDS = (1.0, 3.0, 9.0)

BUSY_STATUSES = (408, 425, 429)
# Another attempt would get the same answer.
NOT_RETRIED = (
    requests.exceptions.InvalidHeader,
    requests.exceptions.InvalidSchema,
    requests.exceptions.InvalidURL,
    requests.exceptions.MissingSchema,
    requests.exceptions.TooManyRedirects,
)


def download(session, url, path, *, show_progress=True):
    """Get a file, resuming where an earlier call stopped.

    An earlier part is used only if ETag or modification time show that the server's file is still
    the same. Both, with the expected size, are kept in a file of the same name with .json added.

    Args:
        session: requests.Session.
        url: str, http or https.
        path: Path of the file to write; after an error it holds what has arrived.
        show_progress: bool, a bar on a terminal.

    Raises:
        PosekitError: the server has no such file, sends more than LIMIT_BYTES, or does not send
            the file whole in spite of all patience.
        OSError: the file cannot be written.
    """
    furthest, fruitless = _size(path), 0
    while True:
        try:
            return _attempt(session, url, path, show_progress)
        except NOT_RETRIED as error:
            raise PosekitError(f"{url}: must lead to a file; got {error}.") from error
        except (requests.RequestException, _Interrupted) as error:
            finding = error
        reached = _size(path)
        fruitless = 0 if reached > furthest else fruitless + 1
        furthest = max(furthest, reached)
        if fruitless > len(WAITS_SECONDS):
            raise PosekitError(
                f"{url}: must arrive whole; got {reached:,} bytes so far, and at last: {finding}. "
                "Run the command again to resume."
            )
        time.sleep(WAITS_SECONDS[max(fruitless - 1, 0)])


class _Interrupted(Exception):
    """Why an answer was not whole or could not be used; another attempt may succeed."""


def _attempt(session, url, path, show_progress):
    known = _read_notes(url, path)
    have = _size(path) if known else 0
    if have and have == known["total"]:
        return
    # Lengths and ranges count bytes as sent, so these must be the file's own.
    headers = {"Accept-Encoding": "identity"}
    if have:
        headers |= {"Range": f"bytes={have}-", "If-Range": known["validator"]}
    with session.get(url, headers=headers, stream=True, timeout=STALL_SECONDS) as response:
        status = response.status_code
        if status >= 500 or status in BUSY_STATUSES:
            raise _Interrupted(f"status {status}")
        if status not in (200, 206, 416):
            raise PosekitError(f"{url}: must be there; got status {status}.")
        found = _described(url, response)
        starts_here = response.headers.get("Content-Range", "").startswith(f"bytes {have}-")
        if status == 416 or (status == 206 and not (starts_here and _are_same(known, found))):
            _remove(path)
            raise _Interrupted(f"a part that does not continue the first {have:,} bytes")
        if (found["total"] or 0) > LIMIT_BYTES:
            raise PosekitError(
                f"{url}: must have at most {LIMIT_BYTES:,} bytes; got {found['total']:,}."
            )
        if status == 200:
            # Emptied first: a part must never meet the notes on another file.
            path.write_bytes(b"")
            files.write_json(_notes_path(path), found)
        _append(url, response, path, found["total"], show_progress)
    if found["total"] is not None and _size(path) < found["total"]:
        raise _Interrupted(f"an end before {found['total']:,} bytes")


def _append(url, response, path, total, show_progress):
    bar = tqdm(
        desc=url.rpartition("/")[2],
        total=total,
        initial=_size(path),
        unit="B",
        unit_scale=True,
        leave=False,
        disable=None if show_progress else True,  # None: shown on a terminal only
    )
    with path.open("ab") as file, bar:
        for block in response.iter_content(BLOCK_BYTES):
            if file.tell() + len(block) > LIMIT_BYTES:
                _remove(path)
                raise PosekitError(f"{url}: must have at most {LIMIT_BYTES:,} bytes; got more.")
            file.write(block)
            bar.update(len(block))


def _described(url, response):
    """What an answer says about the file: its bytes in all, and what changes with them."""
    headers = response.headers
    if headers.get("Content-Encoding", "identity") != "identity":
        return {"url": url, "total": None, "validator": None}
    total = headers.get("Content-Range", "").rpartition("/")[2] or headers.get("Content-Length", "")
    etag = headers.get("ETag", "W/")
    return {
        "url": url,
        "total": int(total) if total.isdecimal() else None,
        # A weak ETag does not promise the same bytes.
        "validator": headers.get("Last-Modified") if etag.startswith("W/") else etag,
    }


def _are_same(known, found):
    """Whether a part belongs to the file known before, as far as the answer says."""
    fields = ("total", "validator")
    return all(
        None in (known[field], found[field]) or known[field] == found[field] for field in fields
    )


def _read_notes(url, path):
    """The notes on the part that is here, or None where it cannot be continued."""
    try:
        known = files.read_json(_notes_path(path))
        return known if known["url"] == url and known["validator"] else None
    except (PosekitError, KeyError, TypeError):
        return None


def _remove(path):
    path.unlink(missing_ok=True)
    _notes_path(path).unlink(missing_ok=True)


def _notes_path(path):
    return path.with_name(f"{path.name}.json")


def _size(path):
    return path.stat().st_size if path.exists() else 0
