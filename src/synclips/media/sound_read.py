"""Sound from any file that FFmpeg knows: as it is heard, or as the mono mix that networks take."""

import contextlib
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
from jaxtyping import Float32

from synclips.errors import MediaError
from synclips.media.channels import Channels, mix_matrix
from synclips.media.sample_store import SampleStore
from synclips.media.sound import Resampler, Sound
from synclips.media.sound_decode import SoundDecoder
from synclips.media.sound_tracks import find_track
from synclips.media.timebase import OUTPUT_SAMPLE_RATE, SAMPLE_RATE
from synclips.media.waveform import Waveform

_OVER: Final = 10 ** (1 / 20)
"""Peak above which a recording goes beyond full scale; up to there it is a lossy codec's overshoot (+1 dB)."""


def read_audio(
    path: Path | str, sample_rate: int = SAMPLE_RATE, *, stop: float | None = None, track: int | None = None
) -> Waveform:
    """The mono mix of what `read_sound` reads: for networks and measurements.

    Raises:
        MediaError: as `read_sound`.
    """
    return read_sound(Path(path), sample_rate, stop=stop, track=track).mono()


def read_sound(
    path: Path,
    sample_rate: int = OUTPUT_SAMPLE_RATE,
    *,
    stop: float | None = None,
    at_least: float = 0.0,
    track: int | None = None,
) -> Sound:
    """Read a sound track of any file FFmpeg knows, with all of its channels, at `sample_rate`.

    Where the file has a picture, sample 0 is the moment of its first frame: if the sound starts later, silence is put
    before it; if earlier, the surplus is cut. Without a picture it begins with the sound. Gaps in the time stamps are
    filled with silence, overlaps cut, damaged packets passed over (with a note). Where the layout changes on the way,
    the whole gets the largest one. Channels that cancel each other are replaced by the strongest of them; what goes
    beyond full scale is turned down as a whole (with a note each).

    Args:
        stop: seconds after which no more is read.
        at_least: seconds to which the end is filled with silence.
        track: number of the sound track, from 1; None: see `find_track`.

    Raises:
        MediaError: no such file, not a media file, damaged, or without sound.
    """
    found = find_track(path, track)
    decoder = SoundDecoder(path, found.index)
    with contextlib.closing(_Parts(sample_rate, stop)) as parts:
        for piece in decoder.pieces():
            parts.add(piece.samples, piece.sample_rate, piece.channels)
            if parts.full:
                break
        if parts.empty:
            raise MediaError(f"{path} has a sound track without any sound in it")
        parts.fill(round(at_least * sample_rate))
        sound = parts.joined()
    notes = [*found.notes, *_damage_note(path, decoder)]
    strongest = sound.cancelled()
    if strongest is not None:
        notes.append(
            f"the channels of {path} cancel each other (the polarity of one is reversed): "
            f"channel {strongest + 1} of {len(sound.channels)} is heard alone"
        )
        sound = sound.channel(strongest)
    if parts.peak > _OVER:
        notes.append(
            f"{path} goes beyond full scale by {20 * np.log10(parts.peak):.1f} dB; it was turned down by as much"
        )
        for block in sound.blocks():
            block /= np.float32(parts.peak)
    return replace(sound, notes=tuple(notes))


def _damage_note(path: Path, decoder: SoundDecoder) -> list[str]:
    damage = decoder.damage
    if not damage.packets:
        return []
    where = "" if damage.first is None else f", the first at {max(0.0, damage.first - decoder.origin):.1f} s"
    what = "1 packet" if damage.packets == 1 else f"{damage.packets} packets"
    return [f"{what} of the sound of {path} cannot be decoded{where}; the rest is heard"]


class _Parts:
    """The sound so far, at one rate; a change of channels begins a new part."""

    def __init__(self, sample_rate: int, stop: float | None) -> None:
        self._rate = sample_rate
        self._left = None if stop is None else round(stop * sample_rate)
        self._stores: list[tuple[Channels, SampleStore]] = []
        self._source: tuple[int, Channels] | None = None
        self._resampler: Resampler | None = None
        self.peak = 0.0

    @property
    def full(self) -> bool:
        """As much as is wanted is there."""
        return self._left == 0

    @property
    def empty(self) -> bool:
        """Nothing was ever added."""
        return self._source is None

    def add(self, samples: Float32[np.ndarray, "channels n"], rate: int, channels: Channels) -> None:
        """Samples that follow what is there."""
        if self._source != (rate, channels):
            self._flush()
            if not self._stores or self._stores[-1][0] != channels:
                self._stores.append((channels, SampleStore(len(channels))))
            self._source, self._resampler = (rate, channels), Resampler(rate, self._rate, len(channels))
        assert self._resampler is not None
        self.peak = max(self.peak, float(np.abs(samples).max(initial=0)))
        self._store(self._resampler.next(samples))

    def fill(self, count: int) -> None:
        """Silence at the end, up to `count` samples in all."""
        self._flush()
        self._stores[-1][1].append_silence(count - sum(store.count for _, store in self._stores))

    def joined(self) -> Sound:
        """All of it, in the layout that has the most channels."""
        self._flush()
        if len(self._stores) == 1:
            [(channels, store)] = self._stores
            return Sound(store.take(), self._rate, channels)
        widest = max((channels for channels, _ in self._stores), key=len)
        with SampleStore(len(widest)) as whole:
            for channels, store in self._stores:
                matrix = mix_matrix(channels, widest)
                for block in Sound(store.take(), self._rate, channels).blocks():
                    whole.append(matrix @ block)
            return Sound(whole.take(), self._rate, widest)

    def close(self) -> None:
        """Give the temporary files back."""
        for _, store in self._stores:
            store.__exit__(None, None, None)

    def _flush(self) -> None:
        if self._resampler is not None:
            self._store(self._resampler.last())
            self._resampler = None

    def _store(self, samples: Float32[np.ndarray, "channels n"]) -> None:
        if self._left is not None:
            samples = samples[:, : self._left]
            self._left -= samples.shape[1]
        self._stores[-1][1].append(samples)
