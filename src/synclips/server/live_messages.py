"""The messages of a live session: between client and server, and between the server and the session's process.

Client and server exchange JSON texts, and binary messages of PCM (up) and of frames (down). A frame's message is

    bytes 0-3    unsigned int: number of the frame, from 0
    bytes 4-11   double: seconds from the beginning at which it is shown, number / 25
    bytes 12-15  unsigned int: bytes of the sound that follows
    then         the sound heard while it is shown: PCM as it was sent, 1/25 s
    then         the picture

all little-endian. Between the server and its process each message has a kind and a length before it.
"""

import json
import struct
from collections.abc import Callable
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

FRAME: Final = struct.Struct("<IdI")
_HEAD: Final = struct.Struct("<BI")
TEXT, BINARY = 0, 1
MOST_BYTES: Final = 1 << 28
"""Of one message between the server and its process."""


class StartLive(BaseModel):
    """A session's first message. The face is that of an asset, or of the video of a generation.

    format:   of the pictures: JPEG files, or H.264 access units (Annex B)
    realtime: by the clock, with the person waiting where no speech comes; otherwise frames come as speech does
    seconds:  how much of the video is shown, forwards and back
    """

    model_config = ConfigDict(populate_by_name=True, allow_inf_nan=False)

    type: Literal["start"]
    api_key: str | None = Field(default=None, alias="apiKey", max_length=200)
    asset_id: str | None = Field(default=None, alias="assetId", max_length=64)
    generation_id: str | None = Field(default=None, alias="generationId", max_length=64)
    face: str | int = Field(default="speaker")
    rate: int = Field(default=16_000, ge=8000, le=96_000)
    format: Literal["jpeg", "h264"] = "jpeg"
    realtime: bool = True
    seconds: float = Field(default=20.0, ge=1, le=120)


class Control(BaseModel):
    """A later message: `interrupt` drops speech that was not heard yet, `end` says that no more comes."""

    type: Literal["interrupt", "end"]


def frame_message(number: int, seconds: float, sound: bytes, picture: bytes) -> bytes:
    """The message of one frame."""
    return FRAME.pack(number, seconds, len(sound)) + sound + picture


def packed(message: bytes | dict[str, Any]) -> bytes:
    """A message as it goes between the server and its process."""
    if isinstance(message, dict):
        return packed_as(TEXT, json.dumps(message).encode())
    return packed_as(BINARY, message)


def packed_as(kind: int, body: bytes) -> bytes:
    """A message with its head."""
    return _HEAD.pack(kind, len(body)) + body


HEAD_BYTES: Final = _HEAD.size


def head_of(head: bytes) -> tuple[int, int]:
    """Kind and length of the message that follows."""
    kind, size = _HEAD.unpack(head)
    if kind not in (TEXT, BINARY) or size > MOST_BYTES:
        raise ValueError("this is no message of a live session")
    return kind, size


def read_message(read: Callable[[int], bytes]) -> bytes | dict[str, Any] | None:
    """The next message from a blocking stream; None at its end."""
    head = read(HEAD_BYTES)
    if len(head) < HEAD_BYTES:
        return None
    kind, size = head_of(head)
    body = read(size)
    if len(body) < size:
        return None
    return body if kind == BINARY else dict(json.loads(body))
