"""The sanity checks pass where all is well, and each of them fails where it should."""

from dataclasses import replace

import numpy as np
import pytest

from posekit.datasets import splits
from posekit.errors import PosekitError
from posekit.evaluation.baselines import constant_errors
from posekit.pipeline import batches
from posekit.pipeline import experiment as experiment_module
from posekit.studies.poster import sanity
from posekit.training.keras_patches import fused_kernels


@pytest.fixture(scope="module")
def network(experiment):
    # One for all tests: compiling it is what takes the time.
    return sanity._Network(experiment, "masked", 0)


@pytest.fixture(scope="module")
def result(experiment, network):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sanity, "_Network", lambda *arguments: network)
        # Enough for this small set; a report takes more, so that the check has power.
        patch.setattr(sanity, "LEAST_STEPS", 4)
        return sanity.check(experiment, label_treatment="masked", seed=0)


@pytest.fixture
def restored(network):
    """The network, put back after a test has spoilt how it begins."""
    kept = list(network._initial), list(network._optimizer_state)
    yield network
    network._initial, network._optimizer_state = kept


def row_of(result, words):
    (row,) = [row for row in result["checks"] if words in row["name"]]
    return row


def test_all_is_well(result):
    assert [row["passed"] for row in result["checks"]] == [True] * 5
    assert result["headline"] == [{"label": "sanity checks passed", "value": "5 of 5"}]
    assert sanity.require(result) == "All 5 checks passed."
    assert [row[""] for row in sanity.table(result)] == ["passed"] * 5


def test_the_image_centres_error_by_hand(experiment, result):
    # 95 / 2 is the centre of 96 pixels.
    targets = experiment.targets("validation", "masked").astype(float)
    expected = ((targets[..., :2] - 47.5) ** 2)[targets[..., 2] > 0].mean()
    numbers = row_of(result, "last weights are zero")["numbers"]
    assert numbers["expected"] == pytest.approx(expected, rel=1e-6)
    assert numbers["measured"] == pytest.approx(expected, rel=1e-4)


def test_the_loss_at_the_start_by_hand(experiment, result):
    # 512 units of mean square 1/2, weights of variance 2 / (512 + 28), half a frame a unit.
    targets = experiment.targets("train", "masked")[:16].astype(float)
    centre = ((targets[..., :2] - 47.5) ** 2)[targets[..., 2] > 0].mean()
    numbers = row_of(result, "with random weights")["numbers"]
    assert numbers["expected"] == pytest.approx(centre + 48**2 * 512 / 540, rel=1e-6)


def test_too_large_weights_are_noticed(restored):
    assert restored._initial[-2].shape == (512, 28)
    restored._initial[-2] = 2 * restored._initial[-2]
    assert not sanity._loss_at_the_start(restored)["passed"]


def test_a_loss_that_counts_junk_is_noticed(network, monkeypatch):
    targets = network.validation_targets.copy()
    assert (targets[..., 2] == 0).any()
    targets[..., 2] = 1
    honest = batches.evaluation_batches
    monkeypatch.setattr(
        sanity,
        "evaluation_batches",
        lambda images, _, batch_size: honest(images, targets, batch_size=batch_size),
    )
    assert not sanity._loss_of_the_image_centre(network)["passed"]


def test_a_network_that_does_not_learn_is_noticed(restored):
    optimizer = restored.model.optimizer
    rate = [variable.path for variable in optimizer.variables].index(optimizer._learning_rate.path)
    restored._optimizer_state[rate] = np.zeros_like(restored._optimizer_state[rate])
    with fused_kernels():
        row = sanity._one_batch(restored)
    assert not row["passed"]


@pytest.mark.parametrize(
    ("shuffled", "true_labels", "passed", "words"),
    [(0.9, 0.5, False, "which beats it"), (1.0, 2.0, True, "little power here")],
)
def test_shuffled_labels_must_not_win(network, monkeypatch, shuffled, true_labels, passed, words):
    targets = network.validation_targets
    floor = constant_errors(targets, targets, 96)["mean_pose"]

    def measured(network, train_targets):
        same = np.array_equal(train_targets, network.train_targets)
        return floor * (true_labels if same else shuffled)

    monkeypatch.setattr(sanity, "_mse_after_an_epoch", measured)
    row = sanity._shuffled_labels(network)
    assert row["passed"] is passed and words in row["measured"]


@pytest.mark.parametrize("mirrored", [False, True])
def test_a_near_duplicate_in_another_part_is_noticed(experiment, monkeypatch, mirrored):
    frames = experiment.frames.copy()
    there, here = experiment.split.train[0], experiment.split.validation[0]
    frames[here] = frames[there][:, ::-1] if mirrored else frames[there]
    monkeypatch.setattr(experiment_module, "load_frames", lambda *arguments, **settings: frames)
    splits.check_no_leak(experiment.split)  # the groups know nothing of it
    row = sanity._near_duplicates(experiment)
    assert not row["passed"] and row["measured"] == "1 near-duplicates"
    # A split that claims nothing still passes.
    claims_nothing = replace(experiment, split=replace(experiment.split, comparable=False))
    assert sanity._near_duplicates(claims_nothing)["passed"]


def test_what_failed_is_named(result):
    failed = {**row_of(result, "one batch"), "passed": False, "measured": "999.9"}
    others = [row for row in result["checks"] if "one batch" not in row["name"]]
    with pytest.raises(PosekitError, match=r"loss on one batch .* must be below 10% .* got 999\.9"):
        sanity.require({"checks": [*others, failed]})
    assert sanity.table({"checks": [failed]})[0][""] == "FAILED"
