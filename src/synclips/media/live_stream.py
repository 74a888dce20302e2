"""Pictures and sound as they are made, as a Matroska stream that a player can show at once: H.264 and PCM."""

from fractions import Fraction
from types import TracebackType
from typing import IO, Final

import av
import numpy as np
from jaxtyping import Int16, UInt8

from synclips.media.timebase import FPS
from synclips.media.video_encode import ColorTags, padded, stored_size

OPTIONS: Final = {"preset": "ultrafast", "tune": "zerolatency", "crf": "18", "g": str(2 * FPS)}


class LiveStream:
    """Writes to an open binary file, which need not be seekable; use it in a `with` statement.

    rate: samples of the sound a second.
    """

    def __init__(self, file: IO[bytes], width: int, height: int, rate: int) -> None:
        self._size = stored_size(width, height, "h264")
        self._container = av.open(file, "w", format="matroska", options={"cluster_time_limit": "40", "live": "1"})
        pictures = self._container.add_stream("libx264", rate=FPS, options=OPTIONS)
        sound = self._container.add_stream("pcm_s16le", rate=rate, layout="mono")
        assert isinstance(pictures, av.VideoStream)
        assert isinstance(sound, av.AudioStream)
        context, tags = pictures.codec_context, ColorTags.of_size(height)
        (context.width, context.height), context.pix_fmt = self._size, "yuv420p"
        context.time_base = Fraction(1, FPS)
        context.color_range, context.colorspace = tags.color_range, tags.colorspace
        context.color_primaries, context.color_trc = tags.primaries, tags.transfer
        self._pictures, self._sound, self._rate, self._heard = pictures, sound, rate, 0

    def __enter__(self) -> "LiveStream":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            for stream in (self._pictures, self._sound):
                self._container.mux(stream.encode(None))
        self._container.close()

    def write(self, image: UInt8[np.ndarray, "h w 3"], number: int, samples: Int16[np.ndarray, " n"]) -> None:
        """Frame `number`, and the sound that follows what was written before."""
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(padded(image, *self._size)), format="rgb24")
        frame.pts, frame.time_base = number, Fraction(1, FPS)
        self._container.mux(self._pictures.encode(frame))
        if len(samples):
            sound = av.AudioFrame.from_ndarray(samples[None], format="s16", layout="mono")
            sound.sample_rate, sound.pts, sound.time_base = self._rate, self._heard, Fraction(1, self._rate)
            self._heard += len(samples)
            self._container.mux(self._sound.encode(sound))
