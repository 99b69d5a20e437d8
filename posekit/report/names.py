"""Which notebook writes which artifact."""

# Which notebook writes which artifact of a run, for the message when one is missing.
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
