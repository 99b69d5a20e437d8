"""Worker: training steps of the poster's network in PyTorch.

Arguments: batch size, steps of a round. Orders: `NETWORK LAYOUT MODE`, as `variants` lists them;
`variants`, those that run here, and why others do not.
"""

import itertools
import json
import sys

import torch
from torch import nn

SIDE_PX, JOINTS = 96, 14
CONVOLUTION_WIDTHS = ((16,), (32,), (64, 64), (128, 128), (256, 256))
DENSE_WIDTHS = (512, 512)


def poster_network(batch_norm):
    """posekit.models.poster_network, layer by layer."""
    layers, channels = [], 3

    def add_hidden(layer, normalisation, width):
        layers.append(layer)
        if batch_norm:
            # Keras' momentum and epsilon.
            layers.append(normalisation(width, momentum=0.1, eps=1e-3))
        layers.append(nn.ReLU())

    for widths in CONVOLUTION_WIDTHS:
        for width in widths:
            convolution = nn.Conv2d(channels, width, 3, padding=1, bias=not batch_norm)
            add_hidden(convolution, nn.BatchNorm2d, width)
            channels = width
        layers.append(nn.MaxPool2d(2))
    layers.append(nn.Flatten())
    units = channels * (SIDE_PX // 2 ** len(CONVOLUTION_WIDTHS)) ** 2
    for width in DENSE_WIDTHS:
        add_hidden(nn.Linear(units, width, bias=not batch_norm), nn.BatchNorm1d, width)
        units = width
    layers.append(nn.Linear(units, 2 * JOINTS))
    return nn.Sequential(*layers)


def weighted_mse(output, targets):
    """posekit.losses.weighted_mse."""
    predicted_px = output.reshape(-1, JOINTS, 2) * (SIDE_PX / 2) + (SIDE_PX - 1) / 2
    weight = targets[..., 2:]
    error_px = torch.where(weight > 0, predicted_px - targets[..., :2], 0.0)
    return (weight * error_px.square()).sum() / (2 * weight.sum()).clamp(min=1.0)


class Training:
    """One network with its optimizer; called, it takes one step."""

    def __init__(self, network, layout, mode):
        torch.manual_seed(0)
        self.memory_format = getattr(
            torch, {"contiguous": "contiguous_format", "channels_last": "channels_last"}[layout]
        )
        self.network = poster_network(network == "batchnorm").to(memory_format=self.memory_format)
        self.network.train()
        self.optimizer = torch.optim.Adam(self.network.parameters(), eps=1e-7)
        self.images = images.to(memory_format=self.memory_format)
        self.loss = torch.compile(self._loss) if mode == "compiled" else self._loss

    def _loss(self, pixels, wanted):
        return weighted_mse(self.network(pixels.float() / 127.5 - 1.0), wanted)

    def __call__(self):
        self.optimizer.zero_grad()
        self.loss(self.images, targets).backward()
        self.optimizer.step()


batch_size, steps = int(sys.argv[1]), int(sys.argv[2])
generator = torch.Generator().manual_seed(0)
images = torch.randint(
    0, 256, (batch_size, 3, SIDE_PX, SIDE_PX), dtype=torch.uint8, generator=generator
)
places_px = torch.rand((batch_size, JOINTS, 2), generator=generator) * SIDE_PX
targets = torch.cat([places_px, torch.ones(batch_size, JOINTS, 1)], dim=-1)

trainings, missing = {}, {}
for choice in itertools.product(
    ("batchnorm", "plain"), ("contiguous", "channels_last"), ("eager", "compiled")
):
    training = Training(*choice)
    try:
        for _ in range(3):
            training()
    # What prevents compiling, a missing compiler say, is told with the result.
    except Exception as error:
        missing[" ".join(choice)] = str(error).splitlines()[0]
        continue
    trainings[" ".join(choice)] = training
print("ready", flush=True)
for line in sys.stdin:
    order = line.strip()
    if order == "variants":
        answer = {"variants": list(trainings), "missing": missing, "torch": torch.__version__}
    else:
        for _ in range(steps):
            trainings[order]()
        network = trainings[order].network
        answer = {"parameters": sum(part.numel() for part in network.parameters())}
    print(json.dumps(answer), flush=True)
