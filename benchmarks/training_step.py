"""A training step of the poster's network: posekit against PyTorch, with and without batch norm.

    make peers
    .venv/bin/python benchmarks/training_step.py

Both sides take the same steps (forward, loss, backward, Adam) of the same layers on a batch of 64
uint8 frames in memory; Keras' own kernels, without `fused_kernels`, for comparison. Of PyTorch the
fastest of contiguous and channels_last, eager and compiled counts, for each network. Then
posekit's steps are fed by its input pipeline, and timed waiting.
"""

import argparse
import statistics
import sys
from pathlib import Path

import results
from side_by_side import Order, Worker, ratio_of, take_turns

HERE = Path(__file__).resolve().parent
PEERS = HERE / ".venv-torch" / "bin" / "python"
BATCH = 64
# "Level" is within what such pairs differ by on one machine.
TARGETS = {"batchnorm": 1.3, "plain": 0.95}
# Enough to see which of PyTorch's variants is the fastest, before that one takes its turns.
TRIAL_TURNS = 3
NAMES = {"batchnorm": "with BN", "plain": "without BN"}


def main():
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch", type=int, default=BATCH, help="default: %(default)s")
    parser.add_argument("--steps", type=int, default=3, help="of a round (default: %(default)s)")
    parser.add_argument("--pairs", type=int, default=9, help="default: %(default)s")
    parser.add_argument("--json", type=Path, help="default: reports/benchmarks/training_step.json")
    options = parser.parse_args()
    arguments = [str(options.batch), str(options.steps)]
    ours, theirs = (
        Worker(name, [str(python), str(HERE / "workers" / script), *arguments])
        for name, python, script in (
            ("posekit", sys.executable, "posekit_step.py"),
            ("PyTorch", PEERS, "torch_step.py"),
        )
    )
    peer, _ = theirs.answer("variants")
    all_of_theirs = [Order(theirs, f"PyTorch {name}", name) for name in peer["variants"]]
    trial, answers = take_turns(all_of_theirs, ["round"], turns=TRIAL_TURNS)
    fastest = [fastest_of(trial, kind) for kind in TARGETS]
    mine = {
        name: Order(ours, f"posekit {name}", name)
        for name in (*TARGETS, "keras batchnorm", "keras plain")
    }
    # Neighbours in turn are what is compared.
    facing = [mine[kind] for kind in TARGETS]
    facing += [each for each in all_of_theirs if each.name in fastest]
    seconds, ours_answers = take_turns(facing, ["round"], turns=options.pairs)
    check_same_network({**answers, **ours_answers})
    own_seconds, _ = take_turns(list(mine.values()), ["round"], turns=options.pairs)
    waits = {
        how: [ours.answer(f"waiting {how}")[0] for _ in range(options.pairs)]
        for how in ("mirrored", "turned")
    }
    ours.close()
    theirs.close()
    results.write(
        "training_step",
        rows_of(seconds, own_seconds, waits, images=options.batch * options.steps),
        path=options.json,
        images_per_second={
            name: options.batch * options.steps / statistics.median(taken)
            for name, taken in {**trial, **own_seconds, **seconds}.items()
        },
        batch=options.batch,
        torch=peer["torch"],
        left_out=peer["missing"],
    )


def check_same_network(answers):
    """Stop unless all networks of a kind have the same number of weights that are learned."""
    for kind in NAMES:
        counts = {
            name: answer[0]["parameters"]
            for name, answer in answers.items()
            if kind in name.split()
        }
        if len(set(counts.values())) > 1:
            raise SystemExit(f"the networks must be the same; got {counts} weights.")


def fastest_of(seconds, kind):
    """Name of PyTorch's fastest variant of one network, of the seconds of each turn."""
    peers = {name: taken for name, taken in seconds.items() if f"PyTorch {kind} " in name}
    return min(peers, key=lambda name: statistics.median(peers[name]))


def rows_of(seconds, own_seconds, waits, *, images):
    """The table's rows.

    Args:
        seconds: dict, "posekit KIND" and "PyTorch KIND LAYOUT MODE" -> seconds of each turn.
        own_seconds: dict, "posekit KIND" and "posekit keras KIND" -> seconds of each turn.
        waits: dict, how the batches are varied -> list of {"waited", "seconds"}.
        images: int, in each turn.

    Returns:
        list of `results.row`.
    """
    rows = []
    for kind, at_least in TARGETS.items():
        mine = seconds[f"posekit {kind}"]
        fastest = fastest_of(seconds, kind)
        found = ratio_of(seconds[fastest], mine)
        rates = [images / statistics.median(taken) for taken in (mine, seconds[fastest])]
        rows.append(
            results.row(
                f"training step {NAMES[kind]}",
                fastest,
                found["ratio"],
                unit="x",
                spread=found["ratio_range"],
                at_least=at_least,
                note=f"{rates[0]:.0f} against {rates[1]:.0f} images/s",
            )
        )
    for own, at_most in (("", 1.1), ("keras ", None)):
        found = ratio_of(own_seconds[f"posekit {own}batchnorm"], own_seconds[f"posekit {own}plain"])
        rows.append(
            results.row(
                "cost of BN in a step" + (", Keras' own kernels" if own else ""),
                "the same without BN",
                found["ratio"],
                unit="times",
                spread=found["ratio_range"],
                at_most=at_most,
            )
        )
    for how, rounds in waits.items():
        share, spread = results.median_and_range(
            [100 * each["waited"] / each["seconds"] for each in rounds]
        )
        rows.append(
            results.row(
                f"step's wait for input, {how}", "-", share, unit="%", spread=spread, at_most=5
            )
        )
    return rows


if __name__ == "__main__":
    main()
