"""Every figure of the notebooks: arrays in, matplotlib Figure out.

pyplot keeps no reference to a figure and no setting after a call. Arguments that belong together
and differ in length raise PosekitError.
"""

# ruff: noqa: F401 (imported for `plots.NAME`)

from posekit.plots.comparisons import (
    choices,
    confusions,
    edge_correlation,
    error_by_joint,
    scores_by_pictures,
)
from posekit.plots.curves import learning_curves, learning_panels, pck_curves, reliability
from posekit.plots.ladder import bias_and_variance, ladder_steps
from posekit.plots.network import architecture
from posekit.plots.pictures import (
    activation_grid,
    prediction_grid,
    saliency_overlay,
    sample_grid,
)
from posekit.plots.statistics import (
    constant_guesses,
    error_parts,
    joint_visibility,
    junk_coordinates,
    person_size,
)

__all__ = [name for name, value in globals().items() if callable(value)]
