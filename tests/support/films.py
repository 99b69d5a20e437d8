"""Films for tests, written with PyAV: times, shapes, sound and containers can be chosen."""

from fractions import Fraction

import av
import numpy as np


def square(index, size_px=(96, 64)):
    """A frame with a light square that tells its number by its place; nothing is symmetric."""
    width, height = size_px
    image = np.zeros((height, width, 3), np.uint8)
    image[: height // 4, : width // 4] = [0, 0, 200]
    x = 8 + 4 * index % (width - 24)
    image[height // 2 : height // 2 + 16, x : x + 16] = [230, 60, 60]
    return image


def write(
    path,
    *,
    count=12,
    rate=25,
    times=None,
    codec="libx264",
    form=None,
    size_px=(96, 64),
    pixel=None,
    turn=None,
    sound=None,
    sound_rate=48000,
    starts=0.0,
    options=None,
    pixels="yuv420p",
):
    """Write a film.

    Args:
        path: where to.
        times: seconds of each frame, or None for a constant rate.
        form: FFmpeg's name of the container, or None to go by the path.
        pixel: (width, height) of the pixels' shape, or None for squares.
        turn: degrees counterclockwise by which players turn it, or None.
        sound: an encoder's name, or None for a silent one.
        starts: seconds by which the first frame is later than the sound.
    """
    step = Fraction(1, 1000) if times is not None else Fraction(1, rate)
    with av.open(str(path), "w", format=form, options=options or {}) as output:
        stream = output.add_stream(codec, rate=rate)
        stream.width, stream.height = size_px
        stream.pix_fmt = pixels
        if codec == "libx264":
            stream.options = {"preset": "ultrafast", "crf": "10"}
        if times is not None:
            stream.codec_context.time_base = step
        if pixel is not None:
            stream.codec_context.sample_aspect_ratio = Fraction(*pixel)
            stream.sample_aspect_ratio = Fraction(*pixel)
        if turn is not None:
            stream.set_display_rotation(turn)
        heard = None
        if sound is not None:
            heard = output.add_stream(sound, rate=sound_rate, layout="mono")
        for index in range(len(times) if times is not None else count):
            frame = av.VideoFrame.from_ndarray(square(index, size_px), format="rgb24")
            frame.pts = round(
                ((times[index] if times is not None else index * step) + starts) / step
            )
            frame.time_base = step
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
        if heard is not None:
            _write_sound(output, heard, round(count / rate * sound_rate), sound_rate)
    return path


def _write_sound(output, stream, samples, rate):
    size = stream.codec_context.frame_size or 1024
    resampler = av.AudioResampler(stream.codec_context.format.name, "mono", rate)
    for start in range(0, samples, size):
        wave = 0.2 * np.sin(np.arange(start, start + size) / 20).astype(np.float32)
        frame = av.AudioFrame.from_ndarray(wave[None], format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = rate, start, Fraction(1, rate)
        for piece in resampler.resample(frame):
            piece.pts, piece.time_base = start, Fraction(1, rate)
            output.mux(stream.encode(piece))
    output.mux(stream.encode(None))


def without_rate(path):
    """Blot out rate and length in a WebM's header, as browsers leave them out while recording."""
    data = bytearray(path.read_bytes())
    for mark in (b"\x23\xe3\x83", b"\x44\x89"):  # DefaultDuration, Duration
        at = data.find(mark)
        length = len(mark) + 1 + (data[at + len(mark)] & 0x7F)
        data[at : at + length] = b"\xec" + bytes([0x80 | (length - 2)]) + bytes(length - 2)
    path.write_bytes(bytes(data))
    return path


def described(path):
    """(codec, (width, height), list of frames' seconds, list of sounds' codecs) of a film."""
    with av.open(str(path)) as film:
        stream = film.streams.video[0]
        sounds = [each.codec_context.codec.canonical_name for each in film.streams.audio]
        seconds = [float(frame.pts * frame.time_base) for frame in film.decode(stream)]
        size_px = stream.width, stream.height
        return stream.codec_context.codec.canonical_name, size_px, seconds, sounds
