"""Names of networks, heads and losses, kept where settings and commands find them without Keras."""

# In place of a model's path: the weights of the network trained on ImageNet.
IMAGENET = "imagenet"

# Name -> the function in posekit/models/ that builds it, and its arguments.
NETWORKS = {
    "poster_batchnorm": ("poster.poster_network", {"batch_norm": True}),
    "poster_plain": ("poster.poster_network", {"batch_norm": False}),
    "residual": ("residual.residual_network", {}),
    "residual_slim": ("residual.residual_network", {"widths": (24, 48, 96, 192)}),
    # Without the stage at stride 32, three quarters of the weights.
    "residual_short": ("residual.residual_network", {"widths": (32, 64, 128), "blocks": (2, 2, 2)}),
    "lite0": ("lite0.lite0_network", {}),
    "lite0_quick": ("lite0.lite0_network", {"fixed_kernel": 5}),
    "lite0_short": ("lite0.lite0_network", {"stages": 5, "fixed_kernel": 5}),
}

# Head -> its losses, the usual one first.
HEADS = {
    "coordinates": ("mse", "l1"),
    "soft_argmax": ("cross_entropy",),
}
