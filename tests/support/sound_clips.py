"""Small sound files whose samples are known: any codec, container, layout, rate and time stamps."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from jaxtyping import Float32

RATE = 48_000


def voice(seconds: float, rate: int = RATE, seed: int = 0) -> Float32[np.ndarray, " n"]:
    """A swelling sound of gliding partials, the same at every rate; peak below .9, all but nothing above 3 kHz."""
    rng = np.random.default_rng(seed)
    time = np.arange(round(seconds * rate)) / rate
    knots = np.arange(0, 60, 0.1)
    swell = np.interp(time, knots, rng.uniform(0.1, 0.6, len(knots)))
    pitches = rng.uniform(200, 2500, 12)
    glides = [np.sin(2 * np.pi * (f * time + 30 * np.sin(2 * np.pi * 0.7 * time + k))) for k, f in enumerate(pitches)]
    return (swell * np.sum(glides, axis=0) / 8).astype(np.float32)


def voices(seconds: float, layout: str, rate: int = RATE) -> Float32[np.ndarray, "channels n"]:
    """A voice of its own in each channel of `layout`."""
    return np.stack([voice(seconds, rate, seed) for seed in range(av.AudioLayout(layout).nb_channels)])


def write_sound(
    path: Path,
    *tracks: Float32[np.ndarray, "_channels _n"],
    codec: str = "pcm_s16le",
    rate: int = RATE,
    layout: str = "mono",
    start: float = 0.0,
    gaps: Sequence[tuple[float, float]] = (),
    picture: bool = False,
    picture_start: float | None = None,
    default: int | None = None,
    bit_rate: int | None = None,
) -> Path:
    """Encode `tracks`. `gaps`: from which second on the time stamps lie how much later; `default`: the flag."""
    with av.open(str(path), "w") as container:
        streams = [container.add_stream(codec, rate=rate, layout=layout) for _ in tracks]
        for number, stream in enumerate(streams):
            assert isinstance(stream, av.AudioStream)
            if bit_rate:
                stream.bit_rate = bit_rate
            if default is not None:
                stream.disposition = av.stream.Disposition(1 if number == default else 0)
        video = _add_picture(container, path) if picture else None
        seconds = max((track.shape[1] / rate for track in tracks), default=0.0)
        for stream, samples in zip(streams, tracks, strict=True):
            for place in range(0, samples.shape[1], 1024):
                packed = np.ascontiguousarray(samples[:, place : place + 1024].T).reshape(1, -1)
                frame = av.AudioFrame.from_ndarray(packed, format="flt", layout=layout)
                frame.sample_rate, frame.time_base = rate, Fraction(1, rate)
                frame.pts = place + round((start + sum(by for at, by in gaps if place >= at * rate)) * rate)
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        if video is not None:
            first = round((start if picture_start is None else picture_start) * 25)
            for number in range(max(1, round(seconds * 25))):
                image = np.full((64, 64, 3), number * 5 % 256, np.uint8)
                picture_frame = av.VideoFrame.from_ndarray(image, format="rgb24").reformat(format="yuv420p")
                picture_frame.pts, picture_frame.time_base = first + number, Fraction(1, 25)
                container.mux(video.encode(picture_frame))
            container.mux(video.encode(None))
    return path


def _add_picture(container: "av.container.OutputContainer", path: Path) -> av.VideoStream:
    codec = {".mpg": "mpeg2video", ".avi": "mpeg4", ".webm": "libvpx-vp9"}.get(path.suffix, "libx264")
    video = container.add_stream(codec, rate=25)
    assert isinstance(video, av.VideoStream)
    video.width, video.height, video.pix_fmt = 64, 64, "yuv420p"
    return video


def join(path: Path, *parts: Path) -> Path:
    """The bytes of `parts`, one after another."""
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    return path


def damage(path: Path, start: float, stop: float, fill: bytes = b"\xff") -> int:
    """Overwrite the packets of the first sound track between two times; returns their number."""
    data, count = bytearray(path.read_bytes()), 0
    with av.open(str(path)) as container:
        for packet in container.demux(container.streams.audio[0]):
            if packet.size and start <= float(packet.pts * packet.time_base) < stop:
                at = data.find(bytes(packet))
                assert at >= 0
                data[at : at + packet.size] = fill * packet.size
                count += 1
    path.write_bytes(data)
    return count


def displacement(
    heard: Float32[np.ndarray, " n"], wanted: Float32[np.ndarray, " m"], at: float, around: float = 1.2
) -> float:
    """Seconds by which 0.3 s of `wanted` from `at` on lie elsewhere in `heard` (48 kHz); NaN: they are not there."""
    piece = wanted[round(at * RATE) : round((at + 0.3) * RATE)].astype(np.float64)
    low = max(0, round((at - around) * RATE))
    within = heard[low : round((at + 0.3 + around) * RATE)].astype(np.float64)
    size = len(within) + len(piece)
    match = np.fft.irfft(np.fft.rfft(within, size) * np.conj(np.fft.rfft(piece, size)), size)[
        : len(within) - len(piece) + 1
    ]
    energy = np.concatenate([[0.0], np.cumsum(within**2)])
    likeness = match / np.sqrt((energy[len(piece) :] - energy[: len(match)]) * (piece @ piece) + 1e-9)
    best = int(likeness.argmax())
    return (low + best) / RATE - at if likeness[best] > 0.9 else float("nan")


def rms(samples: Float32[np.ndarray, "*_shape"]) -> float:
    """Root mean square."""
    return float(np.sqrt(np.mean(np.asarray(samples, np.float64) ** 2)))
