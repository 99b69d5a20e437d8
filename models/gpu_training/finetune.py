"""Continue a network that ships, on a CPU: against other light, quality and clothes.

    python models/gpu_training/from_keras.py models/best PACK
    python models/gpu_training/finetune.py person --pack PACK --out OUT --seconds 3000

The network is its own teacher: half of the cross-entropy is to the maps that the network as it
ships makes of the same crop before painting and degradation. Writes OUT/person.npz, which
`to_keras.py` reads, and OUT/results.json. An interrupted training resumes from OUT/person.pt.
"""

import argparse
import json
import math
import time
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch
import train
from networks import PoseNetwork, WeightAverage, load_keras, read_trunk

# What `best` lacks most; the rest is as in `train`.
STRENGTHS = {"grey": 0.2, "jpeg": 0.5, "garments": 0.3}
AGREEMENT = 0.6
TAUGHT = 0.5
# As the recipes of posekit train it: edges and colours stay.
FROZEN_STAGES = 2
WEIGHT_DECAY = 0.02
WARMUP_STEPS = 60
SAVE_SECONDS = 180


def started(phase, folder):
    """The network as it ships, its normalisation folded or frozen."""
    network = PoseNetwork(read_trunk(folder / "lite0.npz"), stages=phase.network.get("stages", 7))
    with np.load(folder / f"start_{phase.name}.npz") as arrays:
        load_keras(network, dict(arrays))
    return network.to(memory_format=torch.channels_last).eval()


def trained_parameters(network):
    """All but those of the stem and of the first stages."""
    fixed = [network.stem, *network.blocks[: network.stage_of_block.index(FROZEN_STAGES)]]
    for module in fixed:
        module.requires_grad_(False)
    return [value for value in network.parameters() if value.requires_grad]


class Training:
    """A network, its optimizer and its mean weights, which a file keeps.

    Args:
        network: PoseNetwork, changed in place.
        rate: float, the highest learning rate.
        path: Path of the file; read if it exists.
    """

    def __init__(self, network, rate, path):
        self._rate, self._path = rate, path
        self._parameters = trained_parameters(network)
        kernels = [value for value in self._parameters if value.ndim > 1]
        others = [value for value in self._parameters if value.ndim <= 1]
        groups = [
            {"params": kernels, "weight_decay": WEIGHT_DECAY},
            {"params": others, "weight_decay": 0.0},
        ]
        optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.99))
        self.average = WeightAverage(network, 0.99)
        self._parts = {"network": network, "optimizer": optimizer, "average": self.average}
        self.steps, self._seconds, self._begun = 0, 0.0, time.time()
        if path.is_file():
            stored = torch.load(path, weights_only=True)
            for name, part in self._parts.items():
                part.load_state_dict(stored[name])
            self.steps, self._seconds = stored["steps"], stored["seconds"]

    @property
    def seconds(self):
        """Of training so far, without interruptions."""
        return self._seconds + time.time() - self._begun

    def step(self, loss, passed):
        """Follow the gradient of a loss; `passed` is the share of the time that is over."""
        optimizer = self._parts["optimizer"]
        cosine = (1 + math.cos(math.pi * passed)) / 2
        for group in optimizer.param_groups:
            group["lr"] = self._rate * min(1, (self.steps + 1) / WARMUP_STEPS) * cosine
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self._parameters, train.CLIP_NORM)
        optimizer.step()
        self.average.step()
        self.steps += 1

    def save(self):
        """Write the file, whole or not at all."""
        stored = {name: part.state_dict() for name, part in self._parts.items()}
        temporary = self._path.with_suffix(".part")
        torch.save({**stored, "steps": self.steps, "seconds": self.seconds}, temporary)
        temporary.replace(self._path)


def finetune(phase, data, options):
    """Train for `options.seconds`; return the network with its mean weights, and the Training."""
    network, teacher = (started(phase, options.pack) for _ in range(2))
    teacher.requires_grad_(False)
    training = Training(network, options.rate, options.out / f"{phase.name}.pt")
    background = data.backgrounds("train")
    count = len(data.views["person"].images)
    batches = train.row_batches(data.validation, count, phase.pictures, torch.device("cpu"))
    saved, (view,) = time.time(), phase.views
    while (passed := training.seconds / options.seconds) < 1:
        people = data.views[view].rows(next(batches))
        taught = (teacher, phase.frame_px)
        # The network stays in inference mode, so that its normalisation is fixed.
        loss, parts = train.batch_loss(network, phase, view, people, background, taught)
        training.step(loss, passed)
        if training.steps % 50 == 0:
            shown = {name: round(float(value.detach()), 3) for name, value in parts.items()}
            train.log(phase.name, f"step {training.steps}, {passed:.0%}", shown)
        if time.time() - saved > SAVE_SECONDS:
            training.save()
            saved = time.time()
    training.average.exchange()
    return network, training


def main():
    """Read the command line and train."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("view", choices=("person", "whole"), help="which stage")
    parser.add_argument("--pack", type=Path, required=True, help="folder of pack.py")
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    parser.add_argument("--seconds", type=float, default=3000, help="of training")
    parser.add_argument("--rate", type=float, default=1.2e-4, help="the highest learning rate")
    parser.add_argument("--pictures", type=int, default=12, help="in a step, each shown twice")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--limit", type=int, help="pictures, for a trial")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(options.seed)
    phase = next(phase for phase in train.PHASES if phase.name == options.view)
    phase = replace(
        phase,
        pictures=options.pictures,
        nobody=options.pictures // 4,
        taught=TAUGHT,
        agreement=AGREEMENT,
        strengths=replace(phase.strengths, **STRENGTHS),
    )
    data = train.read_data(options.pack, torch.device("cpu"), options.limit)
    network, training = finetune(phase, data, options)
    path = options.out / "results.json"
    results = json.loads(path.read_text()) if path.is_file() else {"phases": []}
    reported = {"phase": asdict(phase), "steps": training.steps, "seconds": training.seconds}
    others = [each for each in results["phases"] if each["phase"]["name"] != phase.name]
    settings = {"device": "CPU", "seed": options.seed, "learning_rate": options.rate}
    train.write(network, phase, data, options.out)
    path.write_text(json.dumps({**settings, "phases": [*others, reported]}, indent=1))


if __name__ == "__main__":
    main()
