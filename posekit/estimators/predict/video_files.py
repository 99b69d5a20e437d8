"""Videos and webcams, frame by frame with their times: never more than a few in memory.

PyAV (FFmpeg) reads files: what is a video is decided by its content, whatever its name. Pillow
reads animated pictures, OpenCV webcams.
"""

import os
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import av
import cv2
import numpy as np

from posekit.datasets import image_files
from posekit.errors import PosekitError, brief
from posekit.estimators.predict import pictures

# Usual names of videos; a file with such a name that is not a video is an error.
SUFFIXES = tuple(
    ".mp4 .m4v .mov .qt .avi .mkv .webm .mpg .mpeg .m2v .vob .wmv .asf .ts .mts .m2ts .3gp .3g2 "
    ".flv .f4v .ogv .dv .mxf .divx .rm .rmvb .mjpeg .mjpg .h264 .hevc".split()
)
# FFmpeg's other demuxers read playlists, devices and patterns of names, with which a file could
# make it open other files or addresses.
_DEMUXERS = (
    "mov,matroska,webm,avi,mpegts,mpeg,mpegvideo,m4v,h264,hevc,vvc,av1,obu,ivf,flv,live_flv,kux,"
    "asf,asf_o,wtv,ogg,dv,mxf,gxf,lxf,rm,nut,nsv,nuv,mjpeg,mjpeg_2000,h261,h263,vc1,vc1test,"
    "cavsvideo,dirac,dnxhd,yuv4mpegpipe,ty,pva,pmp,mv,dhav,mlv,ser,evc,apv"
)
_OPTIONS = {"format_whitelist": _DEMUXERS, "protocol_whitelist": "file"}

# Of a camera or file that does not say.
USUAL_FRAMES_PER_SECOND = 30.0
_MOST_FRAMES_PER_SECOND = 1000

# A video that lasts so much less than its header says ended early; some headers are rounded.
_LENGTH_TOLERANCE = 0.05
# Pixels are stretched at most this many times; no camera's header says more.
_WIDEST_PIXEL = 4
# No video shows a frame for longer; MP4 could not say so in steps of a 90,000th of a second.
_LONGEST_SECONDS = 21_600


def open_container(path):
    """FFmpeg's view of a local video file, an av.container.InputContainer; av.FFmpegError if none.

    Playlists and what else could make FFmpeg open other files or addresses are refused.
    """
    # A bare name with a colon in it would be taken for an address.
    return av.open(f"file:{os.path.abspath(path)}", options=_OPTIONS)


def is_video(path):
    """Whether a file holds moving pictures that FFmpeg knows, whatever its name."""
    try:
        with open_container(path) as container:
            return _video_stream(container) is not None
    except (av.FFmpegError, OSError, ValueError):
        return False


def open_video(path):
    """The frames of a video's file: a VideoFile, or an Animation for an animated picture.

    Raises:
        PosekitError: no readable file, nothing in it that decodes, no frame, or one beyond the
            limits of `image_files`.
    """
    try:
        # Some special files never end, or block when they are opened.
        if os.path.exists(path) and not os.path.isfile(path):
            raise PosekitError(f"{path}: the video must be a file; got something else.")
        with open(path, "rb"):
            pass
    except OSError as error:
        raise PosekitError(
            f"{path}: the video must be a readable file; got {error.strerror}."
        ) from error
    return Animation(path) if pictures.is_animated(path) else VideoFile(path)


class VideoFile:
    """The frames of a video file, upright, with square pixels, in their order.

    Attributes:
        name: str, the path as given.
        size_px: (int, int), width and height of a frame as shown, pixels. Frames of other sizes
            are scaled to the first one's.
        frames_per_second, frame_count: float > 0, and int or None, as far as the header tells.
        start_seconds: float, the time that the file gives its first frame.
        problem: None, or a sentence once the frames have ended early or some did not decode.
    """

    def __init__(self, path):
        self.name, self.problem, self.start_seconds = str(path), None, 0.0
        self._damaged, self._end_seconds = 0, 0.0
        try:
            self._container = open_container(path)
            self._stream = _video_stream(self._container)
            self._check_stream()
            self._decoded = self._decode()
            self._first = next(self._decoded, None)
        except PosekitError:
            raise
        except (av.FFmpegError, ValueError) as error:
            is_empty = not os.path.getsize(path)
            reason = "an empty file" if is_empty else "another format, damage or a part of a file"
            raise self._no_video(f"{reason} ({brief(error)})") from error
        if self._first is None:
            raise self._no_video("none that is whole" if self._damaged else "none")
        frame = self._first[1]
        self.start_seconds = self._first[0] or 0.0
        self.frames_per_second = _believable_rate(self._stream)
        count = self._stream.frames or round(self._told_seconds() * self.frames_per_second)
        self.frame_count = count or None
        ratio = self._stream.sample_aspect_ratio or 1
        if not 1 / _WIDEST_PIXEL <= ratio <= _WIDEST_PIXEL:
            ratio = 1
        self._stored_px = max(1, round(frame.width * ratio)), frame.height
        self._quarter_turns = round(frame.rotation / 90)  # counterclockwise
        self.size_px = self._stored_px[::-1] if self._quarter_turns % 2 else self._stored_px
        if max(self.size_px) > image_files.SIDE_LIMIT_PX:
            raise self._no_video(f"frames of {self.size_px[0]} x {self.size_px[1]}")

    def frames(self):
        """Yield (seconds since the first frame, uint8 (H, W, 3) RGB) ; can be read once.

        Seconds are those at which a player shows the frame. They rise: frames that claim the time
        of an earlier one, or one hours later, follow it by a usual step.
        """
        count, seconds, step = 0, 0.0, 1 / self.frames_per_second
        offset = -self.start_seconds
        try:
            shown = self._first
            self._first = None
            while shown is not None:
                told, frame = shown
                shown = None
                if count:
                    usual = seconds + step
                    told_seconds = usual if told is None else told + offset
                    if not seconds < told_seconds <= usual + _LONGEST_SECONDS:
                        offset += usual - told_seconds
                        told_seconds = usual
                    seconds = told_seconds
                yield seconds, self._rgb(frame)
                del frame
                count += 1
                shown = next(self._decoded, None)
            self._judge_end(count, seconds + step)
        finally:
            self._decoded.close()
            self._container.close()

    def _decode(self):
        """Yield (seconds or None, frame); parts that do not decode are counted and left out."""
        stream, packets = self._stream, self._container.demux()
        while True:
            try:
                packet = next(packets)
            except (StopIteration, EOFError):
                return
            except (av.FFmpegError, ValueError):
                self._damaged += 1
                return
            if packet.pts is not None and (packet.stream is stream or not stream.duration):
                end = float((packet.pts + (packet.duration or 0)) * packet.time_base)
                self._end_seconds = max(self._end_seconds, end)
            if packet.stream is not stream:
                continue
            try:
                decoded = packet.decode()
            except EOFError:
                return
            except (av.FFmpegError, ValueError):
                self._damaged += 1
                continue
            for frame in decoded:
                yield frame.time, frame

    def _check_stream(self):
        stream = self._stream
        if stream is None:
            kinds = sorted({each.type for each in self._container.streams})
            raise self._no_video(
                "sound alone" if kinds == ["audio"] else " and ".join(kinds) or "nothing"
            )
        if stream.codec_context is None:
            raise self._no_video("a codec that this FFmpeg has no decoder for")
        width, height = stream.codec_context.width, stream.codec_context.height
        if width * height > image_files.PIXEL_LIMIT:
            raise PosekitError(
                f"{self.name}: frames must have at most {image_files.PIXEL_LIMIT:,} pixels; got "
                f"{width} x {height}. Make the video smaller."
            )
        stream.thread_type = "AUTO"

    def _no_video(self, finding):
        return PosekitError(
            f"{self.name}: must be a video with frames that FFmpeg decodes; got {finding}. Convert "
            f"it, for instance: ffmpeg -i {Path(self.name).name} -c:v libx264 converted.mp4"
        )

    def _rgb(self, frame):
        width, height = self._stored_px
        image = frame.to_ndarray(format="rgb24", width=width, height=height)
        return np.ascontiguousarray(np.rot90(image, self._quarter_turns))

    def _told_seconds(self):
        """The video's length as its header says; 0 if it does not."""
        if not self._stream.duration:
            return (self._container.duration or 0) / av.time_base
        seconds = float(self._stream.duration * self._stream.time_base)
        if self._container.format.name == "avi":
            # Of a cut AVI the duration is what there is.
            seconds = max(seconds, self._stream.frames / self.frames_per_second)
        return seconds

    def _judge_end(self, count, seconds):
        """Say what of the video is missing, as far as it shows."""
        told = self._told_seconds()
        # A container's length may count from before the first frame, and hold more sound.
        read = max(seconds, self._end_seconds - self.start_seconds * bool(self._stream.duration))
        if read < told * (1 - _LENGTH_TOLERANCE) - 1 / self.frames_per_second:
            self.problem = (
                f"{self.name}: must have the {told:.2f} seconds that its header names; got "
                f"{seconds:.2f} before one that does not decode. These {count} frames are done; "
                "get the file again."
            )
        elif self._damaged:
            self.problem = (
                f"{self.name}: must be a whole video; got {self._damaged} damaged part(s) that did "
                f"not decode. The other {count} frames are done; get the file again."
            )


class Animation:
    """The frames of an animated GIF, WebP, PNG or AVIF; attributes as of `VideoFile`."""

    def __init__(self, path):
        self.name, self.problem = str(path), None
        self._file = Path(path).open("rb")  # noqa: SIM115 - closed when the frames end
        try:
            self._image = pictures.open_picture(self._file)
            self.frame_count = self._image.n_frames
            self.size_px = image_files.rgb(self._image).shape[1::-1]
        # A damaged file can fail anywhere in a decoder, each with its own error.
        except Exception as error:
            raise PosekitError(
                f"{path}: must be a whole animated picture; got one that does not decode "
                f"({brief(error)})."
            ) from error
        self.frames_per_second = 1 / self._step_seconds()

    def frames(self):
        """As `VideoFile.frames`."""
        seconds, count = 0.0, 0
        try:
            while count < self.frame_count:
                self._image.seek(count)
                image = image_files.rgb(self._image)
                if image.shape[1::-1] != self.size_px:
                    image = cv2.resize(image, self.size_px)
                yield seconds, image
                del image
                seconds += self._step_seconds()
                count += 1
        except Exception as error:
            self.problem = (
                f"{self.name}: must have {self.frame_count} frames; got {count} before one that "
                f"does not decode ({brief(error)}). These are done; get the file again."
            )
        finally:
            self._file.close()

    def _step_seconds(self):
        # Browsers show frames that claim no time, or next to none, for a tenth of a second.
        milliseconds = self._image.info.get("duration") or 0
        return milliseconds / 1000 if milliseconds > 10 else 0.1


class Camera:
    """The frames of a webcam as they come, until the caller stops; attributes as of `VideoFile`.

    `index` is the camera's number in the system; PosekitError where it gives no picture.
    """

    frame_count = None

    def __init__(self, index):
        self.name, self.problem = f"camera {index}", None
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


def _video_stream(container):
    """The moving pictures of a container, or None; covers of music are none."""
    still = av.stream.Disposition.attached_pic | av.stream.Disposition.timed_thumbnails
    moving = [each for each in container.streams.video if not each.disposition & still]
    best = container.streams.best("video")
    return best if best in moving else next(iter(moving), None)


def _believable_rate(stream):
    for rate in (stream.average_rate, stream.guessed_rate, stream.base_rate):
        # Some files count time in milliseconds and name no rate: FFmpeg then says 1000.
        if rate and 0 < rate < _MOST_FRAMES_PER_SECOND:
            return float(rate)
    return USUAL_FRAMES_PER_SECOND
