"""Getting a data set: which source is taken, what is refused, what stays in place."""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import tomllib
import zipfile
from pathlib import Path

import pytest
from tiny_sets import labels, lsp_files, lspet_files, write_folder, write_zip

from posekit.cli.main import main
from posekit.datasets import lsp
from posekit.datasets.fetch import download, transfer
from posekit.errors import PosekitError

FILES = lsp_files(labels(3))
PAGE = b"<html>The page you are looking for is gone.</html>" * 20


def zipped(tmp_path, files, prefix=""):
    path = write_zip(tmp_path / "packed.zip", files, prefix)
    content = path.read_bytes()
    path.unlink()
    return content


def digest_by_hand(files):
    lines = [
        f"{hashlib.sha256(content).hexdigest()}  {name}\n"
        for name, content in sorted(files.items())
        if name == "joints.mat" or name.startswith("images/")
    ]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


@pytest.fixture
def fetch(site, tmp_path, monkeypatch):
    """Fetch `lsp`, of three pictures, from /a and so on of the local site in turn."""
    monkeypatch.setattr(transfer, "STALL_SECONDS", 0.3)
    monkeypatch.setattr(transfer, "WAITS_SECONDS", (0.0, 0.01))

    def call(sources=("a",), *, source=None, name="lsp", digest=None):
        listed = [{"url": site.url(path)} for path in sources]
        mirrors = tmp_path / "mirrors.toml"
        mirrors.write_text(mirror_list(name, listed, digest))
        call.said = []
        return download.fetch(
            name,
            tmp_path / "raw",
            source=source,
            mirrors=mirrors,
            log=call.said.append,
        )

    call.target = tmp_path / "raw" / "lsp_dataset.zip"
    call.record = tmp_path / "raw" / "lsp_dataset.json"
    return call


def mirror_list(name, sources, digest):
    digits = 4 if name == "lsp" else 5
    lines = [f"[{name}]", "images = 3", f"digits = {digits}"]
    lines += [f'content_sha256 = "{digest}"'] if digest else []
    lines += [] if sources else ["sources = []"]
    for source in sources:
        lines.append(f"[[{name}.sources]]")
        lines += [f"{field} = {json.dumps(value)}" for field, value in source.items()]
    return "\n".join(lines)


def asked(site):
    return [path for path, _ in site.requests]


def left_behind(fetch):
    return sorted(
        path.relative_to(fetch.target.parent).parts[0] for path in fetch.target.parent.iterdir()
    )


def test_the_first_good_source_is_taken(site, fetch, tmp_path):
    good = zipped(tmp_path, FILES | {"README.txt": b"cite us"}, "lsp_dataset/")
    site.routes |= {
        "/a": [site.status(404)],
        "/b": [site.status(500)],
        "/c": [site.answer(PAGE)],
        "/d": [site.answer(good)],
        "/e": [site.answer(good)],
    }
    assert fetch("abcde") == fetch.target
    assert asked(site) == ["/a", "/b", "/b", "/c", "/d"]

    dataset = lsp.read(fetch.target)
    assert dataset.name == "lsp" and len(dataset) == 3
    with zipfile.ZipFile(fetch.target) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == FILES | {
            "README.txt": b"cite us"
        }
        # Equal sets make equal files, whenever.
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    assert json.loads(fetch.record.read_text()) == {
        "source": site.url("d"),
        "content_sha256": digest_by_hand(FILES),
    }
    # Nothing half-done stays.
    assert left_behind(fetch) == ["lsp_dataset.json", "lsp_dataset.zip"]
    said = "\n".join(fetch.said)
    assert f"trying {site.url('a')}" in said and "got status 404" in said
    assert "3 pictures, all whole; content SHA-256 " in said


def test_without_a_good_source_every_reason_is_told(site, fetch):
    site.routes |= {"/b": [site.status(500)], "/c": [site.answer(PAGE)]}
    finding = (
        r"`lsp` must come whole from one of 3 sources; got it from none.*--from\.\n"
        r".*/a: must be there; got status 404(.|\n)*/b: must arrive whole; .* status 500"
        r"(.|\n)*/c: .*must be a folder or a zip file; got .*neither"
    )
    with pytest.raises(PosekitError, match=finding):
        fetch("abc")
    assert not fetch.target.exists() and not fetch.record.exists()


def test_an_interrupted_download_is_continued_by_the_next_call(site, fetch, tmp_path):
    content = zipped(tmp_path, FILES | {"other.bin": os.urandom(200_000)})
    site.routes["/a"] = [site.answer(content, sent=100_000), site.status(503)]
    with pytest.raises(PosekitError, match="status 503"):
        fetch()
    site.requests.clear()
    site.routes["/a"] = [site.answer(content)]
    assert len(lsp.read(fetch())) == 3
    ((_, headers),) = site.requests
    assert 0 < int(headers["Range"].removeprefix("bytes=").removesuffix("-")) <= 100_000


@pytest.mark.parametrize("name", ["lsp", "lspet"])
def test_known_content_counts_whatever_its_packing(site, fetch, tmp_path, name):
    files = (lsp_files if name == "lsp" else lspet_files)(labels(3))
    digest = digest_by_hand(files)
    stored = tmp_path / "stored.zip"
    with zipfile.ZipFile(stored, "w", zipfile.ZIP_STORED) as archive:
        for file in reversed(list(files)):
            archive.writestr(f"top/{file}", files[file])
    packings = [zipped(tmp_path, files | {"labels.npz": b"other"}), stored.read_bytes()]
    contents = []
    for packing in packings:
        site.routes["/a"] = [site.answer(packing)]
        target = fetch(name=name, digest=digest)
        assert download.content_sha256(target) == digest
        contents.append(target.read_bytes())
        target.unlink()
    assert contents[0] == contents[1]


def test_other_content_than_the_known_is_refused_and_not_kept(site, fetch, tmp_path):
    site.routes["/a"] = [site.answer(zipped(tmp_path, FILES))]
    wanted, found = "0" * 64, digest_by_hand(FILES)
    finding = f"the content must have SHA-256 {wanted}, says .*mirrors.toml; got {found}"
    with pytest.raises(PosekitError, match=finding):
        fetch(digest=wanted)
    assert not fetch.target.exists() and not fetch.record.exists()
    # The bad download would only fail again.
    with pytest.raises(PosekitError, match=finding):
        fetch(digest=wanted)
    assert asked(site) == ["/a", "/a"]


def test_the_first_copy_is_the_measure_of_later_ones(site, fetch, tmp_path):
    site.routes["/a"] = [site.answer(zipped(tmp_path, FILES))]
    fetch().unlink()
    other = FILES | {"images/im0002.jpg": FILES["images/im0001.jpg"]}
    site.routes["/a"] = [site.answer(zipped(tmp_path, other))]
    finding = (
        f"must have SHA-256 {digest_by_hand(FILES)}, says .*lsp_dataset.json; got "
        f"{digest_by_hand(other)}. If you trust this copy more, delete that entry"
    )
    with pytest.raises(PosekitError, match=finding):
        fetch()
    assert not fetch.target.exists()
    fetch.record.unlink()
    assert download.content_sha256(fetch()) == digest_by_hand(other)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"content_sha256": 3}'])
def test_a_damaged_record_is_named(site, fetch, tmp_path, content):
    site.routes["/a"] = [site.answer(zipped(tmp_path, FILES))]
    fetch().unlink()
    fetch.record.write_text(content)
    with pytest.raises(PosekitError, match="lsp_dataset.json: .*must"):
        fetch()


def broken_picture():
    return FILES | {"images/im0002.jpg": FILES["images/im0002.jpg"][:-20]}


WRONG_SETS = {
    "another set": (lspet_files(labels(3)), "the data set must be lsp; got lspet"),
    "fewer pictures": (lsp_files(labels(2)), "`images` must be 3 pictures from im0001 to im0003; got 2"),
    "other numbers": (lsp_files(labels(3), first=2), "from im0001 to im0003; got 3 from im0002"),
    "broken picture": (broken_picture(), "`im0002` must be a whole JPEG .* do not decode"),
    "bad labels": (FILES | {"joints.mat": PAGE}, "`joints.mat` must be a MATLAB file; got 1000"),
    "nothing": ({"README.txt": b""}, "`joints.mat` must lie next to"),
}


@pytest.mark.parametrize("case", WRONG_SETS)
def test_a_wrong_set_is_refused(site, fetch, tmp_path, case):
    files, finding = WRONG_SETS[case]
    site.routes["/a"] = [site.answer(zipped(tmp_path, files))]
    with pytest.raises(PosekitError, match=finding):
        fetch()
    assert not fetch.target.exists()


def test_a_cut_archive_is_refused(site, fetch, tmp_path):
    content = zipped(tmp_path, FILES)
    site.routes |= {
        "/a": [site.answer(content, claimed=len(content) // 2)],
        "/b": [site.answer(content)],
    }
    assert fetch("ab") == fetch.target
    assert "neither (File is not a zip file)" in "\n".join(fetch.said)


def test_a_good_copy_in_place_is_left_alone(site, fetch, tmp_path):
    site.routes["/a"] = [site.answer(zipped(tmp_path, FILES))]
    fetch()
    before = fetch.target.stat(), fetch.record.read_text()
    site.requests.clear()
    assert fetch(source=site.url("a")) == fetch.target
    assert not site.requests
    assert (fetch.target.stat(), fetch.record.read_text()) == before
    assert fetch.said == [f"{fetch.target} is there already, and verified"]


def test_a_copy_put_in_place_by_hand_is_recorded(site, fetch):
    fetch.target.parent.mkdir()
    write_zip(fetch.target, FILES, "lsp_dataset/")
    fetch()
    assert not site.requests
    assert json.loads(fetch.record.read_text())["content_sha256"] == digest_by_hand(FILES)


@pytest.mark.parametrize("content", [PAGE, b""])
def test_a_bad_copy_in_place_is_named_and_left_alone(site, fetch, content):
    fetch.target.parent.mkdir()
    fetch.target.write_bytes(content)
    with pytest.raises(PosekitError, match=r"lsp_dataset.zip, which is neither"):
        fetch()
    assert fetch.target.read_bytes() == content and not site.requests


def test_a_failed_fetch_leaves_other_files_alone(site, fetch, tmp_path):
    fetch.target.parent.mkdir()
    other = fetch.target.with_name("lspet_dataset.zip")
    other.write_bytes(b"mine")
    site.routes["/a"] = [site.answer(PAGE)]
    with pytest.raises(PosekitError):
        fetch()
    assert other.read_bytes() == b"mine"


@pytest.mark.parametrize("kind", ["zip", "folder"])
def test_the_users_own_copy_comes_first_and_stays(site, fetch, tmp_path, kind):
    own = tmp_path / "own"
    own.mkdir()
    own = write_folder(own, FILES) if kind == "folder" else write_zip(own / "my.zip", FILES)
    assert fetch(source=str(own)) == fetch.target
    assert not site.requests and own.exists()
    assert download.content_sha256(own) == download.content_sha256(fetch.target)


def test_a_bad_copy_of_the_users_is_named_and_stays(site, fetch, tmp_path):
    own = write_zip(tmp_path / "my.zip", lsp_files(labels(2)))
    site.routes["/a"] = [site.answer(zipped(tmp_path, FILES))]
    assert fetch(source=str(own)) == fetch.target
    assert "my.zip: `images` must be 3 pictures from im0001 to im0003; got 2 from" in "\n".join(fetch.said)
    assert own.exists() and asked(site) == ["/a"]


def test_a_source_that_is_nothing_is_refused_before_anything_is_done(site, fetch):
    with pytest.raises(PosekitError, match="`source` must be a URL, a zip or a folder; got none"):
        fetch(source="none.zip")
    assert not site.requests and not fetch.target.parent.exists()


def test_two_processes_do_not_mix(site, fetch):
    working = fetch.target.with_name(".lsp_dataset.zip.partial")
    working.mkdir(parents=True)
    with (working / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(PosekitError, match="by one process at a time; got another process"):
            fetch()
    assert not site.requests


def test_a_folder_that_cannot_be_made_is_named(site, fetch, tmp_path):
    (tmp_path / "raw").write_text("a file")
    with pytest.raises(
        PosekitError, match="raw: must be a folder with space .*; got .*Not a directory"
    ):
        fetch()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
def test_a_full_disk_is_named(site, fetch, tmp_path):
    site.routes["/a"] = [site.answer(zipped(tmp_path, FILES))]
    working = fetch.target.with_name(".lsp_dataset.zip.partial")
    working.mkdir(parents=True)
    part = working / hashlib.sha256(site.url("a").encode()).hexdigest()[:12]
    part.symlink_to("/dev/full")
    with pytest.raises(PosekitError, match="with space to write to; got .*No space left on device"):
        fetch()


def test_bad_lists_of_sources_are_named(tmp_path):
    mirrors = tmp_path / "mirrors.toml"

    def refused(finding):
        with pytest.raises(PosekitError, match=finding):
            download.fetch("lsp", tmp_path / "raw", mirrors=mirrors)

    refused("mirrors.toml: must be a list of sources in TOML; got .*No such file")
    mirrors.write_text("lsp = ")
    refused("mirrors.toml: must be a list of sources in TOML; got Invalid value")
    rule = "`lsp` must have whole numbers `images` and `digits`, and `sources`, each with a `url`.*"
    mirrors.write_text("lsp = 3")
    refused(f"{rule}; got 3")
    for entry in (
        'images = "many"\ndigits = 4\nsources = []',
        "images = 3\nsources = []",
        "images = 3\ndigits = 4",
        'images = 3\ndigits = 4\n[[lsp.sources]]\nurl = "ftp://x"',
    ):
        mirrors.write_text(f"[lsp]\n{entry}")
        refused(f"{rule}; got {{'images'")
    mirrors.write_text(mirror_list("lspet", [], None))
    refused("`name` must be one of 'lspet'; got 'lsp'")


def test_the_list_that_ships(tmp_path):
    known = tomllib.loads(download.MIRRORS.read_text(encoding="utf-8"))
    assert {name: (entry["images"], entry["digits"]) for name, entry in known.items()} == {
        "lspet": (10_000, 5),
        "lsp": (2_000, 4),
    }
    for entry in known.values():
        assert len(entry["sources"]) == 2
        assert all("Not tested live" in source["note"] for source in entry["sources"])
    with pytest.raises(PosekitError, match="`name` must be one of 'lspet', 'lsp'; got 'mpii'"):
        download.fetch("mpii", tmp_path)


@pytest.mark.skipif(not shutil.which("sha256sum"), reason="no sha256sum on this system")
def test_the_digest_can_be_computed_as_the_readme_says(tmp_path):
    text = (download.MIRRORS.parents[3] / "data" / "README.md").read_text(encoding="utf-8")
    (command,) = [line.strip() for line in text.splitlines() if "| sha256sum" in line]
    folder = write_folder(tmp_path, FILES | {"README.txt": b"cite us"})
    printed = subprocess.run(
        ["bash", "-c", command], cwd=folder, capture_output=True, text=True, check=True
    ).stdout
    assert printed.split()[0] == digest_by_hand(FILES) == download.content_sha256(folder)


def test_the_command_fetches_and_prints_where(capsys, monkeypatch, site, tmp_path):
    mirrors = tmp_path / "mirrors.toml"
    mirrors.write_text(mirror_list("lsp", [], None))
    monkeypatch.setitem(download.fetch.__kwdefaults__, "mirrors", mirrors)
    own = write_zip(tmp_path / "my.zip", FILES)
    arguments = ["data", "fetch", "lsp", "--out", str(tmp_path / "raw"), "--from"]
    assert main([*arguments, str(own)]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == str(tmp_path / "raw" / "lsp_dataset.zip")
    assert main([*arguments, "nowhere.zip"]) == 2
    assert "error: fetch(): `source` must be" in capsys.readouterr().err
