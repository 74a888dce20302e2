"""The voice changes towards the reference; the words, their timing and the loudness stay; nonsense in, no crash out."""

from pathlib import Path

import numpy as np
import pytest

from synclips.errors import CheckpointError, ConfigError
from synclips.media.audio import Waveform, read_audio
from synclips.speech.conversion import converter
from synclips.speech.conversion.converter import WorldConverter, choose_converter
from synclips.speech.conversion.stretches import in_stretches
from synclips.speech.conversion.voice_mapper import load_voice_mapper
from synclips.speech.conversion.world import (
    analyse,
    cepstra,
    cepstral_warp,
    envelope_of,
    filtered,
    median_pitch,
    synthesise,
    warped,
    with_aperiodicity,
)
from synclips.speech.reference_voice import analyse_reference
from synclips.speech.speaker_encoder import similarity, speaker_encoder
from synclips.speech.tts.espeak import EspeakSynthesizer

RATE = 16_000
SOURCE = "espeak:en-us+klatt4"


def _say(text: str, voice: str = "en-us+klatt4") -> Waveform:
    return EspeakSynthesizer().with_voice(voice).synthesize(text).waveform.resampled(RATE)


@pytest.fixture(scope="module")
def line() -> Waveform:
    return _say("the weather will be fine tomorrow morning")


@pytest.fixture(scope="module")
def other_voice() -> Waveform:
    """A synthetic woman: nothing here needs recordings."""
    texts = ("please open the window", "she told me that the train was late", "he could not find his keys")
    return Waveform(np.concatenate([_say(text, "en-us+f2").samples for text in texts]), RATE)


@pytest.fixture(scope="module")
def converted(line: Waveform, other_voice: Waveform) -> Waveform:
    return WorldConverter(source=SOURCE).convert(line, other_voice)


def test_voice_moves_towards_the_reference(line: Waveform, other_voice: Waveform, converted: Waveform) -> None:
    embed = speaker_encoder().embed
    wanted = embed(other_voice)
    assert similarity(embed(converted), wanted) > similarity(embed(line), wanted) + 0.1


def test_pitch_becomes_the_reference_s(other_voice: Waveform, converted: Waveform) -> None:
    wanted, present = median_pitch(other_voice), median_pitch(converted)
    assert wanted is not None
    assert present == pytest.approx(wanted, rel=0.08)


def test_length_and_timing_stay(line: Waveform, converted: Waveform) -> None:
    assert len(converted.samples) == len(line.samples)
    one, two = (np.convolve(w.samples**2, np.ones(1600), "same") for w in (line, converted))
    assert np.corrcoef(one, two)[0, 1] > 0.7


def test_long_speech_is_converted_in_parts(
    line: Waveform, other_voice: Waveform, converted: Waveform, monkeypatch: pytest.MonkeyPatch
) -> None:
    quiet = np.zeros(RATE // 4, np.float32)
    samples = np.concatenate([line.samples, quiet, line.samples, quiet, line.samples])
    longest = 1.3 * len(line.samples) / RATE
    parts = in_stretches(Waveform(samples, RATE), longest)
    assert [len(part.samples) for part in parts] == pytest.approx([len(line.samples)] * 3, abs=RATE // 2)
    assert np.array_equal(np.concatenate([part.samples for part in parts]), samples)
    monkeypatch.setattr(converter, "in_stretches", lambda speech: in_stretches(speech, longest))
    result = WorldConverter(source=SOURCE).convert(Waveform(samples, RATE), other_voice)
    assert len(result.samples) == len(samples)
    middle = result.samples[len(line.samples) + len(quiet) :][: len(line.samples)]
    envelopes = [np.convolve(wave**2, np.ones(800), "same") for wave in (middle, converted.samples)]
    assert np.corrcoef(*envelopes)[0, 1] > 0.9


def test_same_input_same_sound(line: Waveform, other_voice: Waveform, converted: Waveform) -> None:
    again = WorldConverter(source=SOURCE).convert(line, other_voice)
    assert np.array_equal(again.samples, converted.samples)


def test_strength_is_monotone(line: Waveform, other_voice: Waveform) -> None:
    embed, wanted = speaker_encoder().embed, speaker_encoder().embed(other_voice)
    weak, strong = (
        similarity(embed(WorldConverter(strength, SOURCE).convert(line, other_voice)), wanted)
        for strength in (0.0, 1.0)
    )
    assert strong > weak - 0.02


@pytest.mark.parametrize(
    "speech",
    [np.zeros(0), np.zeros(RATE), np.zeros(100), 0.1 * np.random.default_rng(0).standard_normal(RATE), np.ones(RATE)],
)
def test_strange_speech_passes(speech: np.ndarray, other_voice: Waveform) -> None:
    result = WorldConverter().convert(Waveform(speech.astype(np.float32), RATE), other_voice)
    assert len(result.samples) == len(speech)
    assert np.isfinite(result.samples).all()


@pytest.mark.parametrize("reference", [np.zeros(0), np.zeros(3 * RATE), np.full(3 * RATE, 0.5)])
def test_a_reference_without_a_voice_leaves_the_speech(reference: np.ndarray, line: Waveform) -> None:
    result = WorldConverter().convert(line, Waveform(reference.astype(np.float32), RATE))
    assert np.array_equal(result.samples, line.samples)


def test_telephone_reference_does_not_silence_the_consonants(line: Waveform, other_voice: Waveform) -> None:
    result = WorldConverter(source=SOURCE).convert(line, other_voice.resampled(8000))
    spectra = [np.abs(np.fft.rfft(sound.samples)) for sound in (result, line)]
    treble = [np.linalg.norm(x[len(line.samples) * 5000 // RATE :]) / np.linalg.norm(x) for x in spectra]
    assert treble[0] > treble[1] * 10 ** (-34 / 20)


def test_unknown_converter() -> None:
    with pytest.raises(ConfigError, match="world, openvoice"):
        choose_converter("magic")


def test_damaged_weights(tmp_path: Path) -> None:
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(b"nothing")
    with pytest.raises(CheckpointError, match="cannot be read"):
        load_voice_mapper(broken)


def test_world_copy_keeps_the_voice(line: Waveform) -> None:
    copy = synthesise(analyse(line), len(line.samples))
    embed = speaker_encoder().embed
    assert similarity(embed(copy), embed(line)) > 0.9


def test_cepstra_and_envelope_are_inverse_on_smooth_envelopes(line: Waveform) -> None:
    smooth = envelope_of(analyse(line).cepstra)
    assert np.abs(envelope_of(cepstra(smooth)) - smooth).mean() < 0.05


def test_warping_cepstra_is_warping_the_envelope(line: Waveform) -> None:
    smooth = envelope_of(analyse(line).cepstra[:50])
    direct, matrix = cepstra(warped(smooth, 1.1)), cepstra(smooth) @ cepstral_warp(1.1).T
    assert np.abs(direct - matrix).mean() < 0.1 * np.abs(direct).mean()


def test_real_speaker_unseen_in_training(grid_clips: Path) -> None:
    """s33 took no part in training: her held-out clips recognise the converted line."""
    clips = [read_audio(path) for path in sorted((grid_clips / "s33").glob("*.mpg"))]
    reference = analyse_reference(Waveform(np.concatenate([clip.samples for clip in clips[:5]]), RATE))
    embed = speaker_encoder().embed
    held_out = np.mean([embed(clip) for clip in clips[5:]], axis=0)
    for text in ("bin blue at f two now", "the weather will be fine tomorrow morning"):
        spoken = _say(text)
        result = WorldConverter(source=SOURCE).convert(spoken, reference.speech)
        assert similarity(embed(result), held_out) > similarity(embed(spoken), held_out) + 0.05


def test_a_filter_is_a_gain_on_the_spectrum(line: Waveform) -> None:
    frames = analyse(line, for_synthesis=False)
    assert np.allclose(filtered(line, np.zeros_like(frames.envelope)).samples, line.samples, atol=1e-4)
    louder = filtered(line, np.full_like(frames.envelope, 2 * np.log(2)))
    assert np.allclose(louder.samples, 2 * line.samples, atol=1e-3)
    assert np.array_equal(with_aperiodicity(frames, line).aperiodicity, analyse(line).aperiodicity)


def test_speech_at_the_wanted_pitch_is_filtered_and_keeps_its_pitch(line: Waveform) -> None:
    own = line.samples[: len(line.samples) // 2]
    converted = WorldConverter().convert(line, Waveform(own, line.sample_rate))
    before, after = median_pitch(line), median_pitch(converted)
    assert before
    assert after == pytest.approx(before, rel=0.01)
