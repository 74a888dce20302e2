"""Cuts, splices and alignment of edited words."""

import numpy as np
import pytest

from synclips.media.audio import Sound, Waveform
from synclips.speech.edit_span import Cutter
from synclips.speech.edits import Change
from synclips.speech.high_band import with_high_band
from synclips.speech.respoken import grouped, sentence_around
from synclips.speech.splice import carried_background, make_patch, spliced, steady_noise
from synclips.speech.transcript import TranscriptWord
from synclips.speech.tts.hibari import HibariSynthesizer
from synclips.speech.tts.synthesizer import Speech, WordTime
from synclips.speech.word_alignment import align_words, warping_path

RATE = 16_000


def bursts(times: list[tuple[float, float]], seconds: float, rate: int = RATE, noise: float = 1e-3) -> np.ndarray:
    """A buzz that glides up and down in these times, over noise."""
    at = np.arange(round(seconds * rate)) / rate
    buzz = 0.2 * np.sign(np.sin(2 * np.pi * 120 * at + 9 * np.sin(18 * at))) * np.sin(2 * np.pi * 700 * at)
    loud = np.zeros(len(at))
    for start, end in times:
        loud[(at >= start) & (at < end)] = 1
    quiet = noise * np.random.default_rng(0).standard_normal(len(at))
    return (buzz * loud + quiet).astype(np.float32)


def words(times: list[tuple[float, float]]) -> list[WordTime]:
    return [WordTime(f"w{k}", *time) for k, time in enumerate(times)]


def test_a_cut_lies_in_the_pause_next_to_the_word() -> None:
    times = [(0.2, 0.6), (0.9, 1.3), (1.33, 1.7)]
    cutter = Cutter(Waveform(bursts(times, 2.0), RATE), words(times))
    span = cutter.span(1, 2)
    assert (span.first, span.last) == (1, 2)
    assert 0.75 < span.left.time < 0.9
    assert span.left.pause
    assert span.right.time == pytest.approx(1.315, abs=0.02)


def test_words_without_a_gap_are_spoken_with_their_neighbour() -> None:
    times = [(0.2, 0.6), (0.6, 1.0), (1.0, 1.4), (1.7, 2.0)]
    cutter = Cutter(Waveform(bursts(times, 2.3), RATE), words(times))
    span = cutter.span(1, 2)
    assert (span.first, span.last) == (0, 3)
    wider = cutter.wider(span)
    assert wider is not None
    assert (wider.first, wider.last) == (0, 4)
    assert cutter.wider(wider) is None


def test_everything_outside_is_bit_identical_and_nothing_clicks() -> None:
    rate = 48_000
    channel = bursts([(0.2, 0.6), (0.9, 1.3), (1.6, 2.0)], 2.4, rate)
    original = Sound(np.stack([channel, 0.5 * channel]), rate, ("FL", "FR"))
    before = original.samples.copy()
    first, last, count = round(0.8 * rate), round(1.4 * rate), round(0.9 * rate)
    speech = Waveform(bursts([(0.1, 0.8)], 0.9, noise=0), RATE)
    patch = make_patch(original, first, last, count, speech, pauses=(True, True))
    result = spliced(original, [patch])
    assert np.array_equal(original.samples, before)
    assert result.samples.shape[1] == original.samples.shape[1] + patch.change
    assert np.array_equal(result.samples[:, :first], before[:, :first])
    assert np.array_equal(result.samples[:, first + count :], before[:, last:])
    for place in (first, first + count):
        step = np.abs(np.diff(result.samples[0, place - 3 : place + 3])).max()
        assert step < 0.01
    left, right = (float(np.std(result.samples[k, first : first + count])) for k in (0, 1))
    assert right / left == pytest.approx(0.5, abs=0.05)
    # the background goes on at its level where nothing is said
    pause = result.samples[0, first + round(0.04 * rate) : first + round(0.09 * rate)]
    assert 20 * np.log10(np.std(pause) / 1e-3) == pytest.approx(0, abs=3)


def test_steady_noise_keeps_level_and_spectrum() -> None:
    rng = np.random.default_rng(1)
    quiet = np.convolve(rng.standard_normal(RATE), np.ones(8) / 8, "same").astype(np.float32)
    made = steady_noise(quiet, RATE, 3)
    assert np.std(made) / np.std(quiet) == pytest.approx(1, abs=0.1)
    power = [np.abs(np.fft.rfft(x)) ** 2 for x in (quiet, made)]
    shares = [p[: RATE // 16].sum() / p.sum() for p in power]
    assert shares[0] == pytest.approx(shares[1], abs=0.05)


def test_a_held_tone_is_carried_through_and_the_speech_is_not() -> None:
    at = np.arange(3 * RATE) / RATE
    tone = 0.05 * np.sin(2 * np.pi * 440 * at)
    speech = bursts([(1.3, 1.6)], 3.0, noise=0)
    under = carried_background((tone + speech).astype(np.float32), RATE, 2 * RATE, RATE, RATE)
    assert np.std(under) / np.std(tone) == pytest.approx(1, abs=0.25)
    assert np.corrcoef(under, tone[RATE : 2 * RATE])[0, 1] > 0.9


def test_the_band_above_8_khz_follows_the_person() -> None:
    rate, rng = 48_000, np.random.default_rng(2)
    like = Waveform((0.1 * rng.standard_normal(rate)).astype(np.float32), rate)
    dull = Waveform((0.1 * rng.standard_normal(RATE)).astype(np.float32), RATE)
    made = with_high_band(dull, rate, like)
    power = np.abs(np.fft.rfft(made.samples)) ** 2
    hertz = np.fft.rfftfreq(len(made.samples), 1 / rate)
    high, low = (power[(hertz > a) & (hertz < b)].mean() for a, b in ((9000, 15000), (4500, 7000)))
    assert 10 * np.log10(high / low) == pytest.approx(0, abs=3)
    assert np.array_equal(with_high_band(dull, RATE, dull).samples, dull.samples)


def test_the_cheapest_path_follows_a_stretched_copy() -> None:
    a = np.random.default_rng(0).standard_normal((20, 5))
    b = np.repeat(a, 2, axis=0)
    path = warping_path(np.linalg.norm(a[:, None] - b[None], axis=2).astype(np.float32))
    assert all(abs(i - j / 2) <= 1 for i, j in path)


def test_words_are_found_in_another_saying() -> None:
    engine = HibariSynthesizer()
    spoken = engine.synthesize("It costs twelve dollars a month.")
    louder = Waveform(np.pad(spoken.waveform.resampled(RATE).samples * 2, (3200, 4800)), RATE)
    slower = engine.synthesize("It costs twelve dollars a month")
    found = align_words(louder, slower)
    for word, known in zip(found, spoken.words, strict=True):
        assert word.start == pytest.approx(known.start + 0.2, abs=0.06)
        assert word.end == pytest.approx(known.end + 0.2, abs=0.08)
    with pytest.raises(ValueError, match="nothing"):
        align_words(louder, Speech(louder))


def test_written_words_are_grouped_as_they_are_spoken() -> None:
    spoken = [WordTime(w, float(k), k + 0.5) for k, w in enumerate(["pay", "ten", "dollars", "now"])]
    groups = grouped(spoken, ["pay", "$10", "now"])
    assert groups == [WordTime("pay", 0.0, 0.5), WordTime("$10", 1.0, 2.5), WordTime("now", 3.0, 3.5)]
    assert grouped(spoken, ["pay", "now"]) is None


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (Change(1, 2, "x"), (0, 3)),
        (Change(4, 5, "x"), (3, 6)),
        (Change(6, 6, "x"), (5, 6)),
        (Change(0, 0, "x"), (0, 3)),
    ],
)
def test_the_sentence_around_a_change(change: Change, expected: tuple[int, int]) -> None:
    text = "One two three. Four five six."
    said = [TranscriptWord(word, float(k), k + 0.5) for k, word in enumerate(text.split())]
    low, high = sentence_around(said, change, [0])
    assert low <= change.first
    assert high >= change.last
    assert (low, high) == expected
