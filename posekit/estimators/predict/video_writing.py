"""Drawn videos: H.264 in MP4, which browsers play, with the input's times and sound."""

import math
from contextlib import ExitStack, contextmanager
from fractions import Fraction

import av
import cv2
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc

from posekit import files
from posekit.errors import PosekitError, brief
from posekit.estimators.predict import video_files
from posekit.estimators.predict.pose_files import keep_partial_on_interrupt

# Frames of 25, 29.97, 30 and 60 a second last whole steps. MP4 counts at most 2^31 of them from
# frame to frame: six hours.
_TIME_BASE = Fraction(1, 90_000)
# Half the time of x264's own choice, for files a little larger; 18 is said to look as the input.
# Without B-frames each frame is stored when it is shown, which keeps the length exact.
_QUALITY = {"preset": "veryfast", "crf": "20", "bf": "0"}
_SOUND_RATE = 48_000


@contextmanager
def writing(path, frames_per_second, size_px, *, source=None):
    """Yield a function that adds a picture to a new MP4 file at its time.

    The file appears whole when the block ends, as in `pose_files`. The format halves the
    resolution of colours, so an odd width or height grows by one pixel, which repeats its
    neighbour.

    Args:
        path: where to write, NAME.mp4.
        frames_per_second: float > 0, about; the last picture stays for one such step.
        size_px: (int, int), width and height, pixels.
        source: the stream that is drawn; of a video_files.VideoFile it gets the sound.

    Yields:
        function of (seconds, uint8 (H, W, 3) RGB): times rise from 0. Its attribute `note` is
        None, or once the block has ended a sentence on sound that had to be left out.
    """
    with keep_partial_on_interrupt(path) as temporary, _errors_named(path, size_px):
        video = _Video(temporary, frames_per_second, size_px, source)
        try:
            yield video
            video.is_whole = True
        finally:
            video.close()
        # Not every write that finds no room is an error in FFmpeg.
        try:
            with video_files.open_container(temporary) as container:
                found = container.streams.video[0].frames
        except (av.FFmpegError, IndexError):
            found = 0
        if found != video.written:
            raise PosekitError(
                f"{path}: there must be room for {video.written} frames; got {found} onto the "
                "disk. Free some space, then run it again."
            )


@contextmanager
def _errors_named(path, size_px):
    try:
        yield
    except av.FFmpegError as error:
        if getattr(error, "errno", None) in files.NO_ROOM:
            raise  # `files.replacing` names it
        raise PosekitError(
            f"{path}: must be a video that FFmpeg can write; got {brief(error)} for "
            f"{size_px[0]} x {size_px[1]} pixels. Make the input smaller."
        ) from error


class _Video:
    def __init__(self, path, frames_per_second, size_px, source):
        rate = Fraction(frames_per_second).limit_denominator(1001) or Fraction(1, 1001)
        self._step = max(1, round(1 / (rate * _TIME_BASE)))
        self._last, self.written = None, 0
        self.note, self.is_whole = None, False
        self._opened = ExitStack()
        self._output = av.open(
            f"file:{path}", "w", format="mp4", options={"movflags": "+faststart"}
        )
        self._opened.enter_context(self._output)
        stream = self._output.add_stream("libx264", rate=rate, options=dict(_QUALITY))
        stream.width, stream.height = (side + side % 2 for side in size_px)
        stream.pix_fmt = "yuv420p"
        context = stream.codec_context
        context.time_base = _TIME_BASE
        # Colours as of HDTV, and said so: else each player guesses by the size.
        context.colorspace, context.color_range = Colorspace.ITU709, ColorRange.MPEG
        context.color_primaries, context.color_trc = ColorPrimaries.BT709, ColorTrc.BT709
        self._stream = stream
        has_sound = isinstance(source, video_files.VideoFile)
        self._sound = self._sound_of(source) if has_sound else iter(())
        self._heard = next(self._sound, None)  # (seconds, packets), not yet written

    def __call__(self, seconds, image):
        at = round(seconds / _TIME_BASE)
        if self._last is not None and at <= self._last:
            return  # closer than the smallest step in time
        height, width = image.shape[:2]
        odd = (0, height % 2, 0, width % 2)  # top, bottom, left, right
        image = cv2.copyMakeBorder(image, *odd, cv2.BORDER_REPLICATE)
        frame = av.VideoFrame.from_ndarray(image, format="rgb24").reformat(
            format="yuv420p", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG
        )
        frame.pts, frame.time_base = at, _TIME_BASE
        self._mux(self._stream.encode(frame))
        self._last = at
        self.written += 1
        self._add_sound(float(at * _TIME_BASE))

    def close(self):
        with self._opened:
            if self.written:
                self._mux(self._stream.encode())
            self._add_sound(math.inf if self.is_whole else float((self._last or 0) * _TIME_BASE))

    def _mux(self, packets):
        for packet in packets:
            packet.duration = packet.duration or self._step
            self._output.mux(packet)

    def _add_sound(self, until_seconds):
        """Add what is heard up to a time of the drawn video."""
        while self._heard is not None and self._heard[0] <= until_seconds:
            self._output.mux(self._heard[1])
            self._heard = next(self._sound, None)

    def _sound_of(self, source):
        """Yield (seconds by the drawn video's clock, packets) of a VideoFile's sound, in AAC."""
        container = self._opened.enter_context(video_files.open_container(source.name))
        stream = container.streams.best("audio")
        if stream is None:
            return
        if stream.codec_context is None:
            self.note = f"{source.name}: its sound is left out; FFmpeg has no decoder for it."
            return
        encoder = self._output.add_stream("aac", rate=_SOUND_RATE, layout="stereo")
        try:
            yield from _encoded(container, stream, encoder, source.start_seconds)
        # The sound is the lesser part: what ends it does not end the video.
        except (av.FFmpegError, ValueError) as error:
            self.note = f"{source.name}: its sound ends early; got {brief(error)}."


def _encoded(container, stream, encoder, start_seconds):
    resampler = av.AudioResampler("fltp", "stereo", _SOUND_RATE, frame_size=1024)
    at = None
    for packet in container.demux(stream):
        try:
            heard = packet.decode()
        except EOFError:
            heard = []
        for frame in [*heard, *([] if packet.size else [None])]:
            if frame is not None and at is None:
                seconds = (frame.time or 0.0) - start_seconds
                if seconds + frame.samples / frame.sample_rate <= 0:
                    continue  # heard before the first picture
                at = round(seconds * _SOUND_RATE)
            if at is None:
                continue
            for piece in resampler.resample(frame):
                piece.pts, piece.time_base = at, Fraction(1, _SOUND_RATE)
                at += piece.samples
                yield at / _SOUND_RATE, encoder.encode(piece)
    yield (at or 0) / _SOUND_RATE, encoder.encode(None)
