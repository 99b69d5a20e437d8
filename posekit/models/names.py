"""Names that settings may take, kept where the command line finds them without TensorFlow."""



# Weights of the pretrained network, in place of a model's path.
IMAGENET = "imagenet"

NETWORKS = (
    "poster_batchnorm",
    "poster_plain",
    "residual",
    "residual_slim",
    "residual_short",
    "lite0",
    "lite0_quick",
    "lite0_short",
)
# Each head's losses, the first one its usual one.
HEADS = {
    "coordinates": ("mse", "l1", "smooth_l1"),
    "spread": ("laplace",),
    "soft_argmax": ("l1", "cross_entropy"),
    "simcc": ("cross_entropy",),
}
