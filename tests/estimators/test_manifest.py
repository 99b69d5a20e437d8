"""A manifest is data from elsewhere: its values are of their kinds, and its files are its own."""

import hashlib
import json

import pytest

from posekit import joint_sets
from posekit.errors import PosekitError
from posekit.estimators.manifest import CropScale, check_file, joints_entry, read
from posekit.models import heads, names
from posekit.skeleton import JOINTS, LSP

CONTENT = b"a network"
CROP = {"scale": 0.8, "mirrored": False}


@pytest.fixture
def folder(tmp_path):
    stage = {
        "file": "person.keras",
        "sha256": hashlib.sha256(CONTENT).hexdigest(),
        "head": "soft_argmax",
        "view": "person",
        "looks": [[{"scale": 1.2, "mirrored": False}], [CROP, {"scale": 2, "mirrored": True}]],
    }
    manifest = {"version": 2, "joints": JOINTS, "stages": [stage], "calibration": None}
    (tmp_path / "person.keras").write_bytes(CONTENT)
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    return tmp_path


def rewrite(folder, **changes):
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["stages"][0].update(changes)
    path.write_text(json.dumps(manifest))


def test_a_stage_is_what_the_manifest_says(folder):
    manifest = read(folder)
    (stage,) = manifest.stages
    assert manifest.calibration is None
    assert manifest.stored == json.loads((folder / "manifest.json").read_text())
    assert stage.path == folder / "person.keras"
    assert (stage.head, stage.view) == ("soft_argmax", "person")
    assert stage.passes == ((CropScale(1.2),), (CropScale(0.8), CropScale(2, mirrored=True)))
    check_file(stage)


@pytest.mark.parametrize(
    ("changes", "finding"),
    [
        ({"file": "../person.keras"}, "`file` is '../person.keras', not the name of a file"),
        ({"file": "/etc/passwd"}, "`file` is '/etc/passwd', not the name"),
        ({"file": ".."}, "`file` is '..', not the name"),
        ({"file": "a" * 300}, "`file` is 'aaa.*, not the name"),
        ({"file": None}, "`file` is None, not the name"),
        ({"sha256": "0"}, "`sha256` must be 64 hexadecimal digits; got '0' in stage 0"),
        ({"looks": []}, r"`looks` must be 1 to 20 passes .*; got \[0\] in stage 0"),
        ({"looks": [[CROP]] * 21}, r"`looks` must be 1 to 20 passes .*; got \[21, 1.* in stage 0"),
        ({"looks": [[]]}, r"passes of 1 to 20 crops; got \[1, 0\] in stage 0"),
        ({"looks": [[CROP] * 21]}, r"passes of 1 to 20 crops; got \[1, 21\] in stage 0"),
        ({"looks": 2}, "got values of other kinds .*int"),
        ({"looks": [[{"scale": 1.0}]]}, "got a manifest without 'mirrored'"),
        ({"looks": [[{**CROP, "mirrored": "no"}]]}, "`mirrored` must be true or false; got 'no'"),
        ({"looks": [[{**CROP, "scale": 0.2}]]}, r"`scale` must be .* 0.25 \.\.\. 4; got 0.2"),
        ({"looks": [[{**CROP, "scale": True}]]}, "`scale` must be a number .*; got True"),
        ({"looks": [[{**CROP, "scale": float("nan")}]]}, "`scale` must be .*; got nan in stage 0"),
        ({"head": ["soft_argmax"]}, r"`head` must be one of .*; got \['soft_argmax'\] in stage 0"),
    ],
)
def test_values_of_other_kinds_are_refused(folder, changes, finding):
    rewrite(folder, **changes)
    with pytest.raises(PosekitError, match=f"manifest.json: .*{finding}"):
        read(folder)


def test_all_problems_are_named_at_once(folder):
    rewrite(folder, looks=[], view="far")
    with pytest.raises(PosekitError, match="`view` must be(.|\n)*`looks` must be"):
        read(folder)


def test_the_known_heads_are_those_there_are():
    assert tuple(names.HEADS) == tuple(heads.HEADS)


def test_a_manifest_may_name_other_joints(folder):
    described = {"name": "two", "joints": ["a", "b"], "torso": ["a", "b"]}
    skeleton = joint_sets.parse("here", described)
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text()) | joints_entry(skeleton)
    manifest["calibration"] = {"slope": 1.0, "offsets": [0.0, 0.5]}
    path.write_text(json.dumps(manifest))
    assert read(folder).calibration.offsets.tolist() == [0, 0.5]
    assert read(folder).skeleton == skeleton
    manifest["joints"] = ["a", "c"]
    path.write_text(json.dumps(manifest))
    with pytest.raises(PosekitError, match="`joints` must be a, b; got 'a', 'c'"):
        read(folder)
    manifest["joint_set"] = "all"
    path.write_text(json.dumps(manifest))
    with pytest.raises(PosekitError, match="manifest.json: a joint set must be a table .*'all'"):
        read(folder)


def test_of_the_fourteen_joints_a_manifest_has_the_names_alone(folder):
    assert joints_entry(LSP) == {"joints": list(JOINTS)}
    assert read(folder).skeleton is LSP
