"""The file of a batch: one row a line to be spoken, as CSV with a header or as JSON Lines."""

import csv
import hashlib
import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from pathlib import Path, PurePosixPath
from typing import Any, Final, get_args, get_type_hints

from synclips.dubbing.options import DubOptions
from synclips.engines.object_store import identity_of, is_remote, join
from synclips.errors import ConfigError, SyncLipsError
from synclips.speech.text.encoding import decode_text
from synclips.version import __version__

SPOKEN: Final = ("text", "audio", "script")
"""What is spoken: one of these in each row."""
FOR_ALL: Final = frozenset(
    {
        "checkpoint",
        "device",
        "cache",
        "fit",
        "fit_lips",
        "at_most",
        "provenance",
        "certificate",
        "private_key",
        "pronounce",
    }
)
"""Options that are the whole batch's."""
OPTIONS: Final = tuple(option.name for option in fields(DubOptions) if option.name not in FOR_ALL)
COLUMNS: Final = ("video", "output", *SPOKEN, *OPTIONS)
_YES, _NO = ("yes", "true", "1"), ("no", "false", "0")


@dataclass(frozen=True)
class BatchLine:
    """One row: `video` says `spoken` (a text, or an address of a recording or a script, as `kind` says).

    number:   of the row, from 1
    output:   below the batch's folder
    options:  of `DubOptions`, that differ from the batch's
    """

    number: int
    video: str
    kind: str
    spoken: str
    output: str
    options: dict[str, Any] = field(default_factory=dict)

    def digest(self, batch: DubOptions) -> str:
        """Of all that the result depends on; inputs by size and time.

        Raises:
            InputError: an input is not there.
        """
        reference = self.options.get("voice_reference")
        read = [self.video, *([self.spoken] if self.kind != "text" else []), *([str(reference)] if reference else [])]
        parts = [__version__, self.kind, self.spoken, self.output, sorted(self.options.items()), batch, read]
        parts += [identity_of(address) for address in read]
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:24]


@dataclass(frozen=True)
class BadRow:
    """A row that cannot be done, and why."""

    number: int
    reason: str
    video: str = ""
    output: str = ""


def read_jobs(path: Path) -> tuple[list[BatchLine], list[BadRow]]:
    """The rows of a .csv or .jsonl; addresses in it are relative to its folder. A wrong row costs only itself.

    Raises:
        ConfigError: the file cannot be read, is empty, or has a column that is not known.
    """
    try:
        written, _ = decode_text(path.read_bytes(), path)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read; name a .csv or .jsonl file") from error
    rows = list(_json_lines(written) if path.suffix.lower() in (".jsonl", ".ndjson") else _csv_rows(written))
    if not rows:
        raise ConfigError(f"{path} has no row; the first line names the columns, for instance: video,text,output")
    for number, row in rows:
        unknown = sorted(set(row) - set(COLUMNS)) if isinstance(row, dict) else []
        if unknown:
            raise ConfigError(
                f"{path}, row {number}: there is no column {unknown[0]!r}; known are {', '.join(COLUMNS)}"
            )
    lines: list[BatchLine] = []
    bad: list[BadRow] = []
    taken: set[str] = set()
    for number, row in rows:
        try:
            if not isinstance(row, dict):
                raise ConfigError(row)
            line = _line(number, row, path.parent)
            if line.output in taken:
                raise ConfigError(f"another row writes {line.output} already; name another output")
            taken.add(line.output)
            lines.append(line)
        except SyncLipsError as error:
            video, output = (str(row.get(k, "")) for k in ("video", "output")) if isinstance(row, dict) else ("", "")
            bad.append(BadRow(number, str(error), video, output))
    return lines, bad


def _csv_rows(written: str) -> Iterator[tuple[int, dict[str, Any] | str]]:
    reader = csv.reader(io.StringIO(written))
    head = [_name(name) for name in next(reader, [])]
    number = 0
    for cells in reader:
        if not any(cell.strip() for cell in cells):
            continue
        number += 1
        if len(cells) > len(head):
            yield number, f"{len(cells)} cells under {len(head)} columns; put a text with commas in double quotes"
        else:
            named = zip(head, cells, strict=False)
            yield number, {name: cell.strip() for name, cell in named if name and cell.strip()}


def _json_lines(written: str) -> Iterator[tuple[int, dict[str, Any] | str]]:
    number = 0
    for line in written.splitlines():
        if not line.strip():
            continue
        number += 1
        try:
            value = json.loads(line)
        except ValueError as error:
            yield number, f"not JSON: {error}"
            continue
        if isinstance(value, dict):
            yield number, {_name(key): cell for key, cell in value.items() if cell is not None}
        else:
            yield number, 'not a JSON object; write {"video": ..., "text": ...}'


def _name(name: str) -> str:
    return name.strip().lstrip("\ufeff").lower().replace("-", "_")


def _line(number: int, row: dict[str, Any], folder: Path) -> BatchLine:
    if "video" not in row:
        raise ConfigError("there is no video in this row")
    said = [name for name in SPOKEN if name in row]
    if len(said) != 1:
        raise ConfigError("give one of text, audio and script in each row")
    kind = said[0]
    video, spoken = _address(str(row["video"]), folder), str(row[kind])
    if kind != "text":
        spoken = _address(spoken, folder)
    options = {name: _option(name, row[name]) for name in OPTIONS if name in row}
    if "voice_reference" in options:
        options["voice_reference"] = Path(_address(str(options["voice_reference"]), folder))
    DubOptions(**options)
    return BatchLine(number, video, kind, spoken, _output(row.get("output"), video, number), options)


def _address(name: str, folder: Path) -> str:
    return name if is_remote(name) or Path(name).is_absolute() else join(str(folder), name)


def _output(name: Any, video: str, number: int) -> str:
    if name is None:
        stem = re.sub(r"[^\w.-]+", "-", PurePosixPath(video).stem).strip("-.") or "video"
        return f"{stem}-{number:04d}.mp4"
    path = PurePosixPath(str(name))
    if path.is_absolute() or ".." in path.parts or Path(str(name)).is_absolute() or is_remote(str(name)):
        raise ConfigError(f"{name}: outputs lie below --output-dir; give a relative name")
    return path.as_posix() if path.suffix else f"{path.as_posix()}.mp4"


def _option(name: str, value: Any) -> Any:
    """A cell as the option's type.

    Raises:
        ConfigError: it is none of that type.
    """
    kind = get_type_hints(DubOptions)[name]
    kinds = get_args(kind) or (kind,)
    text = str(value).strip()
    if bool in kinds:
        if text.lower() not in _YES + _NO:
            raise ConfigError(f"{name} is yes or no, not {text!r}")
        return text.lower() in _YES
    try:
        if int in kinds:
            return int(text)
        if float in kinds:
            return float(text)
    except ValueError as error:
        raise ConfigError(f"{name} is a number, not {text!r}") from error
    allowed = [word for word in _words(kind) if isinstance(word, str)]
    if allowed and text not in allowed:
        raise ConfigError(f"{name} is one of {', '.join(allowed)}, not {text!r}")
    return text


def _words(kind: Any) -> Iterator[Any]:
    """The values of a Literal, also within `Literal | None`."""
    for part in get_args(kind):
        if isinstance(part, str):
            yield part
        else:
            yield from _words(part)
