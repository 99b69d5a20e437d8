"""Tests of the GPU training, on a CPU and without photographs.

Run as `python -m pytest models/gpu_training` in the environment of requirements.txt, with pytest.
Whether a whole training runs, `train.py main --toy --limit 16` shows. to_keras.py compares the
logits with those of posekit's networks.
"""

import math
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1])]

import augment  # noqa: E402
import canvases  # noqa: E402
import degrade  # noqa: E402
import losses  # noqa: E402
import networks  # noqa: E402
import pack  # noqa: E402
import paint  # noqa: E402

SIDE, COUNT = 384, 12
PLAIN = replace(augment.Strengths(), truncate=0.0, borders=(0.0, 0.0, 0.0))


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


def people(images=None):
    if images is None:
        images = torch.randint(256, (COUNT, 3, SIDE, SIDE), dtype=torch.uint8)
    keypoints = 92 + 200 * torch.rand(COUNT, 14, 2)
    edges = torch.tensor([[-0.5, -0.5, SIDE - 0.5, SIDE - 0.5]]).repeat(COUNT, 1)
    labelled = torch.ones(COUNT, 14, dtype=torch.bool)
    return canvases.Canvases(images, edges, keypoints, labelled, 192.0)


def spots(keypoints, side=SIDE, radius=6.0):
    """Pictures (N, 3, side, side) of one bright spot each, at keypoints (N, 2)."""
    line = torch.arange(side, dtype=torch.float32)
    x, y = (line - keypoints[:, :1]) ** 2, (line - keypoints[:, 1:]) ** 2
    spot = torch.exp(-(y[:, :, None] + x[:, None, :]) / (2 * radius**2))
    return (255 * spot).round().to(torch.uint8)[:, None].repeat(1, 3, 1, 1)


def middles(frames):
    """Where the light of frames is, (N, 2) as (x, y)."""
    light = torch.where(frames[:, 0] > 1, frames[:, 0], 0.0)
    line = torch.arange(frames.shape[-1], dtype=torch.float32)
    total = light.sum(dim=(1, 2))
    return torch.stack(
        [(light.sum(1) * line).sum(1) / total, (light.sum(2) * line).sum(1) / total], dim=-1
    )


@pytest.mark.parametrize("frame_px", [192, 256])
@pytest.mark.parametrize("taps", [1, 2])
@pytest.mark.parametrize("joint", [0, 5, 12])
def test_keypoints_stay_where_frames_show_them(frame_px, taps, joint):
    drawn = people()
    drawn.images = spots(drawn.keypoints[:, joint])
    geometry = augment.draw_pairs(drawn, 192, PLAIN)
    geometry.colours[:] = 0
    geometry = geometry.for_frame(frame_px)
    frames, _ = augment.show(drawn.images.repeat(2, 1, 1, 1), geometry, taps=taps)
    moved, _, _ = augment.move(
        drawn.keypoints.repeat(2, 1, 1), drawn.labelled.repeat(2, 1), geometry
    )
    # In a mirrored frame the spot is at the joint that this one becomes.
    becomes = torch.where(geometry.flip, augment.MIRROR[joint], joint)
    wanted = moved[torch.arange(2 * COUNT), becomes]
    well_inside = ((wanted > 45) & (wanted < frame_px - 45)).all(dim=-1)
    assert well_inside.sum() > 4
    assert (middles(frames) - wanted)[well_inside].abs().max() < 0.02


def test_back_undoes_move():
    drawn = people()
    geometry = augment.draw_pairs(drawn, 192, augment.Strengths())
    keypoints, labelled = drawn.keypoints.repeat(2, 1, 1), drawn.labelled.repeat(2, 1)
    moved, _, _ = augment.move(keypoints, labelled, geometry)
    torch.testing.assert_close(augment.back(moved, geometry), keypoints, atol=1e-3, rtol=0)


def test_near_pairs_show_nearly_the_same():
    geometry = augment.draw_pairs(people(), 192, replace(PLAIN, near=1.0))
    first, second = geometry.matrices.chunk(2)
    assert torch.equal(*geometry.flip.chunk(2))
    middle = torch.tensor([95.5, 95.5, 1.0])
    assert (first @ middle - second @ middle).abs().max() < 0.05 * 192 * 2


@pytest.mark.parametrize("factor", [0.7, 1.0, 1.6])
def test_frames_are_cut_as_posekit_cuts_them(factor):
    from posekit import geometry
    from posekit.pipeline import views

    rng = np.random.default_rng(0)
    picture = cv2.GaussianBlur(rng.integers(0, 256, (300, 340, 3)).astype(np.uint8), (0, 0), 4)
    box = np.array([80.0, 60.0, 150.0, 150.0])
    reach = np.concatenate([box[:2] - box[2:] / 2, box[2:] * 2])
    image, edges, _ = canvases._canvas(
        picture, np.array([0, 0, 340, 300]), reach, SIDE, np.zeros((14, 2))
    )
    one = canvases.Canvases(
        torch.from_numpy(image).permute(2, 0, 1)[None],
        torch.tensor(edges, dtype=torch.float32)[None],
        torch.zeros(1, 14, 2),
        torch.zeros(1, 14, dtype=torch.bool),
        192.0,
    )
    shown, _ = augment.show(one.images, augment.plain_geometry(one, 192, factor), taps=2)
    wanted = views.cut(picture, geometry.scale_boxes(box, factor), 192).astype(float)
    found = shown[0].permute(1, 2, 0).numpy()
    inner = slice(30, -30)
    # A shift by a tenth of a pixel would differ by more.
    assert np.abs(found - wanted)[inner, inner].mean() < 1.0


def test_cut_is_posekits():
    from posekit.pipeline import views

    picture = np.random.default_rng(0).integers(0, 256, (120, 90, 3)).astype(np.uint8)
    for box in ([-10.0, 5.5, 60.0, 60.0], [3.0, -20.0, 150.0, 150.0]):
        np.testing.assert_array_equal(
            canvases.cut(picture, np.array(box), 64), views.cut(picture, np.array(box), 64)
        )


def test_person_box_is_posekits():
    from posekit import geometry

    rng = np.random.default_rng(0)
    keypoints, counts = rng.uniform(0, 300, (5, 14, 2)), rng.random((5, 14)) < 0.5
    counts[0] = np.arange(14) == 3  # one joint alone: the least side
    found = [pack.person_box(*pair) for pair in zip(keypoints, counts, strict=True)]
    np.testing.assert_allclose(found, geometry.person_boxes(keypoints, counts), rtol=1e-12)


def test_pictures_in_parts_are_read_as_one(tmp_path):
    encoded = cv2.imencode(".png", np.full((6, 5, 3), 80, np.uint8))[1].tobytes()
    images = encoded * 30
    np.savez(tmp_path / "labels.npz", lengths=np.array([[len(encoded), 0]] * 30), validation=3)
    pack.write_images(images, tmp_path, None)
    pack.write_images(images, tmp_path, len(images) / 11.5 / 1e6)
    parts = sorted(path.name for path in tmp_path.glob("images*.bin"))
    assert len(parts) == 12
    assert max((tmp_path / name).stat().st_size for name in parts) <= len(images) / 11.5
    read = canvases.Pack(tmp_path)
    assert (read.count, read.validation_count) == (30, 3)
    assert (read.pictures(29)[0] == 80).all()


def test_cut_edges_hide_joints_and_nothing_else():
    drawn = people()
    drawn.rectangles = augment.cut_edges(drawn, 1.0)
    geometry = augment.plain_geometry(drawn, 192, scale=2.0)
    _, counts, _ = augment.move(drawn.keypoints, drawn.labelled, geometry)
    assert counts.any(dim=1).all()
    assert not counts.all(dim=1).any()
    frames, coverage = augment.show(drawn.images, geometry)
    assert (frames[(coverage == 0).expand_as(frames)] == canvases.FILL).all()


def test_painting_and_degrading_keep_shape_range_and_the_rest():
    drawn, strengths = people(), augment.Strengths()
    frames, keypoints, counts, geometry = augment.draw_people(drawn, 192, strengths, taps=1)
    assert frames.shape == (2 * COUNT, 3, 192, 192)
    assert keypoints.shape == (2 * COUNT, 14, 2)
    assert counts.shape == (2 * COUNT, 14)
    shown = degrade.degrade(frames, strengths)
    assert torch.isfinite(shown).all()
    assert shown.min() >= 0
    assert shown.max() <= 255


def test_garments_cover_limbs_and_need_labels():
    keypoints = torch.tensor(
        [[60, 180], [62, 140], [70, 105], [95, 105], [100, 140], [104, 180],
         [40, 110], [45, 80], [65, 55], [100, 55], [120, 80], [125, 110], [82, 50], [82, 25]],
        dtype=torch.float32,
    ).repeat(16, 1, 1)  # fmt: skip
    frames = torch.full((16, 3, 192, 192), 90.0)
    dressed = paint.garments(frames, keypoints, torch.ones(16, 14, dtype=torch.bool))
    changed = (dressed - frames).abs().amax(dim=(0, 1)) > 10
    assert changed[55:105, 70:95].any()
    assert not changed[:5].any()
    unknown = torch.zeros(16, 14, dtype=torch.bool)
    assert torch.equal(paint.garments(frames, keypoints, unknown), frames)


@pytest.mark.parametrize("quality", [20, 50, 85])
def test_jpeg_is_nearly_libjpegs(quality):
    rng = np.random.default_rng(0)
    picture = cv2.GaussianBlur(rng.integers(0, 256, (64, 64, 3)).astype(np.uint8), (0, 0), 2)
    settings = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, 0x111111]
    coded = cv2.imencode(".jpg", picture[:, :, ::-1], settings)[1]
    wanted = cv2.imdecode(coded, cv2.IMREAD_COLOR)[:, :, ::-1].astype(float)
    frames = torch.from_numpy(picture.copy()).float().permute(2, 0, 1)[None]
    found = degrade.jpeg(
        frames, torch.tensor([float(quality)]), torch.tensor([False]), (0, 0)
    )[0].permute(1, 2, 0).numpy()  # fmt: skip
    assert np.abs(found - wanted).mean() < 0.6 * np.abs(picture - wanted).mean()


def test_losses_by_closed_form():
    flat = torch.zeros(8, 14, 24, 24)
    assert losses.flatness_loss(flat).abs() < 1e-5
    assert losses.flatness_loss(5 * torch.randn(8, 14, 24, 24)) > 1
    keypoints = 40 + 100 * torch.rand(4, 14, 2)
    sharp = torch.log(losses.target_maps(keypoints, 24, 192) + 1e-12)
    found, mass = losses.find_peaks(losses.probabilities(sharp), 192)
    assert (found - keypoints).abs().max() < 2
    assert (mass > 0.5).all()
    fine = losses.target_maps(keypoints * 256 / 192, 64, 256)
    coarse = losses.coarser(fine, 24)
    torch.testing.assert_close(coarse.sum(dim=(2, 3)), torch.ones(4, 14))
    # The same points: pixel centres of the two frames are half a pixel apart.
    there = (losses.expected(fine, 256) + 0.5) * 192 / 256 - 0.5
    assert (losses.expected(coarse, 192) - there).abs().max() < 0.2


def test_agreement_is_zero_for_frames_that_agree():
    drawn = people()
    geometry = augment.draw_pairs(drawn, 192, replace(PLAIN, scale=1.1, wide=0.0, shift=0.03))
    moved, counts, _ = augment.move(
        drawn.keypoints.repeat(2, 1, 1), drawn.labelled.repeat(2, 1), geometry
    )
    well_inside = counts & ((moved > 30) & (moved < 162)).all(dim=-1)
    logits = torch.log(losses.target_maps(moved, 24, 192) + 1e-12)
    loss = losses.agreement_loss(logits, well_inside, geometry, 192.0)
    assert loss < 0.05


def random_trunk():
    """A trunk of seven narrow stages, one block each, under the checkpoint's names."""
    trunk = {}

    def put(convolution, normalisation, *shape):
        trunk[f"{convolution}.weight"] = torch.randn(shape) / math.prod(shape[1:]) ** 0.5
        for part in ("weight", "bias", "running_mean", "running_var"):
            trunk[f"{normalisation}.{part}"] = 0.5 + torch.rand(shape[0])

    put("_conv_stem", "_bn0", 32, 3, 3, 3)
    arriving = 32
    for number, leaving in enumerate((8, 12, 16, 20, 24, 28, 36)):
        name, inner = f"_blocks.{number}", 2 * arriving if number else arriving
        if number:
            put(f"{name}._expand_conv", f"{name}._bn0", inner, arriving, 1, 1)
        put(f"{name}._depthwise_conv", f"{name}._bn1", inner, 1, 3, 3)
        put(f"{name}._project_conv", f"{name}._bn2", leaving, inner, 1, 1)
        arriving = leaving
    return trunk


def test_weights_go_to_keras_and_back():
    network = networks.PoseNetwork(random_trunk()).eval()
    for _, normalisation in network.decoder.values():
        normalisation.running_mean.normal_()
        normalisation.running_var.uniform_(0.5, 2)
    arrays = {name: values.astype(np.float32) for name, values in networks.keras_arrays(network).items()}
    again = networks.PoseNetwork(random_trunk()).eval()
    networks.load_keras(again, arrays)
    frames = 255 * torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        assert torch.allclose(again(frames), network(frames), rtol=1e-4, atol=1e-4)
    for name, values in networks.keras_arrays(again).items():
        np.testing.assert_array_equal(values, arrays[name])


def test_a_mean_of_weights_continues_from_a_file():
    network = torch.nn.Linear(2, 1)
    average = networks.WeightAverage(network, 0.9)
    average.step()
    again = networks.WeightAverage(torch.nn.Linear(2, 1), 0.9)
    again.load_state_dict(average.state_dict())
    kept = [value.clone() for value in network.state_dict().values()]
    other = torch.nn.Linear(2, 1)
    again._live = list(other.state_dict().values())
    again.exchange()
    assert all(map(torch.equal, other.state_dict().values(), kept))
