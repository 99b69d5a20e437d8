import numpy as np
import pytest

from posekit.datasets import splits
from posekit.datasets.image_files import decode
from posekit.skeleton import MIRROR
from posekit.studies.poster import as_it_was
from posekit.studies.poster.as_it_was import mirrored_before_split, readings


@pytest.fixture(scope="module")
def both(experiment):
    return mirrored_before_split(experiment)


def test_every_picture_is_there_with_its_mirror_image(experiment, both):
    count, side = len(experiment.dataset), experiment.frame_px
    assert len(both.dataset) == 2 * count == len(np.unique(both.dataset.image_ids))
    np.testing.assert_array_equal(both.frames[count:], experiment.frames[:, :, ::-1])
    labelled = experiment.dataset.labelled[:, list(MIRROR)]
    plain_px = experiment.keypoints_frame_px[:, list(MIRROR)]
    mirrored_px = both.keypoints_frame_px[count:]
    np.testing.assert_array_equal(both.dataset.labelled[count:], labelled)
    np.testing.assert_allclose(mirrored_px[labelled][:, 0], side - 1 - plain_px[labelled][:, 0])
    np.testing.assert_allclose(mirrored_px[labelled][:, 1], plain_px[labelled][:, 1])
    # What is stored where there is no label is no point of the picture.
    np.testing.assert_allclose(mirrored_px[~labelled], plain_px[~labelled])


def test_the_encoded_pictures_are_mirrored_too(both, experiment):
    name = str(experiment.dataset.image_ids[3])
    plain, mirrored = (decode(both.dataset.read_image(each)) for each in (name, f"{name}-mirrored"))
    np.testing.assert_array_equal(mirrored, plain[:, ::-1])


def test_a_picture_and_its_mirror_image_may_be_on_both_sides(both, experiment):
    count = len(experiment.dataset)
    train, validation = (getattr(both.split, part) % count for part in ("train", "validation"))
    assert both.split.name == "poster" and not both.split.comparable
    assert set(train) & set(validation)
    splits.check_no_leak(both.split)


def row(treatment, batch_norm, train, validation, flip="double"):
    return {
        "label_treatment": treatment,
        "flip": flip,
        "batch_norm": batch_norm,
        "data": {"train": 900, "frame_px": 48},
        "baselines": {"mean_pose": 110.0},
        "history": {"epoch": [1, 2, 3], "train_mse": train, "validation_mse": validation},
    }


ROWS = [
    # Four times these, in a frame of 96: 140 and 428 in epoch 2.
    row("poster_origin", True, [90.0, 35.0, 20.0], [130.0, 107.0, 100.0]),
    row("poster", False, [150.0, 120.0, 100.0], [150.0, 140.0, 145.0], flip="none"),
    {**row("poster", True, [], []), "diverged": True},
]


def test_losses_are_told_in_the_posters_frame():
    origin, stored = readings(ROWS)
    assert (origin["nearest_epoch"], origin["training"]) == (2, 80.0)
    assert origin["nearest"] == [140.0, 428.0] and origin["mean_pose"] == 440.0
    assert origin["factor"] == pytest.approx(140 / 139.29)
    assert (stored["labels"], stored["mirrored"]) == ("as stored", "before the split")
    assert (stored["training"], stored["validation"]) == (480.0, 560.0)
    # The one that is further off counts: training, 400 against 139.29.
    assert stored["factor"] == pytest.approx(400 / 139.29)


def test_the_answer_names_the_reading():
    text = as_it_was.answer(readings(ROWS))
    assert "come out to within 10% with missing joints at the origin, mirrored after" in text
    assert "with batch normalisation (epoch 2: 140.0 and 428.0)" in text
    none = as_it_was.answer(readings(ROWS[1:]))
    assert "do not come out; they are nearest" in none and "off by a factor of 2.87" in none
    size = "900 photographs and their mirror images, 48 x 48 px, and at most 3 epochs;"
    assert size in text and size in none


def test_the_table_has_a_row_for_each_reading():
    rows = as_it_was.table(readings(ROWS))
    assert [each["batch normalisation"] for each in rows] == ["with", "without"]
    assert rows[0]["nearest to the poster: epoch"] == 2
    assert as_it_was.table([]) == [{"trainings": "none yet"}]
    assert as_it_was.answer([]).startswith("No trainings")


def test_all_readings_are_trained_alike(experiment, monkeypatch):
    seen = []

    def train_all(chosen, data, run_dir, *, out):
        seen.extend((trial, len(data.dataset)) for trial in chosen)
        return []

    monkeypatch.setattr(as_it_was.trials, "train_all", train_all)
    as_it_was.train_readings(experiment, "run", epochs=40, batch_size=64, patience=5)
    count = len(experiment.dataset)
    assert {(trial.flip, images) for trial, images in seen} == {
        ("double", count),
        ("none", 2 * count),
    }
    variants = {(trial.flip, trial.label_treatment, trial.batch_norm) for trial, _ in seen}
    assert len(seen) == len(variants) == 8
    assert {(trial.epochs, trial.patience, trial.learning_rate) for trial, _ in seen} == {
        (40, 5, 1e-3)
    }
