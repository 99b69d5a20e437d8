import keras
import numpy as np
import pytest
import tensorflow as tf

from posekit import saliency
from posekit.errors import PosekitError
from posekit.evaluation import saliency_checks

WEIGHTS = np.random.default_rng(0).normal(size=(2, 4, 5, 3)).astype(np.float32)


def linear_model(batch, training):
    """Joint 0 does not depend on the pixels; joint 1's x and y are weighted sums of them."""
    assert training is False
    x, y = (tf.reduce_sum(batch * weights, axis=(1, 2, 3)) for weights in WEIGHTS)
    return tf.stack([0 * x, 0 * y, x, y], axis=-1)


def small_network(batch_norm):
    keras.utils.set_random_seed(0)
    stack = [keras.Input((16, 16, 3)), keras.layers.Rescaling(1 / 255)]
    for block, width in enumerate((4, 6), start=1):
        stack.append(keras.layers.Conv2D(width, 3, padding="same", name=f"conv{block}"))
        if batch_norm:
            stack.append(keras.layers.BatchNormalization(name=f"bn{block}"))
        stack.append(keras.layers.ReLU(name=f"relu{block}"))
        stack.append(keras.layers.MaxPooling2D(name=f"pool{block}"))
    stack += [keras.layers.Flatten(), keras.layers.Dense(8), keras.layers.ReLU()]
    return keras.Sequential([*stack, keras.layers.Dense(28)])


def random_images(n, shape=(16, 16, 3)):
    return np.random.default_rng(1).integers(0, 256, (n, *shape), np.uint8)


def test_saliency_of_a_linear_model_is_its_weights():
    got = saliency.joint_saliency(linear_model, random_images(3, (4, 5, 3)), 1)
    expected = np.abs(WEIGHTS.sum(axis=0)).max(axis=-1)
    np.testing.assert_allclose(got, [expected] * 3, rtol=1e-5)
    assert not saliency.joint_saliency(linear_model, random_images(1, (4, 5, 3)), 0).any()


def test_smooth_gradient_of_a_linear_model_is_its_weights():
    got = saliency.smooth_gradient(
        linear_model, random_images(2, (4, 5, 3)), 1, seed=0, samples=3, noise_share=0.5
    )
    expected = np.abs(WEIGHTS.sum(axis=0)).max(axis=-1)
    np.testing.assert_allclose(got, [expected] * 2, rtol=1e-5)


def test_smooth_gradient_of_a_square_averages_over_the_noise():
    # d(x^2)/dx = 2 x, so each sample adds 2 x noise and the spread tells the noise's size.
    def square_model(batch, training):
        total = tf.reduce_sum(batch**2, axis=(1, 2, 3))
        return tf.stack([total, 0 * total], axis=-1)

    images = np.full((1, 40, 40, 1), 100.0)
    images[0, 0, 0] = 140  # a range of 40
    got = saliency.smooth_gradient(square_model, images, 0, seed=3, samples=4, noise_share=0.25)
    assert got[0, 1:].mean() == pytest.approx(200, abs=1)
    # Noise of standard deviation 10, times 2, over the root of 4 samples.
    assert got[0, 1:].std() == pytest.approx(10, rel=0.1)


def test_smooth_gradient_depends_on_the_seed_alone():
    model, images = small_network(batch_norm=True), random_images(2)
    first = saliency.smooth_gradient(model, images, 3, seed=0, samples=2)
    tf.random.set_seed(99)
    np.testing.assert_array_equal(
        saliency.smooth_gradient(model, images, 3, seed=0, samples=2), first
    )
    assert not np.allclose(saliency.smooth_gradient(model, images, 3, seed=1, samples=2), first)
    without_noise = saliency.smooth_gradient(model, images, 3, seed=0, samples=2, noise_share=0.0)
    np.testing.assert_allclose(
        without_noise, saliency.joint_saliency(model, images, 3), rtol=1e-5, atol=1e-12
    )


@pytest.mark.parametrize("batch_norm", [False, True])
def test_saliency_agrees_with_finite_differences(batch_norm):
    model, images = small_network(batch_norm), random_images(2).astype(np.float32)
    got = saliency.joint_saliency(model, images, 5)
    n, row, column = 1, *np.unravel_index(got[1].argmax(), got[1].shape)
    slopes = []
    for channel in range(3):
        step = np.zeros_like(images)
        step[n, row, column, channel] = 0.05
        high, low = model(images + step).numpy(), model(images - step).numpy()
        slopes.append(abs((high - low)[n, 10:12].sum()) / 0.1)
    assert max(slopes) == pytest.approx(got[n, row, column], rel=0.02)


def test_saliency_of_a_picture_does_not_depend_on_its_batch(monkeypatch):
    model, images = small_network(batch_norm=True), random_images(5)
    together = saliency.joint_saliency(model, images, 2)
    alone = saliency.joint_saliency(model, images[3:4], 2)
    np.testing.assert_allclose(together[3:4], alone, rtol=1e-4, atol=1e-9)
    monkeypatch.setattr(saliency, "BATCH", 2)
    np.testing.assert_allclose(
        saliency.joint_saliency(model, images, 2), together, rtol=1e-4, atol=1e-9
    )


def test_a_model_without_gradient_is_refused():
    def rounding_model(batch, training):
        total = tf.cast(tf.cast(tf.reduce_sum(batch, axis=(1, 2, 3)), tf.int32), tf.float32)
        return tf.stack([total] * 28, axis=-1)

    with pytest.raises(PosekitError, match="must depend on `images`; got no gradient at joint 7"):
        saliency.joint_saliency(rounding_model, random_images(1), 7)


def test_wrong_arguments_are_named():
    with pytest.raises(PosekitError, match=r"`joint` must be in 0\.\.1; got 2"):
        saliency.joint_saliency(linear_model, random_images(1, (4, 5, 3)), 2)
    with pytest.raises(PosekitError, match=r"\(N, H, W, C\); got \(4, 5, 3\)"):
        saliency.joint_saliency(linear_model, random_images(1, (4, 5, 3))[0], 1)
    with pytest.raises(PosekitError, match="got 0, -1"):
        saliency.smooth_gradient(
            linear_model, random_images(1), 1, seed=0, samples=0, noise_share=-1
        )


def test_activation_maps_end_each_block(monkeypatch):
    monkeypatch.setattr(saliency, "BATCH", 2)
    model, images = small_network(batch_norm=True), random_images(3)
    got = saliency.activation_maps(model, images)
    assert {name: maps.shape for name, maps in got.items()} == {
        "relu1": (3, 16, 16),
        "relu2": (3, 8, 8),
    }
    hidden = images.astype(np.float32)
    for layer in model.layers[:4]:
        hidden = layer(hidden, training=False)
    np.testing.assert_allclose(got["relu1"], hidden.numpy().mean(axis=-1), rtol=1e-4)


def test_activation_maps_of_other_orders():
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            layers.Conv2D(2, 3, name="bare"),
            layers.Conv2D(2, 3, name="conv"),
            layers.ReLU(name="relu"),
            layers.BatchNormalization(name="bn"),
            layers.GlobalAveragePooling2D(),
            layers.ReLU(name="late"),
        ]
    )
    assert list(saliency.activation_maps(model, random_images(1, (8, 8, 3)))) == ["bare", "bn"]


def test_a_dense_layer_ends_a_block():
    layers = keras.layers
    stack = [layers.Conv2D(2, 3, name="conv"), layers.Flatten(), layers.Dense(4), layers.ReLU()]
    model = keras.Sequential([keras.Input((8, 8, 3)), *stack])
    assert list(saliency.activation_maps(model, random_images(1, (8, 8, 3)))) == ["conv"]


def test_activations_and_their_gradient_by_hand():
    # Two channels, 2 and -1 times the pixel: |2 x| and |-x| have a mean of 1.5 x over 6 values.
    layer = keras.layers.Conv2D(2, 1, use_bias=False, name="conv")
    model = keras.Sequential([keras.Input((1, 3, 1)), layer])
    layer.set_weights([np.array([2.0, -1.0]).reshape(1, 1, 1, 2)])
    images = np.array([[1, 2, 3], [4, 5, 6]], np.uint8).reshape(2, 1, 3, 1)
    given = saliency.activations(model, images)["conv"]
    np.testing.assert_allclose(given, np.concatenate([2.0 * images, -1.0 * images], axis=-1))
    np.testing.assert_allclose(
        saliency.activation_maps(model, images)["conv"], 1.5 * images[..., 0]
    )
    maps = saliency.activation_saliency(model, images)["conv"]
    np.testing.assert_allclose(maps, np.full((2, 1, 3), (2 + 1) / 6), rtol=1e-6)


def test_activation_maps_need_a_convolution():
    model = keras.Sequential([keras.Input((4, 4, 3)), keras.layers.Flatten()])
    with pytest.raises(PosekitError, match="must have a Conv2D layer; got Flatten"):
        saliency.activation_maps(model, random_images(1, (4, 4, 3)))


def test_share_in_box_by_hand():
    maps = np.zeros((3, 4, 5))
    maps[:2, 1, 2] = 3.0
    maps[:2, 3, 4] = 1.0
    boxes_px = np.array([[2.0, 1.0, 1.0, 1.0], [2.5, 0.5, 2.0, 3.0], [0.5, 0.5, 4.0, 3.0]])
    # The first box is exactly the pixel (2, 1); the second covers half of it and a quarter of
    # (4, 3); the third map is empty.
    np.testing.assert_allclose(
        saliency_checks.share_in_box(maps, boxes_px), [0.75, 1.75 / 4, np.nan]
    )


def test_a_constant_map_has_the_share_of_the_area():
    rng = np.random.default_rng(2)
    low = rng.uniform(-3, 6, (20, 2))
    boxes_px = np.concatenate([low, rng.uniform(0, 9, (20, 2))], axis=1)
    inside = np.clip(low + boxes_px[:, 2:], 0, [8, 6]) - np.clip(low, 0, [8, 6])
    np.testing.assert_allclose(
        saliency_checks.share_in_box(np.full((20, 6, 8), 0.3), boxes_px), inside.prod(axis=1) / 48
    )


def test_a_person_without_a_box_has_no_share():
    boxes_px = np.full((1, 4), np.nan)
    assert np.isnan(saliency_checks.share_in_box(np.ones((1, 4, 4)), boxes_px)).all()


def test_negative_maps_are_refused():
    with pytest.raises(PosekitError, match=r"finite and >= 0; got \(1, 2, 2\), \[-2"):
        saliency_checks.share_in_box(np.full((1, 2, 2), -2.0), np.zeros((1, 4)))


def test_arguments_are_left_alone():
    images, model = random_images(2), small_network(batch_norm=True)
    weights = [weight.copy() for weight in model.get_weights()]
    kept = images.copy()
    maps = saliency.smooth_gradient(model, images, 1, seed=0, samples=2)
    saliency.activation_maps(model, images)
    boxes_px = np.array([[0.0, 0.0, 5.0, 5.0]] * 2)
    kept_maps, kept_boxes = maps.copy(), boxes_px.copy()
    saliency_checks.share_in_box(maps, boxes_px)
    np.testing.assert_array_equal(images, kept)
    np.testing.assert_array_equal(maps, kept_maps)
    np.testing.assert_array_equal(boxes_px, kept_boxes)
    for before, after in zip(weights, model.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)
