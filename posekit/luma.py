"""How much red, green and blue weigh in a grey picture."""

import numpy as np

# ITU-R BT.601, as OpenCV and Pillow weigh them.
LUMA_WEIGHTS = np.array([0.299, 0.587, 0.114])
