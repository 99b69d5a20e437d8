"""What the networks beyond the poster share: input, decoder to maps, and head."""

import keras
from keras import layers

from posekit.errors import PosekitError
from posekit.models import heads
from posekit.models.poster import BATCH_NORM_MOMENTUM

# Frame pixels for each cell of a map, and channels of the decoder that makes it.
MAP_STRIDE = 8
DECODER_WIDTH = 96


def input_of(caller, frame_px):
    if frame_px % 32:
        raise PosekitError(f"{caller}: `frame_px` must be a multiple of 32; got {frame_px}.")
    return keras.Input((frame_px, frame_px, 3), name="image")


def normed(layer, features, *, relu=True):
    features = layers.BatchNormalization(momentum=BATCH_NORM_MOMENTUM, name=f"{layer.name}_bn")(
        layer(features)
    )
    return layers.ReLU(name=f"{layer.name}_relu")(features) if relu else features


def dropped(branch, drop, name):
    # One sample for a whole example: the branch is there or it is not.
    return layers.Dropout(drop, noise_shape=(None, 1, 1, 1), name=f"{name}_drop")(branch)


def with_head(name, image, levels, head, frame_px, dropout, joints):
    """Decoder and head; `levels` is stride -> features, the strides from 8 upwards are used."""
    head = heads.by_name(head)
    coarsest = max(levels)
    features = levels[coarsest]
    if head.has_maps:
        features = layers.Conv2D(DECODER_WIDTH, 1, name=f"lateral{coarsest}")(features)
        stride = coarsest
        while stride > MAP_STRIDE:
            stride //= 2
            enlarge = layers.UpSampling2D(2, interpolation="bilinear", name=f"up{stride}")
            lateral = layers.Conv2D(DECODER_WIDTH, 1, name=f"lateral{stride}")(levels[stride])
            features = layers.Add(name=f"merge{stride}")([enlarge(features), lateral])
            features = normed(
                layers.Conv2D(
                    DECODER_WIDTH, 3, padding="same", use_bias=False, name=f"decoder{stride}"
                ),
                features,
            )
    if dropout:
        features = layers.SpatialDropout2D(dropout, name="dropout")(features)
    return keras.Model(image, head.output(features, joints, frame_px), name=name)
