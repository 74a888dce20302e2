"""Speech on its way to a live face: PCM that one thread brings and another takes, by the clock or as it comes."""

import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Int16

from synclips.dubbing.live import LiveFace, LiveFrame
from synclips.errors import InputError
from synclips.media.sound import Resampler
from synclips.media.timebase import FPS, SAMPLE_RATE

PIECE: Final = 0.02
"""Seconds of speech that are taken at once."""
BEHIND: Final = 0.02
"""Seconds that the clock waits for speech before it takes silence."""
SAMPLE_BYTES: Final = 2


class LiveSpeech:
    """Mono, 16-bit little-endian PCM of `rate` samples a second. `most`: seconds that wait here before `put` blocks."""

    def __init__(self, rate: int, most: float = 60.0) -> None:
        self.rate = rate
        self._size = SAMPLE_BYTES * round(PIECE * rate)
        self._most = SAMPLE_BYTES * round(most * rate)
        self._waiting = bytearray()
        self._ended = False
        self._due = 0.0
        self._changed = threading.Condition()

    def put(self, pcm: bytes) -> None:
        """More speech, cut anywhere; waits while there is too much already."""
        with self._changed:
            self._changed.wait_for(lambda: self._ended or len(self._waiting) < self._most)
            if not self._ended:
                self._waiting += pcm
                self._changed.notify_all()

    def end(self) -> None:
        """No more speech comes."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def clear(self) -> None:
        """Drop what waits: the person stops speaking."""
        with self._changed:
            self._waiting.clear()
            self._changed.notify_all()

    @property
    def waiting(self) -> float:
        """Seconds of speech that have come and were not taken yet."""
        return len(self._waiting) / SAMPLE_BYTES / self.rate

    @property
    def late(self) -> float:
        """Seconds by which what is taken by the clock is later than it is due."""
        return max(0.0, time.monotonic() - self._due)

    def as_it_comes(self) -> Iterator[bytes]:
        """Pieces of whole samples until the speech ends."""
        while piece := self._take(None):
            yield piece

    def by_the_clock(self) -> Iterator[bytes]:
        """The same, and silence for every piece that does not come in time; the speech's end ends it.

        Where the pieces are taken slower than they are due, silence is not made up for: the clock waits, so that
        speech which comes then is heard at once.
        """
        self._due = time.monotonic()
        while True:
            self._due += PIECE
            piece = self._take(max(0.0, self._due + BEHIND - time.monotonic()))
            if piece == b"":
                return
            if piece is None:
                self._due = max(self._due, time.monotonic() - BEHIND)
            yield bytes(self._size) if piece is None else piece
            time.sleep(max(0.0, self._due - time.monotonic()))

    def _take(self, seconds: float | None) -> bytes | None:
        """The next piece; None if it does not come in so many seconds; b"" at the end."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._ended or len(self._waiting) >= self._size, seconds):
                return None
            whole = min(self._size, len(self._waiting) // SAMPLE_BYTES * SAMPLE_BYTES)
            piece = bytes(self._waiting[:whole])
            del self._waiting[:whole]
            self._changed.notify_all()
            return piece


@dataclass(frozen=True)
class SpokenFrame:
    """A frame and the sound that is heard while it is shown: 1/25 s of what came, at its own rate."""

    frame: LiveFrame
    sound: Int16[np.ndarray, " n"]


def spoken_frames(face: LiveFace, pieces: Iterable[bytes], rate: int) -> Iterator[SpokenFrame]:
    """The face saying the pieces of PCM, each frame as soon as it can be made; at the end the rest.

    Raises:
        InputError: the pieces are a .wav file's.
    """
    resampler = Resampler(rate, SAMPLE_RATE, 1)
    sound = np.zeros(0, np.int16)
    passed = 0

    def with_sound(frames: Iterable[LiveFrame]) -> Iterator[SpokenFrame]:
        nonlocal sound, passed
        for frame in frames:
            end = (frame.number + 1) * rate // FPS
            own, sound, passed = sound[: end - passed], sound[end - passed :], end
            yield SpokenFrame(frame, own)

    for number, piece in enumerate(pieces):
        if number == 0 and piece.startswith(b"RIFF"):
            raise InputError("this is a .wav file; give its bare samples, 16-bit mono PCM")
        samples = np.frombuffer(piece, "<i2")
        sound = np.concatenate([sound, samples])
        heard = resampler.next((samples.astype(np.float32) / 32768)[None])[0]
        yield from with_sound(face.hear(heard))
    yield from with_sound(face.hear(resampler.last()[0]))
    yield from with_sound(face.finish())
