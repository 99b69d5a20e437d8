"""A manifest is data from elsewhere: its values are of their kinds, and its files are its own."""

import hashlib
import json

import pytest

from posekit import heads, manifests, settings
from posekit.errors import PosekitError
from posekit.skeleton import JOINTS

CONTENT = b"a network"


@pytest.fixture
def folder(tmp_path):
    stage = {
        "file": "person.keras",
        "sha256": hashlib.sha256(CONTENT).hexdigest(),
        "head": "soft_argmax",
        "view": "person",
        "passes": 2,
        "flip_average": True,
        "margin": 1.25,
    }
    manifest = {"version": 1, "joints": JOINTS, "stages": [stage], "calibration": None}
    (tmp_path / "person.keras").write_bytes(CONTENT)
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    return tmp_path


def rewrite(folder, **changes):
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["stages"][0].update(changes)
    path.write_text(json.dumps(manifest))


def test_a_stage_is_what_the_manifest_says(folder):
    (stage,), fitted = manifests.read(folder)
    assert fitted is None
    assert stage.path == folder / "person.keras"
    assert (stage.head, stage.view, stage.passes) == ("soft_argmax", "person", 2)
    assert stage.flip_average is True and stage.margin == 1.25
    manifests.check_file(stage)


@pytest.mark.parametrize(
    ("changes", "finding"),
    [
        ({"file": "../person.keras"}, "`file` is '../person.keras', not the name of a file"),
        ({"file": "/etc/passwd"}, "`file` is '/etc/passwd', not the name"),
        ({"file": ".."}, "`file` is '..', not the name"),
        ({"file": "a" * 300}, "`file` is 'aaa.*, not the name"),
        ({"file": None}, "`file` is None, not the name"),
        ({"sha256": "0"}, "`sha256` must be 64 hexadecimal digits; got '0' in stage 0"),
        ({"passes": 10**9}, "`passes` must be .* <= 100; got 1000000000 in stage 0"),
        ({"passes": float("inf")}, "`passes` must be a whole number .*; got inf in stage 0"),
        ({"passes": True}, "`passes` must be a whole number .*; got True in stage 0"),
        ({"flip_average": "false"}, "`flip_average` must be true or false; got 'false'"),
        ({"margin": float("nan")}, "`margin` must be a number .*; got nan in stage 0"),
        ({"head": ["simcc"]}, r"`head` must be one of .*; got \['simcc'\] in stage 0"),
    ],
)
def test_values_of_other_kinds_are_refused(folder, changes, finding):
    rewrite(folder, **changes)
    with pytest.raises(PosekitError, match=f"manifest.json: .*{finding}"):
        manifests.read(folder)


def test_all_problems_are_named_at_once(folder):
    rewrite(folder, passes=0, view="far")
    with pytest.raises(PosekitError, match="`view` must be(.|\n)*`passes` must be"):
        manifests.read(folder)


def test_the_known_heads_are_those_there_are():
    assert settings.HEADS == tuple(heads.HEADS)
