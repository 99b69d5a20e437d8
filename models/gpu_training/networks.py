"""posekit's Lite0 networks, and a larger teacher, in PyTorch.

`PoseNetwork` with the trunk `lite0` has the layers of `posekit.models.lite0.lite0_network`.
During training the trunk keeps its batch normalisation; `keras_arrays` folds that into the
convolutions, as posekit's network has it.
"""

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

JOINT_COUNT = 14
TRUNK_STRIDES = (1, 2, 2, 2, 1, 2, 1)
STEM_WIDTH = 32


class SameConv(nn.Conv2d):
    """A convolution with TensorFlow's "same" padding, which is uneven at stride 2."""

    def forward(self, features):
        """Features (N, C, h, w) to (N, C', h / stride, w / stride)."""
        kernel, stride = self.kernel_size[0], self.stride[0]
        padding = (kernel - 1) // 2
        if stride > 1:
            side = features.shape[-1]
            total = max((math.ceil(side / stride) - 1) * stride + kernel - side, 0)
            features = F.pad(features, (total // 2, total - total // 2) * 2)
            padding = 0
        return F.conv2d(features, self.weight, self.bias, stride, padding, 1, self.groups)


def normed(convolution):
    """A convolution and its batch normalisation; epsilon is TensorFlow's."""
    return nn.Sequential(convolution, nn.BatchNorm2d(convolution.out_channels, eps=1e-3))


class InvertedResidual(nn.Module):
    """One block of EfficientNet-Lite."""

    def __init__(self, arriving, inner, leaving, kernel, stride, drop):
        super().__init__()
        self.expand = (
            normed(SameConv(arriving, inner, 1, bias=False)) if inner != arriving else None
        )
        self.depthwise = normed(SameConv(inner, inner, kernel, stride, groups=inner, bias=False))
        self.project = normed(SameConv(inner, leaving, 1, bias=False))
        self.adds = stride == 1 and arriving == leaving
        self.drop = drop

    def forward(self, arrived):
        """Features (N, C, h, w) to (N, C', h / stride, w / stride)."""
        features = arrived
        if self.expand is not None:
            features = F.relu6(self.expand(features), inplace=True)
        features = self.project(F.relu6(self.depthwise(features), inplace=True))
        if not self.adds:
            return features
        if self.training and self.drop:
            # One draw for a whole example: the branch is there or it is not.
            kept = torch.rand(len(features), 1, 1, 1, device=features.device) >= self.drop
            features = features * (kept.to(features.dtype) / (1 - self.drop))
        return arrived + features


class PoseNetwork(nn.Module):
    """A trunk of EfficientNet-Lite, a decoder, and one map for each joint.

    Args:
        weights: dict of tensors, an ImageNet trunk as `pack.py` stores it; it also says how many
            blocks of which widths there are.
        stages: int, 7 for the whole trunk, 5 without the two at stride 32.
        map_stride: int, frame pixels for each cell of a map.
        decoder_width: int, channels of the decoder.
        drop_path, dropout: float in [0, 1), of the last block's branch and of whole channels
            before the maps.
    """

    def __init__(
        self, weights, *, stages=7, map_stride=8, decoder_width=96, drop_path=0.0, dropout=0.0
    ):
        super().__init__()
        self.map_stride, self.dropout = map_stride, dropout
        self.stem = normed(SameConv(3, STEM_WIDTH, 3, 2, bias=False))
        self.blocks = nn.ModuleList()
        self.stage_of_block, widths = [], []
        for stage, block in self._blocks(weights, stages, drop_path):
            self.blocks.append(block)
            self.stage_of_block.append(stage)
            widths[stage:] = [block.project[0].out_channels]
        # The last stage at each stride that the decoder takes.
        self.stride_of_stage = {1: 4, 2: 8, 4: 16, 6: 32}
        self.coarsest = 32 if stages == 7 else 16
        self._add_decoder(widths, decoder_width)
        self._load_trunk(weights)

    @staticmethod
    def _blocks(weights, stages, drop_path):
        """Yield (stage, block), the shapes read off the checkpoint."""
        count = 1 + max(int(key.split(".")[1]) for key in weights if key.startswith("_blocks"))
        stage, arriving = -1, STEM_WIDTH
        for number in range(count):
            depthwise = weights[f"_blocks.{number}._depthwise_conv.weight"]
            leaving = weights[f"_blocks.{number}._project_conv.weight"].shape[0]
            begins = stage < 0 or leaving != arriving
            stage += begins
            if stage >= stages:
                return
            yield (
                stage,
                InvertedResidual(
                    arriving,
                    depthwise.shape[0],
                    leaving,
                    depthwise.shape[-1],
                    TRUNK_STRIDES[stage] if begins else 1,
                    drop_path * (number + 1) / count,
                ),
            )
            arriving = leaving

    def _add_decoder(self, widths, decoder_width):
        self.lateral, self.decoder = nn.ModuleDict(), nn.ModuleDict()
        for stage, stride in self.stride_of_stage.items():
            if not self.map_stride <= stride <= self.coarsest:
                continue
            self.lateral[str(stride)] = SameConv(widths[stage], decoder_width, 1)
            if stride < self.coarsest:
                self.decoder[str(stride)] = normed(
                    SameConv(decoder_width, decoder_width, 3, bias=False)
                )
        self.map_logits = SameConv(decoder_width, JOINT_COUNT, 1)
        for layer in (
            *self.lateral.values(),
            *(pair[0] for pair in self.decoder.values()),
            self.map_logits,
        ):
            nn.init.xavier_uniform_(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)

    def _load_trunk(self, weights):
        def load(pair, convolution, normalisation):
            pair[0].weight.data.copy_(weights[f"{convolution}.weight"])
            for part in ("weight", "bias", "running_mean", "running_var"):
                getattr(pair[1], part).data.copy_(weights[f"{normalisation}.{part}"])

        load(self.stem, "_conv_stem", "_bn0")
        for number, block in enumerate(self.blocks):
            name = f"_blocks.{number}"
            if block.expand is not None:
                load(block.expand, f"{name}._expand_conv", f"{name}._bn0")
            load(block.depthwise, f"{name}._depthwise_conv", f"{name}._bn1")
            load(block.project, f"{name}._project_conv", f"{name}._bn2")

    def forward(self, pixels):
        """Pixels (N, 3, S, S), 0 to 255, to logits float32 (N, K, S / stride, S / stride)."""
        features = F.relu6(self.stem((pixels - 127) / 128), inplace=True)
        levels = {}
        for block, stage in zip(self.blocks, self.stage_of_block, strict=True):
            features = block(features)
            levels[self.stride_of_stage.get(stage)] = features
        features = self.lateral[str(self.coarsest)](levels[self.coarsest])
        stride = self.coarsest
        while stride > self.map_stride:
            stride //= 2
            features = F.interpolate(features, scale_factor=2, mode="bilinear")
            features = features + self.lateral[str(stride)](levels[stride])
            features = F.relu(self.decoder[str(stride)](features))
        if self.training and self.dropout:
            features = F.dropout2d(features, self.dropout)
        return self.map_logits(features).float()


class WeightAverage:
    """An exponential mean of a network's weights and statistics over the steps."""

    def __init__(self, network, decay):
        self._live = [value for value in network.state_dict().values() if value.is_floating_point()]
        self._mean = [value.detach().clone() for value in self._live]
        self._decay, self._steps = decay, 0

    @torch.no_grad()
    def step(self):
        """Add the current weights; the first ones soon count for little."""
        self._steps += 1
        share = 1 - min(self._decay, self._steps / (self._steps + 10))
        torch._foreach_lerp_(self._mean, self._live, share)

    def state_dict(self):
        """What a file keeps of it."""
        return {"mean": self._mean, "steps": self._steps}

    @torch.no_grad()
    def load_state_dict(self, stored):
        """Continue from what a file kept."""
        torch._foreach_copy_(self._mean, stored["mean"])
        self._steps = stored["steps"]

    @torch.no_grad()
    def exchange(self):
        """Exchange the mean and the network's weights. Twice is identity."""
        for mean, live in zip(self._mean, self._live, strict=True):
            kept = live.clone()
            live.copy_(mean)
            mean.copy_(kept)


def keras_arrays(network):
    """The weights as posekit's network has them: NAME/0, NAME/1, ... of each Keras layer NAME.

    Args:
        network: PoseNetwork.

    Returns:
        dict of float32 arrays, kernels in Keras' order of axes.
    """
    arrays = {}

    def put(name, *tensors, depthwise=False):
        kernel, *others = (tensor.detach().float().cpu().numpy() for tensor in tensors)
        order = (2, 3, 0, 1) if depthwise else (2, 3, 1, 0)
        arrays[f"{name}/0"] = kernel.transpose(order)
        for position, values in enumerate(others, start=1):
            arrays[f"{name}/{position}"] = values

    for name, pair in trunk_pairs(network):
        put(name, *_folded(pair), depthwise=name.endswith("depthwise"))
    for stride, lateral in network.lateral.items():
        put(f"lateral{stride}", lateral.weight, lateral.bias)
    for stride, (convolution, normalisation) in network.decoder.items():
        put(f"decoder{stride}", convolution.weight)
        parts = ("weight", "bias", "running_mean", "running_var")
        for position, part in enumerate(parts):
            values = getattr(normalisation, part).detach().float().cpu().numpy()
            arrays[f"decoder{stride}_bn/{position}"] = values
    put("map_logits", network.map_logits.weight, network.map_logits.bias)
    return arrays


def trunk_pairs(network):
    """Yield (posekit's layer name, convolution and normalisation) of the stem and all blocks."""
    yield "stem", network.stem
    for number, block in enumerate(network.blocks):
        for part in ("expand", "depthwise", "project"):
            if getattr(block, part) is not None:
                yield f"block{number}_{part}", getattr(block, part)


def load_keras(network, arrays):
    """Fold the trunk's normalisation, as posekit's network has it, and load its weights.

    Args:
        network: PoseNetwork, changed in place.
        arrays: dict as of `keras_arrays`.

    Raises:
        KeyError: a layer is missing.
    """

    def put(layer, name):
        kernel = torch.from_numpy(arrays[f"{name}/0"])
        order = (2, 3, 0, 1) if layer.groups > 1 else (3, 2, 0, 1)
        layer.weight.data.copy_(kernel.permute(order))
        if layer.bias is not None:
            layer.bias.data.copy_(torch.from_numpy(arrays[f"{name}/1"]))

    for name, pair in trunk_pairs(network):
        pair[0] = fuse_conv_bn_eval(pair[0].eval(), pair[1].eval())
        pair[1] = nn.Identity()
        put(pair[0], name)
    for stride, lateral in network.lateral.items():
        put(lateral, f"lateral{stride}")
    for stride, (convolution, normalisation) in network.decoder.items():
        put(convolution, f"decoder{stride}")
        for position, part in enumerate(("weight", "bias", "running_mean", "running_var")):
            values = torch.from_numpy(arrays[f"decoder{stride}_bn/{position}"])
            getattr(normalisation, part).data.copy_(values)
    put(network.map_logits, "map_logits")


def _folded(pair):
    """Kernel and bias of a convolution with its normalisation folded in, in float64."""
    convolution, normalisation = pair
    if isinstance(normalisation, nn.Identity):
        return convolution.weight, convolution.bias
    factor = normalisation.weight.double() / torch.sqrt(
        normalisation.running_var.double() + normalisation.eps
    )
    kernel = convolution.weight.double() * factor[:, None, None, None]
    return kernel, normalisation.bias.double() - normalisation.running_mean.double() * factor


def read_trunk(path):
    """An ImageNet trunk that `pack.py` wrote, as float32 tensors."""
    with np.load(path) as arrays:
        return {name: torch.from_numpy(arrays[name]).float() for name in arrays.files}
