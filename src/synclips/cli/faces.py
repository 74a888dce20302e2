"""The verb that lists the people in a video: faces."""

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Final

from synclips.cli.options import Verb, add_cache, add_device, add_json, as_json
from synclips.cli.terminal import Terminal
from synclips.files import check_input

if TYPE_CHECKING:
    from synclips.dubbing.face_listing import ListedFace


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("video", metavar="VIDEO", type=Path, help="the video, or a photograph")
    parser.add_argument(
        "--output-dir",
        metavar="DIR",
        type=Path,
        default=Path("out"),
        help="where the pictures go, as <video name>_face_<number>.png (replaced if they are there); default out",
    )
    add_device(parser)
    add_cache(parser)
    add_json(parser)


def _faces(args: argparse.Namespace, terminal: Terminal) -> None:
    from synclips.dubbing.face_listing import faces

    listing = faces(
        args.video,
        thumbnails=args.output_dir,
        device=args.device,
        cache=args.cache,
        on_progress=terminal.progress,
    )
    if args.json:
        terminal.result(as_json(asdict(listing)))
        return
    for note in listing.notes:
        terminal.note(note)
    for face in listing.faces:
        terminal.result(_line(face))


def _line(face: "ListedFace") -> str:
    said = [
        f"face {face.number}: {face.first:.1f} to {face.last:.1f} s",
        f"in {face.share:.0%} of the frames",
        f"{face.size:.0f} pixels high",
        f"around {face.x:.0f},{face.y:.0f}",
    ]
    if face.seconds_speaking:
        said.append(f"speaks in {face.seconds_speaking:.0f} of the seconds listened to")
    return f"{', '.join(said)}: {face.thumbnail}"


VERBS: Final = (
    Verb(
        "faces",
        "the people in a video: when, where, who speaks",
        "List the faces of VIDEO, the most prominent first, each with a picture, for the choice that `dub --face` "
        "makes. What is found is kept, so that a dub of the same video need not look again.",
        ("faces interview.mp4", "faces interview.mp4 --output-dir faces --json"),
        _arguments,
        _faces,
        computes=True,
        check=lambda args: check_input(args.video),
    ),
)
