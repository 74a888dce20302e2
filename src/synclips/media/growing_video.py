"""A small copy of a video that is being made, which can be played as far as it is done.

It is fragmented MP4 (ISO/IEC 14496-12, 8.8) in pieces: the first has the head, each is about a second and begins with
a key frame. The first pieces joined are a whole file, as many of them as there are.
"""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
import cv2
import numpy as np
from jaxtyping import Float32, UInt8

from synclips.files import atomic_path
from synclips.media.sound import Sound

PIECE_SECONDS: Final = 1.0
MOST_SECONDS: Final = 600.0
"""What comes later is not copied."""
LONGER_SIDE: Final = 480
SOUND_RATE: Final = 24_000
_CLOCK: Final = 90_000
_OPTIONS: Final = {"preset": "ultrafast", "tune": "zerolatency", "crf": "26", "threads": "1", "g": "100000"}


class GrowingVideo:
    """Writes the pieces `<name>_00000.m4s`, `<name>_00001.m4s`, ... into a folder, each as a whole.

    The copy begins with the first picture that is written: where a dub goes on, that is not the dub's first.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self._folder, self._name = folder, name
        self._sound: Float32[np.ndarray, " n"] | None = None
        self._sink = _Sink()
        self._container: av.container.OutputContainer | None = None
        self._pictures: av.VideoStream | None = None
        self._heard: av.AudioStream | None = None
        self._first, self._piece, self._count, self._passed = 0.0, 0.0, 0, 0

    def hear(self, sound: Sound) -> None:
        """What is heard from the video's beginning on; to be told before the first picture."""
        most = round(MOST_SECONDS * sound.sample_rate)
        self._sound = replace(sound, samples=sound.samples[:, :most]).mono(SOUND_RATE).samples

    def write(self, image: UInt8[np.ndarray, "h w 3"], time: float) -> None:
        """The next picture, shown `time` seconds from the video's beginning."""
        if self._container is None:
            self._open(image, time)
        shown = time - self._first
        if shown > MOST_SECONDS:
            return
        assert self._pictures is not None
        assert self._container is not None
        context = self._pictures.codec_context
        size = context.width, context.height
        small = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_LINEAR), np.uint8)
        frame = av.VideoFrame.from_ndarray(small, format="rgb24")
        frame.pts, frame.time_base = round(shown * _CLOCK), Fraction(1, _CLOCK)
        begins = shown >= self._piece
        if begins:
            frame.pict_type = av.video.frame.PictureType.I
            self._piece = shown + PIECE_SECONDS
        self._mux_sound(shown)
        self._container.mux(self._pictures.encode(frame))
        if begins:  # with the new key frame the fragment before it is complete
            self._put()

    def close(self) -> None:
        """The last piece."""
        if self._container is None or self._pictures is None:
            return
        self._container.mux(self._pictures.encode(None))
        if self._heard is not None:
            self._container.mux(self._heard.encode(None))
        self._container.close()
        self._put()

    def remove(self) -> None:
        """Remove the pieces."""
        for path in self._folder.glob(f"{self._name}_*.m4s"):
            path.unlink(missing_ok=True)

    def _open(self, image: UInt8[np.ndarray, "h w 3"], time: float) -> None:
        self._first, self._passed = time, round(time * SOUND_RATE)
        scale = min(1.0, LONGER_SIDE / max(image.shape[:2]))
        height, width = (max(2, round(side * scale / 2) * 2) for side in image.shape[:2])
        muxing = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}
        self._container = av.open(self._sink, "w", format="mp4", options=muxing)
        pictures = self._container.add_stream("libx264", rate=25, options=dict(_OPTIONS))
        assert isinstance(pictures, av.VideoStream)
        context = pictures.codec_context
        context.width, context.height, context.pix_fmt = width, height, "yuv420p"
        context.time_base = Fraction(1, _CLOCK)
        self._pictures = pictures
        if self._sound is not None:
            heard = self._container.add_stream("aac", rate=SOUND_RATE, layout="mono")
            assert isinstance(heard, av.AudioStream)
            self._heard = heard

    def _mux_sound(self, shown: float) -> None:
        """The sound up to a little beyond a moment."""
        if self._sound is None or self._heard is None or self._container is None:
            return
        begin = round(self._first * SOUND_RATE)
        end = begin + round((shown + 0.2) * SOUND_RATE)
        part = self._sound[self._passed : end]
        if len(part):
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(part[None]), format="fltp", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = SOUND_RATE, self._passed - begin, Fraction(1, SOUND_RATE)
            self._passed += len(part)
            self._container.mux(self._heard.encode(frame))

    def _put(self) -> None:
        made = self._sink.taken()
        if b"moof" not in made:
            self._sink.write(made)  # the head alone: it goes with the first piece
            return
        with atomic_path(self._folder / f"{self._name}_{self._count:05d}.m4s") as temporary:
            temporary.write_bytes(made)
        self._count += 1


class _Sink:
    """A file that is written in order and not kept."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._parts.append(bytes(data))
        return len(data)

    def taken(self) -> bytes:
        """What was written since the last call."""
        made, self._parts = b"".join(self._parts), []
        return made
