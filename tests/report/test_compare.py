"""Two runs side by side: who is paired with whom, differences by hand, what is not comparable."""

import re

import pytest
from made_runs import write_report, write_training

from posekit.cli.main import main
from posekit.errors import PosekitError
from posekit.evaluation import per_image
from posekit.report.compare import compare, open_run


@pytest.fixture
def folders(tmp_path):
    """Two reports: the second's poster_plain trained longer and is 1 px better on each image."""
    first, second = tmp_path / "first", tmp_path / "second"
    write_report(first)
    write_report(second, seed=1)
    for seed, error in ((0, 40.0), (1, 44.0)):
        write_training(first, seed=seed, errors=(50.0, error), sums=[6, 8, 4, 2])
        write_training(second, seed=seed, errors=(50.0, error - 9, error - 10), sums=[4, 6, 2, 0])
    write_training(first, network="residual", errors=(30.0, 29.0))
    return first, second


def compared(first, second):
    return compare(*map(open_run, (first, second)))


def test_the_differences_are_those_of_the_images(folders):
    (pair,) = compared(*folders)["pairs"]
    assert pair["title"] == "poster_plain, masked, squashed (epochs 2 → 3)"
    assert pair["seeds"] == [[0, 1], [0, 1]] and pair["image_count"] == 4
    (row,) = pair["scores"]
    # 20 px of 8 joints against 12 px of 8, and every image gains 2 px of 2 joints.
    assert (row["first"], row["second"], row["difference"]) == (2.5, 1.5, -1)
    assert row["interval"] == [-1, -1] and row["better"] == "second"


def test_over_seeds_the_interval_is_students(folders):
    (pair,) = compared(*folders)["pairs"]
    over = pair["over_seeds"]
    # Best errors 40 and 44 against 30 and 34: the difference is -10 for both seeds.
    assert (over["seeds"], over["first"], over["second"]) == ([0, 1], 42, 32)
    assert over["mean_difference"] == -10 and over["interval"] == [-10, -10]


def test_the_other_way_round_the_signs_change(folders):
    (pair,) = compared(*reversed(folders))["pairs"]
    (row,) = pair["scores"]
    assert (row["difference"], row["better"]) == (1, "first")
    assert pair["over_seeds"]["mean_difference"] == 10


def test_trainings_without_a_partner_are_named(folders):
    (alone,) = compared(*folders)["alone"]
    assert alone == {"side": "first", "title": "residual, masked, squashed, 2 epochs"}


def test_conditions_say_what_differs(folders):
    rows = {row["name"]: row for row in compared(*folders)["conditions"]}
    same = {"name": "data fingerprint", "first": "aa11", "second": "aa11", "same": True}
    assert rows["data fingerprint"] == same
    assert (rows["trainings"]["first"], rows["trainings"]["second"]) == ("3", "2")
    assert not rows["trainings"]["same"]


def test_those_that_differ_least_are_paired(tmp_path):
    for run in ("first", "second"):
        write_training(tmp_path / run, batch_size=16)
        write_training(tmp_path / run, batch_size=32)
    write_training(tmp_path / "second", batch_size=32, dropout=0.5)
    result = compared(tmp_path / "first", tmp_path / "second")
    assert [pair["differing"] for pair in result["pairs"]] == [[], []]
    (alone,) = result["alone"]
    assert alone["side"] == "second"


def test_single_trainings_are_compared_whatever_their_settings(tmp_path):
    first = write_training(tmp_path / "a", sums=[2, 2, 2, 2])
    second = write_training(tmp_path / "b", seed=7, network="residual", sums=[2, 2, 2, 2])
    (pair,) = compared(first, second)["pairs"]
    assert [row["name"] for row in pair["differing"]] == ["network"]
    assert pair["scores"][0]["difference"] == 0 and pair["scores"][0]["better"] is None
    assert pair["over_seeds"] is None  # no seed is in both


def test_one_seed_has_no_spread(tmp_path):
    first, second = (write_training(tmp_path / it, sums=[2, 2, 2, 2]) for it in "ab")
    assert compared(first, second)["pairs"][0]["over_seeds"]["interval"] is None


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        ({"fingerprint": "bb22"}, "Not comparable: different data, fingerprints aa11 and bb22."),
        ({"view": "person"}, "different parts of a picture, squashed and person."),
    ],
)
def test_what_is_not_comparable_is_said(tmp_path, change, finding):
    first = write_training(tmp_path / "a", sums=[2, 2, 2, 2])
    second = write_training(tmp_path / "b", sums=[2, 2, 2, 2], **change)
    result = compared(first, second)
    (pair,) = result["pairs"]
    assert pair["scores"] is None and pair["over_seeds"] is None
    (problem,) = result["problems"]
    assert problem.endswith(finding)


def test_another_split_is_not_comparable(tmp_path):
    first, second = (write_training(tmp_path / it, sums=[2, 2, 2, 2]) for it in "ab")
    path = second / "config.json"
    old, new = '"name": "standard", "seed": 0', '"name": "x", "seed": 5'
    path.write_text(path.read_text().replace(old, new))
    (problem,) = compared(first, second)["problems"]
    assert "different splits, name standard, seed 0, images 40" in problem
    assert "and name x, seed 5, images 40" in problem


def test_without_errors_of_images_there_are_curves_and_a_hint(tmp_path):
    first, second = write_training(tmp_path / "a"), write_training(tmp_path / "b", sums=[1] * 4)
    result = compared(first, second)
    (problem,) = result["problems"]
    assert f"per_image.npz is missing in {first}" in problem and "run its command again" in problem
    assert result["pairs"][0]["over_seeds"]["mean_difference"] == 0


def test_other_images_have_no_paired_difference(tmp_path):
    first, second = (write_training(tmp_path / it, sums=[2, 2, 2, 2]) for it in "ab")
    sums = per_image.read(second / per_image.FILE)
    others = per_image.PerImage(sums.image_ids[::-1], sums.groups, sums.sums)
    per_image.write(second / per_image.FILE, others)
    (problem,) = compared(first, second)["problems"]
    assert "not scored on the same images" in problem


def test_wrong_folders_are_refused(tmp_path):
    training = write_training(tmp_path / "run", sums=[2, 2, 2, 2])
    (tmp_path / "empty").mkdir()
    for name, finding in (
        ("none", "must be the folder of a report or of a training; got nothing there"),
        ("empty", "got no training/"),
    ):
        with pytest.raises(PosekitError, match=finding):
            open_run(tmp_path / name)
    with pytest.raises(PosekitError, match="config.json: must be the folder of .*; got a file"):
        open_run(training / "config.json")
    with pytest.raises(PosekitError, match="the runs must be two; got .* twice"):
        compared(training, training.parent / training.name)


def test_the_command_writes_a_page_that_needs_nothing_else(capsys, folders, tmp_path):
    page = tmp_path / "both.html"
    arguments = ["report", "--compare", *map(str, folders), "--out", str(page)]
    assert main(arguments) == 0
    out = capsys.readouterr().out
    shown = r"error \(px\) +2\.50 +1\.50 +-1\.00 \(-1\.00 to -1\.00\) +better: second"
    assert re.search(shown, out)
    assert out.endswith(f"{page}\n")
    content = page.read_text()
    assert "default-src 'none'" in content and "<script" not in content
    assert content.count('src="data:image/png;base64,') == 1
    assert not re.search(r'(src|href)="(?!data:|#)', content)
    for words in ("poster_plain, masked, squashed (epochs 2 → 3)", "second</td>"):
        assert words in content


def test_nothing_comparable_is_exit_status_1_with_a_page(capsys, tmp_path):
    first = write_training(tmp_path / "a")
    second = write_training(tmp_path / "b", fingerprint="bb22")
    page = tmp_path / "page.html"
    assert main(["report", "--compare", str(first), str(second), "--out", str(page)]) == 1
    assert "Not comparable: different data" in capsys.readouterr().out
    assert "Not comparable: different data" in page.read_text()
    assert main(["report", "--compare", str(first), str(tmp_path / "none")]) == 2
    assert "must be the folder of a report or of a training" in capsys.readouterr().err
