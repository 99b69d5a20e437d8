"""Train the two networks of posekit's `best` on one GPU, in a given time.

    python models/gpu_training/train.py bench --pack PACK --out OUT --seconds 140
    python models/gpu_training/train.py main --pack PACK --out OUT --seconds 580

`bench` tries every part of `main` for some seconds and two learning rates for longer, and writes
OUT/bench.json, which `main` reads. `main` trains a teacher on people and whole pictures, then the
second stage and the first one with the teacher's maps. Schedules follow the clock, so that all of
the time is used. Each network is written as soon as it is trained: OUT/person.npz, OUT/whole.npz,
with frames and logits to check a conversion by, and OUT/results.json with settings, speeds, scores.
"""

import argparse
import copy
import json
import math
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch.nn.utils.fusion import fuse_conv_bn_eval

import augment
import canvases
import losses
from degrade import degrade
from networks import PoseNetwork, WeightAverage, keras_arrays, read_trunk, trunk_pairs

STARTED = time.time()

# Rows of one evaluation batch; 810 validation pictures make three.
EVALUATION_ROWS = 270
LIMB_JOINTS = slice(0, 12)
LEFT_SHOULDER, RIGHT_HIP = 9, 2


@dataclass(frozen=True)
class Phase:
    """How one network is trained.

    Attributes:
        name: str.
        trunk: "lite0" or "lite2".
        network: dict, further arguments of PoseNetwork.
        views: names of the views of its steps, in turn.
        frame_px: int, side of its frames; with two views, of both.
        pictures: int, in a step; each is shown twice.
        nobody: int, frames without a person in a step.
        share: float, of the time that is left for training.
        taught: float, share of the teacher's maps in the cross-entropy.
        rate: float, factor on the learning rate.
        average: float, decay of the mean of the weights.
        agreement: float, weight of the distance between two frames of one picture.
        strengths: augment.Strengths.
    """

    name: str
    trunk: str
    network: dict
    views: tuple
    frame_px: int
    pictures: int = 128
    nobody: int = 28
    share: float = 1.0
    taught: float = 0.0
    rate: float = 1.0
    average: float = 0.998
    agreement: float = 0.3
    strengths: augment.Strengths = augment.Strengths()


PERSON = augment.Strengths()
WHOLE = augment.Strengths(
    scale=1.35, wide_scales=(0.6, 2.2), shift=0.1, wide_shift=0.3, rotation_degrees=22.0,
    any_rotation=0.06, others=0.1, truncate=0.08,
)  # fmt: skip
PHASES = (
    Phase(
        "teacher",
        "lite2",
        {"map_stride": 4, "decoder_width": 128, "drop_path": 0.15, "dropout": 0.1},
        ("person", "person", "whole"),
        256,
        share=0.27,
        average=0.997,
        strengths=PERSON,
    ),
    Phase(
        "person",
        "lite0",
        {"drop_path": 0.05, "dropout": 0.05},
        ("person",),
        192,
        share=0.52,
        taught=0.6,
        strengths=PERSON,
    ),
    Phase(
        "whole",
        "lite0",
        {"stages": 5, "drop_path": 0.03, "dropout": 0.05},
        ("whole",),
        224,
        share=0.21,
        taught=0.6,
        strengths=WHOLE,
    ),
)

LEARNING_RATE = 1.5e-3
WARMUP_STEPS = 150
WEIGHT_DECAY = 0.05
CLIP_NORM = 5.0
FLATNESS = 0.25


@dataclass
class Data:
    """Canvases of all pictures on the device, validation's first.

    Attributes:
        views: dict, "person" and "whole" -> Canvases.
        background, source: Canvases of background, and the picture of each.
        validation: int, number of validation pictures.
    """

    views: dict
    background: canvases.Canvases
    source: torch.Tensor
    validation: int

    def backgrounds(self, part):
        """The backgrounds of "train" or "validation"."""
        ours = self.source < self.validation
        return self.background.rows(ours if part == "validation" else ~ours)


def log(*words):
    """Print with the seconds since the start."""
    print(f"[{time.time() - STARTED:6.1f}]", *words, flush=True)


def waited(device):
    """The clock, after the device has finished its work."""
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.time()


def autocast(device):
    """Products in bfloat16 on a GPU."""
    return torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda")


def read_data(folder, device, limit=None):
    """Decode and cut the packed pictures.

    Returns:
        Data.
    """
    pack = canvases.Pack(folder, limit)
    person, whole, background, source = canvases.load(pack, device)
    log(f"{pack.count} pictures, {len(source)} backgrounds on {device}")
    return Data({"person": person, "whole": whole}, background, source, pack.validation_count)


def built(phase, folder, device):
    """The network of a phase, on the device."""
    network = PoseNetwork(read_trunk(Path(folder) / f"{phase.trunk}.npz"), **phase.network)
    return network.to(device, memory_format=torch.channels_last)


def folded(network):
    """A copy for inference alone, its normalisation folded into the convolutions."""
    copied = copy.deepcopy(network).eval()
    for pair in [*(pair for _, pair in trunk_pairs(copied)), *copied.decoder.values()]:
        pair[0] = fuse_conv_bn_eval(pair[0], pair[1])
        pair[1] = torch.nn.Identity()
    return copied.requires_grad_(False)


def taught_maps(teacher, teacher_px, images, geometry, cells, taps):
    """A teacher's maps of the same crops, without painting and degradation."""
    frames, _ = augment.show(images, geometry.for_frame(teacher_px), taps=taps)
    frames = frames.contiguous(memory_format=torch.channels_last)
    with autocast(frames.device):
        logits = teacher(frames)
    return losses.coarser(losses.probabilities(logits), cells)


def batch_loss(network, phase, view, people, background, teacher):
    """Loss of one step.

    Args:
        network: PoseNetwork in training.
        phase: Phase.
        view: str.
        people: Canvases of the step's pictures.
        background: Canvases of background to draw from.
        teacher: (network, side of its frames) or None.

    Returns:
        (loss, dict of its parts), scalars on the device.
    """
    taps = 2 if view == "whole" else 1
    with torch.no_grad():
        frames, keypoints, counts, geometry = augment.draw_people(
            people, phase.frame_px, phase.strengths, taps=taps, scenery=background
        )
        empty = augment.draw_nobody(background, phase.nobody, phase.frame_px)
        shown = degrade(torch.cat([frames, empty]), phase.strengths)
        shown = shown.contiguous(memory_format=torch.channels_last)
        soft = None
        if teacher is not None:
            cells = phase.frame_px // network.map_stride
            images = people.images.repeat(2, 1, 1, 1)
            soft = taught_maps(*teacher, images, geometry, cells, taps)
    with autocast(shown.device):
        logits = network(shown)
    ours, nobody = logits[: len(frames)], logits[len(frames) :]
    parts = {
        "people": losses.people_loss(ours, keypoints, counts, phase.frame_px, soft, phase.taught),
        "flatness": losses.flatness_loss(nobody),
        "agreement": losses.agreement_loss(ours, counts, geometry, people.box_px),
    }
    loss = parts["people"] + FLATNESS * parts["flatness"]
    return loss + phase.agreement * parts["agreement"], parts


def optimizer_of(network, rate, device):
    """AdamW; biases and normalisation do not decay."""
    kernels = [value for value in network.parameters() if value.ndim > 1]
    others = [value for value in network.parameters() if value.ndim <= 1]
    groups = [
        {"params": kernels, "weight_decay": WEIGHT_DECAY},
        {"params": others, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=rate, fused=device.type == "cuda")


def row_batches(first, last, size, device):
    """Yield index batches of endless shuffled epochs."""
    while True:
        order = first + torch.randperm(last - first, device=device)
        yield from order[: len(order) // size * size].split(size)


def train(phase, network, data, *, seconds, rate, teacher=None, steps=None):
    """Train one network until its time is over.

    Args:
        phase: Phase.
        network: PoseNetwork, changed in place; ends with the mean of its weights.
        data: Data.
        seconds: float, of the whole phase; the learning rate falls to zero by then.
        rate: float, the highest learning rate.
        teacher: (network for inference, side of its frames) or None.
        steps: int or None, stop earlier.

    Returns:
        dict: steps, epochs, seconds, frames a second, means of the loss's parts at the end.
    """
    device = data.source.device
    background = data.backgrounds("train")
    optimizer = optimizer_of(network, rate, device)
    average = WeightAverage(network, phase.average)
    count = len(data.views["person"].images)
    batches = row_batches(data.validation, count, phase.pictures, device)
    network.train()
    begun, done, history, marks = waited(device), 0, [], [(0, waited(device))]
    while True:
        if done % 5 == 0:
            now = waited(device)
            passed = (now - begun) / seconds
            marks.append((done, now))
            if passed >= 1 or (steps and done >= steps):
                break
        current = rate * min(1, (done + 1) / WARMUP_STEPS) * (1 + math.cos(math.pi * passed)) / 2
        for group in optimizer.param_groups:
            group["lr"] = current
        view = phase.views[done % len(phase.views)]
        people = data.views[view].rows(next(batches))
        loss, parts = batch_loss(network, phase, view, people, background, teacher)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), CLIP_NORM)
        optimizer.step()
        average.step()
        done += 1
        if done % 25 == 0:
            history.append({name: float(value.detach()) for name, value in parts.items()})
        if done % 500 == 0:
            log(phase.name, f"step {done}, {passed:.0%}", _means(history[-10:]))
    average.exchange()
    return {**_speed(marks, phase, count - data.validation), "losses": _means(history[-20:])}


def _means(history):
    names = history[0] if history else ()
    return {name: round(float(np.mean([each[name] for each in history])), 4) for name in names}


def _speed(marks, phase, pictures):
    """Steps and frames a second, the slow first steps left out."""
    first = marks[min(len(marks) // 4, len(marks) - 2)]
    steps, took = marks[-1][0] - first[0], marks[-1][1] - first[1]
    return {
        "steps": marks[-1][0],
        "seconds_of_first_steps": round(marks[2][1] - marks[0][1], 1),
        "seconds": round(marks[-1][1] - marks[0][1], 1),
        "frames_a_second": round(steps * 2 * phase.pictures / max(took, 1e-6)),
        "views_of_each_picture": round(marks[-1][0] * 2 * phase.pictures / max(pictures, 1), 1),
    }


@torch.no_grad()
def maps_of(network, shown, geometry, taps):
    """The maps of plain frames of canvases, all rows."""
    network.eval()
    answers = []
    for start in range(0, len(shown.images), EVALUATION_ROWS):
        rows = slice(start, start + EVALUATION_ROWS)
        parts = (geometry.matrices, geometry.flip, geometry.rectangles, geometry.colours)
        part = augment.Geometry(
            *(each[rows] for each in parts), geometry.repeats[rows], geometry.frame_px
        )
        frames, _ = augment.show(shown.images[rows], part, taps=taps)
        with autocast(frames.device):
            logits = network(frames.contiguous(memory_format=torch.channels_last))
        answers.append(losses.probabilities(logits))
    return torch.cat(answers)


@torch.no_grad()
def evaluate(network, phase, view, data):
    """Scores on validation: PCK@0.2 of the 12 limb joints with the view's own box, and whether
    the maps separate people from background.

    Returns:
        dict: `pck`; `backgrounds_taken`, the share of backgrounds with at least the mean mass that
        97 % of people reach; `mass_people`, `mass_background`, the means.
    """
    people = data.views[view].rows(slice(0, data.validation))
    taps = 2 if view == "whole" else 1
    geometry = augment.plain_geometry(people, phase.frame_px)
    found, mass = losses.find_peaks(maps_of(network, people, geometry, taps), phase.frame_px)
    error = (augment.back(found, geometry) - people.keypoints).norm(dim=-1)
    torso = (people.keypoints[:, LEFT_SHOULDER] - people.keypoints[:, RIGHT_HIP]).norm(dim=-1)
    known = people.labelled[:, LEFT_SHOULDER] & people.labelled[:, RIGHT_HIP]
    counts = (people.labelled & known[:, None])[:, LIMB_JOINTS]
    right = (error[:, LIMB_JOINTS] <= 0.2 * torso[:, None]) & counts
    nobody = data.backgrounds("validation")
    empty = augment.plain_geometry(nobody, phase.frame_px, scale=0.8)
    _, empty_mass = losses.find_peaks(maps_of(network, nobody, empty, 1), phase.frame_px)
    sure, false = mass.mean(dim=1), empty_mass.mean(dim=1)
    return {
        "pck": round(float(right.sum() / counts.sum()), 4),
        "backgrounds_taken": round(float((false >= torch.quantile(sure, 0.03)).float().mean()), 4),
        "mass_people": round(float(sure.mean()), 4),
        "mass_background": round(float(false.mean()), 4),
    }


def write(network, phase, data, folder):
    """Write a network's arrays, and frames with their logits from the processor, as NAME.npz."""
    people = data.views[phase.views[0]].rows(slice(0, 4))
    frames, _ = augment.show(people.images, augment.plain_geometry(people, phase.frame_px))
    pixels = frames.round().clamp(0, 255).to(torch.uint8).cpu()
    with torch.no_grad():
        logits = copy.deepcopy(network).cpu().eval()(pixels.float())
    np.savez(
        folder / f"{phase.name}.npz",
        **keras_arrays(network),
        check_frames=pixels.permute(0, 2, 3, 1).numpy(),
        check_logits=logits.permute(0, 2, 3, 1).numpy(),
    )


def finish(network, phase, data, folder, trained):
    """Evaluate and write one network; return what is reported about it."""
    scores = {view: evaluate(network, phase, view, data) for view in dict.fromkeys(phase.views)}
    if phase.trunk == "lite0":
        write(network, phase, data, folder)
    else:
        halves = {name: value.half().cpu() for name, value in network.state_dict().items()}
        torch.save(halves, folder / f"{phase.name}.pt")
    log(phase.name, trained, scores)
    return {"phase": asdict(phase), **trained, "validation": scores}


def run_main(data, options, rate):
    """All phases, each in its share of the time that is left, then results.json."""
    device = data.source.device
    reserve = 8 * len(PHASES)
    left = options.seconds - (time.time() - STARTED) - reserve
    name = torch.cuda.get_device_name() if device.type == "cuda" else "CPU"
    results = {"device": name, "seed": options.seed, "learning_rate": rate, "flatness": FLATNESS}
    results |= {"weight_decay": WEIGHT_DECAY, "phases": []}
    teacher = None
    for phase in PHASES:
        phase = shrunk(phase) if options.toy else phase
        network = built(phase, options.pack, device)
        trained = train(
            phase,
            network,
            data,
            seconds=phase.share * left,
            rate=rate * phase.rate,
            teacher=teacher if phase.taught else None,
            steps=2 if options.toy else None,
        )
        results["phases"].append(finish(network, phase, data, options.out, trained))
        results["total_seconds"] = round(time.time() - STARTED, 1)
        (options.out / "results.json").write_text(json.dumps(results, indent=1))
        if teacher is None:
            teacher = (folded(network), phase.frame_px)


def shrunk(phase):
    """The phase with a few pictures a step, for a trial without a GPU."""
    return replace(phase, pictures=2, nobody=4)


def run_bench(data, options):
    """Every phase for some seconds, then two learning rates; write bench.json."""
    device = data.source.device
    found, teacher = {"frames_a_second": {}}, None
    for phase in PHASES:
        phase = shrunk(phase) if options.toy else phase
        network = built(phase, options.pack, device)
        trained = train(
            phase, network, data, seconds=12, rate=LEARNING_RATE,
            teacher=teacher if phase.taught else None, steps=2 if options.toy else None,
        )  # fmt: skip
        found["frames_a_second"][phase.name] = trained["frames_a_second"]
        finish(network, phase, data, options.out, trained)
        if device.type == "cuda":
            log(f"peak memory {torch.cuda.max_memory_allocated() / 2**30:.1f} GiB")
        if teacher is None:
            teacher = (folded(network), phase.frame_px)
    left = (options.seconds - (time.time() - STARTED)) / 2 - 4
    scores = {}
    for rate in (1e-3, 2.5e-3):
        phase = shrunk(PHASES[1]) if options.toy else PHASES[1]
        network = built(phase, options.pack, device)
        trained = train(
            phase, network, data, seconds=max(left, 2), rate=rate,
            steps=2 if options.toy else None,
        )  # fmt: skip
        scores[rate] = evaluate(network, phase, "person", data)
        log(f"rate {rate}", trained, scores[rate])
    # A long training needs a little less than a short one.
    best = max(scores, key=lambda rate: scores[rate]["pck"])
    close = abs(scores[1e-3]["pck"] - scores[2.5e-3]["pck"]) < 0.01
    found |= {"rates": {str(rate): scores[rate] for rate in scores}}
    found["rate"] = LEARNING_RATE if close else best
    (options.out / "bench.json").write_text(json.dumps(found, indent=1))
    log(found)


def main():
    """Read the command line, then the pictures, then train."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("mode", choices=("bench", "main"))
    parser.add_argument("--pack", type=Path, required=True, help="folder of pack.py")
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    parser.add_argument("--seconds", type=float, default=580, help="time for all of it")
    parser.add_argument("--bench", type=Path, help="bench.json to take the learning rate from")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--limit", type=int, help="pictures, for a trial")
    parser.add_argument("--toy", action="store_true", help="a few pictures a step, for a trial")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(options.seed)
    # Frames have few sizes: let the fastest convolution be searched for. Products outside the
    # networks stay in float32, since coordinates are among them.
    torch.backends.cudnn.benchmark = True
    data = read_data(options.pack, torch.device(options.device), options.limit)
    if options.mode == "bench":
        run_bench(data, options)
        return
    rate = LEARNING_RATE
    if options.bench is not None and options.bench.is_file():
        rate = json.loads(options.bench.read_text())["rate"]
    log("learning rate", rate)
    run_main(data, options, rate)


if __name__ == "__main__":
    main()
