"""The sound of an edited video: transcript, changes, the person's voice, and the new words in their places."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from synclips.dubbing.edit_plan import FITS, Fit, PlannedEdit, plan_edits, spans_in_result
from synclips.dubbing.options import DubOptions
from synclips.dubbing.prepared_video import SourceVideo
from synclips.dubbing.transcription import transcribe
from synclips.errors import ConfigError, InputError, MediaError, TextError
from synclips.media.audio import Sound, Waveform, read_sound
from synclips.media.frame_index import FrameIndex, build_index
from synclips.media.timebase import SAMPLE_RATE
from synclips.progress import Progress, silent
from synclips.speech.edits import Change, Edit, difference, find_changes
from synclips.speech.person_voice import PersonVoice, voice_of
from synclips.speech.reference_voice import LEAST_SPEECH, steady_tones
from synclips.speech.speaker_encoder import similarity, speaker_encoder
from synclips.speech.splice import MUSIC, spliced
from synclips.speech.transcript import Transcript, read_transcript, speakers_of

ANOTHER_VOICE: Final = 0.78
"""Cosine of speaker embeddings below which a place is taken to have somebody else's voice in it: GRID's clips are .81
or more like the others of their speaker, with another clip laid over them .82 or less, 16 of 18 .77 or less."""


@dataclass(frozen=True)
class EditedSound:
    """What will be heard, before any picture is made."""

    source: SourceVideo
    index: FrameIndex
    transcript: Transcript
    planned: list[PlannedEdit]
    sound: Sound
    notes: tuple[str, ...]

    @property
    def fps(self) -> float:
        """Frames a second."""
        return float(self.source.info.fps)

    @property
    def spans(self) -> list[tuple[float, float]]:
        """Seconds of the result that changed."""
        return spans_in_result(self.planned, self.fps)


def edit_sound(
    source: SourceVideo,
    edits: "Sequence[Edit | Change]",
    *,
    edited: Path | str | Transcript | None,
    transcript: Path | str | Transcript | None,
    fit: Fit,
    model: str,
    options: DubOptions,
    on_progress: Progress = silent,
) -> EditedSound:
    """What will be heard after the edits: enough for a preview.

    Raises:
        SyncLipsError: as `edit`.
    """
    if fit not in FITS:
        raise ConfigError(f"fit {fit!r} is unknown; use one of {', '.join(FITS)}")
    if bool(edits) == (edited is not None):
        raise InputError("give either edits or an edited transcript")
    if source.is_photograph or source.is_temporary:
        raise MediaError(f"{source.named} is a picture: nothing is said in it that could be edited; dub it instead")
    if options.audio_track is not None:
        source = source.hearing(options.audio_track, None)
    info = source.info
    if not info.has_audio:
        [*silent_words] = source.silent_notes() or (f"{source.named} has no sound: nothing is said in it",)
        raise MediaError(f"{silent_words[0]}; dub it instead")
    words = _transcript(source, transcript, edited, model, options, on_progress)
    changes = find_changes(edits, words) if edits else difference(words, _edited(edited, words))
    sound = read_sound(info.path, track=info.audio_track)
    notes = [*words.notes, *sound.notes]
    voice = _voice(source, words, changes, sound, options, notes, on_progress)
    index = build_index(info.path)
    planned = plan_edits(words, changes, sound, index, voice, fit, float(info.fps), on_progress)
    notes += _doubts(planned, sound, voice if options.voice_reference is None else None)
    return EditedSound(
        source, index, words, planned, spliced(sound, [plan.patch for plan in planned]), tuple(dict.fromkeys(notes))
    )


def _transcript(
    source: SourceVideo,
    given: Path | str | Transcript | None,
    edited: Path | str | Transcript | None,
    model: str,
    options: DubOptions,
    on_progress: Progress,
) -> Transcript:
    if isinstance(given, Transcript):
        return _checked(given, source.named)
    if given is not None:
        return _checked(read_transcript(Path(given)), given)
    if isinstance(edited, str | Path) and Path(edited).suffix.lower() == ".json":
        return _checked(read_transcript(Path(edited), as_heard=True), edited)
    return transcribe(
        source.named, model=model, speakers=False, audio_track=options.audio_track, device=options.device,
        cache=options.cache, on_progress=on_progress,
    )  # fmt: skip


def _checked(transcript: Transcript, path: Path | str) -> Transcript:
    if not transcript.words:
        raise TextError(f"the transcript of {path} has no words; transcribe the video again")
    return transcript


def _edited(edited: Path | str | Transcript | None, like: Transcript) -> Transcript:
    if isinstance(edited, Transcript):
        return edited
    assert edited is not None
    return read_transcript(Path(edited), like)


def _voice(
    source: SourceVideo,
    words: Transcript,
    changes: Sequence[Change],
    sound: Sound,
    options: DubOptions,
    notes: list[str],
    on_progress: Progress,
) -> PersonVoice:
    """The voice of whoever says the words that are changed."""
    reference = source.voice_reference(options)
    heard = reference.mono() if reference is not None else None
    numbers = {words.words[min(change.first, len(words.words) - 1)].speaker for change in changes}
    if options.voice_reference is None and len(speakers_of(words)) > 1 and len(numbers) == 1:
        [number] = numbers
        own = [
            sound.mono(SAMPLE_RATE).samples[round(line.start * SAMPLE_RATE) : round(line.end * SAMPLE_RATE)]
            for line in words.lines()
            if line.speaker == number
        ]
        joined = np.concatenate([np.zeros(0, np.float32), *own])
        if len(joined) >= LEAST_SPEECH * SAMPLE_RATE:
            heard = Waveform(joined, SAMPLE_RATE)
    if len(numbers) > 1:
        notes.append("the edits are of several people's lines: they are spoken in one voice; edit one person at a time")
    text = " ".join(change.text for change in changes if change.text) or words.text
    voice = voice_of(
        heard, text, synthesizer=options.voice, convert=options.convert_voice, converter=options.converter,
        strength=options.strength, language=options.language, pronounce=options.pronunciations,
        on_progress=on_progress,
    )  # fmt: skip
    notes += voice.notes
    return voice


def _doubts(planned: Sequence[PlannedEdit], sound: Sound, voice: PersonVoice | None) -> list[str]:
    """What a person should know of the places that are edited; `voice`: where it was heard in the same recording."""
    notes = []
    for plan in planned:
        where = f"at {plan.start:.1f} s"
        if plan.patch.music:
            notes.append(
                f"music lies under the speech {where}: tones that stand are carried through, a melody under the new "
                "words may be blurred"
            )
        rate = sound.sample_rate
        low, high = max(0, plan.patch.first - 2 * rate), plan.patch.last + 2 * rate
        near = Sound(np.array(sound.samples[:, low:high]), rate, sound.channels).mono(SAMPLE_RATE)
        if voice is not None and voice.reference is not None and near.duration > 1.6 and steady_tones(near) < MUSIC:
            encoder = speaker_encoder()
            if similarity(encoder.embed(near), encoder.embed(voice.reference)) < ANOTHER_VOICE:
                notes.append(
                    f"{where} another voice is heard, too, or two people speak at once: what the other says goes with "
                    "the words that are replaced; --voice-reference gives the voice to sound like"
                )
    return notes
