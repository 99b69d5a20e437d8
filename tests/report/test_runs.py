"""The list of runs: what is found, chosen and ordered, and the page that needs no script."""

import json
import re
import shutil
from html.parser import HTMLParser

import pytest
from made_runs import write_report, write_training

from posekit.cli.main import main
from posekit.errors import PosekitError
from posekit.report import runs


@pytest.fixture
def folder(tmp_path):
    """A report with two trainings, and another run with one."""
    reports = tmp_path / "reports"
    write_report(reports / "first", data="/data/raw/people.zip:/data/more")
    write_training(reports / "first", seed=10)
    write_training(reports / "first", seed=9, errors=(30.0, 20.0), network="residual")
    write_training(reports / "deep" / "second", errors=(60.0,), epochs=5, clip_norm=2.5)
    return reports


def trainings(folder, **choice):
    rows, problems = runs.find(folder)
    assert problems == []
    return runs.select(rows["trainings"], **choice)


def test_a_training_is_told_by_its_best_epoch(folder):
    (row,) = trainings(folder, where=["seed=10"])
    assert (row["run"], row["data"], row["split"]) == ("first", "people", "standard")
    assert (row["validation_mse"], row["train_mse"], row["best_epoch"]) == (40, 41, 2)
    assert (row["share_of_mean_pose"], row["minutes"], row["epochs_done"]) == (0.4, 1.5, 3)


def test_a_report_is_told_by_its_index(folder):
    (row,) = runs.find(folder)[0]["reports"]
    assert (row["run"], row["data"], row["notebooks"]) == ("first", "people.zip+more", "1 of 2")
    assert (row["profile"], row["minutes"], row["commit"]) == ("quick", 10, "abc")


def test_what_the_epoch_before_left_is_no_training_of_its_own(folder):
    (training,) = (folder / "deep" / "second" / "training").iterdir()
    shutil.copytree(training, training / "previous")
    assert len(trainings(folder)) == 3


@pytest.mark.parametrize(
    ("choice", "errors"),
    [
        ({"sort": "validation_mse"}, [20, 40, 60]),
        ({"sort": "validation_mse", "reverse": True}, [60, 40, 20]),
        # As numbers: as text, 10 would come before 9.
        ({"sort": "seed"}, [60, 20, 40]),
        ({"sort": "network"}, [60, 40, 20]),
        # What has none comes last either way.
        ({"sort": "clip_norm"}, [60, 40, 20]),
        ({"sort": "clip_norm", "reverse": True}, [60, 40, 20]),
        ({"where": ["network=residual"]}, [20]),
        ({"where": ["network!=residual", "seed=0"]}, [60]),
        ({"where": ["validation_mse<=40"], "sort": "validation_mse"}, [20, 40]),
        ({"where": ["validation_mse < 40"]}, [20]),
        ({"where": ["epochs>3"]}, [60]),
        ({"where": ["epochs=5.0"]}, [60]),
        ({"where": ["run~SECOND"]}, [60]),
        ({"where": ["clip_norm>0"]}, [60]),
        ({"where": ["network=vgg"]}, []),
    ],
)
def test_rows_are_chosen_and_ordered(folder, choice, errors):
    assert [row["validation_mse"] for row in trainings(folder, **choice)] == errors


def test_the_newest_comes_first(folder):
    rows, _ = runs.find(folder)
    for row, day in zip(rows["trainings"], ("02", "03", "01"), strict=True):
        row["finished"] = f"2026-01-{day}T00:00:00+00:00"
    chosen = runs.select(rows["trainings"])
    assert [row["finished"][8:10] for row in chosen] == ["03", "02", "01"]


@pytest.mark.parametrize(
    ("choice", "finding"),
    [
        ({"sort": "hope"}, "`sort` must be one of .*'validation_mse'.*; got 'hope'"),
        ({"where": ["colour=red"]}, "`where` must be one of .*'network'.*; got 'colour'"),
        ({"where": ["network"]}, "must be COLUMN=VALUE, .*; got 'network'"),
        ({"where": ["epochs>many"]}, "`where` epochs> must be followed by a number; got 'many'"),
    ],
)
def test_unusable_choices_are_refused(folder, choice, finding):
    with pytest.raises(PosekitError, match=finding):
        trainings(folder, **choice)


def test_damaged_runs_are_named_and_the_others_listed(folder):
    (path,) = (folder / "deep").rglob("history.json")
    path.write_text("[{}]")
    (folder / "first" / "index.json").write_text('{"notebooks": 3}')
    rows, problems = runs.find(folder)
    assert len(rows["trainings"]) == 2 and rows["reports"] == []
    report, training = problems
    assert report.startswith(f"{folder / 'first'}: must be a run of posekit; got ")
    assert "history.json: row 1 must have" in training


@pytest.mark.parametrize(("name", "finding"), [("none", "does not exist"), ("file", "is a file")])
def test_what_is_no_folder_is_refused(tmp_path, name, finding):
    (tmp_path / "file").write_text("")
    with pytest.raises(PosekitError, match=f"must be a folder of .*{name}, which {finding}"):
        runs.find(tmp_path / name)


class Elements(HTMLParser):
    """Every element of a page with its attributes."""

    def __init__(self, page):
        super().__init__()
        self.found = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))


def test_the_page_sorts_and_filters_without_a_script(folder):
    rows, _ = runs.find(folder)
    page = runs.page(folder, rows, written_to=folder)
    elements = Elements(page).found
    tags = [tag for tag, _ in elements]
    assert "script" not in tags and not re.search(r"\son\w+=", page)
    (policy,) = [attrs["content"] for tag, attrs in elements if "http-equiv" in attrs]
    assert policy.startswith("default-src 'none'") and "script" not in policy
    assert [attrs["href"] for tag, attrs in elements if tag == "a"] == ["first/index.html"]
    styles = [attrs["style"] for tag, attrs in elements if "--row" in attrs.get("style", "")]
    columns = runs._table("trainings", rows["trainings"], folder)["columns"]
    by_error = [column["name"] for column in columns].index("validation_mse")
    ranks = [int(re.search(rf"--by-{by_error}: (\d+)", style)[1]) for style in styles[1:]]
    errors = [row["validation_mse"] for row in rows["trainings"]]
    assert [error for _, error in sorted(zip(ranks, errors, strict=True))] == [20, 40, 60]
    # Choosing the second network hides the rows that are not of it.
    hidden = 'option[value="1"]:checked) tbody tr:not(.network-1) { display: none; }'
    assert f"#trainings:has(.network {hidden}" in page
    classes = [attrs.get("class", "").split() for tag, attrs in elements if tag == "tr"]
    assert sum("network-1" in names for names in classes) == 1


def test_the_page_escapes_what_others_wrote(folder):
    (path,) = (folder / "deep").rglob("config.json")
    stored = json.loads(path.read_text())
    stored["data"]["name"] = '<script>alert("1")</script>'
    path.write_text(json.dumps(stored))
    rows, _ = runs.find(folder)
    page = runs.page(folder, rows, written_to=folder)
    assert "<script" not in page and "&lt;script&gt;" in page


def test_a_folder_without_runs_has_a_page_as_well(capsys, tmp_path):
    assert main(["runs", str(tmp_path)]) == 0
    assert capsys.readouterr().out == f"no trainings\n{tmp_path / 'runs.html'}\n"
    assert (tmp_path / "runs.html").read_text().count("<p>None.</p>") == 2


def test_the_command_prints_and_writes(capsys, folder):
    arguments = ["runs", str(folder), "--where", "run=first", "--sort", "validation_mse"]
    assert main(arguments) == 0
    head, first, second, path = capsys.readouterr().out.splitlines()
    assert head.split()[:3] == ["run", "network", "label_treatment"]
    assert (first.split()[1], second.split()[1]) == ("residual", "poster_plain")
    assert path == str(folder / "runs.html")
    page = folder / "deep" / "it.html"
    assert main(["runs", str(folder), "--of", "reports", "--out", str(page)]) == 0
    assert "people.zip+more" in capsys.readouterr().out
    # The page's links start from where it lies.
    assert 'href="../first/index.html"' in page.read_text()
    (folder / "first" / "index.json").write_text("{}")
    assert main(["runs", str(folder)]) == 1
    assert "must be a run of posekit" in capsys.readouterr().err
    assert main(["runs", str(folder / "none")]) == 2
