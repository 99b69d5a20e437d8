"""Data sets of a few noisy pictures in the layout of LSP and LSPet, made anew for each test."""

import io
import zipfile

import numpy as np
import scipy.io
from PIL import Image


def picture(width=20, height=10, seed=0, file_format="JPEG", **options):
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, file_format, **options)
    return buffer.getvalue()


def mat(**variables):
    buffer = io.BytesIO()
    scipy.io.savemat(buffer, variables)
    return buffer.getvalue()


def labels(count):
    """(N, 14, 3) inside a 20 x 10 picture: x = joint, y = image, flag 1."""
    joints = np.ones((count, 14, 3))
    joints[..., 0] = np.arange(14)
    joints[..., 1] = np.arange(count)[:, None]
    return joints


def lspet_files(joints, first=1):
    names = [f"images/im{first + index:05d}.jpg" for index in range(len(joints))]
    files = {name: picture(seed=index) for index, name in enumerate(names)}
    return files | {"joints.mat": mat(joints=joints.transpose(1, 2, 0))}


def lsp_files(joints, first=1):
    names = [f"images/im{first + index:04d}.jpg" for index in range(len(joints))]
    files = {name: picture(seed=index) for index, name in enumerate(names)}
    return files | {"joints.mat": mat(joints=joints.transpose(2, 1, 0))}


def write_folder(path, files):
    for name, content in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)
    return path


def write_zip(path, files, prefix=""):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(prefix + name, content)
    return path
