"""The synthetic set: bodies and poses by hand, scenes by property, files as a reader sees them."""

import csv
import json
import subprocess
import sys
from dataclasses import replace

import cv2
import numpy as np
import pytest
import scipy.io
import scipy.stats

from posekit.datasets.synthetic import backgrounds, figures, outfits, rendering, scenes, writing
from posekit.datasets.synthetic.pose_families import draw_pose, tables
from posekit.errors import PosekitError
from posekit.skeleton import LSP

LIMITS_DEG, RELAXED, FAMILIES = tables().values()
COUNT = 150


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return writing.write(tmp_path_factory.mktemp("data") / "set", count=COUNT, seed=3)


@pytest.fixture(scope="module")
def joints(folder):
    return scipy.io.loadmat(folder / "joints.mat")["joints"]


@pytest.fixture(scope="module")
def plans():
    return [scenes.plan(index, 0) for index in range(600)]


def upright_pose(**angles):
    """All angles zero but those named, by the names that `draw_pose` gives them."""
    names = draw_pose(np.random.default_rng(0), "standing")
    assert set(angles) <= set(names)
    return {name: angles.get(name, 0.0) for name in names}


def upright(view=None, **angles):
    """A person of average build, facing the camera unless seen from another view."""
    body = (figures.LENGTHS, figures.RADII)
    return figures.assemble(body, upright_pose(**angles), np.eye(3) if view is None else view)


def reach_of(scene):
    """The joints' box at its larger side, as a share of the frame."""
    return (np.ptp(scene.keypoints_px, axis=0) / (np.array(scene.size_px) - 1)).max()


def test_a_person_at_attention_faces_the_camera_with_the_left_side_on_the_right():
    points = upright().points
    np.testing.assert_allclose(points["left_hip"], [0.052, 0, 0])
    np.testing.assert_allclose(points["left_ankle"], [0.052, -0.49, 0])
    np.testing.assert_allclose(points["left_wrist"], [0.105, 0.268 - 0.32, 0])
    np.testing.assert_allclose(points["head_top"], [0, 0.475, 0], atol=1e-12)
    assert points["left_toe"][2] > points["left_heel"][2]  # Toes point at the camera.


@pytest.mark.parametrize(
    ("angles", "start", "end", "direction"),
    [
        ({"left_shoulder_flexion": 90}, "left_shoulder", "left_elbow", [0, 0, 1]),
        ({"left_shoulder_flexion": 180}, "left_shoulder", "left_wrist", [0, 1, 0]),
        ({"left_shoulder_abduction": 90}, "left_shoulder", "left_elbow", [1, 0, 0]),
        ({"right_shoulder_abduction": 90}, "right_shoulder", "right_elbow", [-1, 0, 0]),
        ({"right_elbow_flexion": 90}, "right_elbow", "right_wrist", [0, 0, 1]),
        ({"left_hip_flexion": 90}, "left_hip", "left_knee", [0, 0, 1]),
        ({"right_hip_abduction": 30}, "right_hip", "right_knee", [-0.5, -np.sqrt(0.75), 0]),
        ({"left_knee_flexion": 90}, "left_knee", "left_ankle", [0, 0, -1]),
        ({"root_pitch": 180}, "neck", "head_top", [0, -1, 0]),
        ({"spine_flexion": 90}, "neck", "head_top", [0, 0, 1]),
        ({"root_roll": 90}, "neck", "head_top", [1, 0, 0]),
        # Turned outward by 90 degrees, a bent arm points its forearm sideways.
        (
            {"left_shoulder_twist": 90, "left_elbow_flexion": 90},
            "left_elbow",
            "left_wrist",
            [1, 0, 0],
        ),
    ],
)
def test_each_angle_moves_its_limb_the_way_it_says(angles, start, end, direction):
    points = upright(**angles).points
    limb = points[end] - points[start]
    np.testing.assert_allclose(limb / np.linalg.norm(limb), direction, atol=1e-12)


def test_mirrored_angles_give_the_mirrored_person():
    pose = draw_pose(np.random.default_rng(1), "throwing")
    other_side = {"left": "right", "right": "left"}
    mirrored = {}
    for name, degrees in pose.items():
        side, _, angle = name.partition("_")
        if side in other_side:
            mirrored[f"{other_side[side]}_{angle}"] = degrees
        else:
            turns = name in ("root_roll", "spine_lean", "spine_twist", "neck_turn")
            mirrored[name] = -degrees if turns else degrees
    body = (figures.LENGTHS, figures.RADII)
    one = figures.assemble(body, pose, np.eye(3)).joints()
    two = figures.assemble(body, mirrored, np.eye(3)).joints()
    np.testing.assert_allclose(two, one[list(LSP.mirror)] * [-1, 1, 1], atol=1e-12)


@pytest.mark.parametrize("family", FAMILIES)
def test_bones_keep_their_length_and_joints_their_limits(family):
    rng = np.random.default_rng(2)
    bones = {
        "thigh": ("hip", "knee"),
        "shank": ("knee", "ankle"),
        "upper_arm": ("shoulder", "elbow"),
        "forearm": ("elbow", "wrist"),
    }
    for _ in range(40):
        body, pose = figures.draw_body(rng), draw_pose(rng, family)
        points = figures.assemble(body, pose, figures.draw_view(rng)).points
        for side in ("left", "right"):
            vectors = {
                bone: points[f"{side}_{end}"] - points[f"{side}_{start}"]
                for bone, (start, end) in bones.items()
            }
            for bone, vector in vectors.items():
                assert np.linalg.norm(vector) == pytest.approx(body[0][bone])
            for joint, upper, lower in (
                ("knee", "thigh", "shank"),
                ("elbow", "upper_arm", "forearm"),
            ):
                cosine = vectors[upper] @ vectors[lower] / (body[0][upper] * body[0][lower])
                bend = np.degrees(np.arccos(np.clip(cosine, -1, 1)))
                assert bend == pytest.approx(pose[f"{side}_{joint}_flexion"], abs=1e-4)
                assert bend <= LIMITS_DEG[f"{joint}_flexion"][1] + 1e-4


def test_families_name_only_known_angles():
    known = {f"{role}{angle}" for angle in LIMITS_DEG for role in ("", "lead_", "trail_")}
    assert set(RELAXED) == set(LIMITS_DEG)
    for family, variants in FAMILIES.items():
        for variant in variants:
            assert set(variant) <= known, family


def test_families_differ_as_their_names_say():
    rng = np.random.default_rng(4)

    def mean_height(family, name):
        poses = [draw_pose(rng, family) for _ in range(30)]
        drawn = [figures.assemble(figures.draw_body(rng), pose, np.eye(3)) for pose in poses]
        return np.mean([figure.points[name][1] for figure in drawn])

    assert mean_height("standing", "head_top") > 0.4
    assert (
        mean_height("handstand", "left_ankle") > 0.3 > -0.3 > mean_height("handstand", "neck") - 0.1
    )
    # People who stand are upright in every pose: only the camera may tilt.
    for _ in range(200):
        figure = figures.assemble(figures.draw_body(rng), draw_pose(rng, "standing"), np.eye(3))
        assert figure.points["neck"][1] > 0.75 * np.linalg.norm(figure.points["neck"])
    # In a bridge the pelvis, at height 0, is the top: hands and head hang below it.
    assert mean_height("bridge", "left_wrist") < -0.15
    # Hips of a person who crouches are near the feet.
    assert mean_height("crouch", "left_ankle") > -0.35 > mean_height("standing", "left_ankle")


def straight_camera(scale_px=100.0, shift_px=(100, 100)):
    return rendering.Camera(distance=1e9, scale_px=scale_px, shift_px=np.array(shift_px, float))


def test_camera_by_hand():
    camera = rendering.Camera(distance=4.0, scale_px=10.0, shift_px=np.array([50.0, 60.0]))
    pixels, scale_px = camera.project(np.array([[1.0, 2.0, 0.0], [1.0, 2.0, 2.0]]))
    np.testing.assert_allclose(pixels, [[60, 40], [70, 20]])  # Twice as near, twice as large.
    np.testing.assert_allclose(scale_px, [10, 20])


def test_the_nearer_part_covers_the_farther_and_hides_its_joints():
    def ball(depth, colour, joint):
        centres = np.array([[-0.01, 0, depth], [0.01, 0, depth]])
        return rendering.Part(centres, np.full(2, 0.2), centres, colour, depth, (joint,))

    keypoints_px = np.full((14, 2), -500.0)
    keypoints_px[[LSP.index["neck"], LSP.index["left_knee"]]] = 100
    canvas = np.zeros((200, 200, 3), np.uint8)
    near, far = ball(0.3, (200, 0, 0), "neck"), ball(-0.3, (0, 200, 0), "left_knee")
    image, painted = rendering.paint(
        canvas, [near, far], straight_camera(), np.array([0.0, 0.0, 1.0])
    )
    assert not canvas.any()  # The picture given is left as it was.
    assert image[100, 100, 0] > 150 and image[100, 100, 1] == 0
    hidden = rendering.hidden_joints(painted, keypoints_px)
    assert np.flatnonzero(hidden).tolist() == [LSP.index["left_knee"]]


def test_outlines_are_as_wide_as_the_body_and_centred_on_the_joints():
    figure = upright()
    parts = outfits.dress(figure, outfits.draw_outfit(np.random.default_rng(0)))
    camera = straight_camera(scale_px=400.0, shift_px=(300, 300))
    canvas = np.zeros((600, 600, 3), np.uint8)
    _, painted = rendering.paint(canvas, parts, camera, np.array([0.0, 0.6, 0.8]))
    shanks = [outline / 16 for names, outline in painted if names == ("left_knee", "left_ankle")]
    x, y = shanks[0][:, 0].T
    knee_px, ankle_px = camera.project(
        np.stack([figure.points[n] for n in ("left_knee", "left_ankle")])
    )[0]
    assert (x.min() + x.max()) / 2 == pytest.approx(knee_px[0], abs=0.1)
    assert np.ptp(x) == pytest.approx(2 * 400 * figures.RADII["knee"], abs=0.2)
    assert y.max() == pytest.approx(ankle_px[1] + 400 * figures.RADII["ankle"], abs=0.1)


@pytest.mark.parametrize(("yaw", "seen"), [(0, True), (180, False)])
def test_face_and_emblem_show_from_the_front_only(yaw, seen):
    turned = np.diag([1.0, 1.0, 1.0]) if yaw == 0 else np.diag([-1.0, 1.0, -1.0])
    outfit = outfits.Outfit(
        skin=(200, 150, 120),
        hair=(150, 150, 150),
        top=(0, 0, 200),
        trousers=(0, 0, 200),
        shoes=(0, 0, 200),
        emblem=(0, 200, 0),
        sleeve=1.0,
        leg=1.0,
        long_hair=False,
    )
    figure = upright(view=turned)
    canvas = np.full((400, 400, 3), 255, np.uint8)
    image, _ = rendering.paint(
        canvas,
        outfits.dress(figure, outfit),
        straight_camera(350.0, (200, 220)),
        np.array([0, 0, 1.0]),
    )
    red, green, blue = image.reshape(-1, 3).astype(int).T
    assert ((green > 120) & (red < 30) & (blue < 30)).any() == seen
    assert ((red < 45) & (green < 45) & (blue < 45)).any() == seen  # The eyes.
    left_px, right_px = straight_camera(350.0, (200, 220)).project(
        np.stack([figure.points["left_shoulder"], figure.points["right_shoulder"]])
    )[0]
    assert (left_px[0] > right_px[0]) == seen


def test_true_joints_are_inside_the_frame_and_sizes_in_range(plans):
    for scene in plans:
        width, height = scene.size_px
        assert 80 <= min(width, height) and max(width, height) <= 500
        assert 0.66 <= width / height <= 1.5
        assert (scene.keypoints_px >= 0).all()
        assert (scene.keypoints_px <= [width - 1, height - 1]).all()
    reaches = np.array([reach_of(scene) for scene in plans])
    assert 0.2 <= reaches.min() < 0.3 and 0.85 < reaches.max() <= 0.95
    assert 0.52 < np.median(reaches) < 0.63
    sizes = np.array([scene.size_px for scene in plans])
    np.testing.assert_allclose(np.median(sizes, axis=0), 240, atol=20)


def test_the_main_person_is_the_largest(plans):
    crowded = [scene for scene in plans if scene.person_count > 1]
    assert 0.3 < len(crowded) / len(plans) < 0.5
    for scene in plans:
        scales_px = [camera.scale_px for _, _, camera in scene.people]
        assert len(scales_px) + len(scene.in_front) == scene.person_count <= 3
        assert all(scale_px <= 0.6 * scales_px[-1] for scale_px in scales_px[:-1])
        assert all(camera.scale_px <= 0.95 * scales_px[-1] for _, _, camera in scene.in_front)


def test_who_stands_in_front_hides_joints_and_nobody_else_does(plans):
    crossed = [index for index, scene in enumerate(plans) if scene.in_front]
    assert 0.08 < len(crossed) / len(plans) < 0.17
    examples = [writing.example(index, 0) for index in crossed]
    hidden = np.array([example.hidden_by_others for example in examples])
    assert 0.25 < hidden.any(axis=1).mean() < 0.75
    assert all(example.occluded[example.hidden_by_others].all() for example in examples)
    alone = [index for index, scene in enumerate(plans) if not scene.in_front][:20]
    assert not any(writing.example(index, 0).hidden_by_others.any() for index in alone)


def test_a_person_in_front_changes_the_picture_where_joints_are_hidden(monkeypatch, plans):
    index = next(
        index
        for index in range(600)
        if plans[index].in_front and writing.example(index, 0).hidden_by_others.any()
    )
    with_them = writing.example(index, 0)
    monkeypatch.setattr(writing, "plan", lambda *_: replace(plans[index], in_front=[]))
    without = writing.example(index, 0)
    changed = (with_them.image != without.image).any(axis=-1)
    columns, rows = np.rint(with_them.keypoints_px[with_them.hidden_by_others]).astype(int).T
    assert changed[rows, columns].all() and changed.mean() < 0.7
    assert not without.hidden_by_others.any()


def test_all_activities_are_about_as_common(plans):
    _, counts = np.unique([scene.activity for scene in plans], return_counts=True)
    assert len(counts) == len(FAMILIES) == 8
    assert scipy.stats.chisquare(counts).pvalue > 0.01


def test_size_place_and_crowd_do_not_tell_the_activity(plans):
    activity = np.array([scene.activity for scene in plans])
    features = {
        "reach": [reach_of(scene) for scene in plans],
        "width": [scene.size_px[0] for scene in plans],
        "height": [scene.size_px[1] for scene in plans],
        "person_count": [scene.person_count for scene in plans],
        "sleeve": [scene.people[-1][1].sleeve for scene in plans],
        "red_top": [scene.people[-1][1].top[0] for scene in plans],
        "light": [scene.light[0] for scene in plans],
    }
    for name, values in features.items():
        values = np.array(values)
        groups = [values[activity == family] for family in FAMILIES]
        # One in a thousand, as several features are tested on one fixed draw.
        assert scipy.stats.f_oneway(*groups).pvalue > 0.001, name


def test_another_activity_changes_nothing_but_the_pose(monkeypatch, plans):
    def always_a_bridge(rng):
        rng.integers(len(FAMILIES))  # as many random numbers as usual
        return "bridge"

    monkeypatch.setattr(scenes, "_draw_activity", always_a_bridge)
    for index in range(10):
        changed, scene = scenes.plan(index, 0), plans[index]
        assert changed.activity == "bridge"
        assert changed.size_px == scene.size_px
        assert reach_of(changed) == pytest.approx(reach_of(scene))
        assert changed.people[-1][1] == scene.people[-1][1]
        assert changed.person_count == scene.person_count
        np.testing.assert_array_equal(changed.light, scene.light)


def test_people_stand_out_from_muted_backgrounds():
    saturation = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        background = backgrounds.draw_background(rng, 120, 90)
        assert background.shape == (90, 120, 3) and background.dtype == np.uint8
        assert background.std(axis=(0, 1)).mean() > 5  # Never one plain colour.
        saturation.append(cv2.cvtColor(background, cv2.COLOR_RGB2HSV)[..., 1].mean())
    tops = [outfits.draw_outfit(np.random.default_rng(seed)).top for seed in range(60)]
    tops_hsv = cv2.cvtColor(np.array([tops], np.float32) / 255, cv2.COLOR_RGB2HSV)
    assert np.mean(saturation) < 80 < 255 * np.median(tops_hsv[..., 1])


def test_an_example_depends_on_seed_and_index_alone(folder):
    first = writing.example(COUNT - 1, 3)
    again = writing.example(COUNT - 1, 3)
    np.testing.assert_array_equal(first.image, again.image)
    np.testing.assert_array_equal(first.labelled, again.labelled)
    np.testing.assert_array_equal(first.keypoints_px, again.keypoints_px)
    for other in (writing.example(COUNT - 1, 4), writing.example(COUNT - 2, 3)):
        assert not np.array_equal(other.keypoints_px, first.keypoints_px)
        assert not np.array_equal(other.image, first.image)


def test_the_same_seed_writes_the_same_bytes_and_the_count_changes_no_earlier_image(
    folder, tmp_path
):
    again = writing.write(tmp_path / "again", count=5, seed=3)
    twin = writing.write(tmp_path / "twin", count=5, seed=3)
    other = writing.write(tmp_path / "other", count=5, seed=4)
    names = sorted(path.relative_to(again) for path in again.rglob("*") if path.is_file())
    assert len(names) == 5 + 5
    for name in names:
        assert (again / name).read_bytes() == (twin / name).read_bytes(), name
        if name.name != "README.txt":
            assert (again / name).read_bytes() != (other / name).read_bytes(), name
    for number in range(1, 6):
        name = f"images/im{number:05d}.jpg"
        assert (again / name).read_bytes() == (folder / name).read_bytes()
    few = scipy.io.loadmat(again / "joints.mat")["joints"]
    many = scipy.io.loadmat(folder / "joints.mat")["joints"]
    np.testing.assert_array_equal(few, many[..., :5])


def test_layout_reads_back(folder, joints):
    names = sorted(path.name for path in folder.iterdir())
    assert names == [
        "README.txt",
        "annotations.csv",
        "images",
        "joints.mat",
        "synthetic.json",
        "truth.npz",
    ]
    assert joints.shape == (14, 3, COUNT) and joints.dtype == np.float64
    pictures = sorted((folder / "images").iterdir())
    assert [path.name for path in pictures] == [f"im{n:05d}.jpg" for n in range(1, COUNT + 1)]
    with (folder / "annotations.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    truth = np.load(folder / "truth.npz")
    assert truth["keypoints_px"].shape == (COUNT, 14, 2)
    assert truth["occluded"].shape == (COUNT, 14) and truth["occluded"].dtype == bool
    recipe = json.loads((folder / "synthetic.json").read_text())
    assert recipe == {"generator_version": 2, "seed": 3, "count": COUNT}
    for index in (0, 7, COUNT - 1):
        scene = scenes.plan(index, 3)
        assert rows[index] == {
            "image": pictures[index].stem,
            "activity": scene.activity,
            "person_count": str(scene.person_count),
        }
        assert cv2.imread(pictures[index]).shape[1::-1] == scene.size_px
        np.testing.assert_array_equal(truth["keypoints_px"][index], scene.keypoints_px)


def test_jpeg_holds_the_colours_of_the_example(folder):
    drawn = writing.example(0, 3).image
    stored = cv2.cvtColor(cv2.imread(folder / "images" / "im00001.jpg"), cv2.COLOR_BGR2RGB)
    difference = np.abs(drawn.astype(int) - stored)
    assert difference.mean() < 4
    assert difference.mean() < 0.5 * np.abs(drawn[..., ::-1].astype(int) - stored).mean()


def test_labelled_joints_are_true_and_missing_ones_junk(folder, joints):
    labelled = joints[:, 2].T == 1  # (N, 14)
    stored_px = joints[:, :2].transpose(2, 0, 1)  # (N, 14, 2)
    truth = np.load(folder / "truth.npz")
    assert set(np.unique(joints[:, 2])) == {0, 1}
    assert 0.85 < labelled.mean() < 0.91
    np.testing.assert_array_equal(stored_px[labelled], truth["keypoints_px"][labelled])
    junk = stored_px[~labelled]
    assert (junk <= 0).all()
    assert (junk == 0).any(axis=-1).all()
    assert (junk < 0).any(axis=0).all()  # Now x is negative, now y.
    missing_share = (~labelled)[truth["occluded"]].mean()
    assert missing_share > 2 * (~labelled)[~truth["occluded"]].mean()


def test_some_joints_are_occluded_but_few(folder):
    assert 0.08 < np.load(folder / "truth.npz")["occluded"].mean() < 0.16


def test_the_same_set_is_left_untouched(tmp_path):
    folder = writing.write(tmp_path / "deep" / "set", count=2, seed=0)
    marker = folder / "images" / "im00001.jpg"
    marker.write_bytes(b"changed since")
    assert writing.write(folder, count=2, seed=0) == folder
    assert marker.read_bytes() == b"changed since"
    assert [path.name for path in folder.parent.iterdir()] == ["set"]  # No temporary folder.


def test_another_set_is_named_and_kept(tmp_path):
    folder = writing.write(tmp_path / "set", count=2, seed=0)
    with pytest.raises(PosekitError, match=r"'seed': 1, 'count': 2\}; got .*'seed': 0, 'count': 2"):
        writing.write(folder, count=2, seed=1)
    assert len(list((folder / "images").iterdir())) == 2


def test_foreign_files_are_named_and_kept(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(PosekitError, match=r"got .* without a readable synthetic.json"):
        writing.write(tmp_path, count=1, seed=0)
    assert (tmp_path / "thesis.txt").read_text() == "mine"
    with pytest.raises(PosekitError, match=r"got .*thesis.txt .*Not a directory"):
        writing.write(tmp_path / "thesis.txt", count=1, seed=0)
    (tmp_path / "synthetic.json").write_text("{")
    with pytest.raises(PosekitError, match="without a readable synthetic.json .*line 1"):
        writing.write(tmp_path, count=1, seed=0)


def test_an_empty_folder_is_used(tmp_path):
    assert (writing.write(tmp_path, count=1, seed=0) / "joints.mat").is_file()


def test_an_unwritable_place_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(
        PosekitError,
        match=r"file/deeper/set: must be new, in a writable place .*; got Not a directory",
    ):
        writing.write(tmp_path / "file" / "deeper" / "set", count=1, seed=0)


def test_an_interrupted_writing_leaves_nothing(monkeypatch, tmp_path):
    def fail(index, seed):
        raise KeyboardInterrupt(f"at image {index}")

    monkeypatch.setattr(writing, "example", fail)
    with pytest.raises(KeyboardInterrupt, match="at image 0"):
        writing.write(tmp_path / "set", count=1, seed=0)
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_left_is_removed_and_what_a_living_one_writes_is_not(tmp_path):
    # A pipe tells when each process is about to draw, in its folder beside the set's.
    program = (
        "import sys, time; from posekit.datasets.synthetic import writing\n"
        "writing.example = lambda index, seed: (print(flush=True), time.sleep(60))\n"
        "writing.write(sys.argv[1], count=1, seed=0)"
    )
    started = [
        subprocess.Popen([sys.executable, "-c", program, tmp_path / name], stdout=subprocess.PIPE)
        for name in ("set", "set", "another-set")
    ]
    try:
        assert all(process.stdout.readline() for process in started)
        assert len(list(tmp_path.iterdir())) == 3
        started[0].kill()
        started[0].wait()
        folder = writing.write(tmp_path / "set", count=1, seed=0)
        left = sorted(path.name.partition("-")[2][9:] for path in tmp_path.glob(".partial-*"))
        assert left == ["another-set", "set"] and (folder / "joints.mat").is_file()
    finally:
        for process in started:
            process.kill()
            process.wait()
            process.stdout.close()


def test_a_full_disk_is_named_and_leaves_nothing(monkeypatch, tmp_path):
    def fail(folder, recipe):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(writing, "_write_files", fail)
    with pytest.raises(
        PosekitError, match="set: must be .* with room .*; got No space left on device"
    ):
        writing.write(tmp_path / "set", count=1, seed=0)
    assert list(tmp_path.iterdir()) == []


def test_numbers_out_of_range_are_all_named(tmp_path):
    with pytest.raises(PosekitError, match=r"(?s)`count` .*got 0\..*`seed` .*got -1\.") as caught:
        writing.write(tmp_path / "set", count=0, seed=-1)
    assert "{" not in str(caught.value)
    with pytest.raises(PosekitError, match=r"got 1\.5"):
        writing.write(tmp_path / "set", count=1.5, seed=0)
