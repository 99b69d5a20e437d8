"""One file over HTTP, resumed where it stopped; Pooch starts every retry from the first byte.

The caller checks the content, which also shows a file that mixes two versions.
"""

import time

import requests
from tqdm import tqdm

from posekit.errors import PosekitError

# Six times the largest archive of the two sets; more is no data set of ours.
LIMIT_BYTES = 1 << 30
# An interruption loses the block that is not full yet.
BLOCK_BYTES = 1 << 14
# An attempt that receives no byte for this long is given up.
STALL_SECONDS = 30.0
# Before each attempt.
WAITS_SECONDS = (0.0, 1.0, 3.0, 9.0, 30.0)

BUSY_STATUSES = (408, 425, 429)
# Another attempt would get the same answer.
NOT_RETRIED = (
    requests.exceptions.InvalidHeader,
    requests.exceptions.InvalidSchema,
    requests.exceptions.InvalidURL,
    requests.exceptions.MissingSchema,
    requests.exceptions.TooManyRedirects,
)


class _Interrupted(Exception):
    """Why an answer was not whole; another attempt may succeed."""


def download(session, url, path):
    """Get the file of an http or https URL, resuming where an earlier call stopped.

    After an error `path` holds what has arrived. PosekitError where the server has no such file,
    sends more than LIMIT_BYTES, or does not send it whole in spite of all patience.
    """
    finding = None
    for wait_seconds in WAITS_SECONDS:
        time.sleep(wait_seconds)
        try:
            return _attempt(session, url, path)
        except NOT_RETRIED as error:
            raise PosekitError(f"{url}: must lead to a file; got {error}.") from error
        except (requests.RequestException, _Interrupted) as error:
            finding = error
    raise PosekitError(
        f"{url}: must arrive whole; got {_size(path):,} bytes so far, and at last: {finding}. "
        "Run the command again to resume."
    )


def _attempt(session, url, path):
    have = _size(path)
    # Lengths and ranges count bytes as sent, so these must be the file's own.
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    with session.get(url, headers=headers, stream=True, timeout=STALL_SECONDS) as response:
        status = response.status_code
        if status == 416 and have:
            return  # nothing follows what is here
        if status >= 500 or status in BUSY_STATUSES:
            raise _Interrupted(f"status {status}")
        if status not in (200, 206):
            raise PosekitError(f"{url}: must be there; got status {status}.")
        part = response.headers.get("Content-Range", "")
        if status == 206 and not part.startswith(f"bytes {have}-"):
            path.unlink(missing_ok=True)
            raise _Interrupted(f"a part that does not continue the first {have:,} bytes")
        if status == 200:
            have = 0
        length = response.headers.get("Content-Length", "")
        is_plain = response.headers.get("Content-Encoding", "identity") == "identity"
        total = have + int(length) if length.isdecimal() and is_plain else None
        if (total or 0) > LIMIT_BYTES:
            raise PosekitError(f"{url}: must have at most {LIMIT_BYTES:,} bytes; got {total:,}.")
        bar = tqdm(
            desc=url.rpartition("/")[2],
            total=total,
            initial=have,
            unit="B",
            unit_scale=True,
            leave=False,
            disable=None,  # shown on a terminal only
        )
        with path.open("ab" if have else "wb") as file, bar:
            for block in response.iter_content(BLOCK_BYTES):
                have += len(block)
                if have > LIMIT_BYTES:
                    path.unlink()
                    raise PosekitError(f"{url}: must have at most {LIMIT_BYTES:,} bytes; got more.")
                file.write(block)
                bar.update(len(block))
    if total is not None and have < total:
        raise _Interrupted(f"an end before {total:,} bytes")


def _size(path):
    return path.stat().st_size if path.exists() else 0
