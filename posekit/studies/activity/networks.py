"""Networks that recognise an activity: from the picture, from a pose network's cues, or from both.

The pose branch gets the `cues`. The picture branch starts from the features of a network that knows
ImageNet, where these are installed, else it is a small convolutional network of its own. Two
branches merge before the last layers.

Source: Bearman and Dong, "Human Pose Estimation and Activity Classification Using Convolutional
Neural Networks", CS231n report, 2015, for the idea.
"""

import keras
from keras import layers, ops

from posekit.models.poster import BATCH_NORM_MOMENTUM

# What each kind of network sees: widths of the picture branch's convolutions, or its units where
# the picture comes as ImageNet's features; units of the pose branch and of the last hidden layer.
# All kinds have about as many parameters: a branch alone is wider by what the other would have.
KINDS = {
    "image": {"widths": (17, 34, 70, 140), "units": 340, "pose_units": None, "last_units": 64},
    "pose": {"widths": (), "units": None, "pose_units": 240, "last_units": 192},
    "both": {"widths": (16, 32, 64, 128), "units": 256, "pose_units": 64, "last_units": 64},
}
DROPOUT = 0.3

# A pose has no size where all joints coincide.
LEAST_SIZE_PX = 1e-3


def classifier(kind, *, activities, picture_shape, features, joints):
    """A network that recognises activities, of one of KINDS, uncompiled, glorot_uniform weights.

    `picture_shape` is (S, S, 3) for pictures or (F,) for ImageNet's features; features and joints
    count the cues'. The keras.Model has the named inputs of its kind: "picture", 0 to 255;
    "features" (N, features); "keypoints_px" (N, 2 * joints), x0, y0, x1, y1, ... in any frame of
    square pixels. It gives (N, activities), probabilities.
    """
    sizes = KINDS[kind]
    inputs, branches = {}, []
    if sizes["units"]:
        picture = inputs["picture"] = keras.Input(picture_shape, name="picture")
        if len(picture_shape) == 1:
            known = layers.BatchNormalization(momentum=BATCH_NORM_MOMENTUM, name="picture_bn")
            branches.append(_dense(known(picture), sizes["units"], "picture_cues"))
        else:
            branches.append(_picture_branch(picture, sizes["widths"]))
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


def _picture_branch(picture, widths):
    maps = layers.Rescaling(1 / 127.5, offset=-1.0, name="pixels_to_unit")(picture)
    for block, width in enumerate(widths, start=1):
        # The first one steps far: at full resolution it would cost more than all others together.
        kernel, stride = (7, 4) if block == 1 else (3, 2)
        maps = layers.Conv2D(
            width, kernel, stride, padding="same", use_bias=False, name=f"conv{block}"
        )(maps)
        maps = _normed(maps, f"conv{block}")
    return layers.GlobalAveragePooling2D(name="picture_means")(maps)


def _pose_branch(features, keypoints_px, units):
    # The person's position and size say nothing of the activity.
    pose_px = layers.Reshape((-1, 2), name="pose_px")(keypoints_px)  # (N, K, 2)
    centred = pose_px - ops.mean(pose_px, axis=1, keepdims=True)
    mean_square = ops.mean(ops.sum(ops.square(centred), axis=-1), axis=1)[:, None, None]
    pose = centred / ops.sqrt(mean_square + LEAST_SIZE_PX**2)
    # The maps' sizes differ by orders of magnitude.
    scaled = layers.BatchNormalization(momentum=BATCH_NORM_MOMENTUM, name="features_bn")(features)
    cues = layers.Concatenate(name="cues")([scaled, layers.Flatten(name="pose")(pose)])
    return _dense(cues, units, "pose_cues")


def _dense(features, units, name):
    return _normed(layers.Dense(units, use_bias=False, name=name)(features), name)


def _normed(features, name):
    features = layers.BatchNormalization(momentum=BATCH_NORM_MOMENTUM, name=f"{name}_bn")(features)
    return layers.ReLU(name=f"{name}_relu")(features)
