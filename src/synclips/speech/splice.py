"""New speech in the place of a part of a recording: every sample outside of it stays as it is.

Inside, the background goes on: steady noise is made anew with the spectrum and level that it has around the place,
music is carried through from the recording itself. At either end old and new are cross-faded.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Bool, Float32, Float64

from synclips.media.audio import Sound, Waveform
from synclips.media.sample_store import SampleStore
from synclips.media.timebase import SAMPLE_RATE
from synclips.speech.high_band import with_high_band
from synclips.speech.reference_voice import steady_tones
from synclips.speech.vad import Activity, detect_speech

FADE: Final = 0.012
"""Seconds of a cross-fade between speech and speech."""
PAUSE_FADE: Final = 0.03
"""Seconds of a cross-fade in a pause."""
_ALIGN: Final = 0.005
"""Seconds by which the new speech may be moved so that its periods fall on the old one's."""
AROUND: Final = 12.0
"""Seconds on either side in which background and levels are measured."""
MUSIC: Final = 0.35
"""Share of loud steps with standing tones, above which music lies under the speech (see `steady_tones`)."""


@dataclass(frozen=True)
class Patch:
    """Samples `first` to `last` (exclusive) of a sound, and what takes their place.

    `music`: tones that stand still were found under the place and carried through.
    """

    first: int
    last: int
    samples: Float32[np.ndarray, "channels n"]
    music: bool = False

    @property
    def change(self) -> int:
        """By how many samples the sound becomes longer."""
        return self.samples.shape[1] - (self.last - self.first)


def make_patch(
    original: Sound, first: int, last: int, count: int, speech: Waveform, *, pauses: tuple[bool, bool], seed: int = 0
) -> Patch:
    """`speech` (16 kHz, clean, at the level of the mono mix) for samples `first` to `last`, `count` samples long.

    `pauses`: whether the recording pauses at the left and at the right end.
    """
    rate = original.sample_rate
    low, high = max(0, first - round(AROUND * rate)), min(original.samples.shape[1], last + round(AROUND * rate))
    near = Sound(np.array(original.samples[:, low:high]), rate, original.channels)
    mono = near.mono()
    activity = detect_speech(mono.resampled(SAMPLE_RATE))
    spoken = _at_rate(activity.level > activity.speech_level - 12, rate, len(mono.samples))
    heard = with_high_band(speech, rate, Waveform(mono.samples[spoken], rate)).padded(count)
    if not all(pauses):
        side = 0 if not pauses[0] else 1
        heard = _aligned(heard, mono.samples, first - low if side == 0 else last - low, side)
    silent = _at_rate(_quietest(activity), rate, len(mono.samples))
    music = steady_tones(mono.resampled(SAMPLE_RATE)) > MUSIC
    gains = _speech_gains(near, mono, spoken)
    parts = []
    for index, (channel, gain) in enumerate(zip(near.samples, gains, strict=True)):
        said = Waveform((heard.samples * np.float32(gain)).astype(np.float32), rate)
        if music:
            under = carried_background(channel, first - low, last - low, count, rate)
            said = Waveform(said.samples + under, rate)
        elif silent.sum() >= rate // 8:
            same = _same_noise(near, silent, index)
            said = Waveform(said.samples + steady_noise(channel[silent], count, seed + same), rate)
        parts.append(_joined(said.samples, channel, first - low, last - low, rate, pauses))
    return Patch(first, last, np.stack(parts), music)


def spliced(original: Sound, patches: Sequence[Patch]) -> Sound:
    """The sound with the patches (in order, apart from each other) in place; all else is copied bit by bit."""
    with SampleStore(len(original.channels)) as store:
        at = 0
        for patch in patches:
            _append(store, original, at, patch.first)
            store.append(patch.samples)
            at = patch.last
        _append(store, original, at, original.samples.shape[1])
        return Sound(store.take(), original.sample_rate, original.channels, original.notes)


def steady_noise(quiet: Float32[np.ndarray, " k"], count: int, seed: int) -> Float32[np.ndarray, " n"]:
    """Noise with the spectrum and level of `quiet`, made anew. The median over its windows is taken, so that a breath
    or the end of a word in it does not count."""
    from scipy.signal import welch

    size = min(1024, len(quiet))
    _, density = welch(quiet.astype(np.float64), 1.0, nperseg=size, detrend=False, average="median")
    bins = np.fft.rfftfreq(count, 1.0)
    shape = np.sqrt(np.interp(bins, np.linspace(0, 0.5, len(density)), density))
    white = np.random.default_rng(seed).standard_normal(count)
    return np.asarray(np.fft.irfft(np.fft.rfft(white) * shape, count) * np.sqrt(0.5), np.float32)


def carried_background(
    channel: Float32[np.ndarray, " n"], first: int, last: int, count: int, rate: int
) -> Float32[np.ndarray, " m"]:
    """What stands still in the sound around samples `first` to `last`: tones that hold, without the speech's.

    Of each band the lower quartile over .7 s is kept, with the phase that is there; squeezed or stretched to `count`.
    """
    from scipy.ndimage import percentile_filter

    from synclips.speech.time_stretch import stretched

    size = 1 << round(np.log2(0.09 * rate))
    edge = round(0.8 * rate)
    low, high = max(0, first - edge), min(len(channel), last + edge)
    samples = np.pad(channel[low:high].astype(np.float64), (size, size))
    hop = size // 4
    window = np.hanning(size + 1)[:-1]
    frames = np.lib.stride_tricks.sliding_window_view(samples, size)[::hop] * window
    spectra = np.fft.rfft(frames, axis=1)
    magnitude = np.abs(spectra)
    held = percentile_filter(magnitude, 25, size=(max(3, round(0.7 * rate / hop)), 1), mode="nearest")
    spectra *= np.minimum(1.0, held / np.maximum(magnitude, 1e-12))
    made, weight = np.zeros(len(samples)), np.zeros(len(samples))
    for index, part in enumerate(np.fft.irfft(spectra, size, axis=1) * window):
        made[index * hop : index * hop + size] += part
        weight[index * hop : index * hop + size] += window**2
    made = (made / np.maximum(weight, 1e-6))[size:-size]
    under = Waveform(made[first - low : last - low].astype(np.float32), rate)
    return stretched(under, count).padded(count).samples


def _append(store: SampleStore, sound: Sound, first: int, last: int) -> None:
    part = Sound(sound.samples[:, first:last], sound.sample_rate, sound.channels)
    for block in part.blocks():
        store.append(block)


def _joined(
    said: Float32[np.ndarray, " m"], channel: Float32[np.ndarray, " n"], first: int, last: int, rate: int,
    pauses: tuple[bool, bool],
) -> Float32[np.ndarray, " m"]:  # fmt: skip
    """`said` with the old sound fading out at its beginning and in at its end, both within the place."""
    result = said.astype(np.float64)
    longest = min(len(said), last - first) // 2
    for side, pause in enumerate(pauses):
        count = min(round((PAUSE_FADE if pause else FADE) * rate), longest)
        if count < 2:
            continue
        rise = (np.arange(count) + 0.5) / count
        new, old = (np.sin(rise * np.pi / 2), np.cos(rise * np.pi / 2)) if pause else (rise, 1 - rise)
        if side == 0:
            result[:count] = result[:count] * new + channel[first : first + count] * old
        else:
            result[-count:] = result[-count:] * new[::-1] + channel[last - count : last] * old[::-1]
    return result.astype(np.float32)


def _aligned(heard: Waveform, recording: np.ndarray, at: int, side: int) -> Waveform:
    """The speech moved by up to 5 ms so that it goes on where the recording leaves off (or the other way about)."""
    rate = heard.sample_rate
    reach, size = round(_ALIGN * rate), round(2 * FADE * rate)
    if len(heard.samples) < size + 2 * reach or at < size or at + size > len(recording):
        return heard
    if side == 0:
        there, region = recording[at : at + size], heard.samples[: size + reach]
    else:
        there, region = recording[at - size : at], heard.samples[-size - reach :]
    there, region = there.astype(np.float64), region.astype(np.float64)
    product = np.correlate(region, there, "valid")
    squares = np.concatenate([[0.0], np.cumsum(region**2)])
    energy = squares[size:] - squares[:-size]
    score = product / np.sqrt(energy * float(there @ there) + 1e-12)
    move = int(np.argmax(score))
    if score[move] < 0.3:
        return heard
    shifted = np.zeros_like(heard.samples)
    if side == 0:
        shifted[: len(shifted) - move] = heard.samples[move:]
    else:
        back = reach - move
        shifted[back:] = heard.samples[: len(shifted) - back]
    return Waveform(shifted, rate)


def _quietest(activity: Activity) -> Bool[np.ndarray, " steps"]:
    """The quietest third of the pauses, at least a fifth of a second: breaths and ends of words lie in the rest."""
    pauses = np.flatnonzero(~activity.speech)
    wanted = max(20, len(pauses) // 3)
    among = pauses if len(pauses) >= 20 else np.arange(len(activity.level))
    smooth = np.convolve(activity.level, np.ones(5) / 5, "same")
    marks = np.zeros(len(activity.level), bool)
    marks[among[np.argsort(smooth[among])[:wanted]]] = True
    return marks


def _at_rate(steps: np.ndarray, rate: int, count: int) -> np.ndarray:
    """Marks of 10 ms steps as marks of samples."""
    at = np.minimum(np.arange(count) * 100 // rate, len(steps) - 1)
    return np.asarray(steps)[at]


def _speech_gains(near: Sound, mono: Waveform, spoken: np.ndarray) -> Float64[np.ndarray, " channels"]:
    """How much of the mono mix's speech is in each channel."""
    mixed = mono.samples[spoken].astype(np.float64)
    power = float(mixed @ mixed)
    if power <= 0:
        return np.ones(len(near.channels))
    return np.array([float(channel[spoken].astype(np.float64) @ mixed) / power for channel in near.samples])


def _same_noise(near: Sound, silent: np.ndarray, index: int) -> int:
    """The first channel that carries the same noise as channel `index`."""
    mine = near.samples[index][silent].astype(np.float64)
    for other in range(index):
        theirs = near.samples[other][silent].astype(np.float64)
        if abs(float(mine @ theirs)) > 0.7 * float(np.sqrt((mine @ mine) * (theirs @ theirs)) + 1e-20):
            return other
    return index
