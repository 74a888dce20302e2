"""The demo's page: source and result side by side, the sound that is heard, and what was done, as one HTML file."""

from dataclasses import dataclass
from importlib import resources
from itertools import pairwise
from pathlib import Path
from typing import Final
from urllib.parse import quote

import numpy as np

from synclips.dubbing.report import DubReport, SpeechReport
from synclips.files import atomic_path
from synclips.media.audio import Waveform, read_audio
from synclips.media.video import probe

BARS: Final = 240
"""Bars that the waveform is drawn with."""
COMMAND: Final = 'synclips dub me.mp4 --text "What I want to say." --output dubbed.mp4'
_TEMPLATE: Final = "demo_page.html.jinja"
_SMALLEST_BAR: Final = 1.0
"""Half the height of a silent bar; the drawing is 100 high."""


@dataclass(frozen=True)
class DemoFiles:
    """What the page shows, all in one folder: the source in a form that browsers play, and what was made of it."""

    source: Path
    result: Path
    side_by_side: Path
    strip: Path


@dataclass(frozen=True)
class _PlacedWord:
    """A word with its times in seconds, and where it stands in the drawing of the waveform."""

    text: str
    start: float
    end: float
    left: float
    width: float


def write_demo_page(path: Path, files: DemoFiles, report: DubReport, about: str, seconds: float) -> None:
    """Write the page that shows `files`, which lie beside it and are named by their names alone.

    It loads nothing from a network and opens from a disk. `about` says where the source comes from, `seconds` how long
    everything took.

    Raises:
        MediaError: source or result cannot be read.
        OutputError: as `atomic_path`.
    """
    from jinja2 import Environment, StrictUndefined

    markup = resources.files("synclips.dubbing").joinpath(_TEMPLATE).read_text(encoding="utf-8")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    page = environment.from_string(markup).render(
        text=report.text,
        version=report.version,
        seconds=f"{seconds:.0f}",
        about=about,
        source=quote(files.source.name),
        result=quote(files.result.name),
        side_by_side=quote(files.side_by_side.name),
        strip=quote(files.strip.name),
        source_has_sound=probe(files.source).has_audio,
        bars=BARS,
        waveform=waveform_path(read_audio(files.result)),
        words=_placed(report.speech, report.duration),
        facts=facts(report),
        command=COMMAND,
    )
    with atomic_path(path) as temporary:
        temporary.write_text(page + "\n", encoding="utf-8")


def waveform_path(sound: Waveform) -> str:
    """An SVG path of `BARS` upright lines, 1 apart and at most 100 high: the peaks, the loudest of them full height."""
    edges = np.linspace(0, len(sound.samples), BARS + 1).astype(int)
    magnitude = np.abs(sound.samples)
    peaks = np.array([magnitude[a:b].max(initial=0.0) for a, b in pairwise(edges)])
    heights = np.maximum(46 * peaks / max(float(peaks.max()), 1e-6), _SMALLEST_BAR)
    return "".join(f"M{at + 0.5:g} {50 - half:.1f}V{50 + half:.1f}" for at, half in enumerate(heights))


def facts(report: DubReport) -> list[tuple[str, str]]:
    """Names and values, in words, of what was done."""
    rows = [
        ("Picture", f"{report.width} x {report.height} pixels, {report.fps:.5g} frames/s, {report.duration:.1f} s"),
        ("Voice", _voice(report.speech)),
        ("Time", f"{report.seconds:.1f} s for {report.frames} frames, voice and lips"),
        ("Computed on", f"{report.device.upper()}, {report.precision}"),
    ]
    if report.frames_without_face:
        rows.append(("Left as they were", f"{len(report.frames_without_face)} frames without a face"))
    return rows + [("Note", note) for note in report.all_notes]


def _voice(speech: SpeechReport) -> str:
    said = speech.synthesizer or "the recording that was given"
    if speech.converter:
        said += f", converted to the voice of the source by {speech.converter}"
    before, after = speech.similarity_before, speech.similarity_after
    if before is not None and after is not None:
        said += f"; similarity to the speaker {before:.2f} before, {after:.2f} after (1: the same)"
    return said


def _placed(speech: SpeechReport, duration: float) -> list[_PlacedWord]:
    scale = BARS / max(duration, 1e-6)
    return [
        _PlacedWord(word, round(start, 2), round(end, 2), round(start * scale, 1), round((end - start) * scale, 1))
        for word, start, end in speech.words
    ]
