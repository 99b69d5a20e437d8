"""posekit: human pose estimation that a person can reproduce, understand and improve.

The names below are enough for most programs. Each is loaded when it is first used, so that
`import posekit` takes no time and loads no TensorFlow.

| name | what it does |
|---|---|
| `open_data` | read a data set, decode it and split it: `posekit.pipeline.experiment.open_experiment` |
| `training_batches` | shuffled, augmented batches: `posekit.pipeline.batches.training_batches` |
| `evaluation_batches` | every image once, in order: `posekit.pipeline.batches.evaluation_batches` |
| `poster_network` | the poster's network, with or without batch normalisation: `posekit.models.poster.poster_network` |
| `TrainingConfig` | what a training depends on: `posekit.training.config.TrainingConfig` |
| `Augmentation` | strengths of random changes: `posekit.pipeline.augmentation.Augmentation` |
| `fit` | train a network, or resume it: `posekit.training.fit.fit` |
| `load` | a shipped model or a finished training as an estimator: `posekit.estimators.loading.load` |
| `evaluate` | score a model next to constant poses: `posekit.estimators.scoring.evaluate` |
| `saliency` | what a network looks at: `posekit.saliency` |
| `plots` | figures from arrays: `posekit.plots` |

```python
import posekit

data = posekit.open_data("synthetic", profile="smoke", seed=0)
config = posekit.TrainingConfig("poster_batchnorm", "masked", epochs=2, seed=0)
run = posekit.fit(config, data, "reports/mine")  # or any Keras network in place of `config`
scores = posekit.evaluate(run, data, part="validation")
print(scores["metrics"]["pck_0.2"], scores["mean_pose"]["metrics"]["pck_0.2"])

keypoints_px = posekit.load("best").estimate([image]).keypoints_px  # image: uint8 (H, W, 3), RGB
```
"""

import os
from importlib import import_module

__version__ = "0.2.0"

# TensorFlow leaves oneDNN off on processors without AVX-512, where its own convolutions make a
# training step take about twice as long. It reads this as it loads.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

# Public name -> the module that holds it, and its name there; None is the module itself.
PUBLIC = {
    "open_data": ("posekit.pipeline.experiment", "open_experiment"),
    "training_batches": ("posekit.pipeline.batches", "training_batches"),
    "evaluation_batches": ("posekit.pipeline.batches", "evaluation_batches"),
    "poster_network": ("posekit.models.poster", "poster_network"),
    "TrainingConfig": ("posekit.training.config", "TrainingConfig"),
    "Augmentation": ("posekit.pipeline.augmentation", "Augmentation"),
    "fit": ("posekit.training.fit", "fit"),
    "load": ("posekit.estimators.loading", "load"),
    "evaluate": ("posekit.estimators.scoring", "evaluate"),
    "saliency": ("posekit.saliency", None),
    "plots": ("posekit.plots", None),
}


def __getattr__(name):
    if name not in PUBLIC:
        raise AttributeError(f"module 'posekit' has no attribute {name!r}")
    module_name, attribute = PUBLIC[name]
    module = import_module(module_name)
    return module if attribute is None else getattr(module, attribute)


def __dir__():
    return sorted({*globals(), *PUBLIC})
