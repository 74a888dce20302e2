"""Engines' signs to sounds: every sign has a class, times are kept, a recording is laid on them."""

import numpy as np
import pytest

from synclips.media.audio import Waveform
from synclips.media.timebase import SAMPLE_RATE
from synclips.speech.pronunciation.english import PHONEMES
from synclips.speech.tts.hibari import HibariSynthesizer
from synclips.training.coarticulation import BILABIAL, SILENCE, SOUNDS, Sound
from synclips.training.speech_sounds import heard_sounds, hibari_line, kinds_of, sounds_of


def names(*signs: str) -> list[tuple[str, ...]]:
    return [tuple(SOUNDS[kind] for kind in kinds_of(sign)) for sign in signs]


def test_every_sign_of_hibari_is_a_sound_but_its_stress_marks() -> None:
    assert all(kinds_of(sign) for sign in PHONEMES if sign not in "ˈˌ")


def test_signs_of_espeak() -> None:
    assert names("ˈeɪ", "tʃ", "ˈɔːɹ", "ɑ̃", "ts", "n̩", "ç") == [
        ("eɪ",), ("ʃ ʒ",), ("ɔ", "r"), ("ɑ",), ("t", "s"), ("n",), ("ʃ ʒ",)
    ]  # fmt: skip
    assert kinds_of("") == kinds_of(".") == (SILENCE,)
    assert kinds_of("(en)") == kinds_of(" ") == kinds_of("ʲ") == ()


def test_a_stress_marks_time_is_the_vowels_and_a_blanks_the_sound_befores() -> None:
    spoken = [("b", 0.0, 0.1), ("ˈ", 0.1, 0.2), ("Y", 0.2, 0.4), (" ", 0.4, 0.5), ("z", 0.5, 0.6)]
    kinds = [SOUNDS.index(name) for name in ("p b m", "ɔ", "i", "z")]
    edges = [0.0, 0.1, 0.25, 0.5, 0.6]
    found = sounds_of(spoken)
    assert [sound.kind for sound in found] == kinds
    np.testing.assert_allclose([sound.start for sound in found], edges[:-1])
    np.testing.assert_allclose([sound.end for sound in found], edges[1:])


def test_hibaris_closures_lie_where_its_sound_is_weak() -> None:
    """The level in the middle of each "p" and "b" against that of the vowels: times that are late do not tell them."""
    sound, spoken = hibari_line("copy a paper about a puppy.", HibariSynthesizer())
    heard = sound.resampled(SAMPLE_RATE).samples
    level = 10 * np.log10(np.convolve(heard**2, np.ones(320) / 320, "same") + 1e-9)

    def median(signs: str) -> float:
        places = [round((start + end) / 2 * SAMPLE_RATE) for sign, start, end in spoken if sign and sign in signs]
        return float(np.median(level[places]))

    assert len([sign for sign, _, _ in spoken if sign and sign in "pb"]) == 6
    assert median("pb") < median("ɑAIWʌə") - 9


def test_a_recording_is_laid_on_its_words() -> None:
    text = ["please", "copy", "my", "map"]
    sound, spoken = hibari_line(" ".join(text) + ".", HibariSynthesizer().pitched(1.3, 1.0))
    recording = Waveform(np.pad(sound.resampled(SAMPLE_RATE).samples, (4800, 1600)), SAMPLE_RATE)
    truth, found = sounds_of(spoken), heard_sounds(recording, text)
    assert [sound.kind for sound in found] == [sound.kind for sound in truth]
    closures = [(a.start + 0.3, b.start) for a, b in zip(truth, found, strict=True) if a.kind == BILABIAL]
    assert len(closures) == 5
    assert max(abs(a - b) for a, b in closures) < 0.05


def test_letters_are_said_by_their_names() -> None:
    sound, _ = hibari_line("set blue at B two now.", HibariSynthesizer())
    found = heard_sounds(sound.resampled(SAMPLE_RATE), ["set", "blue", "at", "b", "two", "now"])
    assert [s.kind for s in found].count(BILABIAL) == 2


def test_sounds_are_values() -> None:
    assert Sound(1, 0.0, 0.1) == Sound(1, 0.0, 0.1)
    with pytest.raises(AttributeError):
        Sound(1, 0.0, 0.1).kind = 2  # type: ignore[misc]
