"""The layouts of published corpora, as they are unpacked, recognised by the path of each file.

LRS2 and LRS3 (Afouras et al., 2018): `<video id>/00001.mp4`, beside it `.txt` that begins with "Text:".
HDTF (Zhang et al., CVPR 2021): whole videos, and `WDA_annotion_time.txt` (sic) with the stretches to be used.
VoxCeleb2 (Chung, Nagrani and Zisserman, Interspeech 2018): `id00012/<video id>/00001.mp4`; sound may lie in `aac/`.
MEAD (Wang et al., ECCV 2020): `M003/video/front/angry/level_1/001.mp4`, the sound in `M003/audio/...`.
RAVDESS (Livingstone and Russo, PLoS ONE 13(5), 2018): `Actor_01/01-01-03-01-01-01-01.mp4`, names spell the contents.
Nothing is downloaded.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final, Literal, get_args

from synclips.data.grid import Split

LayoutName = Literal["auto", "own", "grid", "lrs", "hdtf", "voxceleb2", "mead", "ravdess"]
LAYOUTS: Final[tuple[str, ...]] = get_args(LayoutName)

_RAVDESS: Final = re.compile(r"(\d\d)-(\d\d)-(\d\d)-(\d\d)-(\d\d)-(\d\d)-(\d\d)")
_RAVDESS_TEXT: Final = {"01": "kids are talking by the door", "02": "dogs are sitting by the door"}
_MEAD_FRONT: Final = "front"


@dataclass(frozen=True)
class Part:
    """A stretch of a video with one speaker; without times the whole video."""

    speaker: str
    name: str
    start: float | None = None
    stop: float | None = None


@dataclass(frozen=True)
class Layout:
    """What a file's place says of it. `refused`: why the corpus does not want it used."""

    parts: tuple[Part, ...]
    text: str = ""
    sound: Path | None = None
    split: Split | None = None
    refused: str = ""


def layout_of(root: Path, path: Path, layout: LayoutName = "auto") -> Layout:
    """What the place of the video `root / path` says; `layout`: only this one is considered, else `own`."""
    tries = {"ravdess": _ravdess, "mead": _mead, "voxceleb2": _voxceleb2, "hdtf": _hdtf, "lrs": _lrs}
    for name, recognise in tries.items():
        if layout in ("auto", name):
            found = recognise(root, path)
            if found is not None:
                return found
    return _own(path)


def _own(path: Path) -> Layout:
    speaker = path.parts[0] if len(path.parts) > 1 else path.stem
    name = "-".join((*path.parts[1:-1], path.stem)) if len(path.parts) > 1 else path.stem
    return Layout((Part(speaker, name),))


def _ravdess(root: Path, path: Path) -> Layout | None:
    del root
    found = _RAVDESS.fullmatch(path.stem)
    if found is None:
        return None
    modality, channel, _emotion, _intensity, statement, _repetition, actor = found.groups()
    if modality != "01":
        return Layout((), refused="RAVDESS: picture only; its full-AV file begins with 01")
    if channel != "01":
        return Layout((), refused="RAVDESS: sung, not spoken")
    return Layout((Part(f"Actor_{actor}", path.stem),), _RAVDESS_TEXT.get(statement, ""))


def _mead(root: Path, path: Path) -> Layout | None:
    parts = path.parts
    if "video" not in parts:
        return None
    at = parts.index("video")
    if at == 0 or not re.fullmatch(r"[MW]\d{3}", parts[at - 1]) or len(parts) < at + 5:
        return None
    if parts[at + 1] != _MEAD_FRONT:
        return Layout((), refused=f"MEAD: camera {parts[at + 1]}, not {_MEAD_FRONT}")
    sound = root.joinpath(*parts[:at], "audio", *parts[at + 2 : -1], f"{path.stem}.m4a")
    name = "-".join((*parts[at + 2 : -1], path.stem))
    return Layout((Part(parts[at - 1], name),), sound=sound if sound.is_file() else None)


def _voxceleb2(root: Path, path: Path) -> Layout | None:
    parts = path.parts
    if len(parts) < 3 or not re.fullmatch(r"id\d{5}", parts[-3]) or not path.stem.isdecimal():
        return None
    sound = None
    if "mp4" in parts[:-3]:
        at = parts.index("mp4")
        beside = root.joinpath(*parts[:at], "aac", *parts[at + 1 : -1], f"{path.stem}.m4a")
        sound = beside if beside.is_file() else None
    return Layout((Part(parts[-3], f"{parts[-2]}-{path.stem}"),), sound=sound, split=_published(parts))


def _lrs(root: Path, path: Path) -> Layout | None:
    if len(path.parts) < 2 or not path.stem.isdecimal():
        return None
    text = root / path.with_suffix(".txt")
    try:
        with text.open(encoding="utf-8") as stream:
            first = stream.readline(2000)
    except (OSError, UnicodeDecodeError):
        return None
    if not first.startswith("Text:"):
        return None
    return Layout((Part(path.parts[-2], path.stem),), split=_published(path.parts))


def _published(parts: tuple[str, ...]) -> Split | None:
    """People in a publisher's `test` folder are trained on by nobody."""
    return "unseen" if "test" in parts[:-2] else None


def _hdtf(root: Path, path: Path) -> Layout | None:
    name, _, number = path.stem.rpartition("_")
    for folder in _folders_above(root, path):
        for kind, cuts in _hdtf_cuts(folder).items():
            speaker_of = (lambda stem: stem) if kind.startswith("RD") else _without_number
            if path.stem in cuts:
                stretches = cuts[path.stem]
                parts = (
                    Part(speaker_of(path.stem), f"{path.stem}_{k}", start, stop)
                    for k, (start, stop) in enumerate(stretches)
                )
                return Layout(tuple(parts))
            if name in cuts and number.isdecimal() and int(number) < len(cuts[name]):  # cut already
                return Layout((Part(speaker_of(name), path.stem),))
    return None


def _folders_above(root: Path, path: Path) -> list[Path]:
    return [root, *(root.joinpath(*path.parts[:count]) for count in range(1, len(path.parts)))]


@lru_cache(maxsize=256)
def _hdtf_cuts(folder: Path) -> dict[str, dict[str, list[tuple[float, float]]]]:
    """For each of HDTF's lists in a folder the stretches, in seconds, of each video."""
    found: dict[str, dict[str, list[tuple[float, float]]]] = {}
    for listed in sorted(folder.glob("*_annotion_time.txt")):
        cuts = found.setdefault(listed.name, {})
        for line in listed.read_text(encoding="utf-8", errors="replace").splitlines():
            name, *stretches = line.split()[:1000] or [""]
            times = [_stretch(stretch) for stretch in stretches]
            if name and times:
                cuts[Path(name).stem] = [time for time in times if time is not None]
    return found


def _stretch(text: str) -> tuple[float, float] | None:
    """`01:30-02:30` in seconds."""
    found = re.fullmatch(r"(?:(\d+):)?(\d+):(\d+)-(?:(\d+):)?(\d+):(\d+)", text)
    if found is None:
        return None
    a, b, c, d, e, f = (int(part or 0) for part in found.groups())
    start, stop = a * 3600 + b * 60 + c, d * 3600 + e * 60 + f
    return (float(start), float(stop)) if stop > start else None


def _without_number(stem: str) -> str:
    return stem.rstrip("0123456789") or stem
