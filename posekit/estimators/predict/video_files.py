"""Videos and webcams through OpenCV, frame by frame; one frame at a time is in memory."""

import math
import os
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import cv2

from posekit.errors import PosekitError
from posekit.estimators.predict.pose_files import keep_partial_on_interrupt

SUFFIXES = (".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".wmv")

# Of the formats that OpenCV writes everywhere, the one with exact frame rates and small files.
WRITTEN_SUFFIX = ".mp4"
_WRITTEN_CODEC = "mp4v"

# Of a camera that does not say.
USUAL_FRAMES_PER_SECOND = 30.0
_MOST_FRAMES_PER_SECOND = 1000

# Some containers hold no frame count, only a rounded length.
_COUNT_TOLERANCE = 0.05

_ADVICE = "Convert it, for instance: ffmpeg -i {name} -c:v libx264 converted.mp4"


class VideoFile:
    """The frames of a video file, upright, in their order.

    Attributes:
        name: str, the path as given.
        size_px: (int, int), width and height of a frame as shown, pixels.
        frames_per_second: float > 0; the mean where it varies.
        frame_count: int or None, from the file's header, which may be a little off.
        problem: None, or a sentence if the frames ended much earlier than the header says.

    Raises:
        PosekitError: there is no such file, nothing in it that OpenCV decodes, no frame, or no
            frame rate.
    """

    def __init__(self, path):
        self.name = str(path)
        self.problem = None
        _check_file(path)
        # A bare name with a colon in it would be taken for an address.
        self._capture = cv2.VideoCapture(os.path.abspath(path), cv2.CAP_FFMPEG)
        self._first = self._read()
        if self._first is None:
            finding = "none" if self._capture.isOpened() else "another format, or damage"
            advice = _ADVICE.format(name=Path(path).name)
            raise PosekitError(
                f"{path}: must be a video with frames that OpenCV decodes; got {finding}. {advice}"
            )
        self.size_px = self._first.shape[1::-1]
        self.frames_per_second = self._capture.get(cv2.CAP_PROP_FPS)
        if not 0 < self.frames_per_second <= _MOST_FRAMES_PER_SECOND:
            raise PosekitError(
                f"{path}: must have from 0 to {_MOST_FRAMES_PER_SECOND} frames a second; got "
                f"{self.frames_per_second}. {_ADVICE.format(name=Path(path).name)}"
            )
        count = self._capture.get(cv2.CAP_PROP_FRAME_COUNT)
        self.frame_count = int(count) if math.isfinite(count) and count > 0 else None

    def frames(self):
        """Yield (seconds since the first frame, uint8 (H, W, 3) RGB); can be read once."""
        count, bgr = 0, self._first
        self._first = None
        try:
            while bgr is not None and bgr.shape[1::-1] == self.size_px:
                yield count / self.frames_per_second, cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)
                count += 1
                bgr = self._read()
        finally:
            self._capture.release()
        if bgr is not None:
            self.problem = (
                f"{self.name}: all frames must be {self.size_px[0]} x {self.size_px[1]}; got "
                f"{bgr.shape[1]} x {bgr.shape[0]} at {count}. The frames before it are done."
            )
        elif self.frame_count and count + 1 < self.frame_count * (1 - _COUNT_TOLERANCE):
            self.problem = (
                f"{self.name}: must have the {self.frame_count} frames that its header names; got "
                f"{count} before one that does not decode. These are done; get the file again."
            )

    def _read(self):
        try:
            read, bgr = self._capture.read()
        except cv2.error:
            return None
        return bgr if read else None


class Camera:
    """The frames of a webcam as they come, until the caller stops.

    Attributes:
        name, size_px, frames_per_second, problem: as of `VideoFile`; the problem is that the
            camera stopped.
        frame_count: None.

    Args:
        index: int >= 0, the camera's number in the system.

    Raises:
        PosekitError: there is no such camera, or it gives no picture.
    """

    frame_count = None

    def __init__(self, index):
        self.name = f"camera {index}"
        self.problem = None
        self._capture = cv2.VideoCapture(index)
        read, self._first = self._capture.read()
        if not read:
            finding = "no picture from it" if self._capture.isOpened() else "no such camera"
            raise PosekitError(
                f"{self.name}: must be a camera that this program may use; got {finding}. Check "
                "that it is plugged in, allowed and not in use elsewhere, or try another number."
            )
        self.size_px = self._first.shape[1::-1]
        claimed = self._capture.get(cv2.CAP_PROP_FPS)
        believable = 1 <= claimed <= _MOST_FRAMES_PER_SECOND
        self.frames_per_second = claimed if believable else USUAL_FRAMES_PER_SECOND

    def frames(self):
        """As `VideoFile.frames`; seconds are those of a clock."""
        started_seconds, count, bgr = time.monotonic(), 0, self._first
        seconds = 0.0
        try:
            while bgr is not None:
                yield seconds, cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)
                count += 1
                read, bgr = self._capture.read()
                seconds = time.monotonic() - started_seconds
        finally:
            self._capture.release()
        self.problem = f"{self.name}: stopped giving pictures after {count}; these are done."


@contextmanager
def writing(path, frames_per_second, size_px):
    """Yield a function that adds a picture to a new MP4 file without sound.

    The file appears whole when the block ends, as in `pose_files`. The format halves the
    resolution of colours, so an odd width or height grows by one pixel, which repeats its
    neighbour.

    Args:
        path: where to write, NAME.mp4.
        frames_per_second: float > 0.
        size_px: (int, int), width and height, pixels.

    Yields:
        function of (seconds, uint8 (H, W, 3) RGB): times rise. The frame of that time and all
        missing ones before it become this picture; if the frame is written already, nothing does.

    Raises:
        PosekitError: OpenCV cannot write the file, or there is no room for it.
    """
    width, height = size_px
    odd = (0, height % 2, 0, width % 2)  # top, bottom, left, right
    even_size_px = (width + width % 2, height + height % 2)
    written = 0
    with keep_partial_on_interrupt(path) as temporary:
        writer = cv2.VideoWriter(
            str(temporary),
            cv2.CAP_FFMPEG,
            cv2.VideoWriter_fourcc(*_WRITTEN_CODEC),
            # MPEG-4 counts time in at most 65535 steps a second.
            round(frames_per_second, int(math.log10(65535 / frames_per_second))),
            even_size_px,
        )
        if not writer.isOpened():
            raise PosekitError(
                f"{path}: must be a video that OpenCV can write; got a refusal of {width} x "
                f"{height} pixels at {frames_per_second} frames a second. Make the input smaller."
            )

        def show(seconds, image):
            nonlocal written
            bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
            bgr = cv2.copyMakeBorder(bgr, *odd, cv2.BORDER_REPLICATE)
            while written <= round(seconds * frames_per_second):
                writer.write(bgr)
                written += 1

        try:
            yield show
        finally:
            writer.release()
        # OpenCV does not say when the disk is full.
        check = cv2.VideoCapture(str(temporary), cv2.CAP_FFMPEG)
        found = int(check.get(cv2.CAP_PROP_FRAME_COUNT))
        check.release()
        if found != written:
            raise PosekitError(
                f"{path}: there must be room for {written} frames; got {found} onto the disk. "
                "Free some space, then run it again."
            )


def has_display():
    """Whether a window can be shown; Qt ends the process where Linux has no display."""
    return not sys.platform.startswith("linux") or bool(
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    )


@contextmanager
def window(title):
    """Yield a function that shows a picture (H, W, 3), RGB, and returns whether q was pressed."""

    def show(image):
        cv2.imshow(title, cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
        return cv2.waitKey(1) & 0xFF == ord("q")

    try:
        yield show
    finally:
        cv2.destroyAllWindows()


def _check_file(path):
    try:
        # Some special files never end, or block when they are opened.
        if os.path.exists(path) and not os.path.isfile(path):
            raise PosekitError(
                f"{path}: the video must be a file; got something else. Name a file."
            )
        with open(path, "rb"):
            pass
    except OSError as error:
        raise PosekitError(
            f"{path}: the video must be a readable file; got {error.strerror}."
        ) from error
