"""corpus.html beside the shards: what was kept of each video, what was not, and why."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from synclips.data.dataset import ClipStore, by_speaker
from synclips.data.grid import Split, speaker_of, split_of
from synclips.data.shards import ClipEntry, Manifest, Reject
from synclips.evaluation.html import Cell, Page
from synclips.files import atomic_path
from synclips.media.timebase import FPS

PAGE: Final = "corpus.html"
MOST_ROWS: Final = 1000
"""Clips that are listed one by one; a manifest names them all."""
MOST_FACES: Final = 48
"""Speakers that are shown."""
MOST_SHARDS: Final = 3
"""Shards that one speaker's faces are taken from: where a corpus lies in an object store, these are fetched."""
SPLITS: Final[tuple[Split, ...]] = ("train", "seen", "validation", "unseen")


def write_page(folder: Path, manifest: Manifest) -> Path:
    """Write the page of the shards in `folder`."""
    page = Page("Corpus")
    minutes = sum(clip.frames for clip in manifest.clips) / FPS / 60
    page.text(
        f"{len(manifest.clips)} clips are kept, {minutes:.1f} minutes of {len(by_speaker(_keys(manifest.clips)))} "
        f"speakers; {len(manifest.rejects)} are left out."
    )
    _speakers(page, manifest)
    _reasons(page, manifest.rejects)
    _faces(page, folder, manifest)
    _clips(page, manifest.clips)
    _left_out(page, manifest.rejects)
    path = folder / PAGE
    with atomic_path(path) as temporary:
        temporary.write_text(page.render(), encoding="utf-8")
    return path


def _speakers(page: Page, manifest: Manifest) -> None:
    page.heading("Speakers")
    page.terms(
        [
            ("train", "trained on"),
            ("seen", "held out, of people who are trained on"),
            ("validation, unseen", "of people who are not: to choose by, and to report"),
        ]
    )
    refused = Counter(speaker_of(reject.key) for reject in manifest.rejects)
    own: dict[str, list[ClipEntry]] = {}
    for clip in manifest.clips:
        own.setdefault(speaker_of(clip.key), []).append(clip)
    rows = []
    for speaker in dict.fromkeys([*own, *refused]):
        clips = own.get(speaker, [])
        frames = Counter[str]()
        for clip in clips:
            frames[_split(clip)] += clip.frames
        minutes = [Cell(f"{frames[split] / FPS / 60:.1f}" if frames[split] else "") for split in SPLITS]
        rows.append([Cell(speaker), Cell(str(len(clips))), *minutes, Cell(str(refused[speaker] or ""))])
    page.table(["speaker", "clips", *(f"{split}, minutes" for split in SPLITS), "left out"], rows)


def _reasons(page: Page, rejects: Sequence[Reject]) -> None:
    if not rejects:
        return
    page.heading("Why clips were left out")
    counts = Counter(_kind(reject.reason) for reject in rejects)
    page.table(["reason", "clips"], [[Cell(kind), Cell(str(count))] for kind, count in counts.most_common(30)])


def faces_shown(manifest: Manifest) -> dict[str, list[ClipEntry]]:
    """The clips whose middle frames the page shows: of each speaker up to twelve, of three shards at most."""
    own: dict[str, list[ClipEntry]] = {}
    for clip in manifest.clips:
        own.setdefault(speaker_of(clip.key), []).append(clip)
    shown = {}
    for speaker, clips in list(own.items())[:MOST_FACES]:
        names = list(dict.fromkeys(clip.shard for clip in clips))
        few = {names[i] for i in np.unique(np.linspace(0, len(names) - 1, MOST_SHARDS).astype(int))}
        usable = [clip for clip in clips if clip.shard in few]
        shown[speaker] = [usable[i] for i in np.unique(np.linspace(0, len(usable) - 1, 12).astype(int))]
    return shown


def _faces(page: Page, folder: Path, manifest: Manifest) -> None:
    """Middle frames of each speaker; only the shards of `faces_shown` need to be there."""
    page.heading("Faces")
    shown = faces_shown(manifest)
    shards = {clip.shard for clips in shown.values() for clip in clips}
    store = ClipStore(folder, cache_bytes=0, shards=shards)
    for speaker, clips in shown.items():
        crops = [store[clip.key].crops for clip in clips]
        row = np.concatenate([crop[len(crop) // 2] for crop in crops], axis=1)
        coded, jpeg = cv2.imencode(".jpg", cv2.cvtColor(row, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 80])
        if coded:
            page.photo(jpeg.tobytes(), speaker)


def _clips(page: Page, clips: Sequence[ClipEntry]) -> None:
    page.heading("Kept")
    rows = [
        [
            Cell(clip.key),
            Cell(clip.source, _stretch(clip.start, clip.stop)),
            Cell(f"{clip.frames / FPS:.1f}"),
            Cell(f"{clip.corrected or clip.av_offset or 0:+d}" if clip.av_offset is not None else ""),
            Cell("" if clip.av_confidence is None else f"{clip.av_confidence:.2f}"),
            Cell(str(clip.face or "")),
            Cell(_split(clip)),
        ]
        for clip in clips[:MOST_ROWS]
    ]
    page.table(["clip", "video", "seconds", "sound late, frames", "confidence", "face, pixels", "split"], rows)
    if len(clips) > MOST_ROWS:
        page.text(f"and {len(clips) - MOST_ROWS} more: see manifest.json", note=True)


def _left_out(page: Page, rejects: Sequence[Reject]) -> None:
    if not rejects:
        return
    page.heading("Left out")
    rows = [
        [Cell(reject.key), Cell(reject.source, _stretch(reject.start, reject.stop)), Cell(reject.reason)]
        for reject in rejects[:MOST_ROWS]
    ]
    page.table(["clip", "video", "reason"], rows)
    if len(rejects) > MOST_ROWS:
        page.text(f"and {len(rejects) - MOST_ROWS} more: see manifest.json", note=True)


def _split(clip: ClipEntry) -> Split:
    return clip.split or split_of(*clip.key.split(".", 1))


def _stretch(start: float | None, stop: float | None) -> str:
    return "" if start is None or stop is None else f"{start:.1f} to {stop:.1f} s"


def _kind(reason: str) -> str:
    """A reason without its figures and file names, so that equal ones are counted together."""
    words = [word for word in reason.split() if "/" not in word and not any(c.isdecimal() for c in word)]
    return " ".join(words)


def _keys(clips: Sequence[ClipEntry]) -> list[str]:
    return [clip.key for clip in clips]
