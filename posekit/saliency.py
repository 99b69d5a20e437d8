"""Which pixels move a predicted joint, and where the network's layers respond.

Models map pixels 0..255 of shape (N, H, W, C) to (N, 2 K) pixels, x and y of each joint in turn.
They are called in inference mode throughout, as model(images, training=False): the pictures of a
batch are then independent, as batch normalisation uses its moving statistics. Arguments that do not
fit, or an output that does not depend on the images differentiably, raise PosekitError.
"""

import keras
import numpy as np
import tensorflow as tf

from posekit.errors import PosekitError, raise_problems

# Pictures whose activations are in memory at once.
BATCH = 64


def joint_saliency(model, images, joint):
    """Largest absolute derivative over the channels of each pixel, of x + y of one joint.

    Args:
        model: callable as the module says.
        images: uint8 or float (N, H, W, C), 0..255.
        joint: int in 0..K - 1.

    Returns:
        float32 (N, H, W), >= 0, predicted pixels per grey level.

    Source: Simonyan, Vedaldi and Zisserman, "Deep Inside Convolutional Networks", ICLR 2014
    workshop, section 3.
    """
    images = _pixels("joint_saliency()", images)
    return np.abs(_gradient("joint_saliency()", model, images, joint)).max(axis=-1)


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
    problems = []
    if samples < 1:
        problems.append(f"`samples` must be >= 1; got {samples}.")
    if not noise_share >= 0:
        problems.append(f"`noise_share` must be >= 0; got {noise_share}.")
    raise_problems(caller, problems)

    deviation = noise_share * np.ptp(images, axis=(1, 2, 3), keepdims=True)  # (N, 1, 1, 1)
    total = np.zeros(images.shape, np.float32)
    for sample in range(samples):
        noise = tf.random.stateless_normal(images.shape, seed=[seed, sample]).numpy()
        total += _gradient(caller, model, images + deviation * noise, joint)
    return np.abs(total / samples).max(axis=-1)


def activation_maps(model, images):
    """Mean absolute activation over the channels at the end of each convolution block.

    A block ends at the last batch normalisation or activation that follows its convolution
    before the next pooling layer or layer with weights.

    Args:
        model: keras.Model with Conv2D layers among `model.layers`.
        images: uint8 or float (N, H, W, C), 0..255.

    Returns:
        dict, name of the block's last layer -> float32 (N, h, w), >= 0, in the model's order.
    """
    images = _pixels("activation_maps()", images)
    names = _block_ends(model)
    if not names:
        found = ", ".join(type(layer).__name__ for layer in model.layers)
        raise PosekitError(f"activation_maps(): `model` must have a Conv2D layer; got {found}.")
    # A list even for one block, so that the outputs always pair up with the names.
    inner = keras.Model(model.inputs[0], [model.get_layer(name).output for name in names])
    maps = {name: [] for name in names}
    for start in range(0, len(images), BATCH):
        outputs = inner(images[start : start + BATCH], training=False)
        for name, output in zip(names, outputs, strict=True):
            maps[name].append(tf.reduce_mean(tf.abs(output), axis=-1).numpy())
    return {name: np.concatenate(parts) for name, parts in maps.items()}


def _pixels(caller, images):
    images = np.asarray(images, np.float32)
    if images.ndim != 4:
        raise PosekitError(f"{caller}: `images` must have shape (N, H, W, C); got {images.shape}.")
    return images


def _gradient(caller, model, images, joint):
    """Derivative of x + y of one joint of each picture by its own pixels, (N, H, W, C)."""
    gradients = np.empty_like(images)
    for start in range(0, len(images), BATCH):
        batch = tf.convert_to_tensor(images[start : start + BATCH])
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(batch)  # inputs are not variables
            outputs = model(batch, training=False)  # (B, 2 K)
            joints = outputs.shape[-1] // 2
            if not 0 <= joint < joints:
                raise PosekitError(f"{caller}: `joint` must be in 0..{joints - 1}; got {joint}.")
            # Pictures are independent in inference mode, so one sum gives each its own gradient.
            target = tf.reduce_sum(outputs[:, 2 * joint : 2 * joint + 2])
        gradient = tape.gradient(target, batch)
        if gradient is None:
            raise PosekitError(
                f"{caller}: the output of `model` must depend on `images`; got no gradient at "
                f"joint {joint}. Look for rounding, argmax or NumPy inside the model."
            )
        gradients[start : start + BATCH] = gradient.numpy()
    return gradients


def _block_ends(model):
    """Names of the layers whose activations `activation_maps` shows."""
    activations = (
        keras.layers.BatchNormalization,
        keras.layers.ReLU,
        keras.layers.LeakyReLU,
        keras.layers.Activation,
    )
    poolings = (
        keras.layers.MaxPooling2D,
        keras.layers.AveragePooling2D,
        keras.layers.GlobalMaxPooling2D,
        keras.layers.GlobalAveragePooling2D,
    )
    names = []
    within_block = False
    for layer in model.layers:
        if isinstance(layer, keras.layers.Conv2D):
            names.append(layer.name)
            within_block = True
        elif isinstance(layer, activations) and within_block:
            names[-1] = layer.name
        elif isinstance(layer, poolings) or layer.weights:
            within_block = False
    return names
