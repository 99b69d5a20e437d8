"""Own data as docs/own_data.md describes them, through every notebook."""

import json

from posekit.datasets import lsp
from posekit.datasets.coco.writing import write as write_coco
from posekit.datasets.synthetic import writing
from posekit.report import runner

# A joint that is never labelled, and every person of a picture; COCO's 17 keypoints as LSP's 14
# joints are such data too.
OWN_DATA = """annotations = "annotations.json"
people = "all"
joint_set = "lsp"

[joints]
head_top = []
"""


def write_own_data(folder, scratch):
    """Forty pictures, each with a second, smaller person, and their activities by plain names."""
    people = lsp.read(writing.write(scratch / "people", count=40, seed=3))
    write_coco(folder, people)
    joints = [joint for joint in people.skeleton.joints if joint != "head_top"]
    lines = "".join(f'{joint} = "{joint}"\n' for joint in joints)
    (folder / "own_data.toml").write_text(OWN_DATA + lines, encoding="utf-8")
    path = folder / "annotations.json"
    stored = json.loads(path.read_text(encoding="utf-8"))
    for annotation in list(stored["annotations"]):
        x, y, width, height = annotation["bbox"]
        stored["annotations"].append(
            {
                **annotation,
                "id": annotation["id"] + 1000,
                "bbox": [x + width / 4, y + height / 4, width / 2, height / 2],
            }
        )
    path.write_text(json.dumps(stored), encoding="utf-8")
    names = [image["file_name"].rpartition(".")[0] for image in stored["images"]]
    rows = [f"{name.upper()};{('run', 'jump')[number % 2]}\n" for number, name in enumerate(names)]
    table = "image;activity\n" + "".join(rows)
    (folder / "labels.csv").write_bytes(table.encode("utf-16"))


def test_joints_without_labels_and_several_people_run_through_all_notebooks(tmp_path):
    write_own_data(tmp_path / "mine", tmp_path)
    run_dir = tmp_path / "run"
    runner.run(
        run_dir,
        parameters={"data": str(tmp_path / "mine"), "profile": "smoke", "seed": 0},
        overrides=[
            *("epochs=1", "03_batchnorm_comparison.seeds=[0]", "06_beyond_the_poster.seeds=[0]"),
            *("02_training.label_treatments=['masked']", "07_activity_recognition.seeds=[0]"),
            "07_activity_recognition.steps=3",
        ],
    )
    index = json.loads((run_dir / "index.json").read_text())
    assert {entry["status"] for entry in index["notebooks"]} == {"ok"}
    explored = json.loads((run_dir / "exploration.json").read_text())
    assert explored["data"]["images"] == 40 and explored["never_labelled"] == ["head_top"]
    page = (run_dir / "01_data_exploration.html").read_text()
    assert "80 people are labelled in 40 pictures" in page
    activity = json.loads((run_dir / "activity.json").read_text())
    assert activity["measured"] and activity["activities"] == ["jump", "run"]
    assert json.loads((run_dir / "saliency.json").read_text())["joint"] == "neck"
