"""Which pixels move a predicted joint, and where the network's layers respond.

Models map pixels 0..255 of shape (N, H, W, C) to (N, 2 K) pixels, x and y of each joint in turn.
They are called in inference mode throughout, as model(images, training=False): the pictures of a
batch are then independent, as batch normalisation uses its moving statistics. Arguments that do not
fit, or an output that does not depend on the images differentiably, raise PosekitError.
"""

from functools import partial

import keras
import numpy as np
import tensorflow as tf

from posekit.errors import PosekitError

# Pictures whose activations are in memory at once.
BATCH = 64


def joint_saliency(model, images, joint):
    """Largest absolute derivative over the channels of each pixel, of x + y of one joint.

    Of images uint8 or float (N, H, W, C), 0..255, and a joint in 0..K - 1, it is float32
    (N, H, W), >= 0, predicted pixels per grey level.

    Source: Simonyan, Vedaldi and Zisserman, "Deep Inside Convolutional Networks", ICLR 2014
    workshop, section 3.
    """
    gradient = _joint_gradient(
        "joint_saliency()", model, _pixels("joint_saliency()", images), joint
    )
    return np.abs(gradient).max(axis=-1)


def smooth_gradient(model, images, joint, *, seed, samples=16, noise_share=0.1):
    """SmoothGrad: `joint_saliency` of the gradient averaged over noisy copies of each picture.

    Args:
        model, images, joint: as for `joint_saliency`, as is the result.
        seed: int, the only source of the noise.
        samples: int >= 1, noisy copies.
        noise_share: float >= 0, standard deviation of the noise as a share of the picture's
            value range (its largest minus its smallest value).

    Source: Smilkov et al., "SmoothGrad: removing noise by adding noise", 2017, section 3. The
    gradients are averaged with their signs and the absolute value is taken last.
    """
    caller = "smooth_gradient()"
    images = _pixels(caller, images)
    if samples < 1 or not noise_share >= 0:
        raise PosekitError(
            f"{caller}: `samples` must be >= 1, `noise_share` >= 0; got {samples}, {noise_share}."
        )
    deviation = noise_share * np.ptp(images, axis=(1, 2, 3), keepdims=True)  # (N, 1, 1, 1)
    total = np.zeros(images.shape, np.float32)
    for sample in range(samples):
        noise = tf.random.stateless_normal(images.shape, seed=[seed, sample]).numpy()
        total += _joint_gradient(caller, model, images + deviation * noise, joint)
    return np.abs(total / samples).max(axis=-1)


def activation_maps(model, images):
    """Mean absolute activation over the channels of each layer of `activations`.

    Arguments are as for `activations`. Returns a dict, layer -> float32 (N, h, w), >= 0.
    """
    images = _pixels("activation_maps()", images)
    maps = [
        {
            name: np.abs(output).mean(axis=-1)
            for name, output in activations(model, images[start : start + BATCH]).items()
        }
        for start in range(0, len(images), BATCH)
    ]
    return {name: np.concatenate([part[name] for part in maps]) for name in maps[0]}


def activations(model, images):
    """What each channel gives at the end of each convolution block, all pictures in one batch.

    A block ends at the last batch normalisation or activation that follows its convolution
    before the next pooling layer or layer with weights.

    Of a keras.Model with Conv2D layers among `model.layers` and images uint8 or float
    (N, H, W, C), 0..255, it is a dict, name of the block's last layer -> float32
    (N, h, w, channels), in the model's order.
    """
    images = _pixels("activations()", images)
    names, inner = _inner("activations()", model)
    return {name: output.numpy() for name, output in zip(names, inner(images), strict=True)}


def activation_saliency(model, images):
    """Largest absolute derivative over the channels of each layer's mean absolute activation.

    The mean is over the channels and positions of a layer of `activations`; arguments are as
    there. Returns a dict, layer -> float32 (N, H, W), >= 0: which pixels move the layer.
    """
    caller = "activation_saliency()"
    images = _pixels(caller, images)
    names, inner = _inner(caller, model)

    def activity(batch, index):
        output = tf.abs(inner(batch)[index])
        return tf.reduce_sum(tf.reduce_mean(output, axis=(1, 2, 3)))

    gradients = {
        name: _gradient(caller, partial(activity, index=index), images, f"layer {name}")
        for index, name in enumerate(names)
    }
    return {name: np.abs(gradient).max(axis=-1) for name, gradient in gradients.items()}


def _inner(caller, model):
    """The names of the block ends, and a function from a batch to the list of their outputs."""
    names = _block_ends(model)
    if not names:
        found = ", ".join(type(layer).__name__ for layer in model.layers)
        raise PosekitError(f"{caller}: `model` must have a Conv2D layer; got {found}.")
    inner = keras.Model(model.inputs[0], [model.get_layer(name).output for name in names])
    # Keras may give the output of a single block without its list.
    return names, lambda batch: keras.tree.flatten(inner(batch, training=False))


def _pixels(caller, images):
    images = np.asarray(images, np.float32)
    if images.ndim != 4:
        raise PosekitError(f"{caller}: `images` must have shape (N, H, W, C); got {images.shape}.")
    return images


def _joint_gradient(caller, model, images, joint):
    """Derivative of x + y of one joint by the pixels, (N, H, W, C)."""

    def of_batch(batch):
        outputs = model(batch, training=False)  # (B, 2 K)
        joints = outputs.shape[-1] // 2
        if not 0 <= joint < joints:
            raise PosekitError(f"{caller}: `joint` must be in 0..{joints - 1}; got {joint}.")
        return tf.reduce_sum(outputs[:, 2 * joint : 2 * joint + 2])

    return _gradient(caller, of_batch, images, f"joint {joint}")


def _gradient(caller, of_batch, images, where):
    """Derivative of a sum over the pictures by each one's own pixels, (N, H, W, C).

    Pictures are independent in inference mode, so one sum gives each its own gradient.
    """
    gradients = np.empty_like(images)
    for start in range(0, len(images), BATCH):
        batch = tf.convert_to_tensor(images[start : start + BATCH])
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(batch)  # inputs are not variables
            total = of_batch(batch)
        gradient = tape.gradient(total, batch)
        if gradient is None:
            raise PosekitError(
                f"{caller}: the output of `model` must depend on `images`; got no gradient at "
                f"{where}. Look for rounding, argmax or NumPy inside the model."
            )
        gradients[start : start + BATCH] = gradient.numpy()
    return gradients


def _block_ends(model):
    """Names of the layers whose activations `activation_maps` shows."""
    names, within_block = [], False
    for layer in model.layers:
        kind = type(layer).__name__
        if isinstance(layer, keras.layers.Conv2D):
            names.append(layer.name)
            within_block = True
        elif kind in ("BatchNormalization", "ReLU", "LeakyReLU", "Activation"):
            if within_block:
                names[-1] = layer.name
        elif "Pooling" in kind or layer.weights:
            within_block = False
    return names
