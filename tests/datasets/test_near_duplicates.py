import cv2
import numpy as np
from PIL import Image

from posekit.datasets.near_duplicates import LUMA_WEIGHTS
from posekit.files import PROJECT_ROOT


def test_opencv_and_pillow_weigh_alike():
    image = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
    grey = image @ LUMA_WEIGHTS
    # Both round to whole levels.
    np.testing.assert_allclose(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), grey, atol=0.51)
    np.testing.assert_allclose(Image.fromarray(image).convert("L"), grey, atol=0.51)


def test_the_weights_stand_in_one_place():
    green = str(LUMA_WEIGHTS[1])
    sources = (PROJECT_ROOT / "posekit").rglob("*.py")
    assert [path.name for path in sources if green in path.read_text("utf-8")] == ["near_duplicates.py"]
