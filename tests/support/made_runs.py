"""Folders of runs as reports and trainings leave them, written by hand for tests."""

import json

import numpy as np

from posekit.evaluation import per_image

SPLIT = {"name": "standard", "seed": 0, "images": 40, "train": 32, "validation": 4}


def write_training(
    run_dir, *, seed=0, errors=(50.0, 40.0, 45.0), fingerprint="aa11", sums=None, **settings
):
    """A training's folder; `errors` are the validation MSE of its epochs, `sums` of 4 images."""
    config = {
        "network": "poster_plain",
        "label_treatment": "masked",
        "epochs": len(errors),
        "seed": seed,
        "view": "squashed",
        "frame_px": 96,
        "clip_norm": None,
        **settings,
    }
    count = len(list(run_dir.glob("training/*")))
    folder = run_dir / "training" / f"{config['network']}-seed{seed}-{count}"
    folder.mkdir(parents=True)
    data = {"name": "people", "images": 40, "fingerprint": fingerprint, "split": SPLIT}
    described = {"config": config, "data": data, "baselines": {"mean_pose": 100.0}}
    rows = [
        {
            "epoch": epoch,
            "train_mse": error + 1,
            "validation_mse": error,
            "learning_rate": 0.001,
            "seconds": 30,
        }
        for epoch, error in enumerate(errors, start=1)
    ]
    (folder / "config.json").write_text(json.dumps(described))
    (folder / "history.json").write_text(json.dumps(rows))
    if sums is not None:
        scores = {"mpjpe_px": (np.array(sums, float), np.full(4, 2.0))}
        ids = np.array(["a", "b", "c", "d"])
        per_image.write(folder / per_image.FILE, per_image.PerImage(ids, np.arange(4), scores))
    return folder


def write_report(run_dir, **parameters):
    """A report's index of one finished notebook and one that was not run."""
    run_dir.mkdir(parents=True, exist_ok=True)
    entries = [
        {"name": "01_first", "status": "ok"},
        {"name": "02_second", "status": "not run"},
    ]
    index = {
        "parameters": {"profile": "quick", "data": "synthetic", "seed": 0, **parameters},
        "overrides": ["epochs=3"],
        "started": "2026-01-02T03:04:05+00:00",
        "finished": "2026-01-02T03:14:05+00:00",
        "seconds": 600.0,
        "provenance": {"git_commit": "abc", "python": "3.12.1", "versions": {"tensorflow": "2.20"}},
        "notebooks": entries,
    }
    (run_dir / "index.json").write_text(json.dumps(index))
    (run_dir / "index.html").write_text("the page")
    return run_dir
