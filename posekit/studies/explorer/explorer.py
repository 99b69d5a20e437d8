"""What the panel for browsing predictions shows: from a state to a picture, without a browser.

`explore_panel` puts widgets around it.
"""

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from posekit import drawing, files, geometry
from posekit.errors import PosekitError, check_choice, raise_problems
from posekit.estimators import loading, runtimes
from posekit.pipeline import frames
from posekit.pipeline.augmentation import AUGMENTATIONS, Augmentation
from posekit.studies.explorer import subject as explorer_subject
from posekit.studies.explorer.subject import Subject, distances_px, shown_saliency

# As `model`: pictures and labels alone.
NO_MODEL = "none"

ORDERS = ("index", "error", "joint")

# Pictures and maps that are at hand when one comes back to them.
REMEMBERED = 16


@dataclass(frozen=True)
class State:
    """What the panel is set to.

    Attributes:
        joint: str, a name of the data set's joints.
        order: str, one of ORDERS: images as stored, or those with the largest error first, of all
            joints or of `joint`.
        activity: str, only images of it are browsed; None browses all.
        image: int, which image is shown, as an index into the data set.
        truth, prediction, saliency: bool, what is drawn over the picture.
        augmentation: augmentation.Augmentation, how strongly the picture is varied.
        mirrored: bool, whether it is shown as in a mirror.
        draw: int >= 0, seed of what the augmentation draws.
    """

    joint: str
    order: str = "index"
    activity: str | None = None
    image: int = 0
    truth: bool = True
    prediction: bool = True
    saliency: bool = False
    augmentation: Augmentation = AUGMENTATIONS["none"]
    mirrored: bool = False
    draw: int = 0

    @property
    def variation(self):
        """(augmentation, mirrored, draw), or None where the picture is shown as stored."""
        if not self.mirrored and self.augmentation == AUGMENTATIONS["none"]:
            return None
        return self.augmentation, self.mirrored, self.draw


class Explorer:
    """A data set, a model's predictions for it, and the picture of any State.

    Args:
        dataset: PoseDataset of N > 0 images.
        estimator: PoseEstimator, or None for labels alone.
        gradient_stage: estimators.Stage, the estimator's last with its Keras network, whose
            saliency is shown; None where there is none.
        activities: str (N,), or None where they are not known.

    Attributes:
        dataset, activities: as given, activities as an array.
        poses: estimators.Poses of the N stored images, or None without a model.
        joints: names of the K joints.
        error_px: float (N, K), pixels; NaN where a joint is not labelled or there is no model.
        image_error_px: float (N,), mean over each image's labelled joints; NaN likewise.

    Raises:
        PosekitError: no images, not one activity for each, or a model of other joints.
    """

    def __init__(self, dataset, *, estimator=None, gradient_stage=None, activities=None):
        problems = []
        if not len(dataset):
            problems.append("`dataset` must hold an image; got none.")
        if activities is not None and len(activities) != len(dataset):
            problems.append(
                f"`activities` must have one name for each of {len(dataset)} images; "
                f"got {len(activities)}."
            )
        raise_problems("Explorer()", problems)
        self.dataset = dataset
        self.joints = dataset.skeleton.joints
        self.activities = None if activities is None else np.array(activities, dtype=str)
        self._estimator, self._gradient_stage = estimator, gradient_stage
        self.poses = None if estimator is None else estimator.estimate_dataset(dataset)
        self.error_px = np.full(dataset.labelled.shape, np.nan)
        if self.poses is not None:
            _check_joints(self.poses.keypoints_px.shape[1], dataset.skeleton)
            self.error_px = distances_px(
                self.poses.keypoints_px, dataset.keypoints_px, dataset.labelled
            )
        counts = np.isfinite(self.error_px).sum(axis=1)
        self.image_error_px = np.nansum(self.error_px, axis=1) / np.where(counts, counts, np.nan)
        # What is drawn on a picture changes more often than the picture.
        self._subject = lru_cache(REMEMBERED)(self._make_subject)
        self._saliency = lru_cache(REMEMBERED)(self._compute_saliency)

    def start(self):
        """The State to begin with: the first image, and the skeleton's last joint."""
        return State(joint=self.joints[-1])

    @property
    def orders(self):
        """The orders there are: without a model there is no error."""
        return ORDERS if self.poses is not None else ORDERS[:1]

    @property
    def activity_names(self):
        """The activities there are, sorted."""
        return [] if self.activities is None else np.unique(self.activities).tolist()

    @property
    def has_confidences(self):
        """Whether the model says how sure it is."""
        return self.poses is not None and not np.isnan(self.poses.confidences).all()

    @property
    def has_saliency(self):
        """Whether a joint's saliency can be shown."""
        return self._gradient_stage is not None

    def browsed(self, state):
        """The images of the state's activity in its order, int (M,).

        Images without a known error come last.

        Raises:
            PosekitError: no such order, joint or activity.
        """
        check_choice("browsed()", "order", state.order, self.orders)
        check_choice("browsed()", "joint", state.joint, self.joints)
        shown = np.arange(len(self.dataset))
        if state.activity is not None:
            check_choice("browsed()", "activity", state.activity, self.activity_names)
            shown = np.flatnonzero(self.activities == state.activity)
        if state.order == "index":
            return shown
        return shown[np.argsort(-self.ranked_error_px(state)[shown], kind="stable")]

    def ranked_error_px(self, state):
        """The errors that go with the state's order, float (N,): the joint's or the images'."""
        if state.order == "joint":
            return self.error_px[:, self.joints.index(state.joint)]
        return self.image_error_px

    def first(self, state):
        """The state at the first image of its order."""
        return replace(state, image=int(self.browsed(state)[0]))

    def step(self, state, by):
        """The state so many images on in its order, and on from its other end.

        From an image that is not of the state's activity it goes to the first one that is.
        """
        browsed = self.browsed(state)
        if state.image not in browsed:
            return self.first(state)
        place = int(np.flatnonzero(browsed == state.image)[0])
        return replace(state, image=int(browsed[(place + by) % len(browsed)]))

    def click(self, state, x_px, y_px):
        """The state after a click on its picture: the nearest drawn joint is chosen.

        Its saliency is shown, where there is one, and hidden by another click on the same joint.

        Args:
            state: State.
            x_px, y_px: float, pixels of `picture`.

        Returns:
            State; the same where no joint is drawn.
        """
        distance_px = np.linalg.norm(self._drawn_px(state) - [x_px, y_px], axis=-1)  # (2, K)
        if not np.isfinite(distance_px).any():
            return state
        joint = self.joints[int(np.argmin(distance_px.min(axis=0)))]
        again = state.saliency and joint == state.joint
        return replace(state, joint=joint, saliency=self.has_saliency and not again)

    def _drawn_px(self, state):
        """float (2, K, 2), true and predicted joints in the picture; inf where not drawn."""
        subject = self.subject(state)
        drawn_px = np.full((2, len(self.joints), 2), np.inf)
        if state.truth:
            true_px = subject.shown_px(subject.true_px)
            drawn_px[0] = np.where(subject.labelled[:, None], true_px, np.inf)
        if state.prediction and subject.predicted_px is not None:
            drawn_px[1] = subject.shown_px(subject.predicted_px)
        return drawn_px

    def subject(self, state):
        """The explore_subjects.Subject of a state.

        Raises:
            PosekitError: no such image.
        """
        if not 0 <= state.image < len(self.dataset):
            raise PosekitError(
                f"subject(): `image` must be in 0..{len(self.dataset) - 1}; got {state.image}."
            )
        return self._subject(state.image, state.variation)

    def _make_subject(self, image, variation):
        if variation is not None:
            return self._varied(self._subject(image, None), *variation)
        encoded = self.dataset.read_image(str(self.dataset.image_ids[image]))
        stored = Subject(
            frames.decode(encoded).numpy(),
            self.dataset.keypoints_px[image],
            self.dataset.labelled[image],
        )
        return stored if self.poses is None else _with_pose(stored, self.poses, image)

    def _varied(self, stored, augmentation, mirrored, draw):
        varied = explorer_subject.varied(
            stored.image,
            stored.true_px,
            stored.labelled,
            augmentation,
            mirrored=mirrored,
            rng=np.random.default_rng(draw),
            skeleton=self.dataset.skeleton,
        )
        if self._estimator is None:
            return varied
        # The model looks again: how it copes is what the sliders are for.
        return _with_pose(varied, self._estimator.estimate([varied.image]), 0)

    def _compute_saliency(self, image, variation, joint):
        subject = self._subject(image, variation)
        return shown_saliency(subject, self._gradient_stage, joint)

    def picture(self, state):
        """What the panel shows: the whole picture in a square, with what the state draws on it.

        Args:
            state: State.

        Returns:
            uint8 (PICTURE_PX, PICTURE_PX, 3), RGB, with explore_subjects.PICTURE_PX.
        """
        subject, skeleton = self.subject(state), self.dataset.skeleton
        joint = self.joints.index(state.joint)
        shown = subject.shown_image()
        if state.saliency and self.has_saliency:
            strength = self._saliency(state.image, state.variation, joint)
            shown = drawing.lay_saliency(shown, strength)
        true_px, predicted_px = self._drawn_px(state)
        true_drawn, predicted_drawn = np.isfinite([true_px, predicted_px]).all(axis=-1)  # (K,)
        shown = drawing.draw_truth(
            shown, true_px, true_drawn, skeleton=skeleton
        )
        if predicted_drawn.all():
            shown = drawing.draw_skeleton(
                shown, predicted_px, None, subject.confidences, skeleton=skeleton
            )
        ends_px = [
            positions_px[joint]
            for positions_px, drawn in ((predicted_px, predicted_drawn), (true_px, true_drawn))
            if drawn[joint]
        ]
        return drawing.draw_ring(shown, *ends_px) if ends_px else shown

    def title(self, state):
        """Which image is shown and how far the model is off, in words."""
        browsed = self.browsed(state)
        place = np.flatnonzero(browsed == state.image)
        parts = [str(self.dataset.image_ids[state.image])]
        parts += [f"{place[0] + 1} of {len(browsed)}"] if len(place) else []
        if self.activities is not None:
            parts.append(str(self.activities[state.image]))
        error_px = self.subject(state).error_px
        if np.isfinite(error_px).any():
            parts.append(f"mean error {np.nanmean(error_px):.1f} px")
        return " · ".join(parts)

    def joint_rows(self, state):
        """The joints of the state's picture, as rows of a table.

        Returns:
            list of dict: joint, error_px in pixels of the stored picture, error_torsos in torso
            lengths, confidence; None where not known.
        """
        subject = self.subject(state)
        torso_px = subject.scale * geometry.torso_length_px(
            subject.true_px[None], subject.labelled[None], skeleton=self.dataset.skeleton
        )
        error_torsos = subject.error_px / np.where(torso_px > 0, torso_px, np.nan)
        confidences = subject.confidences
        if confidences is None:
            confidences = np.full(len(self.joints), np.nan)
        return [
            {
                "joint": name,
                "error_px": _known(error_px),
                "error_torsos": _known(torsos),
                "confidence": _known(confidence),
            }
            for name, error_px, torsos, confidence in zip(
                self.joints, subject.error_px, error_torsos, confidences, strict=True
            )
        ]


def open_explorer(dataset, *, model=NO_MODEL, activities=None):
    """An Explorer with a model by its name.

    Args:
        dataset: PoseDataset.
        model: as for `estimators.load`, a path seen from the project's root when relative; or
            "none".
        activities: a name for each image; None takes what the data set itself knows.

    Returns:
        Explorer.

    Raises:
        PosekitError: as `estimators.load` and `Explorer` do.
    """
    if activities is None:
        activities = dataset.extras.get("activity")
    if model == NO_MODEL:
        return Explorer(dataset, activities=activities)
    slow = loading.load(path_of(model), compiled=False)
    # Networks that were exported are fast already, and cannot be differentiated.
    fast = tuple(
        replace(stage, network=runtimes.compiled(stage.network)) if _is_keras(stage) else stage
        for stage in slow.stages
    )
    return Explorer(
        dataset,
        estimator=replace(slow, stages=fast),
        gradient_stage=slow.stages[-1] if _is_keras(slow.stages[-1]) else None,
        activities=activities,
    )


def path_of(model):
    """The Path of a model, seen from the project's root unless it is shipped or absolute."""
    return files.from_root(loading.path_of(model))


def _is_keras(stage):
    return not isinstance(stage.network, (runtimes.LiteRtNetwork, runtimes.OnnxNetwork))


def _check_joints(predicted, skeleton):
    if predicted != skeleton.joint_count:
        raise PosekitError(
            f"Explorer(): `estimator` must predict the {skeleton.joint_count} joints of "
            f"{skeleton.name}; got {predicted}. Take a model that was trained on them."
        )


def _with_pose(subject, poses, index):
    return replace(
        subject,
        predicted_px=poses.keypoints_px[index],
        confidences=poses.confidences[index],
        looked_at_px=poses.boxes_px[index],
    )


def _known(value):
    return float(value) if np.isfinite(value) else None
