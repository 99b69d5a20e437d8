"""Downloads from a local server that misbehaves in every way a server can."""

import gzip
import re
import time

import numpy as np
import pytest
import requests

from posekit.datasets.fetch import transfer
from posekit.errors import PosekitError

CONTENT = np.random.default_rng(0).bytes(300_000)
WAITS_SECONDS = (0.0, 0.01, 0.01, 0.01)


@pytest.fixture
def get(site, tmp_path, monkeypatch):
    """Download /file and return what was written."""
    path = tmp_path / "file"

    def download(name="file", stall_seconds=0.3, waits_seconds=WAITS_SECONDS):
        monkeypatch.setattr(transfer, "STALL_SECONDS", stall_seconds)
        monkeypatch.setattr(transfer, "WAITS_SECONDS", waits_seconds)
        with requests.Session() as session:
            transfer.download(session, site.url(name), path)
        return path.read_bytes()

    download.path = path
    return download


def ranges(site):
    return [headers.get("Range") for _, headers in site.requests]


def begun(range_header):
    return int(re.fullmatch(r"bytes=(\d+)-", range_header)[1])


def test_whole_in_one_request(site, get):
    site.routes["/file"] = [site.answer(CONTENT)]
    assert get() == CONTENT
    assert ranges(site) == [None]
    # Nothing follows what is whole.
    site.routes["/file"] = [site.status(416)]
    assert get() == CONTENT


def test_dropped_midway_goes_on_from_there(site, get):
    site.routes["/file"] = [site.answer(CONTENT, sent=200_000), site.answer(CONTENT)]
    assert get() == CONTENT
    first, second = ranges(site)
    # At most one block is lost.
    assert first is None and 200_000 - transfer.BLOCK_BYTES <= begun(second) <= 200_000


def test_a_later_call_goes_on_too(site, get):
    site.routes["/file"] = [site.answer(CONTENT, sent=100_000), site.status(503)]
    finding = r"/file: must arrive whole; got [\d,]+ bytes so far, and at last: status 503\. Run"
    with pytest.raises(PosekitError, match=finding):
        get()
    assert 0 < get.path.stat().st_size <= 100_000
    site.requests.clear()
    site.routes["/file"] = [site.answer(CONTENT)]
    assert get() == CONTENT
    assert begun(ranges(site)[0]) > 0


def test_a_server_without_ranges_is_asked_for_all(site, get):
    site.routes["/file"] = [
        site.answer(CONTENT, sent=200_000),
        site.answer(CONTENT, obeys_range=False),
    ]
    assert get() == CONTENT


def test_a_part_that_starts_elsewhere_is_not_used(site, get):
    site.routes["/file"] = [
        site.answer(CONTENT, sent=200_000),
        site.answer(CONTENT, shift=-7),
        site.answer(CONTENT),
    ]
    assert get() == CONTENT
    assert ranges(site)[2] is None


def test_a_stall_is_noticed(site, get):
    site.routes["/file"] = [site.answer(CONTENT, sent=100_000, stalls=True), site.answer(CONTENT)]
    began = time.monotonic()
    assert get() == CONTENT
    assert time.monotonic() - began < 3
    assert len(site.requests) == 2


def test_a_server_that_never_answers_is_given_up(site, get):
    site.routes["/file"] = [site.silence]
    with pytest.raises(PosekitError, match="got 0 bytes so far, and at last: .*[Tt]imed out"):
        get(stall_seconds=0.1, waits_seconds=(0.0, 0.01))
    assert len(site.requests) == 2


def test_redirects_are_followed_with_the_range(site, get):
    site.routes["/file"] = [site.redirect("/there")]
    site.routes["/there"] = [site.answer(CONTENT, sent=200_000), site.answer(CONTENT)]
    assert get() == CONTENT
    paths = [path for path, _ in site.requests]
    assert paths == ["/file", "/there"] * 2
    assert begun(ranges(site)[3]) > 0


def test_hopeless_answers_are_not_repeated(site, get):
    site.routes["/gone"] = [site.status(404)]
    with pytest.raises(PosekitError, match="/gone: must be there; got status 404"):
        get("gone")
    assert len(site.requests) == 1
    site.routes["/round"] = [site.redirect("/round")]
    with pytest.raises(PosekitError, match="/round: must lead to a file; got .*30 redirects"):
        get("round")
    assert len(site.requests) <= 33
    site.routes["/out"] = [site.redirect("file:///etc/passwd")]
    with pytest.raises(PosekitError, match="/out: must lead to a file; got No connection adapt"):
        get("out")


def test_a_busy_server_is_asked_again(site, get):
    site.routes["/file"] = [site.status(500), site.status(429), site.answer(CONTENT)]
    assert get() == CONTENT
    site.routes["/down"] = [site.status(500)]
    site.requests.clear()
    with pytest.raises(PosekitError, match="and at last: status 500"):
        get("down")
    assert len(site.requests) == len(WAITS_SECONDS)


def test_nobody_there(get, site):
    site.close()
    with pytest.raises(PosekitError, match="must arrive whole; got 0 bytes so far"):
        get()


def test_a_length_that_is_too_long_is_an_error(site, get):
    site.routes["/file"] = [site.answer(CONTENT, claimed=len(CONTENT) + 1000)]
    with pytest.raises(PosekitError, match="must arrive whole"):
        get()


def test_a_length_that_is_too_short_cuts_the_file(site, get):
    # Nothing in HTTP tells; the check of the content has to.
    site.routes["/file"] = [site.answer(CONTENT, claimed=200_000)]
    assert get() == CONTENT[:200_000]


def test_compressed_on_the_way(site, get):
    encoded = gzip.compress(CONTENT)
    site.routes["/file"] = [site.answer(encoded, encoding="gzip")]
    assert get() == CONTENT


@pytest.mark.parametrize("claimed", [True, False])
def test_endless_answers_are_cut(monkeypatch, site, get, claimed):
    monkeypatch.setattr(transfer, "LIMIT_BYTES", 100_000)
    site.routes["/file"] = [site.answer(CONTENT, claimed=len(CONTENT) if claimed else None)]
    finding = "got 300,000" if claimed else "got more"
    with pytest.raises(PosekitError, match=f"/file: must have at most 100,000 bytes; {finding}"):
        get()
    assert not get.path.exists() and len(site.requests) == 1
