"""A report as one self-contained HTML file: text, tables and pictures, by the template page.html.jinja."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

from synclips.version import __version__


@dataclass(frozen=True)
class Cell:
    """One place of a table; `mark` is "", "better" or "worse"."""

    text: str
    small: str = ""
    mark: str = ""


@dataclass
class Page:
    """An HTML page that grows from top to bottom; every text is escaped."""

    title: str
    _blocks: list[dict[str, Any]] = field(default_factory=list)

    def heading(self, text: str, level: int = 2) -> None:
        """A heading."""
        self._add("heading", text=text, level=level)

    def text(self, text: str, *, note: bool = False) -> None:
        """A paragraph."""
        self._add("text", text=text, note=note)

    def table(self, head: Sequence[str], rows: Sequence[Sequence[Cell]], own: Sequence[int] = ()) -> None:
        """A table; the rows numbered in `own` stand out."""
        self._add("table", head=head, rows=rows, own=own)

    def terms(self, terms: Sequence[tuple[str, str]]) -> None:
        """Names and what they mean."""
        self._add("terms", terms=terms)

    def verdicts(self, lines: Sequence[tuple[bool, str]]) -> None:
        """Sentences, each marked as good (True) or bad."""
        self._add("verdicts", lines=lines)

    def chart(self, png: bytes, caption: str = "") -> None:
        """A PNG."""
        self._add("chart", data=_data(png, "image/png"), caption=caption)

    def photo(self, jpeg: bytes, caption: str = "") -> None:
        """A JPEG."""
        self._add("photo", data=_data(jpeg, "image/jpeg"), caption=caption)

    def video(self, mp4: bytes, caption: str = "") -> None:
        """An MP4 to play."""
        self._add("video", data=_data(mp4, "video/mp4"), caption=caption)

    def render(self) -> str:
        """The whole page."""
        from jinja2 import Environment, StrictUndefined

        template = files("synclips.evaluation").joinpath("page.html.jinja").read_text(encoding="utf-8")
        environment = Environment(autoescape=True, undefined=StrictUndefined, keep_trailing_newline=True)
        return environment.from_string(template).render(title=self.title, blocks=self._blocks, version=__version__)

    def _add(self, kind: str, **values: Any) -> None:
        self._blocks.append({"kind": kind, **values})


def _data(content: bytes, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
