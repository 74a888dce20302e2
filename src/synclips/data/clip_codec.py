"""Short clips in memory: a stack of small pictures as H.264 bytes, speech as Opus bytes, and back."""

import io
from fractions import Fraction

import av
import numpy as np
from jaxtyping import UInt8

from synclips.errors import MediaError
from synclips.media.audio import Waveform
from synclips.media.timebase import FPS, SAMPLE_RATE

CLIP_CRF = 19
"""x264's constant rate factor for stored crops: above 39 dB on GRID."""
SPEECH_BIT_RATE = 48_000
"""Bits a second for stored speech: beyond what MFCC can tell from the original."""


def encode_pictures(pictures: UInt8[np.ndarray, "n h w 3"], crf: int = CLIP_CRF) -> bytes:
    """H.264 in MP4, 25 fps. Height and width must be even."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=Fraction(FPS), options={"crf": str(crf), "preset": "medium"})
        stream.height, stream.width = pictures.shape[1:3]
        stream.pix_fmt = "yuv420p"
        stream.thread_count = 1
        for picture in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")))
        container.mux(stream.encode(None))
    return buffer.getvalue()


def decode_pictures(data: bytes) -> UInt8[np.ndarray, "n h w 3"]:
    """The pictures of `encode_pictures`.

    Raises:
        MediaError: the bytes are damaged.
    """
    try:
        with av.open(io.BytesIO(data), "r") as container:
            container.streams.video[0].thread_count = 1
            return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])
    except (av.FFmpegError, ValueError, IndexError) as error:
        raise MediaError("a stored clip of pictures is damaged; preprocess the corpus again") from error


def encode_sound(waveform: Waveform) -> bytes:
    """Opus in Ogg, whose pre-skip keeps the sound on its sample."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="ogg") as container:
        stream = container.add_stream("libopus", rate=waveform.sample_rate, layout="mono")
        stream.bit_rate = SPEECH_BIT_RATE
        pcm = np.round(np.clip(waveform.samples, -1, 1) * 32767).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(pcm[None], format="s16", layout="mono")
        frame.sample_rate = waveform.sample_rate
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return buffer.getvalue()


def decode_sound(data: bytes) -> Waveform:
    """The waveform of `encode_sound`, at 16 kHz.

    Raises:
        MediaError: the bytes are damaged.
    """
    try:
        with av.open(io.BytesIO(data), "r") as container:
            resampler = av.AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE)
            parts = [part.to_ndarray()[0] for frame in container.decode(audio=0) for part in resampler.resample(frame)]
            parts += [part.to_ndarray()[0] for part in resampler.resample(None)]
    except (av.FFmpegError, IndexError) as error:
        raise MediaError("a stored clip of sound is damaged; preprocess the corpus again") from error
    if not parts:
        raise MediaError("a stored clip of sound is empty; preprocess the corpus again")
    return Waveform(np.concatenate(parts).astype(np.float32), SAMPLE_RATE)
