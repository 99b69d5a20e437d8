"""Which notebook writes which artifact of a run."""

from posekit import files

PRODUCER = {
    "explore.json": "00_explore",
    "exploration.json": "01_data_exploration",
    "training.json": "02_training",
    "sanity.json": "02_training",
    "batchnorm_comparison.json": "03_batchnorm_comparison",
    "prediction.json": "04_prediction_visualization",
    "saliency.json": "05_saliency",
    "ladder.json": "06_beyond_the_poster",
    "activity.json": "07_activity_recognition",
}


def written_by(notebook, run_dir):
    """Artifact -> content of what a notebook left in a run's folder, a Path."""
    names = [name for name, producer in PRODUCER.items() if producer == notebook]
    return {name: files.read_json(run_dir / name) for name in names if (run_dir / name).is_file()}
