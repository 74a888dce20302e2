"""A person's voice, ready to say one line after another: an engine, and a converter to the voice in a recording."""

from dataclasses import dataclass, field

from synclips.errors import TextError
from synclips.media.audio import Waveform
from synclips.progress import Progress, silent
from synclips.speech.conversion.converter import STRENGTH, VoiceConverter
from synclips.speech.pronunciation.given import Pronunciation, is_in
from synclips.speech.reading import read_line, regional
from synclips.speech.reference_voice import Reference, analyse_reference
from synclips.speech.synthesis import converter_for, nearest_voice, pitched_like, speak_sentences, told
from synclips.speech.text.language import ENGLISH
from synclips.speech.tts.engines import choose_synthesizer, foreign_synthesizer
from synclips.speech.tts.synthesizer import Speech, Synthesizer


@dataclass(frozen=True)
class PersonVoice:
    """Says lines as the person would, as far as the converter can.

    engine:    the synthesizer, in the voice and at the pitch nearest to the person's
    converter: None where the engine imitates the person by itself, or there is no usable reference
    heard:     the reference, None where there is none
    notes:     for the user
    """

    engine: Synthesizer
    converter: VoiceConverter | None
    heard: Reference | None
    language: str
    notes: tuple[str, ...]
    _said: dict[str, Speech] = field(default_factory=dict, repr=False, compare=False)

    @property
    def reference(self) -> Waveform | None:
        """The person's speech, 16 kHz; None where no voice can be taken from it."""
        return self.heard.speech if self.heard is not None and self.heard.usable else None

    def spoken(self, text: str) -> Speech:
        """The text in the engine's own voice, 16 kHz.

        Raises:
            TextError: it cannot be spoken.
        """
        return speak_sentences(self.engine, read_line(text, self.language, self.engine.name).sentences)

    def say(self, text: str) -> Speech:
        """The text in the person's voice; what was said once is kept.

        Raises:
            TextError: it cannot be spoken.
        """
        if text not in self._said:
            self._said[text] = self.in_voice(self.spoken(text))
        return self._said[text]

    def in_voice(self, speech: Speech) -> Speech:
        """What the engine said, in the person's voice."""
        if self.converter is None or self.reference is None:
            return speech
        return Speech(self.converter.convert(speech.waveform, self.reference), speech.words)


def voice_of(
    reference: Waveform | None,
    text: str,
    *,
    synthesizer: str = "auto",
    convert: bool = True,
    converter: str = "world",
    strength: float = STRENGTH,
    language: str = "auto",
    pronounce: tuple[Pronunciation, ...] = (),
    on_progress: Progress = silent,
) -> PersonVoice:
    """The voice heard in `reference`, for lines in the language of `text`; arguments as those of `speak`.

    Raises:
        TextError: `text` has no words.
        ConfigError, BackendError: as `speak`.
    """
    reading = read_line(text, language, synthesizer)
    if not reading.sentences:
        raise TextError("there is nothing to be spoken; give a word")
    heard = analyse_reference(reference) if reference is not None else None
    english = reading.language == ENGLISH
    engine, note = (
        choose_synthesizer(synthesizer, on_progress)
        if english
        else foreign_synthesizer(regional(language, reading.language), synthesizer)
    )
    given = tuple(one for one in pronounce if is_in(one, text))
    engine, note = told(engine, note, given, reading.language, language, synthesizer)
    notes = (note, *reading.notes, *(heard.notes if heard else ()))
    voice = heard if heard and heard.usable and convert else None
    used = None
    if voice:
        cloned = engine.in_voice_of(voice.speech)
        if cloned is not None:
            engine = cloned
        else:
            if ":" not in synthesizer:
                engine = nearest_voice(engine, voice)
            engine = pitched_like(engine, voice.speech)
            on_progress("learn the voice", 0, 1)
            used = converter_for(engine, voice.speech, converter, strength)
            on_progress("learn the voice", 1, 1)
    return PersonVoice(engine, used, heard, ENGLISH if english else reading.language, notes)
