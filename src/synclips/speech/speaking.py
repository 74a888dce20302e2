"""From a line of text to the sound that drives the lips and goes into the video: each step of it, in order."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from synclips.media.audio import LOUDNESS, Waveform, loudness, normalise_loudness
from synclips.media.timebase import SAMPLE_RATE
from synclips.progress import Progress, silent
from synclips.speech.text import Sentence, spoken_sentences
from synclips.speech.tts import Speech, Synthesizer, WordTime, choose_synthesizer

Background = Literal["keep", "none"]


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
    strength: float = 0.8,
    speed: float = 1.0,
    duration: float | None = None,
    background: Background = "keep",
    on_progress: Progress = silent,
) -> SpokenLine:
    """Speak `text` in the voice heard in `reference`.

    Args:
        reference: the sound of the input video, or a recording of the person; None keeps the synthesizer's voice.
        synthesizer: as `choose_synthesizer` takes it.
        convert: whether to turn the synthesizer's voice into the reference's.
        strength: how far to convert, from 0 (only the pitch) to 1.
        speed: 1 is the engine's own pace, 2 twice as fast; the pitch stays.
        duration: seconds that the line is to fill; overrides `speed`.
        background: `keep` puts the reference's own background noise under the speech, `none` leaves it clean.

    Raises:
        TextError: nothing can be spoken, or too much.
        ConfigError: an argument out of its range, or no such engine.
        BackendError: no engine works.
    """
    sentences = spoken_sentences(text)
    engine, note = choose_synthesizer(synthesizer, on_progress)
    speech = speak_sentences(engine, sentences, on_progress)
    waveform = normalise_loudness(speech.waveform, LOUDNESS if reference is None else loudness(reference))
    return SpokenLine(
        waveform,
        speech.words,
        engine.name,
        loudness=loudness(waveform),
        duration=waveform.duration,
        notes=(note,),
    )


def speak_sentences(engine: Synthesizer, sentences: tuple[Sentence, ...], on_progress: Progress = silent) -> Speech:
    """Speak one sentence after another with pauses between them; 16 kHz."""
    pieces: list[np.ndarray] = []
    words: list[WordTime] = []
    length = 0
    for index, sentence in enumerate(sentences):
        on_progress("speak", index, len(sentences))
        said = engine.synthesize(sentence.text)
        samples = said.waveform.resampled(SAMPLE_RATE).samples
        at = length / SAMPLE_RATE
        words += [WordTime(word.word, word.start + at, word.end + at) for word in said.words]
        pieces.append(samples)
        length += len(samples)
        pause = round(sentence.pause * SAMPLE_RATE)
        pieces.append(np.zeros(pause, np.float32))
        length += pause
    on_progress("speak", len(sentences), len(sentences))
    return Speech(Waveform(np.concatenate(pieces), SAMPLE_RATE), tuple(words))
