"""A report as one HTML file that needs nothing beside it: text, tables, and pictures inside."""

import base64
import html
from collections.abc import Sequence
from dataclasses import dataclass, field

from synclips.version import __version__

_STYLE = """
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 74rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; } h2 { margin-top: 2.4rem; border-bottom: 1px solid #8884; } h3 { margin-top: 1.6rem; }
table { border-collapse: collapse; margin: 1rem 0; font-variant-numeric: tabular-nums; font-size: .86rem; }
.wide { overflow-x: auto; }
th, td { padding: .3rem .6rem; border-bottom: 1px solid #8883; text-align: right; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; position: sticky; left: 0; background: Canvas; }
td small { opacity: .65; } tr.own td { font-weight: 600; } td.better { color: #1a7f37; } td.worse { color: #cf222e; }
ul.verdicts { list-style: none; padding: 0; } .verdicts li { padding: .15rem 0; }
li.better::before { content: "\\2713\\00a0 "; color: #1a7f37; }
li.worse::before { content: "\\2717\\00a0 "; color: #cf222e; }
img, video { max-width: 100%; height: auto; margin: .4rem 0; display: block; } figure { margin: 1rem 0; }
img.chart { background: white; border-radius: 4px; }
figcaption, .note { opacity: .75; font-size: .86rem; } dt { font-weight: 600; } dd { margin: 0 0 .3rem 1rem; }
"""


@dataclass(frozen=True)
class Cell:
    """One place of a table; `mark` is "", "better" or "worse"."""

    text: str
    small: str = ""
    mark: str = ""


@dataclass
class Page:
    """An HTML page that grows from top to bottom."""

    title: str
    _parts: list[str] = field(default_factory=list)

    def heading(self, text: str, level: int = 2) -> None:
        """A heading."""
        self._parts.append(f"<h{level}>{html.escape(text)}</h{level}>")

    def text(self, text: str, *, note: bool = False) -> None:
        """A paragraph."""
        kind = ' class="note"' if note else ""
        self._parts.append(f"<p{kind}>{html.escape(text)}</p>")

    def table(self, head: Sequence[str], rows: Sequence[Sequence[Cell]], own: Sequence[int] = ()) -> None:
        """A table; the rows numbered in `own` stand out."""
        cells = "".join(f"<th>{html.escape(name)}</th>" for name in head)
        body = ""
        for number, row in enumerate(rows):
            inner = "".join(_cell(cell) for cell in row)
            body += f"<tr{' class=own' if number in own else ''}>{inner}</tr>"
        self._parts.append(
            f'<div class="wide"><table><thead><tr>{cells}</tr></thead><tbody>{body}</tbody></table></div>'
        )

    def terms(self, terms: Sequence[tuple[str, str]]) -> None:
        """Names and what they mean."""
        inner = "".join(f"<dt>{html.escape(name)}</dt><dd>{html.escape(text)}</dd>" for name, text in terms)
        self._parts.append(f"<dl>{inner}</dl>")

    def verdicts(self, lines: Sequence[tuple[bool, str]]) -> None:
        """Sentences, each marked as good news or bad."""
        inner = "".join(f'<li class="{"better" if good else "worse"}">{html.escape(text)}</li>' for good, text in lines)
        self._parts.append(f'<ul class="verdicts">{inner}</ul>')

    def chart(self, png: bytes, caption: str = "") -> None:
        """A PNG."""
        self._figure(f'<img class="chart" alt="{html.escape(caption)}" src="{_data(png, "image/png")}">', caption)

    def photo(self, jpeg: bytes, caption: str = "") -> None:
        """A JPEG."""
        self._figure(f'<img alt="{html.escape(caption)}" src="{_data(jpeg, "image/jpeg")}">', caption)

    def video(self, mp4: bytes, caption: str = "") -> None:
        """An MP4 to play."""
        self._figure(f'<video controls preload="metadata" src="{_data(mp4, "video/mp4")}"></video>', caption)

    def render(self) -> str:
        """The whole page."""
        title = html.escape(self.title)
        body = "\n".join(self._parts)
        return (
            f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{title}</title>\n'
            f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<style>{_STYLE}</style>\n</head>\n'
            f"<body>\n<h1>{title}</h1>\n{body}\n"
            f'<p class="note">Written by SyncLips {__version__}.</p>\n</body>\n</html>\n'
        )

    def _figure(self, inner: str, caption: str) -> None:
        label = f"<figcaption>{html.escape(caption)}</figcaption>" if caption else ""
        self._parts.append(f"<figure>{inner}{label}</figure>")


def _cell(cell: Cell) -> str:
    mark = f' class="{cell.mark}"' if cell.mark else ""
    small = f" <small>{html.escape(cell.small)}</small>" if cell.small else ""
    return f"<td{mark}>{html.escape(cell.text)}{small}</td>"


def _data(content: bytes, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
