"""Container tags of a result: that it is synthetic, by which program and model, and when."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import av

from synclips.errors import MediaError
from synclips.files import check_input, media_path

SOFTWARE: Final = "SyncLips"
_STATEMENT: Final = re.compile(
    r"(?P<what>Speech and lips|Lips) are synthetic: made by SyncLips (?P<version>\S+) at (?P<when>\S+) "
    r"with model (?P<model>\S+)\."
)
_OF_THE_USER: Final = (
    "title",
    "artist",
    "album",
    "album_artist",
    "composer",
    "copyright",
    "creation_time",
    "date",
    "description",
    "genre",
)
"""Tags that every container has a place for. Others would take MP4's common place away from all of them."""


@dataclass(frozen=True)
class Origin:
    """Where a result comes from.

    speech:   the speech is synthetic too, not a recording
    version:  of SyncLips
    when:     UTC, ISO 8601, to the second
    model:    SHA-256 of the model's file, in hexadecimal, or its beginning
    """

    speech: bool
    version: str
    when: str
    model: str

    @property
    def statement(self) -> str:
        """In one sentence, as `read_origin` takes it."""
        what = "Speech and lips" if self.speech else "Lips"
        return f"{what} are synthetic: made by {SOFTWARE} {self.version} at {self.when} with model {self.model[:16]}."


def now() -> str:
    """The present moment: UTC, ISO 8601, to the second."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def tags_of(path: Path) -> dict[str, str]:
    """The container's tags, with their names in lower case; U+FFFD stands for what is not UTF-8.

    Raises:
        MediaError: not a media file.
    """
    check_input(path)
    try:
        with av.open(media_path(path), metadata_errors="replace") as container:
            return {name.lower(): value for name, value in container.metadata.items()}
    except av.FFmpegError as error:
        raise MediaError(f"{path} is not a media file ({(error.strerror or str(error)).lower()})") from error


def result_tags(origin: Origin, source: Mapping[str, str]) -> dict[str, str]:
    """The tags of a result: its origin as the comment, before the comment of the source, whose other tags stay."""
    kept = {name: source[name] for name in _OF_THE_USER if name in source}
    theirs = _STATEMENT.sub("", source.get("comment", "")).strip()
    return kept | {"comment": f"{origin.statement} {theirs}".strip()}


def read_origin(tags: Mapping[str, str]) -> Origin | None:
    """What the tags say of a result's origin; None where it is not one of SyncLips."""
    found = _STATEMENT.search(tags.get("comment", ""))
    if found is None:
        return None
    return Origin(found["what"] != "Lips", found["version"], found["when"], found["model"])
