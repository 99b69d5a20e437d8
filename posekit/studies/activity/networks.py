"""Networks that recognise an activity: from the picture, from a pose network's cues, or from both.

The pose branch gets two cues from a trained pose network: the mean response of each map of its
last convolution, and the joints that it predicts. The image branch is a small classifier of its
own. Where a network has both, they merge before the last layers.

Source: Bearman and Dong, "Human Pose Estimation and Activity Classification Using Convolutional
Neural Networks", CS231n report, 2015, for the idea.
"""

import keras
from keras import layers, ops

from posekit.models.poster import BATCH_NORM_MOMENTUM

# What each kind of network sees: widths of the image branch's convolutions, units of the pose
# branch, units of the last hidden layer. All kinds have about as many parameters: a branch alone
# is wider by what the other branch would have.
KINDS = {
    "image": {"image_widths": (17, 34, 70, 140), "pose_units": None, "last_units": 64},
    "pose": {"image_widths": (), "pose_units": 256, "last_units": 208},
    "both": {"image_widths": (16, 32, 64, 128), "pose_units": 64, "last_units": 64},
}
DROPOUT = 0.3

# A pose has no size where all joints coincide.
LEAST_SIZE_PX = 1e-3


def classifier(kind, *, activities, frame_px, features, joints):
    """A network that recognises activities, uncompiled, glorot_uniform weights.

    Args:
        kind: str, one of KINDS.
        activities, features, joints: int, how many there are; the last two are the cues'.
        frame_px: int, side of the square picture, pixels.

    Returns:
        keras.Model with the named inputs of its kind: "image" (N, frame_px, frame_px, 3), 0 to
        255; "features" (N, features); "keypoints_px" (N, 2 * joints), x0, y0, x1, y1, ... in the
        frame. It gives (N, activities), probabilities.
    """
    sizes = KINDS[kind]
    inputs, branches = {}, []
    if sizes["image_widths"]:
        inputs["image"] = keras.Input((frame_px, frame_px, 3), name="image")
        branches.append(_image_branch(inputs["image"], sizes["image_widths"]))
    if sizes["pose_units"]:
        inputs["features"] = keras.Input((features,), name="features")
        inputs["keypoints_px"] = keras.Input((2 * joints,), name="keypoints_px")
        branches.append(
            _pose_branch(inputs["features"], inputs["keypoints_px"], sizes["pose_units"])
        )
    merged = layers.Concatenate(name="merged")(branches) if len(branches) > 1 else branches[0]
    merged = layers.Dropout(DROPOUT, name="dropout")(merged)
    hidden = _dense(merged, sizes["last_units"], "last")
    probabilities = layers.Dense(activities, activation="softmax", name="activity")(hidden)
    return keras.Model(inputs, probabilities, name=f"activity_from_{kind}")


def cue_reader(pose_network):
    """A network that computes the pose branch's cues; it shares the pose network's weights.

    From pictures (N, S, S, 3), 0 to 255, to "features" (N, F), the mean of each map that its last
    convolution and what follows on it in maps give, and "keypoints_px" (N, 2K).
    """
    maps = [layer.output for layer in pose_network.layers if len(layer.output.shape) == 4][-1]
    features = layers.GlobalAveragePooling2D(name="features")(maps)
    outputs = {"features": features, "keypoints_px": pose_network.outputs[0]}
    return keras.Model(pose_network.inputs[0], outputs, name="cues")


def whole_network(pose_network, network):
    """The pose network, copied and frozen, and a trained classifier of kind "both" as one network.

    From pictures (N, S, S, 3), 0 to 255, to probabilities (N, activities).
    """
    # Without a copy the caller's network would be frozen as well.
    copy = keras.models.clone_model(pose_network)
    copy.set_weights(pose_network.get_weights())
    reader = cue_reader(copy)
    reader.trainable = False
    image = keras.Input(reader.input_shape[1:], name="image")
    return keras.Model(image, network({"image": image, **reader(image)}), name="activity")


def _image_branch(image, widths):
    maps = layers.Rescaling(1 / 127.5, offset=-1.0, name="pixels_to_unit")(image)
    for block, width in enumerate(widths, start=1):
        # The first one steps far: at full resolution it would cost more than all others together.
        kernel, stride = (7, 4) if block == 1 else (3, 2)
        maps = layers.Conv2D(
            width, kernel, stride, padding="same", use_bias=False, name=f"conv{block}"
        )(maps)
        maps = _normed(maps, f"conv{block}")
    return layers.GlobalAveragePooling2D(name="image_features")(maps)


def _pose_branch(features, keypoints_px, units):
    # The person's position and size say nothing of the activity.
    pose_px = layers.Reshape((-1, 2), name="pose_px")(keypoints_px)  # (N, K, 2)
    centred = pose_px - ops.mean(pose_px, axis=1, keepdims=True)
    mean_square = ops.mean(ops.sum(ops.square(centred), axis=-1), axis=1)[:, None, None]
    pose = centred / ops.sqrt(mean_square + LEAST_SIZE_PX**2)
    cues = layers.Concatenate(name="cues")(
        [
            # The maps' sizes differ by orders of magnitude.
            layers.BatchNormalization(momentum=BATCH_NORM_MOMENTUM, name="features_bn")(features),
            layers.Flatten(name="pose")(pose),
        ]
    )
    return _dense(cues, units, "pose_cues")


def _dense(features, units, name):
    return _normed(layers.Dense(units, use_bias=False, name=name)(features), name)


def _normed(features, name):
    features = layers.BatchNormalization(momentum=BATCH_NORM_MOMENTUM, name=f"{name}_bn")(features)
    return layers.ReLU(name=f"{name}_relu")(features)
