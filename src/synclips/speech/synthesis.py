"""From a line of text to the sound that drives the lips and goes into the video: each step of it, in order."""

import hashlib
from dataclasses import dataclass
from typing import Final, Literal, get_args

import numpy as np

from synclips.errors import ConfigError, TextError
from synclips.media.audio import LOUDNESS, Waveform, loudness
from synclips.media.timebase import SAMPLE_RATE
from synclips.progress import Progress, silent
from synclips.speech.conversion.calibration import SENTENCES as CALIBRATION
from synclips.speech.conversion.converter import (
    STRENGTH,
    VoiceConverter,
    WorldConverter,
    choose_converter,
    reference_statistics,
)
from synclips.speech.conversion.world import median_pitch
from synclips.speech.loudness import match_loudness, with_background
from synclips.speech.pronunciation.given import Pronunciation, as_spoken, unused
from synclips.speech.reading import read_line, regional
from synclips.speech.reference_voice import Reference, analyse_reference
from synclips.speech.speaker_encoder import similarity, speaker_encoder
from synclips.speech.text.language import ENGLISH
from synclips.speech.text.normalise import normalise
from synclips.speech.text.pauses import Sentence
from synclips.speech.time_stretch import FASTEST, SLOWEST, at_speed
from synclips.speech.tts.engines import BUILT_IN, choose_synthesizer, foreign_synthesizer
from synclips.speech.tts.synthesizer import Speech, Synthesizer, WordTime

Background = Literal["keep", "none"]
_TEST_SENTENCE: Final = "She had your dark suit in greasy wash water all year."
_OCTAVE: Final = 0.3
"""Similarity that an octave between synthesizer and reference outweighs: voices of one engine differ by .1."""
_calibrated: Final[dict[tuple[str, float, bytes], WorldConverter]] = {}
"""By engine, strength and reference: a script's lines share a calibration of some seconds."""
_MOST_CALIBRATED: Final = 8
_EDGE: Final = 0.04
"""Seconds of silence left before and after each sentence."""


@dataclass(frozen=True)
class SpokenLine:
    """A spoken line and what is to be reported of it.

    `waveform` is 16 kHz mono. Similarities are cosines of speaker embeddings against the reference voice, before and
    after conversion; F0 medians are in Hz (of the synthesizer, the reference and the result); loudness in LUFS,
    duration in seconds. None where there is no reference voice. `notes` are lines for the user.
    """

    waveform: Waveform
    words: tuple[WordTime, ...]
    synthesizer: str
    converter: str | None = None
    similarity_before: float | None = None
    similarity_after: float | None = None
    f0_source: float | None = None
    f0_target: float | None = None
    f0_result: float | None = None
    loudness: float = float("-inf")
    duration: float = 0.0
    notes: tuple[str, ...] = ()


def speak(
    text: str,
    reference: Waveform | None = None,
    *,
    synthesizer: str = "auto",
    convert: bool = True,
    converter: str = "world",
    strength: float = STRENGTH,
    speed: float = 1.0,
    background: Background = "keep",
    language: str = "auto",
    pronounce: tuple[Pronunciation, ...] = (),
    on_progress: Progress = silent,
) -> SpokenLine:
    """Speak `text` in the voice heard in `reference`.

    Args:
        reference: the sound of the input video, or a recording of the person; None keeps the synthesizer's voice.
        synthesizer: as `choose_synthesizer` takes it.
        convert: whether to turn the synthesizer's voice into the reference's.
        converter: as `choose_converter` takes it.
        strength: how far to convert, from 0 (only the pitch and the average timbre) to 1.
        speed: 1 is the engine's own pace, 2 twice as fast; the pitch stays.
        background: `keep` puts the reference's own background noise under the speech, `none` leaves it clean.
        language: the text's, or, where the text is English, whose way of writing numbers and dates it follows; as
            `read_line` takes it.
        pronounce: how some words are spoken.

    Raises:
        TextError: nothing can be spoken, or too much.
        ConfigError: an argument out of its range, or no such engine.
        BackendError: no engine works.
    """
    _check(strength, speed, background)
    reading = read_line(text, language, synthesizer)
    heard = analyse_reference(reference) if reference is not None else None
    engine, note = (
        choose_synthesizer(synthesizer, on_progress)
        if reading.language == ENGLISH
        else foreign_synthesizer(regional(language, reading.language), synthesizer)
    )
    engine, note = told(engine, note, pronounce, reading.language, language, synthesizer)
    notes = [note, *reading.notes, *unused(pronounce, text), *(heard.notes if heard else ())]
    voice = heard if heard and heard.usable and convert else None
    cloned = engine.in_voice_of(voice.speech) if voice else None
    if cloned is not None:
        engine = cloned
    elif voice and ":" not in synthesizer:
        engine = nearest_voice(engine, voice)
    if voice and cloned is None:
        engine = pitched_like(engine, voice.speech)
    speech = speak_sentences(engine, reading.sentences, on_progress)
    speech = speech if speed == 1 else at_speed(speech, speed)
    sound, used = speech.waveform, None
    if voice and cloned is None:
        on_progress("convert the voice", 0, 1)
        used = converter_for(engine, voice.speech, converter, strength)
        sound = used.convert(sound, voice.speech)
        on_progress("convert the voice", 1, 1)
    sound = match_loudness(sound, heard.loudness if heard and heard.usable else LOUDNESS)
    return _reported(sound, speech, engine, used, heard, voice, background, tuple(notes))


def told(
    engine: Synthesizer, note: str, pronounce: tuple[Pronunciation, ...], spoken: str, language: str, synthesizer: str
) -> tuple[Synthesizer, str]:
    """`engine` with the pronunciations, or where none was chosen, one that can be told; and the line about it.

    Args:
        spoken: the language that is spoken.
        language, synthesizer: as `speak` takes them.

    Raises:
        ConfigError: the chosen engine cannot be told.
    """
    if not pronounce:
        return engine, note
    english = spoken == ENGLISH
    given = as_spoken(pronounce, lambda word: normalise(word, language)) if english else pronounce
    able = engine.pronouncing(given)
    if able is not None:
        return able, note
    if synthesizer != "auto":
        raise ConfigError(
            f"{engine.name} cannot be told how a word is pronounced; leave --pronounce out, or give --voice {BUILT_IN}"
        )
    instead, line = choose_synthesizer(BUILT_IN)
    return instead.pronouncing(given) or instead, f"{line}; {engine.name} cannot be told how a word is pronounced"


def _check(strength: float, speed: float, background: str) -> None:
    if not 0 <= strength <= 1:
        raise ConfigError(f"strength {strength:g} is outside 0 to 1")
    if not SLOWEST <= speed <= FASTEST:
        raise ConfigError(f"speed {speed:g} is outside {SLOWEST:g} to {FASTEST:g}")
    if background not in get_args(Background):
        raise ConfigError(f"background {background!r} is neither keep nor none")


def _reported(
    sound: Waveform,
    speech: Speech,
    engine: Synthesizer,
    used: VoiceConverter | None,
    heard: Reference | None,
    voice: Reference | None,
    background: str,
    notes: tuple[str, ...],
) -> SpokenLine:
    """Measure the line, and put the background under what was measured."""
    finished = sound
    if heard is not None and heard.usable and heard.noise is not None and background == "keep":
        finished = with_background(sound, heard.noise)
    before = after = None
    if voice is not None:
        encoder = speaker_encoder()
        wanted = encoder.embed(voice.speech)
        after = similarity(encoder.embed(sound), wanted)
        before = after if used is None else similarity(encoder.embed(speech.waveform), wanted)
    return SpokenLine(
        finished,
        speech.words,
        f"{engine.name}:{engine.voice}",
        used.name if used else None,
        before,
        after,
        median_pitch(speech.waveform),
        median_pitch(voice.speech) if voice else None,
        median_pitch(sound),
        loudness(finished),
        finished.duration,
        notes,
    )


def nearest_voice(engine: Synthesizer, reference: Reference) -> Synthesizer:
    """`engine` in that of its voices which lies nearest to the reference before any conversion.

    Nearest by the embedding, less a penalty for every octave between the pitches: the embedding alone, which hears the
    engine in everything it says, picks a man's voice for some women.
    """
    if len(engine.voices) < 2:
        return engine
    encoder = speaker_encoder()
    wanted, pitch = encoder.embed(reference.speech), median_pitch(reference.speech)
    choices = [engine.with_voice(voice) for voice in engine.voices]
    nearness: list[float] = []
    for choice in choices:
        said = choice.synthesize(_TEST_SENTENCE).waveform.resampled(SAMPLE_RATE)
        own = median_pitch(said)
        octaves = abs(np.log2(own / pitch)) if own and pitch else 0.0
        nearness.append(similarity(encoder.embed(said), wanted) - _OCTAVE * octaves)
    return choices[int(np.argmax(nearness))]


def pitched_like(engine: Synthesizer, speech: Waveform) -> Synthesizer:
    """`engine` at the pitch of `speech` where it can do that by itself; elsewhere the converter moves the pitch."""
    voice = reference_statistics(speech)
    return engine if voice is None else engine.at_pitch(float(np.exp(voice.log_pitch)), voice.pitch_spread) or engine


def converter_for(
    engine: Synthesizer, reference: Waveform, name: str = "world", strength: float = STRENGTH
) -> VoiceConverter:
    """The converter called `name` from the engine's voice to that of `reference`; `world` is calibrated to both."""
    converter = choose_converter(name, strength, f"{engine.name}:{engine.voice}")
    if not isinstance(converter, WorldConverter) or strength == 0:
        return converter
    key = (repr(engine), strength, hashlib.sha256(reference.resampled(SAMPLE_RATE).samples.tobytes()).digest())
    if key not in _calibrated:
        while len(_calibrated) >= _MOST_CALIBRATED:
            _calibrated.pop(next(iter(_calibrated)))
        lines = tuple(speak_sentences(engine, (Sentence(text, 0.0),)).waveform for text in CALIBRATION)
        _calibrated[key] = converter.calibrated(lines, reference)
    return _calibrated[key]


def speak_sentences(engine: Synthesizer, sentences: tuple[Sentence, ...], on_progress: Progress = silent) -> Speech:
    """Speak one sentence after another with pauses between them; 16 kHz."""
    pieces: list[np.ndarray] = []
    words: list[WordTime] = []
    length = 0
    for index, sentence in enumerate(sentences):
        on_progress("speak", index, len(sentences))
        said = _trimmed(engine.synthesize(sentence.text))
        at = length / SAMPLE_RATE
        words += [WordTime(word.word, word.start + at, word.end + at) for word in said.words]
        pause = np.zeros(round(sentence.pause * SAMPLE_RATE), np.float32)
        pieces += [said.waveform.samples, pause]
        length += len(said.waveform.samples) + len(pause)
    on_progress("speak", len(sentences), len(sentences))
    waveform = Waveform(np.concatenate(pieces), SAMPLE_RATE)
    if not np.abs(waveform.samples).max(initial=0) > 0:
        raise TextError("the engine made no sound of the text; try other words, or another --voice")
    return Speech(waveform, tuple(words))


def _trimmed(speech: Speech) -> Speech:
    """At 16 kHz, without the silence that the engine puts around the sentence."""
    waveform = speech.waveform.resampled(SAMPLE_RATE)
    loud = np.flatnonzero(np.abs(waveform.samples) > 0.01 * np.abs(waveform.samples).max(initial=0))
    if len(loud) == 0:
        return Speech(waveform, speech.words)
    edge = round(_EDGE * SAMPLE_RATE)
    first, last = max(0, int(loud[0]) - edge), int(loud[-1]) + edge
    kept = Waveform(waveform.samples[first:last], SAMPLE_RATE)
    shift, end = first / SAMPLE_RATE, kept.duration
    words = (WordTime(w.word, w.start - shift, w.end - shift) for w in speech.words)
    return Speech(kept, tuple(WordTime(w.word, max(w.start, 0.0), min(w.end, end)) for w in words if w.start < end))
