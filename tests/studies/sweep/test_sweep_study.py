"""Studies: what a file's lists become, and that every slip is named."""

import os

import pytest

from posekit import files, profiles
from posekit.errors import PosekitError
from posekit.studies.sweep import study as sweep_study
from posekit.training.config import TrainingConfig


def read(folder, text):
    path = folder / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    return sweep_study.read(path)


def test_lists_are_tried_with_each_other_and_the_last_one_fastest(tmp_path):
    study = read(
        tmp_path,
        """
        profile: smoke
        seed: 3
        trials:
          network: [poster_plain, poster_batchnorm]
          data_fraction: [0.5, 1]
          seed: [0, 1]
          learning_rate: 0.01
        """,
    )
    smoke = profiles.by_name("smoke")
    assert (study.name, study.data, study.profile, study.seed) == ("mine", "synthetic", "smoke", 3)
    assert len(study.trials) == 8
    assert study.varied == ("network", "seed", "data_fraction")
    fourth = study.trials[3]
    assert fourth.data_fraction == 1.0
    assert fourth.config == TrainingConfig(
        network="poster_plain",
        label_treatment="masked",
        epochs=smoke.epochs,
        batch_size=smoke.batch_size,
        seed=1,
        learning_rate=0.01,
    )


def test_several_grids_are_joined_and_no_training_comes_twice(tmp_path):
    study = read(
        tmp_path,
        """
        trials:
          - {network: [residual, residual_slim], head: soft_argmax, loss: cross_entropy, epochs: 1}
          - {network: [poster_plain, poster_batchnorm], epochs: 1}
          - {network: residual_slim, head: soft_argmax, loss: cross_entropy, epochs: 1}
        """,
    )
    chosen = [(trial.config.network, trial.config.head) for trial in study.trials]
    assert chosen == [
        ("residual", "soft_argmax"),
        ("residual_slim", "soft_argmax"),
        ("poster_plain", "coordinates"),
        ("poster_batchnorm", "coordinates"),
    ]
    assert study.varied == ("network", "head", "loss")


def test_paths_are_seen_from_the_studys_folder(tmp_path):
    study = read(
        tmp_path,
        f"""
        data: people{os.pathsep}/more
        trials: {{network: residual, initial_weights: first/best.keras}}
        """,
    )
    assert study.data == f"{tmp_path / 'people'}{os.pathsep}/more"
    assert study.trials[0].config.initial_weights == str(tmp_path / "first/best.keras")


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        ("trials: {netwrok: residual}", "`netwrok` must be a setting of a training, one of net"),
        ("trial: {}", "`trial` must be a setting of a study, one of data, profile"),
        ("data: synthetic", "`trials` must name settings with their values.*; got None"),
        ("trials: [3]", "`trials` must name settings .*; got 3"),
        ("- 1", r"must hold `trials` and other settings; got \[1\]"),
        ("trials: {epochs: [1, 2", "must hold YAML; got while parsing"),
        ("trials: {epochs: []}", r"`epochs` must be a value or a list .* values; got \[\]"),
        ("trials: {epochs: [[1]]}", r"`epochs` must be a value or a list .* got \[\[1\]\]"),
        ("trials: {epochs: 0}", "`epochs` must be a whole number >= 1; got 0"),
        ("trials: {network: vgg}", "`network` must be one of .*; got 'vgg'"),
        ("trials: {data_fraction: [0.5, 2]}", r"`data_fraction` must lie in \(0, 1\]; got 2"),
        ("trials: {data_fraction: true}", r"`data_fraction` must lie in \(0, 1\]; got True"),
        ("trials: {mixed_precision: 1}", "`mixed_precision` must be true or false; got 1"),
        ("trials: {learning_rate: 1e-3}", "`learning_rate` must be a number; got the text '1e-3'"),
        ("trials: {dropout: much}", "must be of its setting's kind; got .*'str'"),
        (
            "trials: {seed: 1}\nprofile: big",
            "`profile` must be one of 'smoke', 'quick'.*; got 'big'",
        ),
        (
            "trials: {seed: 1}\nsplit: mine",
            "`split` must be one of 'standard', 'poster'; got 'mine'",
        ),
        ("trials: {seed: 1}\nseed: -1", "`seed` must be a whole number from 0 .*; got -1"),
        ("trials: {seed: 1}\ndata: 7", "`data` must be 'synthetic' or paths; got 7"),
        ("trials: {seed: 1}\nbad_images: keep", "`bad_images` must be one of .*; got 'keep'"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, text, finding):
    with pytest.raises(PosekitError, match=rf"(?s)mine\.yaml: .*{finding}"):
        read(tmp_path, text)


def test_a_wrong_value_is_named_once_however_many_trials_have_it(tmp_path):
    with pytest.raises(PosekitError) as caught:
        read(tmp_path, "trials: {seed: [0, 1, 2], epochs: 0}")
    assert str(caught.value).count("`epochs` must be") == 1


def test_the_example_is_a_study():
    study = sweep_study.read(files.PROJECT_ROOT / "examples" / "study.yaml")
    assert len(study.trials) == 12 and study.varied == ("network", "seed", "data_fraction")


def test_a_missing_study_is_named(tmp_path):
    with pytest.raises(
        PosekitError, match=r"none\.yaml: must be a file that can be read; got No such"
    ):
        sweep_study.read(tmp_path / "none.yaml")
