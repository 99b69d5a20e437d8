"""posekit: human pose estimation that a person can reproduce, understand and improve."""

__version__ = "0.1.0"
