"""New words in the middle of a recorded sentence, said as their surroundings are: pace, pitch, loudness and spectrum.

The engine says the sentence twice, as it was and as it shall be. What was said lies in the recording too, so the
difference between the two sayings of the same words tells how the new ones have to be changed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from synclips.errors import TextError
from synclips.media.audio import Waveform
from synclips.media.timebase import SAMPLE_RATE
from synclips.speech.conversion.spectral_match import long_term_spectrum, with_gain
from synclips.speech.conversion.world import Frames, analyse, pitch_track, synthesise
from synclips.speech.edit_span import Cutter, Span
from synclips.speech.edits import Change, spoken_count
from synclips.speech.person_voice import PersonVoice
from synclips.speech.speaker_encoder import similarity, speaker_encoder
from synclips.speech.time_stretch import FASTEST, SLOWEST, stretched
from synclips.speech.transcript import TranscriptWord
from synclips.speech.tts.synthesizer import Speech, WordTime
from synclips.speech.vad import detect_speech, step_levels
from synclips.speech.word_alignment import align_words

CONTEXT: Final = 8
"""Words on either side that are spoken along, for the melody."""
AROUND: Final = 0.3
"""Seconds of sound before and after these words."""
SAME_PITCH: Final = 0.05
"""Distance of log F0 (0.9 semitones) that is left as it is: each resynthesis costs quality."""
LARGEST_PITCH: Final = 0.35
PACES: Final = (0.6, 1.6)
"""How much slower or faster than the engine a person is taken to speak."""
_LARGEST_GAIN: Final = 12.0
_GAP: Final = 0.12
"""Seconds of pause that stay where words are deleted."""
_FAINT: Final = 22.0
_LEAST_QUIET: Final = 0.02
CLOSE: Final = 0.5
"""Seconds by which alignment and recogniser may differ."""


@dataclass(frozen=True)
class Sentence:
    """The words around a change, aligned.

    low, high:   words of the transcript, high exclusive
    start:       seconds of the recording at which `sound` begins
    sound:       16 kHz, with `AROUND` seconds on either side where there are
    times:       of the words in `sound`, seconds
    said:        the same words by the engine, in the person's voice
    """

    low: int
    high: int
    start: float
    sound: Waveform
    times: tuple[WordTime, ...]
    said: Speech


@dataclass(frozen=True)
class NewWords:
    """What is laid over a span.

    speech:   16 kHz, clean, for the span from its left cut to its right one
    words:    their times, from the left cut
    pace:     new speed over the engine's
    pitch:    factor on the engine's F0
    gain:     dB on the converter's level
    similarity: of the new words to the person's other words (cosine of speaker embeddings); None where too short
    """

    speech: Waveform
    words: tuple[WordTime, ...]
    pace: float
    pitch: float
    gain: float
    similarity: float | None


def sentence_around(words: Sequence[TranscriptWord], change: Change, breaks: Sequence[int]) -> tuple[int, int]:
    """First and last word (exclusive) of the sentence that holds a change; `breaks`: words that begin a new line."""
    low, high = max(0, change.first - CONTEXT), min(len(words), change.last + CONTEXT)
    for k in breaks:
        if k <= change.first:
            low = max(low, k)
        if k >= change.last and k > change.first:
            high = min(high, k)
    for k in range(low, change.first):
        if (
            words[k].text[-1:] in ".!?…"
            and k + 1 <= change.first
            and k + 1 < change.last + (change.first == change.last)
        ):
            low = k + 1
    for k in range(max(change.last, change.first), high):
        if words[k].text[-1:] in ".!?…":
            high = k + 1
            break
    if low >= high:  # an insertion after the last word of a sentence: it is spoken with that sentence
        low, high = max(0, change.first - 1), max(change.first, 1)
    return low, high


def align_sentence(
    recording: Waveform, words: Sequence[TranscriptWord], low: int, high: int, voice: PersonVoice
) -> Sentence:
    """Words `low` to `high` of a recording (16 kHz) and of the engine, with their times in both."""
    begin = max(0.0, words[low].start - AROUND, words[low - 1].end - 0.05 if low else 0.0)
    end = min(recording.duration, words[high - 1].end + AROUND)
    if high < len(words):
        end = min(end, max(words[high].start + 0.05, words[high - 1].end))
    sound = Waveform(recording.samples[round(begin * SAMPLE_RATE) : round(end * SAMPLE_RATE)], SAMPLE_RATE)
    engine = voice.spoken(" ".join(word.text for word in words[low:high]))
    known = [WordTime(w.text, w.start - begin, w.end - begin) for w in words[low:high]]
    times = known
    groups = grouped(engine.words, [word.text for word in words[low:high]])
    if groups is not None and sound.duration < 30 and engine.waveform.duration < 30:
        found = align_words(sound, Speech(engine.waveform, tuple(groups)))
        times = [
            a if abs(a.start - k.start) < CLOSE and abs(a.end - k.end) < CLOSE and a.end > a.start else k
            for a, k in zip(found, known, strict=True)
        ]
    return Sentence(low, high, begin, sound, tuple(_rising(times)), voice.in_voice(engine))


def say_within(
    sentence: Sentence,
    words: Sequence[TranscriptWord],
    change: Change,
    span: Span,
    voice: PersonVoice,
    *,
    seconds: float | None,
) -> NewWords:
    """The words of `span` with `change` made, for the sound from the left cut to the right one (times of the sentence).

    `seconds`: how long they are to be; None: as long as they take at the person's pace.

    Raises:
        TextError: they cannot be spoken so fast or so slowly.
    """
    before = [w.text for w in words[sentence.low : sentence.low + span.first]]
    changed = [w.text for w in words[sentence.low + span.first : change.first]] + change.text.split()
    changed += [w.text for w in words[change.last : sentence.low + span.last]]
    after = [w.text for w in words[sentence.low + span.last : sentence.high]]
    lead, tail = _pauses(sentence, span)
    reference = _speech_of(sentence.sound)
    engine_pace = _pace(sentence)
    if not changed:
        gap = min(lead + tail, _GAP) if seconds is None else seconds
        return NewWords(Waveform(np.zeros(round(gap * SAMPLE_RATE), np.float32), SAMPLE_RATE), (), 1.0, 1.0, 0.0, None)
    said = voice.say(" ".join([*before, *changed, *after]))
    groups = _groups_of(said, [*before, *changed, *after])
    piece, inner = _trimmed(*_piece(said, groups, len(before), len(changed)), lead, tail)
    lead, tail = max(0.0, lead - _quiet_at(piece)[0]), max(0.0, tail - _quiet_at(piece)[1])
    natural = piece.duration / engine_pace
    wanted = natural if seconds is None else seconds - lead - tail
    if wanted < natural / 2.2 or wanted <= 0.05:
        # the pauses give way first
        lead, tail = lead / 3, tail / 3
        wanted = natural if seconds is None else seconds - lead - tail
    pace = piece.duration / max(wanted, 1e-3)
    if not SLOWEST <= pace / engine_pace <= FASTEST and seconds is not None:
        raise TextError(
            f"{' '.join(changed)!r} takes {natural:.1f} s and has {max(wanted, 0):.1f} s there; give --fit retime, or "
            "other words"
        )
    piece = piece if abs(pace - 1) < 0.01 else stretched(piece, round(piece.duration / pace * SAMPLE_RATE))
    piece, pitch = _pitched(piece, sentence, reference)
    piece, gain = _coloured(piece, sentence, reference)
    pad = [np.zeros(round(t * SAMPLE_RATE), np.float32) for t in (lead, tail)]
    sound = Waveform(np.concatenate([pad[0], piece.samples, pad[1]]), SAMPLE_RATE)
    times = tuple(WordTime(w.word, lead + w.start / pace, lead + w.end / pace) for w in inner)
    return NewWords(sound, times, pace, pitch, gain, _similarity(piece, voice))


def grouped(spoken: Sequence[WordTime], written: Sequence[str]) -> list[WordTime] | None:
    """The engine's words by the words as they are written (`$10` is two of them); None where they do not agree."""
    counts = [spoken_count(word) for word in written]
    if sum(counts) != len(spoken):
        return None
    result, at = [], 0
    for word, count in zip(written, counts, strict=True):
        if count == 0:
            return None
        result.append(WordTime(word, spoken[at].start, spoken[at + count - 1].end))
        at += count
    return result


def _groups_of(said: Speech, written: Sequence[str]) -> list[WordTime]:
    """Times of the written words in what the engine said."""
    groups = grouped(said.words, written)
    return _by_letters(said, written) if groups is None else groups  # numbers that read otherwise in a sentence


def _piece(said: Speech, groups: list[WordTime], first: int, count: int) -> tuple[Waveform, list[WordTime]]:
    """`count` words from number `first` on, cut out of the sentence at its quietest places; their times in it."""
    last = first + count
    cutter = Cutter(said.waveform, groups)
    start, end = cutter.edge(first).time, cutter.edge(last).time
    start, end = min(start, groups[first].start), max(end, groups[last - 1].end if last == len(groups) else end)
    samples = said.waveform.samples[round(start * SAMPLE_RATE) : round(end * SAMPLE_RATE)]
    inner = [replace(w, start=max(0.0, w.start - start), end=w.end - start) for w in groups[first:last]]
    return Waveform(samples, SAMPLE_RATE), inner


def _by_letters(said: Speech, written: Sequence[str]) -> list[WordTime]:
    edges = np.concatenate([[0], np.cumsum([len(word) + 1 for word in written])]) / sum(len(w) + 1 for w in written)
    return [
        WordTime(w, a * said.waveform.duration, b * said.waveform.duration)
        for w, a, b in zip(written, edges, edges[1:], strict=False)
    ]  # fmt: skip


def _pauses(sentence: Sentence, span: Span) -> tuple[float, float]:
    """Seconds from the left cut to the span's first sound, and from its last to the right cut."""
    if span.first == span.last:
        return 0.02, 0.02
    low, high = round(span.left.time * SAMPLE_RATE), round(span.right.time * SAMPLE_RATE)
    lead, tail = _quiet_at(Waveform(sentence.sound.samples[low:high], SAMPLE_RATE))
    return min(max(lead, _LEAST_QUIET), 0.3), min(max(tail, _LEAST_QUIET), 0.3)


def _quiet_at(sound: Waveform) -> tuple[float, float]:
    """Seconds before the first and after the last place that is within `_FAINT` dB of the loud ones."""
    level = step_levels(sound.samples)
    if not len(level):
        return 0.0, 0.0
    heard = np.flatnonzero(level > np.percentile(level, 90) - _FAINT)
    return int(heard[0]) / 100, max(0.0, sound.duration - (int(heard[-1]) + 1) / 100)


def _trimmed(piece: Waveform, inner: list[WordTime], lead: float, tail: float) -> tuple[Waveform, list[WordTime]]:
    """The piece without the silence at its ends that the recording does not have there."""
    before, after = _quiet_at(piece)
    first = round(max(0.0, before - lead) * SAMPLE_RATE)
    last = len(piece.samples) - round(max(0.0, after - tail) * SAMPLE_RATE)
    shift = first / SAMPLE_RATE
    words = [replace(w, start=max(0.0, w.start - shift), end=max(0.0, w.end - shift)) for w in inner]
    return Waveform(piece.samples[first:last], SAMPLE_RATE), words


def _pace(sentence: Sentence) -> float:
    """How much faster than the engine the person says the same words."""
    theirs = grouped(sentence.said.words, [w.word for w in sentence.times])
    if theirs is None:
        return 1.0
    mine = sentence.times[-1].end - sentence.times[0].start
    engine = theirs[-1].end - theirs[0].start
    return float(np.clip(engine / max(mine, 0.1), *PACES))


def _pitched(piece: Waveform, sentence: Sentence, reference: Waveform) -> tuple[Waveform, float]:
    """The piece at the height at which the person says this sentence."""
    mine, theirs = _log_pitch(reference), _log_pitch(sentence.said.waveform)
    if mine is None or theirs is None or piece.duration < 0.1:
        return piece, 1.0
    change = float(np.clip(mine - theirs, -LARGEST_PITCH, LARGEST_PITCH))
    if abs(change) < SAME_PITCH:
        return piece, 1.0
    frames = analyse(piece)
    moved = np.where(frames.f0 > 0, frames.f0 * np.exp(change), 0.0)
    made = synthesise(Frames(moved, frames.envelope, frames.aperiodicity), len(piece.samples))
    return made, float(np.exp(change))


def _log_pitch(sound: Waveform) -> float | None:
    f0, _ = pitch_track(
        sound.samples.astype(np.float64) + 1e-5 * np.random.default_rng(0).standard_normal(len(sound.samples))
    )
    voiced = f0[f0 > 0]
    return float(np.median(np.log(voiced))) if len(voiced) >= 10 else None


def _coloured(piece: Waveform, sentence: Sentence, reference: Waveform) -> tuple[Waveform, float]:
    """The piece with the spectrum and level of the recording, by what the two sayings of the sentence differ."""
    from scipy.ndimage import gaussian_filter1d

    engine = _speech_of(sentence.said.waveform)
    present, wanted = long_term_spectrum(engine), long_term_spectrum(reference)
    if present is not None and wanted is not None and min(engine.duration, reference.duration) > 0.3:
        # what few words say of a narrow band is mostly the words; a wide average is the microphone and the room
        difference = 10 * np.log10((wanted + 1e-9) / (present + 1e-9))
        gain = np.clip(gaussian_filter1d(difference, 12.0), -_LARGEST_GAIN, _LARGEST_GAIN)
        piece, engine = with_gain(piece, gain), with_gain(engine, gain)
    level = float(np.clip(10 * np.log10(_power(reference) / max(_power(engine), 1e-12)), -30, 30))
    return Waveform((piece.samples * 10 ** (level / 20)).astype(np.float32), SAMPLE_RATE), level


def _power(sound: Waveform) -> float:
    return float(np.mean(sound.samples.astype(np.float64) ** 2)) if len(sound.samples) else 1e-12


def _speech_of(sound: Waveform) -> Waveform:
    """The sound without its pauses."""
    activity = detect_speech(sound)
    active = activity.level > activity.speech_level - 20
    keep = np.repeat(active, SAMPLE_RATE // 100)[: len(sound.samples)]
    samples = sound.samples[: len(keep)][keep]
    return Waveform(samples, SAMPLE_RATE) if len(samples) else sound


def _similarity(piece: Waveform, voice: PersonVoice) -> float | None:
    if voice.reference is None or piece.duration < 0.3:
        return None
    encoder = speaker_encoder()
    return float(similarity(encoder.embed(piece), encoder.embed(voice.reference)))


def _rising(times: Sequence[WordTime]) -> list[WordTime]:
    """Times that do not run back."""
    result: list[WordTime] = []
    at = 0.0
    for word in times:
        start = max(word.start, at)
        end = max(word.end, start + 0.02)
        result.append(replace(word, start=start, end=end))
        at = start + 0.02
    return result
