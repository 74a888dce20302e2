"""The bodies that the API takes and gives: sync.'s fields, and ours beside them."""

import math
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

MOST_TEXT: Final = 5000
"""Characters of one text, as sync. has it."""
MODELS: Final = {
    "synclips-base": "SyncLips' model: lips and jaw from the sound, mouths from the video itself.",
    "lipsync-2": "The same model under sync.'s name, so that clients need no change.",
    "lipsync-2-pro": "The same model under sync.'s name.",
    "lipsync-1.9.0-beta": "The same model under sync.'s name.",
    "sync-3": "The same model under sync.'s name.",
}
SyncModeName = Literal["bounce", "loop", "cut_off", "silence", "remap"]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MOST_TEXT)]
Url = Annotated[str, StringConstraints(min_length=1, max_length=4096)]
Identifier = Annotated[str, StringConstraints(min_length=1, max_length=128)]
Seconds = Annotated[float, Field(ge=0, le=86_400, allow_inf_nan=False)]
Name = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")
]


class Body(BaseModel):
    """Unknown fields are kept and ignored, as sync.'s API does; numbers must be finite."""

    model_config = ConfigDict(extra="allow", allow_inf_nan=False)


class Located(Body):
    """A file by URL, or by the id of an asset."""

    url: Url | None = None
    asset_id: Identifier | None = Field(default=None, alias="assetId")

    @model_validator(mode="after")
    def _one_place(self) -> "Located":
        if (self.url is None) == (self.asset_id is None):
            raise ValueError("give either url or assetId")
        return self


class VideoInput(Located):
    """The video that is dubbed."""

    type: Literal["video"]


class ImageInput(Located):
    """A photograph that is dubbed."""

    type: Literal["image"]


class AudioInput(Located):
    """A recording that the lips follow."""

    type: Literal["audio"]
    ref_id: Identifier | None = Field(default=None, alias="refId")


class Provider(Body):
    """What speaks a text. `voiceId`: a name of `GET /v2/voices`; another one: the voice of the video."""

    name: Annotated[str, StringConstraints(max_length=64)] = "synclips"
    voice_id: Identifier = Field(default="auto", alias="voiceId")
    script: Text


class TextInput(Body):
    """A line that is spoken."""

    type: Literal["text"]
    provider: Provider
    ref_id: Identifier | None = Field(default=None, alias="refId")


InputItem = Annotated[VideoInput | ImageInput | AudioInput | TextInput, Field(discriminator="type")]


class ActiveSpeaker(Body):
    """Which face is dubbed: whoever speaks, or by a point or boxes. `face`: a number that the Studio's list names."""

    auto_detect: bool | None = None
    frame_number: Annotated[int, Field(ge=0, le=10_000_000)] | None = None
    coordinates: (
        Annotated[list[Annotated[float, Field(ge=0, le=100_000)]], Field(min_length=2, max_length=2)] | None
    ) = None
    bounding_boxes: Annotated[list[list[float] | None], Field(max_length=200_000)] | None = None
    face: Annotated[int, Field(ge=1, le=1000)] | None = None

    @model_validator(mode="after")
    def _boxes_have_four_sides(self) -> "ActiveSpeaker":
        boxes = [box for box in self.bounding_boxes or [] if box is not None]
        if any(len(box) != 4 or not all(0 <= side <= 100_000 for side in box) for box in boxes):
            raise ValueError("a bounding box is [x1, y1, x2, y2] in pixels, or null")
        return self

    def point(self) -> tuple[float, float, int] | None:
        """x, y in pixels and the number of the frame, of a choice by coordinates or boxes."""
        if self.bounding_boxes is not None:
            for number, box in enumerate(self.bounding_boxes):
                if box is not None:
                    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2, number
        if self.coordinates is not None:
            return self.coordinates[0], self.coordinates[1], self.frame_number or 0
        return None


class Extra(Body):
    """Options of SyncLips that sync.'s API has no place for; see `synclips dub --help`."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    strength: Annotated[float, Field(ge=0, le=1)] | None = None
    speed: Annotated[float, Field(ge=0.25, le=4)] | None = None
    convert_voice: bool | None = None
    background: Literal["keep", "none"] | None = None
    quality: Annotated[int, Field(ge=0, le=51)] | None = None
    keep_length: bool | None = None
    language: Annotated[str, StringConstraints(max_length=16)] | None = None
    label: Annotated[str, StringConstraints(max_length=100, pattern=r"^[^\x00-\x1f\x7f]*$")] | None = None


class Options(Body):
    """Options of a generation. What is not supported is ignored, as sync.'s API does."""

    sync_mode: SyncModeName | None = None
    temperature: Annotated[float, Field(ge=0, le=1)] | None = None
    active_speaker_detection: ActiveSpeaker | None = None
    occlusion_detection_enabled: bool | None = None
    synclips: Extra | None = None


class SegmentAudio(Body):
    """What is said in a segment: an input of that `refId`, or seconds `startTime` to `endTime` of it."""

    ref_id: Identifier = Field(alias="refId")
    start_time: Seconds | None = Field(default=None, alias="startTime")
    end_time: Seconds | None = Field(default=None, alias="endTime")

    @model_validator(mode="after")
    def _both_times(self) -> "SegmentAudio":
        if (self.start_time is None) != (self.end_time is None):
            raise ValueError("give both startTime and endTime, or neither")
        if self.start_time is not None and self.end_time is not None and self.end_time <= self.start_time:
            raise ValueError("endTime must be after startTime")
        return self


class SegmentOptions(Body):
    """What is different in one segment."""

    active_speaker_detection: ActiveSpeaker | None = None


class Segment(Body):
    """A part of the video, in seconds, and what is said in it."""

    start_time: Seconds = Field(alias="startTime")
    end_time: Seconds = Field(alias="endTime")
    audio_input: SegmentAudio = Field(alias="audioInput")
    options_override: SegmentOptions | None = Field(default=None, alias="optionsOverride")

    @model_validator(mode="after")
    def _has_length(self) -> "Segment":
        if self.end_time - self.start_time < 0.2:
            raise ValueError("a segment lasts at least 0.2 s; endTime must be after startTime")
        return self


class DialogueEdit(Body):
    """Words that are changed in what the video says: an edit of `POST /v2/dialogue-edits` by its id, or the transcript
    and the edits themselves, as that takes them."""

    id: Identifier | None = None
    dialogue_edit_id: Identifier | None = Field(default=None, alias="dialogueEditId")
    transcript: dict[str, Any] | None = None
    edits: Annotated[list[dict[str, Any]], Field(min_length=1, max_length=200)] | None = None
    fit: Literal["auto", "speed", "retime"] | None = None

    @model_validator(mode="after")
    def _complete(self) -> "DialogueEdit":
        if self.edit_id is None and (self.transcript is None or self.edits is None):
            raise ValueError("give the id of a dialogue edit, or transcript and edits")
        return self

    @property
    def edit_id(self) -> str | None:
        """The edit that is meant, if it is named."""
        return self.id or self.dialogue_edit_id


class CreateGeneration(Body):
    """The body of `POST /v2/generate`."""

    model: Annotated[str, StringConstraints(max_length=64)] = "lipsync-2"
    input: Annotated[list[InputItem], Field(min_length=1, max_length=200)]
    options: Options | None = None
    segments: Annotated[list[Segment], Field(max_length=200)] | None = None
    dialogue_edit: DialogueEdit | None = Field(default=None, alias="dialogueEdit")
    webhook_url: Url | None = Field(default=None, alias="webhookUrl")
    output_file_name: Name | None = Field(default=None, alias="outputFileName")

    @property
    def picture(self) -> VideoInput | ImageInput | None:
        """The first input that is seen."""
        return next((item for item in self.input if isinstance(item, VideoInput | ImageInput)), None)

    @property
    def spoken(self) -> list[AudioInput | TextInput]:
        """The inputs that are heard."""
        return [item for item in self.input if isinstance(item, AudioInput | TextInput)]


class CreateTts(Body):
    """The body of `POST /v2/tts`: a text, and whose voice it is spoken in: a voice's, or that of an asset."""

    script: Text
    voice_id: Identifier = Field(default="auto", alias="voiceId")
    asset_id: Identifier | None = Field(default=None, alias="assetId")
    options: Extra | None = None


class CreateVoice(Body):
    """The body of `POST /v2/voices`: whose voice is to be kept. A video, or a recording of speech."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=80, strip_whitespace=True)]
    asset_id: Identifier = Field(alias="assetId")


def as_stored(body: BaseModel) -> dict[str, Any]:
    """The request as it is kept: by the names that were sent, without what was left out."""
    return body.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_unset=True) | {}


def finite(value: float | None) -> float | None:
    """The number, or None where JSON has none for it."""
    return value if value is not None and math.isfinite(value) else None
