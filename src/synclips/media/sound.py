"""Sound as it is heard: any number of channels, at its own level; the networks get its mono mix."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import soxr
from jaxtyping import Float32

from synclips.mapped_files import parts
from synclips.media.channels import MONO, Channels, mix_matrix
from synclips.media.sample_store import BLOCK, SampleStore
from synclips.media.waveform import Waveform

_CANCELLED: Final = 0.1
"""Energy of the mono mix, relative to that of the same channels without any correlation, below which they cancel."""
_SILENT: Final = 1e-10
"""Mean square under which a channel has nothing to be cancelled (-100 dBFS)."""


@dataclass(frozen=True)
class Sound:
    """What is heard: float32 samples of each channel, full scale at 1, their rate in Hz, and the channels' names.

    `notes`: what a person should know of how it was read. Long sound lies in a file that is mapped: go through it with
    `blocks`, not as a whole.
    """

    samples: Float32[np.ndarray, "channels n"]
    sample_rate: int
    channels: Channels = MONO
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.samples.dtype != np.float32 or self.samples.ndim != 2 or len(self.samples) != len(self.channels):
            raise ValueError(
                f"a Sound of {len(self.channels)} channels, not {self.samples.dtype} of shape {self.samples.shape}"
            )
        if self.sample_rate <= 0:
            raise ValueError(f"sample rate {self.sample_rate} Hz")

    @classmethod
    def of(cls, sound: "Waveform | Sound") -> "Sound":
        """A waveform as a sound of one channel (the samples are shared); a sound is returned as it is."""
        return sound if isinstance(sound, Sound) else cls(sound.samples[None], sound.sample_rate)

    @property
    def duration(self) -> float:
        """Seconds."""
        return self.samples.shape[1] / self.sample_rate

    def blocks(self, size: int = BLOCK) -> Iterator[Float32[np.ndarray, "channels k"]]:
        """The samples, `size` at a time (the last block may be shorter)."""
        for part in parts(self.samples.shape[1], size, 4 * len(self.samples)):
            yield self.samples[:, part]

    def mono(self, sample_rate: int | None = None) -> Waveform:
        """The normalised mix of all channels (see `mix_matrix`), at `sample_rate` (None: its own)."""
        rate = sample_rate or self.sample_rate
        if len(self.channels) == 1 and rate == self.sample_rate:
            return Waveform(self.samples[0], rate)
        [samples] = _converted(self, MONO, rate)
        return Waveform(samples, rate)

    def in_channels(self, channels: Channels) -> "Sound":
        """The sound on other loudspeakers: see `mix_matrix`."""
        if channels == self.channels:
            return self
        return replace(self, samples=_converted(self, channels, self.sample_rate), channels=channels)

    def padded(self, count: int) -> "Sound":
        """Cut, or filled with silence at its end, to `count` samples."""
        present = self.samples.shape[1]
        if present >= count:
            return replace(self, samples=self.samples[:, :count])
        with SampleStore(len(self.channels)) as store:
            for block in self.blocks():
                store.append(block)
            store.append_silence(count - present)
            return replace(self, samples=store.take())

    def cancelled(self) -> int | None:
        """The strongest channel's index where the channels cancel each other in the mono mix; None where they do not.

        That is so where one of two channels has its polarity reversed: played through one loudspeaker, such a
        recording is all but silent.
        """
        if len(self.channels) < 2:
            return None
        weights = mix_matrix(self.channels, MONO)[0].astype(np.float64)
        mixed, energies = 0.0, np.zeros(len(self.channels), np.float64)
        for block in self.blocks():
            energies += np.einsum("cn,cn->c", block, block, dtype=np.float64)
            mixed += float(np.sum((weights @ block) ** 2))
        energies *= weights != 0
        apart = float(weights**2 @ energies)
        if apart <= _SILENT * self.samples.shape[1] or mixed >= _CANCELLED * apart:
            return None
        return int(energies.argmax())

    def channel(self, index: int) -> "Sound":
        """One channel alone."""
        return replace(self, samples=self.samples[index : index + 1], channels=MONO)


def _converted(sound: Sound, channels: Channels, sample_rate: int) -> Float32[np.ndarray, "to n"]:
    matrix = mix_matrix(sound.channels, channels)
    with SampleStore(len(channels)) as store:
        resampler = Resampler(sound.sample_rate, sample_rate, len(channels))
        for block in sound.blocks():
            store.append(resampler.next(matrix @ block))
        store.append(resampler.last())
        return store.take()


class Resampler:
    """Converts sound piece by piece from one rate to another (soxr, very high quality; nothing at equal rates)."""

    def __init__(self, source: int, target: int, channels: int) -> None:
        self._channels = channels
        self._stream = (
            None if source == target else soxr.ResampleStream(source, target, channels, dtype="float32", quality="VHQ")
        )

    def next(self, samples: Float32[np.ndarray, "channels n"]) -> Float32[np.ndarray, "channels m"]:
        """What is ready after these samples."""
        if self._stream is None:
            return samples
        return self._turned(np.ascontiguousarray(samples.T), last=False)

    def last(self) -> Float32[np.ndarray, "channels m"]:
        """What is left at the end."""
        none = np.zeros((0, self._channels), np.float32)
        return none.T if self._stream is None else self._turned(none, last=True)

    def _turned(self, samples: Float32[np.ndarray, "n channels"], *, last: bool) -> Float32[np.ndarray, "channels m"]:
        assert self._stream is not None
        made = self._stream.resample_chunk(samples[:, 0] if self._channels == 1 else samples, last=last)
        return np.asarray(made, np.float32).reshape(-1, self._channels).T
