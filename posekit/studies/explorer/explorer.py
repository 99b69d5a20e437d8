"""What the panel for browsing predictions shows: from a state to a picture, without widgets."""

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from posekit import drawing, files, geometry
from posekit.datasets import image_files
from posekit.errors import PosekitError
from posekit.estimators import loading, runtimes
from posekit.pipeline.augmentation import AUGMENTATIONS, Augmentation
from posekit.studies.explorer.subject import Subject, distances_px, shown_saliency, varied

# As `model`: images and labels alone.
NO_MODEL = "none"

ORDERS = ("index", "error", "joint")

# How many pictures and maps are kept for when one comes back to them.
CACHED = 16


@dataclass(frozen=True)
class State:
    """What the panel is set to."""

    joint: str
    order: str = "index"  # images as stored, or the largest error first: of all joints, of `joint`
    activity: str | None = None  # only its images are browsed; None browses all
    image: int = 0  # index into the data set
    truth: bool = True  # an overlay, as the next two
    prediction: bool = True
    saliency: bool = False
    augmentation: Augmentation = AUGMENTATIONS["none"]
    mirrored: bool = False
    draw: int = 0  # seed of the augmentation

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

    `poses` of the stored images are None without a model. `error_px`, float (N, K), and its mean
    over each image's labelled joints, `image_error_px`, are pixels, NaN where not known.
    """

    def __init__(self, dataset, *, estimator=None, gradient_stage=None, activities=None):
        if not len(dataset):
            raise PosekitError("Explorer(): `dataset` must hold an image; got none.")
        self.dataset = dataset
        self.joints = dataset.skeleton.joints
        self.activities = None if activities is None else np.array(activities, dtype=str)
        self._estimator, self.has_saliency = estimator, gradient_stage is not None
        self.poses = None if estimator is None else estimator.estimate_dataset(dataset)
        self.error_px = np.full(dataset.labelled.shape, np.nan)
        if self.poses is not None:
            predicted_px = self.poses.keypoints_px
            if predicted_px.shape[1] != len(self.joints):
                raise PosekitError(
                    f"Explorer(): `estimator` must predict the {len(self.joints)} joints of "
                    f"{dataset.skeleton.name}; got {predicted_px.shape[1]}. Take a model trained "
                    "on them."
                )
            self.error_px = distances_px(predicted_px, dataset.keypoints_px, dataset.labelled)
        counts = np.isfinite(self.error_px).sum(axis=1)
        self.image_error_px = np.nansum(self.error_px, axis=1) / np.where(counts, counts, np.nan)
        # The overlays change more often than the picture.
        self._subject = lru_cache(CACHED)(self._make_subject)
        self._saliency = lru_cache(CACHED)(
            lambda image, variation, joint: shown_saliency(
                self._subject(image, variation), gradient_stage, joint
            )
        )

    def start(self):
        """The State to begin with: the first image, and the last joint that has labels."""
        return State(joint=(self.dataset.known_joints or self.joints)[-1])

    @property
    def orders(self):
        """The available orders: without a model there is no error."""
        return ORDERS if self.poses is not None else ORDERS[:1]

    @property
    def activity_names(self):
        """The activities of the data, sorted."""
        return [] if self.activities is None else np.unique(self.activities).tolist()

    def browsed(self, state):
        """The images of the state's activity in its order, int (M,); those without error last."""
        shown = np.arange(len(self.dataset))
        if state.activity is not None:
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
        """The state `by` images further in its order, which is a circle.

        From an image of another activity than the state's it goes to the first image of it.
        """
        browsed = self.browsed(state)
        if state.image not in browsed:
            return self.first(state)
        position = int(np.flatnonzero(browsed == state.image)[0])
        return replace(state, image=int(browsed[(position + by) % len(browsed)]))

    def click(self, state, x_px, y_px):
        """The state after a click on `picture`: the nearest joint shown, if any, is chosen.

        Its saliency is shown, where there is one, and hidden by another click on the same joint.
        """
        distance_px = np.linalg.norm(self._overlay_px(state) - [x_px, y_px], axis=-1)  # (2, K)
        if not np.isfinite(distance_px).any():
            return state
        joint = self.joints[int(np.argmin(distance_px.min(axis=0)))]
        again = state.saliency and joint == state.joint
        return replace(state, joint=joint, saliency=self.has_saliency and not again)

    def _overlay_px(self, state):
        """float (2, K, 2), true and predicted joints in the picture; inf where not shown."""
        subject = self.subject(state)
        overlay_px = np.full((2, len(self.joints), 2), np.inf)
        if state.truth:
            true_px = subject.shown_px(subject.true_px)
            overlay_px[0] = np.where(subject.labelled[:, None], true_px, np.inf)
        if state.prediction and subject.predicted_px is not None:
            overlay_px[1] = subject.shown_px(subject.predicted_px)
        return overlay_px

    def subject(self, state):
        """The `subject.Subject` of a state."""
        return self._subject(state.image, state.variation)

    def _make_subject(self, image, variation):
        if variation is None:
            encoded = self.dataset.read_image(str(self.dataset.image_ids[image]))
            subject = Subject(
                image_files.decode(encoded),
                self.dataset.keypoints_px[image],
                self.dataset.labelled[image],
            )
            poses = self.poses
        else:
            augmentation, mirrored, draw = variation
            mirror = self.dataset.skeleton.mirror if mirrored else None
            stored = self._subject(image, None)
            subject = varied(stored, augmentation, rng=np.random.default_rng(draw), mirror=mirror)
            image = 0
            # The sliders are there to show how the model copes.
            poses = self._estimator and self._estimator.estimate([subject.image])
        if poses is None:
            return subject
        return replace(
            subject,
            predicted_px=poses.keypoints_px[image],
            confidences=poses.confidences[image],
            input_box_px=poses.boxes_px[image],
        )

    def picture(self, state):
        """The whole picture in a square with the state's overlays, uint8 (S, S, 3), RGB."""
        subject, skeleton = self.subject(state), self.dataset.skeleton
        joint = self.joints.index(state.joint)
        shown = subject.shown_image()
        if state.saliency and self.has_saliency:
            strength = self._saliency(state.image, state.variation, joint)
            shown = drawing.lay_saliency(shown, strength)
        true_px, predicted_px = self._overlay_px(state)
        true_shown, predicted_shown = np.isfinite([true_px, predicted_px]).all(axis=-1)  # (K,)
        shown = drawing.draw_truth(shown, true_px, true_shown, skeleton=skeleton)
        if predicted_shown.all():
            shown = drawing.draw_skeleton(
                shown, predicted_px, None, subject.confidences, skeleton=skeleton
            )
        ends_px = [
            end_px[joint] for end_px in (predicted_px, true_px) if np.isfinite(end_px[joint]).all()
        ]
        return drawing.draw_ring(shown, *ends_px) if ends_px else shown

    def title(self, state):
        """Which image is shown and how far the model is off, as text."""
        browsed = self.browsed(state)
        position = np.flatnonzero(browsed == state.image)
        parts = [str(self.dataset.image_ids[state.image])]
        parts += [f"{position[0] + 1} of {len(browsed)}"] if len(position) else []
        if self.activities is not None:
            parts.append(str(self.activities[state.image]))
        subject = self.subject(state)
        if np.isfinite(subject.error_px).any():
            parts.append(f"mean error {np.nanmean(subject.error_px):.1f} px")
        return " · ".join(parts)

    def joint_rows(self, state):
        """Rows for a table of the joints: joint, error_px in pixels of the stored picture,
        error_torsos in torso lengths, confidence; None where not known.
        """
        subject = self.subject(state)
        torso_px = subject.scale * geometry.torso_length_px(
            subject.true_px[None], subject.labelled[None], skeleton=self.dataset.skeleton
        )
        unknown = np.full(len(self.joints), np.nan)
        columns = {
            "error_px": subject.error_px,
            "error_torsos": subject.error_px / np.where(torso_px > 0, torso_px, np.nan),
            "confidence": unknown if subject.confidences is None else subject.confidences,
        }
        rows = [{"joint": joint} for joint in self.joints]
        for name, values in columns.items():
            for row, value in zip(rows, values, strict=True):
                row[name] = float(value) if np.isfinite(value) else None
        return rows


def open_explorer(dataset, *, model=NO_MODEL, activities=None):
    """An Explorer with a model, as for `loading.load`, or NO_MODEL.

    `activities` has a name for each image; None takes those of the data set.
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
