from dataclasses import replace

import numpy as np
import pytest

from posekit import files
from posekit.profiles import PROFILES
from posekit.studies.poster import batchnorm
from posekit.studies.poster.trials import SCALINGS, best_rates

# Student's t, 97.5 % quantile, 2 degrees of freedom, from a printed table.
T_TWO_DEGREES = 4.302653


def row(scaling, batch_norm, rate, seed, validation, *, train=5.0, epochs=2):
    return {
        "scaling": scaling,
        "batch_norm": batch_norm,
        "learning_rate": rate,
        "seed": seed,
        "epochs": epochs,
        "batch_size": 32,
        "label_treatment": "masked",
        "flip": "random",
        "data": {"train": 100, "validation": 10, "frame_px": 48},
        "history": {"epoch": [1, 2], "train_mse": [9.0, train], "validation_mse": [20, validation]},
        "best_validation_mse": validation,
        "train_mse": train,
        "spread_px": 2.0,
        "baselines": {"mean_pose": 60.0},
    }


def pair(scaling, with_it, without, *, train=((5.0,) * 3, (5.0,) * 3)):
    return [
        row(scaling, batch_norm, 1e-3, seed, validation, train=trained)
        for batch_norm, values, losses in ((True, with_it, train[0]), (False, without, train[1]))
        for seed, (validation, trained) in enumerate(zip(values, losses, strict=True))
    ]


# In plain pixels decided for it, in validation and in training; from a small start not decided.
ROWS = [
    *pair("plain pixels", [40.0, 42.0, 41.0], [50.0, 52.0, 52.0],
          train=([30.0, 31.0, 30.0], [45.0, 46.0, 46.0])),
    *pair("posekit's", [44.0, 43.0, 44.0], [40.0, 39.0, 39.0]),
    *pair("small start", [40.0, 41.0, 39.0], [39.0, 40.0, 41.0]),
]  # fmt: skip


STARTS = [
    {"scaling": scaling, "spread, with batch norm": spread_px, "spread, without": spread_px / 8}
    for scaling, spread_px in (("plain pixels", 1.0), ("posekit's", 16.0), ("small start", 0.32))
]


def test_every_network_is_judged_at_its_own_best_rate():
    diverged = {**row("plain pixels", False, 4e-3, 0, 0.0), "diverged": True}
    del diverged["best_validation_mse"]
    rows = [
        row("plain pixels", True, 1e-3, 0, 50.0),
        row("plain pixels", True, 4e-3, 0, 40.0),
        row("plain pixels", False, 1e-3, 0, 45.0),
        diverged,
        # Only the search counts: other seeds and longer trainings have not seen every rate.
        row("plain pixels", True, 1e-3, 1, 1.0),
        row("plain pixels", False, 2.5e-4, 0, 1.0, epochs=9),
    ]
    assert best_rates(rows) == {("plain pixels", True): 4e-3, ("plain pixels", False): 1e-3}
    (found,) = batchnorm.findings(rows)
    assert found["rates"] == [4e-3, 1e-3] and found["seeds"] == [0]
    assert found["means"]["best_validation_mse"] == [40.0, 45.0]
    assert best_rates([]) == {} and batchnorm.findings([]) == []
    assert batchnorm.search_table([]) == batchnorm.difference_table([]) == batchnorm.NONE_YET
    assert batchnorm.search_table(rows) == [
        {"scaling": "plain pixels", "batch normalisation": "with",
         "rate 0.001": 50.0, "rate 0.004": 40.0},
        {"scaling": "plain pixels", "batch normalisation": "without",
         "rate 0.001": 45.0, "rate 0.004": None},
    ]  # fmt: skip


def test_longer_trainings_at_the_best_rate_replace_the_search():
    rows = [row("small start", each, 1e-3, 0, 50.0) for each in (True, False)]
    rows += [row("small start", each, 1e-3, 0, 30.0, epochs=9) for each in (True, False)]
    (found,) = batchnorm.findings(rows)
    assert found["epochs"] == 9 and found["differences"]["train_mse"]["mean_difference"] == 0


def test_differences_are_paired_by_seed():
    plain, _, small = batchnorm.findings(ROWS)
    difference = plain["differences"]["best_validation_mse"]
    assert difference["differences"] == [-10.0, -10.0, -11.0] and difference["decided"]
    # Around -31 / 3: squares of 1/3, 1/3 and 2/3 sum to 2 / 3.
    margin = T_TWO_DEGREES * np.sqrt(2 / 3 / 2 / 3)
    np.testing.assert_allclose(
        difference["interval"], [-31 / 3 - margin, -31 / 3 + margin], rtol=1e-5
    )
    assert not small["differences"]["best_validation_mse"]["decided"]
    rows = batchnorm.difference_table([plain, small])
    assert [each["score"] for each in rows] == ["validation MSE", "training MSE"] * 2
    assert rows[0]["with batch norm"] == 41.0 and rows[0]["mean pose"] == 60.0


def test_curves_are_those_at_the_best_rate():
    drawn = batchnorm.panels([*ROWS, row("plain pixels", True, 4e-3, 0, 90.0)])
    assert list(drawn) == ["in plain pixels", "in posekit's scaling"]
    histories = drawn["in plain pixels"]["with batch norm"]
    assert [history["validation_mse"][-1] for history in histories] == [40.0, 42.0, 41.0]
    assert batchnorm.panels(ROWS[:3]) == {}


@pytest.fixture
def result(experiment, monkeypatch, tmp_path):
    monkeypatch.setattr(batchnorm, "starts", lambda *_, label_treatment: STARTS)
    monkeypatch.setattr(batchnorm, "TRACKED", tmp_path / "tracked.json")

    def made(rows=ROWS, tracked=()):
        files.write_json(tmp_path / "tracked.json", {"trainings": list(tracked)})
        return batchnorm.compare(rows, experiment, label_treatment="masked")

    return made


def test_the_answer_says_where_it_helps_and_what_the_poster_saw(result, tmp_path):
    found = result()
    files.write_json(tmp_path / "x.json", found)
    text = batchnorm.answer(files.read_json(tmp_path / "x.json"))
    assert text.startswith(
        "**It helps in plain pixels; it harms in posekit's scaling; "
        "not decided from a small start (synthetic of 48 px, 3 seeds).**"
    )
    claim = "lower bias is reproduced in plain pixels (training MSE 30.3 with it, 45.7 without)"
    assert claim in text
    line = "synthetic, in plain pixels: validation MSE 41.0 with and 51.3 without (-10.3 with it"
    assert line in text
    assert "they spread by 16.00 px with it and 2.00 px without in posekit's scaling" in text
    assert found["headline"][0]["note"] == "seeds: 3, decided"


def test_photographs_decide_where_there_are_some(result):
    tracked = [
        # Of another size, from an earlier session.
        {**row("plain pixels", True, 1e-3, 0, 1.0), "batch_size": 8},
        *pair("plain pixels", [50.0], [40.0], train=((9.0,), (8.0,))),
    ]
    found = result(tracked=tracked)
    assert len(found["photographs"]["trainings"]) == 2
    text = batchnorm.answer(found)
    # One seed decides nothing: the run's own three do.
    assert text.startswith("**It helps in plain pixels; it harms")
    assert "(synthetic of 48 px, 3 seeds)" in text
    assert "photographs, in plain pixels: validation MSE 50.0 with and 40.0 without (+10.0" in text
    assert "synthetic, in posekit's scaling" in text
    said = batchnorm.photographs_text(found["photographs"]["trainings"])
    assert "2 trainings of 2 epochs, 100 pictures of 48 x 48 px to train, 10 to validate" in said
    assert batchnorm.photographs_text([]).startswith("No trainings on photographs")
    repeated = result(tracked=pair("plain pixels", [50.0, 51.0, 50.0], [40.0, 41.0, 40.0]))
    text = batchnorm.answer(repeated)
    assert text.startswith("**It harms in plain pixels (photographs of 48 px, 3 seeds).**")
    assert "bias is not decided in plain pixels (training MSE 5.0 with it, 5.0 without)" in text


@pytest.mark.parametrize(
    ("with_it", "verdict"),
    [
        ([40.0, 41.0, 40.0], "**It helps in plain pixels (synthetic of 48 px, 3 seeds).**"),
        ([60.0, 61.0, 60.0], "**It harms in plain pixels (synthetic of 48 px, 3 seeds).**"),
    ],
)
def test_one_scaling_has_one_verdict(result, with_it, verdict):
    rows = pair("plain pixels", with_it, [50.0, 51.0, 51.0])
    assert batchnorm.answer(result(rows)).startswith(verdict)


def test_with_it_first_outputs_spread_as_the_last_layers_weights_do(experiment):
    rows = batchnorm.starts(experiment.resized(32), label_treatment="masked")
    assert [each["scaling"] for each in rows] == list(SCALINGS)
    ours, small = rows[1], rows[2]
    # Half a frame times sqrt(inputs / 2 * 2 / (inputs + outputs)), see `sanity`.
    spread_px = 16 * np.sqrt(512 / (512 + 28))
    assert ours["spread, with batch norm"] == pytest.approx(spread_px, rel=0.4)
    assert small["spread, with batch norm"] == pytest.approx(
        0.02 * ours["spread, with batch norm"], rel=1e-3
    )
    assert ours["spread, without"] < 0.3 * ours["spread, with batch norm"]


def test_each_pair_shares_seed_size_and_data(experiment, monkeypatch, tmp_path):
    files.write_json(
        tmp_path / "tracked.json", {"trainings": [row("plain pixels", True, 4e-3, 0, 1.0)]}
    )
    monkeypatch.setattr(batchnorm, "TRACKED", tmp_path / "tracked.json")
    monkeypatch.setattr(
        batchnorm.trials, "train_all", lambda chosen, data, run_dir: (chosen, data.frame_px)
    )
    quick = replace(experiment, profile=PROFILES["quick"])
    chosen, frame_px = batchnorm.train(quick, "run", seeds=[4, 2], label_treatment="poster")
    assert frame_px == 32 and len(chosen) == 8
    assert {trial.label_treatment for trial in chosen} == {"poster"}
    for seed in (4, 2):
        of_seed = [trial for trial in chosen if trial.seed == seed]
        assert len({(trial.scaling, trial.batch_norm) for trial in of_seed}) == 4
    rates = {(trial.scaling, trial.batch_norm): trial.learning_rate for trial in chosen}
    assert rates.pop(("plain pixels", True)) == 4e-3 and set(rates.values()) == {1e-3}


def test_the_search_comes_before_the_comparison_at_the_best_rates(experiment, monkeypatch):
    def train_all(chosen, *_, **__):
        return [
            row(*[getattr(trial, name) for name in ("scaling", "batch_norm", "learning_rate")],
                trial.seed, 40.0 + 1000 * trial.learning_rate, epochs=trial.epochs)
            for trial in chosen
        ]  # fmt: skip

    monkeypatch.setattr(batchnorm.trials, "train_all", lambda chosen, **_: train_all(chosen))
    rows = batchnorm.compare_scalings(experiment, "run", epochs=2, batch_size=16, seeds=[0, 1])
    # 6 networks at 3 rates, then one more seed of each at its best rate.
    assert len(rows) == 6 * 3 + 6
    assert {each["learning_rate"] for each in rows if each["seed"] == 1} == {2.5e-4}
    longer = batchnorm.compare_scalings(
        experiment, "run", epochs=2, batch_size=16, seeds=[0, 1], final_epochs=9
    )
    assert len(longer) == 6 * 3 + 12
