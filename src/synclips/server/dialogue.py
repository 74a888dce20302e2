"""Transcripts and edits of dialogue as the API has them: words by their ids, times in milliseconds."""

from itertools import pairwise
from typing import Annotated, Any, Final, Literal

from pydantic import Field, StringConstraints, model_validator

from synclips.errors import TextError
from synclips.server.answers import ApiError
from synclips.server.requests import Body, Extra, Identifier, Url
from synclips.speech.edits import Change
from synclips.speech.transcript import Transcript, TranscriptWord

MOST_WORDS: Final = 50_000
MOST_EDITS: Final = 200
Milliseconds = Annotated[float, Field(ge=0, le=86_400_000)]
Fit = Literal["auto", "speed", "retime"]


class WordBody(Body):
    """A word of a transcript; times are milliseconds from the beginning of the video."""

    id: Identifier
    text: Annotated[str, StringConstraints(max_length=200)]
    start_ms: Milliseconds = Field(alias="startMs")
    end_ms: Milliseconds = Field(alias="endMs")
    confidence: float | None = None


class SegmentBody(Body):
    """Words that belong together; `speaker` is the number of a face where several speak."""

    id: Identifier | None = None
    words: Annotated[list[WordBody], Field(max_length=MOST_WORDS)]
    speaker: int | str | None = None


class TranscriptBody(Body):
    """A transcript as `GET /v2/transcriptions/{id}` gives it."""

    segments: Annotated[list[SegmentBody], Field(min_length=1, max_length=10_000)]

    @property
    def words(self) -> list[WordBody]:
        """All words, in order."""
        return [word for segment in self.segments for word in segment.words]


class WordEdit(Body):
    """One edit: the words `wordIds`, which follow each other, become `text` (empty: they go); or `text` is said after
    the word `afterWordId`."""

    word_ids: Annotated[list[Identifier], Field(max_length=200)] | None = Field(default=None, alias="wordIds")
    word_id: Identifier | None = Field(default=None, alias="wordId")
    after_word_id: Identifier | None = Field(default=None, alias="afterWordId")
    text: Annotated[str, StringConstraints(strip_whitespace=True, max_length=1000)] = ""

    @model_validator(mode="after")
    def _one_place(self) -> "WordEdit":
        named = [self.word_ids is not None, self.word_id is not None, self.after_word_id is not None]
        if sum(named) != 1 or self.word_ids == []:
            raise ValueError("an edit names words: give wordIds, wordId or afterWordId")
        if self.after_word_id is not None and not self.text:
            raise ValueError("an insertion needs text")
        return self

    @property
    def ids(self) -> list[str]:
        """The words that are replaced."""
        return list(self.word_ids or ([self.word_id] if self.word_id is not None else []))


class CreateTranscription(Body):
    """The body of `POST /v2/transcriptions`: one of the three."""

    source_video_url: Url | None = Field(default=None, alias="sourceVideoUrl")
    source_audio_url: Url | None = Field(default=None, alias="sourceAudioUrl")
    asset_id: Identifier | None = Field(default=None, alias="assetId")

    @model_validator(mode="after")
    def _one_source(self) -> "CreateTranscription":
        if sum(v is not None for v in (self.source_video_url, self.source_audio_url, self.asset_id)) != 1:
            raise ValueError("give exactly one of sourceVideoUrl, sourceAudioUrl and assetId")
        return self

    @property
    def url(self) -> str | None:
        """Where the source is, if it is no asset."""
        return self.source_video_url or self.source_audio_url


class CreateDialogueEdit(Body):
    """The body of `POST /v2/dialogue-edits`: a video, its transcript, and what is to be changed in it."""

    source_video_url: Url | None = Field(default=None, alias="sourceVideoUrl")
    asset_id: Identifier | None = Field(default=None, alias="assetId")
    transcript: TranscriptBody
    edits: Annotated[list[WordEdit], Field(min_length=1, max_length=MOST_EDITS)]
    fit: Fit = "auto"
    options: Extra | None = None

    @model_validator(mode="after")
    def _one_source(self) -> "CreateDialogueEdit":
        if (self.source_video_url is None) == (self.asset_id is None):
            raise ValueError("give either sourceVideoUrl or assetId")
        return self


def transcript_of(body: TranscriptBody) -> Transcript:
    """The transcript in seconds.

    Raises:
        ApiError: it has no words, or two of one id.
    """
    words = tuple(
        TranscriptWord(
            word.text, word.start_ms / 1000, max(word.start_ms, word.end_ms) / 1000,
            1.0 if word.confidence is None else word.confidence,
            segment.speaker if isinstance(segment.speaker, int) else None,
        )
        for segment in body.segments
        for word in segment.words
        if word.text.strip()
    )  # fmt: skip
    if not words:
        raise _wrong("The transcript has no words.", "transcript")
    return Transcript(words, words[-1].end)


def changes_of(body: TranscriptBody, edits: list[WordEdit]) -> list[Change]:
    """The edits as runs of words, in order.

    Raises:
        ApiError: a word is not there, words do not follow each other, or edits overlap.
    """
    place = {word.id: number for number, word in enumerate(w for w in body.words if w.text.strip())}
    changes = []
    for number, edit in enumerate(edits):
        field = f"edits.{number}"
        for name in [*edit.ids, *([edit.after_word_id] if edit.after_word_id else [])]:
            if name not in place:
                raise _wrong(f"The transcript has no word {name[:40]!r}.", field)
        if edit.after_word_id is not None:
            at = place[edit.after_word_id] + 1
            changes.append(Change(at, at, edit.text))
            continue
        numbers = sorted(place[name] for name in edit.ids)
        if numbers != list(range(numbers[0], numbers[-1] + 1)):
            raise _wrong("The words of an edit must follow each other.", field)
        changes.append(Change(numbers[0], numbers[-1] + 1, edit.text))
    changes.sort(key=lambda change: (change.first, change.last))
    for before, after in pairwise(changes):
        if after.first < before.last or (after.first, after.last) == (before.first, before.last):
            raise _wrong("Two edits change the same words.", "edits")
    return changes


def shown_transcript(transcript: Transcript) -> dict[str, Any]:
    """The transcript as the API shows it."""
    segments, number = [], 0
    for index, line in enumerate(transcript.lines()):
        words = []
        for word in line.words:
            words.append(
                {
                    "id": f"w{number}",
                    "text": word.text,
                    "startMs": round(word.start * 1000),
                    "endMs": round(word.end * 1000),
                    "confidence": round(word.confidence, 3),
                }
            )
            number += 1
        shown = {"id": f"s{index}", "text": line.text, "startMs": words[0]["startMs"], "endMs": words[-1]["endMs"]}
        segments.append(shown | {"words": words} | ({} if line.speaker is None else {"speaker": line.speaker}))
    return {"segments": segments}


def check_texts(edits: list[WordEdit]) -> None:
    """Refuse what cannot be spoken.

    Raises:
        ApiError: a text has no word in it.
    """
    from synclips.speech.reading import read_line

    for number, edit in enumerate(edits):
        if not edit.text:
            continue
        try:
            read_line(edit.text)
        except TextError as error:
            raise _wrong(str(error), f"edits.{number}.text") from error


def _wrong(words: str, field: str) -> ApiError:
    return ApiError("generation_input_validation_failed", words, field=field)
