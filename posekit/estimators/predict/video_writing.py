"""Drawn videos: H.264 in MP4, which browsers play, with the input's times and sound."""

import math
from contextlib import contextmanager
from fractions import Fraction

import av
import cv2
import numpy as np

from posekit import files
from posekit.errors import PosekitError, brief
from posekit.estimators.predict import video_files
from posekit.estimators.predict.pose_files import keep_partial_on_interrupt

WRITTEN_SUFFIX = ".mp4"
# All usual rates are whole steps of the first, those of NTSC too. MP4 counts at most 2^31 steps
# from frame to frame: six hours of the second, which takes the place of finer ones.
_TIME_BASE = Fraction(1, 720_000)
_FINEST_TIME_BASE = Fraction(1, 90_000)
# Half the time of x264's own choice, for files a little larger; 18 is said to look as the input.
# Without B-frames each frame is stored when it is shown, which keeps the length exact.
_QUALITY = {"preset": "veryfast", "crf": "20", "bf": "0"}
# What MP4 may hold and players know; all else becomes AAC.
_COPIED_SOUND = {"aac", "mp3", "ac3", "eac3", "alac", "opus"}
_SOUND_RATES = {8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000}


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
        source: None, or a video_files.VideoFile, whose smallest step in time and sound it gets.

    Yields:
        function of (seconds, uint8 (H, W, 3) RGB): times rise from 0. Its attribute `note` is
        None, or once the block has ended a sentence on sound that had to be left out.

    Raises:
        PosekitError: the file cannot be written, or there is no room for it.
    """
    with keep_partial_on_interrupt(path) as temporary:
        video = _Video(path, temporary, frames_per_second, size_px, source)
        with video.errors_named():
            try:
                yield video
                video.is_whole = True
            finally:
                video.close()
            video.check()


class _Video:
    def __init__(self, path, temporary, frames_per_second, size_px, source):
        self._path, self._temporary = path, temporary
        slowest = Fraction(1, 1001)
        self._rate = max(Fraction(frames_per_second).limit_denominator(1001), slowest)
        self._size_px = size_px
        step = getattr(source, "time_base", None)
        self._time_base = _TIME_BASE
        if step is not None:
            exact = step.denominator <= _FINEST_TIME_BASE.denominator
            self._time_base = step if exact else _FINEST_TIME_BASE
        self._step = max(1, round(1 / (self._rate * self._time_base)))
        self._last, self._written = None, 0
        self.note, self.is_whole = None, False
        with self.errors_named():
            self._open(source)

    @contextmanager
    def errors_named(self):
        try:
            yield
        except av.FFmpegError as error:
            if error.errno in files.NO_ROOM:
                raise PosekitError(
                    f"{self._path}: there must be room for the video; got {error.strerror} after "
                    f"{self._written} frames. Free some space, then run it again."
                ) from error
            width, height = self._size_px
            raise PosekitError(
                f"{self._path}: must be a video that FFmpeg can write; got {brief(error)} for "
                f"{width} x {height} pixels. Make the input smaller."
            ) from error

    def _open(self, source):
        sound_path = getattr(source, "sound_path", None)
        for sound_as in ("copy", "aac", None) if sound_path else (None,):
            self._sound = None
            try:
                self._output = av.open(
                    f"file:{self._temporary}", "w", format="mp4", options={"movflags": "+faststart"}
                )
                self._add_picture_stream()
                if sound_as is not None:
                    self._sound = _Sound.of(source, self._output, as_it_is=sound_as == "copy")
                self._output.start_encoding()
                if self._sound is not None:
                    self.note = None
                return
            except (av.FFmpegError, ValueError) as error:
                self._output.close()
                if sound_as is None:
                    raise
                self.note = f"{source.name}: its sound is left out; got {brief(error)}."

    def _add_picture_stream(self):
        width, height = self._size_px
        stream = self._output.add_stream("libx264", rate=self._rate, options=dict(_QUALITY))
        stream.width, stream.height = width + width % 2, height + height % 2
        stream.pix_fmt = "yuv420p"
        context = stream.codec_context
        context.time_base = self._time_base
        # Colours as of HDTV, and said so: else each player guesses by the size.
        context.colorspace = av.video.reformatter.Colorspace.ITU709
        context.color_range = av.video.reformatter.ColorRange.MPEG
        context.color_primaries = av.video.reformatter.ColorPrimaries.BT709
        context.color_trc = av.video.reformatter.ColorTrc.BT709
        self._stream = stream

    def __call__(self, seconds, image):
        with self.errors_named():
            at = round(Fraction(seconds) / self._time_base)
            if self._last is not None and at <= self._last:
                return  # closer than the smallest step in time
            height, width = image.shape[:2]
            odd = (0, height % 2, 0, width % 2)  # top, bottom, left, right
            image = cv2.copyMakeBorder(image, *odd, cv2.BORDER_REPLICATE)
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
            frame = frame.reformat(
                format="yuv420p",
                dst_colorspace=av.video.reformatter.Colorspace.ITU709,
                dst_color_range=av.video.reformatter.ColorRange.MPEG,
            )
            frame.pts, frame.time_base = at, self._time_base
            self._mux(self._stream.encode(frame))
            self._last = at
            self._written += 1
            if self._sound is not None:
                self._sound.mux_until(float(at * self._time_base))

    def _mux(self, packets):
        for packet in packets:
            packet.duration = packet.duration or self._step
            self._output.mux(packet)

    def close(self):
        try:
            if self._written:
                self._mux(self._stream.encode())
            if self._sound is not None:
                end = float((self._last or 0) * self._time_base)
                self._sound.mux_until(math.inf if self.is_whole else end)
                self._sound.close()
                self.note = self._sound.note
        finally:
            self._output.close()

    def check(self):
        """Not every write that finds no room is an error in FFmpeg."""
        try:
            with video_files.open_container(self._temporary) as container:
                found = container.streams.video[0].frames
        except (av.FFmpegError, IndexError):
            found = 0
        if found != self._written:
            raise PosekitError(
                f"{self._path}: there must be room for {self._written} frames; got {found} onto "
                "the disk. Free some space, then run it again."
            )


class _Sound:
    """A video's sound on its way into another, a little ahead of the pictures.

    Args:
        source: video_files.VideoFile.
        output: av.container.OutputContainer, not started.
        as_it_is: bool, copy it; else it becomes AAC.

    Raises:
        ValueError, av.FFmpegError: MP4 does not take it so, or it does not decode.
    """

    @classmethod
    def of(cls, source, output, *, as_it_is):
        """The sound, or None where the video has none."""
        container = video_files.open_container(source.sound_path)
        stream = container.streams.best("audio")
        if stream is None:
            container.close()
            return None
        return cls(source, container, stream, output, as_it_is)

    def __init__(self, source, container, stream, output, as_it_is):
        self._name, self.note = source.name, None
        self._container, self._output = container, output
        self._start_seconds = source.start_seconds
        self._jumps = source.jumps
        if stream.codec_context is None:
            raise ValueError("a codec that this FFmpeg has no decoder for")
        if as_it_is:
            codec = stream.codec_context.codec.canonical_name
            if codec not in _COPIED_SOUND:
                raise ValueError(f"{codec}, which MP4 does not hold")
            self._stream = output.add_stream_from_template(stream)
            self._packets = self._copied(stream)
        else:
            rate = stream.codec_context.sample_rate
            rate = rate if rate in _SOUND_RATES else 48000
            layout = "mono" if stream.codec_context.channels == 1 else "stereo"
            self._stream = output.add_stream("aac", rate=rate, layout=layout)
            self._packets = self._encoded(stream, rate, layout)
        self._pending = None

    def mux_until(self, seconds):
        """Add what is heard up to a time of the drawn video."""
        try:
            while True:
                if self._pending is None:
                    self._pending = next(self._packets, None)
                if self._pending is None or self._pending[0] > seconds:
                    return
                packets, self._pending = self._pending[1], None
                self._output.mux(packets)
        # The sound is the lesser part: what ends it does not end the video.
        except (av.FFmpegError, ValueError) as error:
            if getattr(error, "errno", None) in files.NO_ROOM:
                raise
            self._packets, self._pending = iter(()), None
            self.note = f"{self._name}: its sound ends early; got {brief(error)}."

    def close(self):
        self._container.close()

    def _copied(self, stream):
        """Yield (seconds, packet) by the drawn video's clock."""
        end = None
        offset = -round(Fraction(self._start_seconds) / stream.time_base)
        jump = round(video_files.JUMP_SECONDS / stream.time_base)
        for packet in self._container.demux(stream):
            if packet.pts is None or not packet.size:
                continue
            at = packet.pts + offset
            if end is not None and self._jumps and not end - jump // 10 <= at <= end + jump:
                offset += end - at
                at = end
            packet.dts = at if packet.dts is None else packet.dts + offset
            packet.pts, end = at, at + (packet.duration or 0)
            if end <= 0:
                continue  # heard before the first picture
            packet.stream = self._stream
            yield float(at * stream.time_base), [packet]

    def _encoded(self, stream, rate, layout):
        """As `_copied`, in AAC."""
        resampler = av.AudioResampler(format="fltp", layout=layout, rate=rate, frame_size=1024)
        at = None
        for packet in self._container.demux(stream):
            try:
                heard = packet.decode()
            except EOFError:
                heard = []
            for frame in [*heard, *([] if packet.size else [None])]:
                if frame is not None and at is None:
                    seconds = float((frame.pts or 0) * (frame.time_base or stream.time_base))
                    if seconds - self._start_seconds + frame.samples / frame.sample_rate <= 0:
                        continue
                    at = round((seconds - self._start_seconds) * rate)
                if at is None:
                    continue
                for piece in resampler.resample(frame):
                    piece.pts, piece.time_base = at, Fraction(1, rate)
                    at += piece.samples
                    yield at / rate, self._stream.encode(piece)
        yield (at or 0) / rate, self._stream.encode(None)
