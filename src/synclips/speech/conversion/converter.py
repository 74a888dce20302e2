"""The synthesizer's voice becomes the voice in the video, and nothing else changes: the words and their timing stay.

WORLD finds the envelope of each frame, and the voice mapper says what it would be in the wanted voice. Speech that is
at the wanted pitch already is filtered by the difference; other speech is taken apart by WORLD and put together again
with the pitch moved to the wanted voice's median and liveliness. An equaliser brings the long-term spectrum half-way to
the reference's.
"""

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float64

from synclips.errors import ConfigError
from synclips.media.audio import Waveform
from synclips.media.timebase import SAMPLE_RATE
from synclips.speech.conversion.calibration import missing_colour, trust
from synclips.speech.conversion.spectral_match import coloured, equalised
from synclips.speech.conversion.stretches import in_stretches
from synclips.speech.conversion.world import (
    FRAMES_PER_SECOND,
    Frames,
    analyse,
    envelope_of,
    filtered,
    synthesise,
    with_aperiodicity,
)

CONVERTERS: Final = ("world", "openvoice")
"""Their names; the first is built in, the second downloads 131 MB at first use."""
STRENGTH: Final = 1.0
"""With less the line keeps more of the synthesizer's voice, and of its words."""
SMOOTHING: Final = 1.6
"""Frames of 10 ms (standard deviation) over which the change is evened out: who speaks changes slowly, what is said
does not, and words are lost where the mapper moves every frame by itself (EXPERIMENTS.md)."""
LEVEL_SHARE: Final = 0.5
"""Part of the change of loudness within the line that is made: the stresses are the line's own."""
SAME_PITCH: Final = 0.16
"""Distance of the median log F0s under which the sound is filtered, instead of taken apart and put together again."""
_FEWEST_FRAMES: Final = 40
UNVOICED_SHARE: Final = 0.3
"""Part of the change that unvoiced frames get: they tell voices apart little, and words a lot."""
_LIVELINESS: Final = (0.6, 1.8)
"""How far the pitch's spread may be scaled."""
LARGEST_LEVEL_CHANGE: Final = 18.0
_LARGEST_CHANGE: Final = 2.3
"""Log amplitude (20 dB) by which a band may change: a reference without treble must not silence the consonants."""
SPREAD_SCALE: Final = (0.7, 2.0)
"""How far the spread of the mapped cepstra may be scaled."""
_EDGE: Final = 7
"""Frames over which the change fades between voiced and unvoiced."""


@runtime_checkable
class VoiceConverter(Protocol):
    """Makes one person's speech sound like another's."""

    @property
    def name(self) -> str:
        """For reports."""

    def convert(self, speech: Waveform, reference: Waveform) -> Waveform:
        """`speech` in the voice heard in `reference` (speech only, at least 2 s), 16 kHz mono, equally long."""


@dataclass(frozen=True)
class VoiceStatistics:
    """A voice in numbers: mean and deviation of its mel-cepstra, median and spread of its log F0."""

    mean: Float64[np.ndarray, "40"]
    deviation: Float64[np.ndarray, "40"]
    log_pitch: float
    pitch_spread: float


def voice_statistics(frames: Frames, average_deviation: Float64[np.ndarray, "40"]) -> VoiceStatistics | None:
    """Statistics of the strong voiced frames, the deviations drawn to an average voice's where there are few of them.

    None without a voice: fewer than 40 such frames (0.2 s).
    """
    strong = frames.strong()
    if strong.sum() < _FEWEST_FRAMES:
        return None
    cepstra = frames.cepstra[strong]
    log_pitch = np.log(frames.f0[strong])
    low, median, high = np.percentile(log_pitch, [16, 50, 84])
    count, prior = len(cepstra) / 2, 50
    deviation = np.sqrt((count * cepstra.var(axis=0) + prior * average_deviation**2) / (count + prior))
    return VoiceStatistics(cepstra.mean(axis=0), deviation, float(median), max(float(high - low) / 2, 0.02))


@dataclass(frozen=True)
class WorldConverter:
    """The converter that needs no download. `strength` 0 moves only the pitch, the average timbre and its spread.

    `source` names the speaking voice, `ENGINE:VOICE`; where its statistics are not stored, the speech's own are taken.
    `colour` is what `calibration` found to be missing.
    """

    strength: float = STRENGTH
    source: str = ""
    name: str = "world"
    colour: tuple[float, ...] = ()

    def convert(self, speech: Waveform, reference: Waveform) -> Waveform:
        """See `VoiceConverter`. Speech or reference without voiced sound leave the speech as it is."""
        speech = speech.resampled(SAMPLE_RATE)
        parts = in_stretches(speech)
        if len(parts) > 1:
            converted = [self.convert(part, reference).samples for part in parts]
            return Waveform(np.concatenate(converted), SAMPLE_RATE)
        wanted = _reference_voice(reference.resampled(SAMPLE_RATE).samples.tobytes())
        if wanted is None or len(speech.samples) < SAMPLE_RATE // 10:
            return speech
        frames = analyse(speech, for_synthesis=False)
        line = voice_statistics(frames, average_deviation())
        speaking = known_voice(self.source) or line
        if speaking is None:
            return speech
        target, known, known_voiced = wanted
        normal = self._mapped(frames, speaking, target, known, known_voiced)
        gain = _gain(frames, normal * target.deviation + target.mean)
        if line is not None and abs(line.log_pitch - target.log_pitch) < SAME_PITCH:
            return self._finished(filtered(speech, gain), reference)
        if line is not None:
            speaking = _at_pitch_of(speaking, line, int(frames.strong().sum()))
        frames = with_aperiodicity(frames, speech)
        f0 = moved_pitch(frames.f0, speaking, target)
        moved = synthesise(Frames(f0, frames.envelope + gain, frames.aperiodicity), len(speech.samples))
        return self._finished(moved, reference)

    def calibrated(self, lines: tuple[Waveform, ...], reference: Waveform) -> "WorldConverter":
        """The converter with the colour that it lacks of `reference` (speech only), heard in unconverted `lines`."""
        plain = replace(self, colour=())
        converted = tuple(plain.convert(line, reference) for line in lines)
        share = self.strength * trust(reference.duration)
        colour = share * missing_colour(converted, reference.resampled(SAMPLE_RATE))
        return replace(self, colour=tuple(float(value) for value in colour))

    def _finished(self, converted: Waveform, reference: Waveform) -> Waveform:
        equal = equalised(converted, reference.resampled(SAMPLE_RATE))
        return coloured(equal, np.array(self.colour)) if self.colour else equal

    def _mapped(
        self,
        frames: Frames,
        speaking: VoiceStatistics,
        target: VoiceStatistics,
        known: Float64[np.ndarray, "r 40"],
        known_voiced: Float64[np.ndarray, " r"],
    ) -> Float64[np.ndarray, "n 40"]:
        """The frames' cepstra in the wanted voice, in deviations from its mean."""
        import torch
        from scipy.ndimage import gaussian_filter1d

        from synclips.speech.conversion.voice_mapper import load_voice_mapper

        mapper, _ = load_voice_mapper()
        own = (frames.cepstra - speaking.mean) / speaking.deviation
        spread = np.log(target.deviation / average_deviation())
        inputs = (own[::2], frames.voiced[::2], known, known_voiced)
        with torch.inference_mode():
            source, voiced, reference, reference_voiced = (
                torch.from_numpy(np.asarray(array, np.float32))[None] for array in inputs
            )
            present = torch.ones(reference_voiced.shape, dtype=torch.bool)
            spread_tensor = torch.from_numpy(spread.astype(np.float32))[None]
            mapped = mapper(source, voiced, reference, reference_voiced, present, spread_tensor)[0].numpy()
        change = gaussian_filter1d(mapped - own[::2], SMOOTHING, axis=0, mode="nearest")
        change[:, 0] *= LEVEL_SHARE
        mapped = own[::2] + self.strength * change
        mapped = _as_varied(mapped, frames.strong()[::2], known, known_voiced)
        return _every_frame(mapped, len(own))


def _as_varied(
    mapped: Float64[np.ndarray, "t 40"],
    strong: np.ndarray,
    known: Float64[np.ndarray, "r 40"],
    known_voiced: Float64[np.ndarray, " r"],
) -> Float64[np.ndarray, "t 40"]:
    """Deviations scaled up to the reference's: what is predicted is always too even (Toda, Black and Tokuda, 2007)."""
    del known, known_voiced
    if strong.sum() < _FEWEST_FRAMES // 2:
        return mapped
    mean, deviation = mapped[strong].mean(axis=0), mapped[strong].std(axis=0)
    scale = np.clip(1 / np.maximum(deviation, 1e-3), *SPREAD_SCALE)
    return np.asarray(mean + (mapped - mean) * scale)


def _every_frame(values: Float64[np.ndarray, "t 40"], count: int) -> Float64[np.ndarray, "n 40"]:
    """From every second frame to all of them, linearly."""
    between = np.arange(count) / 2
    left = np.minimum(between.astype(int), len(values) - 1)
    right = np.minimum(left + 1, len(values) - 1)
    share = (between - left)[:, None]
    return values[left] * (1 - share) + values[right] * share


def _gain(frames: Frames, wanted: Float64[np.ndarray, "n 40"]) -> Float64[np.ndarray, "n 513"]:
    """Log power to add for the wanted cepstra: the line's loudness kept, less where unvoiced, nothing beyond reason."""
    change = wanted - frames.cepstra
    strong = frames.strong()
    if strong.any():
        change[:, 0] -= change[strong, 0].mean()
    change[:, 0] = np.clip(change[:, 0], -LARGEST_LEVEL_CHANGE, LARGEST_LEVEL_CHANGE)
    voiced = np.convolve(frames.voiced.astype(np.float64), np.ones(_EDGE) / _EDGE, "same")[:, None]
    change = change * (voiced + (1 - voiced) * UNVOICED_SHARE)
    return np.clip(envelope_of(change), -2 * _LARGEST_CHANGE, 2 * _LARGEST_CHANGE)


def _at_pitch_of(voice: VoiceStatistics, line: VoiceStatistics, count: int) -> VoiceStatistics:
    """`voice` with its median pitch drawn to the line's own, the more the longer the line is."""
    share = count / (count + FRAMES_PER_SECOND)
    return replace(voice, log_pitch=share * line.log_pitch + (1 - share) * voice.log_pitch)


def moved_pitch(
    f0: Float64[np.ndarray, " n"], speaking: VoiceStatistics, target: VoiceStatistics
) -> Float64[np.ndarray, " n"]:
    """Log F0 shifted to the wanted median and scaled to the wanted spread; unvoiced stays unvoiced."""
    liveliness = np.clip(target.pitch_spread / speaking.pitch_spread, *_LIVELINESS)
    log_pitch = target.log_pitch + (np.log(np.maximum(f0, 1)) - speaking.log_pitch) * liveliness
    return np.where(f0 > 0, np.clip(np.exp(log_pitch), 40, 800), 0.0)


def average_deviation() -> Float64[np.ndarray, "40"]:
    from synclips.speech.conversion.voice_mapper import load_voice_mapper

    return np.asarray(load_voice_mapper()[1]["average.deviation"].double().numpy())


def reference_statistics(reference: Waveform) -> VoiceStatistics | None:
    """The voice in a recording (any rate) in numbers, or None without one."""
    found = _reference_voice(reference.resampled(SAMPLE_RATE).samples.tobytes())
    return found[0] if found is not None else None


def known_voice(name: str) -> VoiceStatistics | None:
    """The stored statistics of an engine's voice, or None."""
    from synclips.speech.conversion.voice_mapper import load_voice_mapper

    stored = load_voice_mapper()[1]
    if f"{name}.cepstra" not in stored:
        return None
    mean, deviation = stored[f"{name}.cepstra"].double().numpy()
    log_pitch, spread = (float(value) for value in stored[f"{name}.pitch"])
    return VoiceStatistics(mean, deviation, log_pitch, spread)


_MOST_REFERENCE: Final = 1500
"""Reference frames (10 ms) that the mapper attends to."""


@lru_cache(maxsize=4)
def _reference_voice(
    samples: bytes,
) -> tuple[VoiceStatistics, Float64[np.ndarray, "r 40"], Float64[np.ndarray, " r"]] | None:
    """What is needed of a reference (16 kHz float32): its statistics and, every 10 ms, its normalised speech frames."""
    waveform = Waveform(np.frombuffer(samples, np.float32), SAMPLE_RATE)
    if waveform.duration < 0.2:
        return None
    frames = analyse(waveform, for_synthesis=False)
    statistics = voice_statistics(frames, average_deviation())
    if statistics is None:
        return None
    active = frames.active()
    normal = (frames.cepstra[active] - statistics.mean) / statistics.deviation
    return statistics, normal[::2][:_MOST_REFERENCE], frames.voiced[active][::2][:_MOST_REFERENCE].astype(np.float64)


def choose_converter(name: str = "world", strength: float = STRENGTH, source: str = "") -> VoiceConverter:
    """The converter called `name`: `world`, built in, or `openvoice`, which downloads 131 MB at first use.

    Raises:
        ConfigError: no such converter.
        BackendError: its weights are not here and cannot be downloaded.
    """
    if name == CONVERTERS[0]:
        return WorldConverter(strength, source)
    if name == CONVERTERS[1]:
        from synclips.speech.conversion.openvoice import load_openvoice

        return load_openvoice()
    raise ConfigError(f"no voice converter is called {name!r}; there are: {', '.join(CONVERTERS)}")
