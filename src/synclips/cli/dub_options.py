"""The arguments of `dub`, and the options that they mean."""

import argparse
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Final

from synclips.cli.options import (
    add_cache,
    add_checkpoint,
    add_device,
    add_json,
    add_text,
    add_voice,
    real_number,
    whole_number,
)

if TYPE_CHECKING:
    from synclips.dubbing.options import DubOptions

LABEL: Final = "Synthetic speech and lips"
ENGINES: Final = ("auto", "ncnn", "torch")
SYNC_MODES: Final = ("cut_off", "loop", "bounce", "silence", "remap")


def dub_arguments(parser: argparse.ArgumentParser) -> None:
    """Everything after `synclips dub`."""
    parser.add_argument("video", metavar="VIDEO", type=Path, nargs="?", help="the video of the person, or a photograph")
    parser.add_argument("--video-path", metavar="VIDEO", type=Path, dest="video_path", help=argparse.SUPPRESS)
    line = parser.add_mutually_exclusive_group(required=True)
    add_text(line)
    line.add_argument("--audio", metavar="A", type=Path, help="a recording that is spoken instead of a text")
    line.add_argument(
        "--script",
        metavar="S",
        type=Path,
        help="a whole scene (.srt, .vtt, .sbv, .ass, or .csv with the columns start, end, text, face): each line is "
        "fitted to its slot, sound and picture stay elsewhere; notes say what was skipped, trimmed or joined",
    )
    parser.add_argument(
        "--strict", action="store_true", help="with --script: a line that cannot be used as it is written is an error"
    )
    output = parser.add_mutually_exclusive_group(required=True)
    output.add_argument("--output", metavar="OUT.mp4", type=Path, help="the dubbed video (.mp4, .mov, .mkv or .webm)")
    output.add_argument(
        "--output-dir",
        metavar="DIR",
        type=Path,
        help="instead of --output: DIR/<video name>_dubbed.mp4, with a .json beside it that says what was done",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace the output if it is there")
    parser.add_argument(
        "--preview",
        action="store_true",
        help="fast: OUT_preview.mp4, the first 3 s, and OUT_preview.png, a strip of frames; earlier ones are replaced",
    )
    parser.add_argument(
        "--compare", metavar="FILE", type=Path, help="write another video: source and result side by side"
    )
    parser.add_argument(
        "--audio-track",
        metavar="N",
        type=whole_number(1, 999),
        help="which sound track is heard, from 1, of a file that has several: of A where --audio is given, else of the "
        "video; default: the one flagged as the default, or else the first that can be decoded",
    )
    length = parser.add_argument_group("length")
    length.add_argument(
        "--sync-mode",
        metavar="M",
        type=lambda text: text.replace("-", "_"),
        choices=SYNC_MODES,
        help="where speech and video differ in length: cut_off (stop at the end of the shorter one), loop or bounce "
        "(under a longer speech the video starts again, or runs back and forth), silence (the whole video; after the "
        "speech it is silent), remap (the video is stretched or squeezed to the speech); default: the result ends with "
        "the speech, and bounces under a longer one",
    )
    length.add_argument("--keep-length", action="store_true", help="show the whole video where the speech is shorter")
    add_voice(parser)
    picture = parser.add_argument_group("the picture")
    picture.add_argument(
        "--face",
        metavar="F",
        default="speaker",
        help="whom to dub where there are several: speaker (whose lips fit the sound), largest, left, right, a number "
        "of `synclips faces`, or a place and a time as X,Y@SECONDS; default speaker",
    )
    add_cache(picture)
    picture.add_argument(
        "--fit",
        metavar="SECONDS",
        type=real_number(1, 3600),
        help="first fit the model to the person, by the video's own sound and lips, for so long; 60 is a good start",
    )
    picture.add_argument(
        "--no-fit",
        dest="fit_lips",
        action="store_false",
        help="leave the lips as the model moves them; otherwise, without --fit, they are fitted to the person where "
        "the video shows them speak for half a minute",
    )
    add_checkpoint(parser)
    add_device(parser)
    picture.add_argument(
        "--engine",
        choices=ENGINES,
        default="auto",
        help="what computes the refining network: ncnn (fp32 on the CPU, twice as fast there) or torch; default auto: "
        "ncnn where it is installed and there is no GPU",
    )
    picture.add_argument(
        "--quality",
        metavar="CRF",
        type=whole_number(0, 51),
        default=16,
        help="of the written picture: 0 is the best and largest file, 51 the worst; default 16",
    )
    picture.add_argument(
        "--codec", choices=("h264", "hevc", "vp9", "ffv1"), default="h264", help="of the picture; default h264"
    )
    picture.add_argument(
        "--keep-streams",
        action="store_true",
        help="carry over the video's further sound tracks, subtitles and chapters",
    )
    add_provenance(parser)
    add_json(parser)


def add_provenance(parser: argparse.ArgumentParser) -> None:
    """--no-provenance, --certificate, --private-key and --label"""
    group = parser.add_argument_group("provenance")
    group.add_argument(
        "--no-provenance",
        dest="provenance",
        action="store_false",
        help="no signed C2PA manifest; the file's tags always say that it is synthetic",
    )
    group.add_argument(
        "--certificate", metavar="PEM", type=Path, help="sign with this certificate; default: one made on this computer"
    )
    group.add_argument("--private-key", metavar="PEM", type=Path, help="the certificate's private key")
    group.add_argument(
        "--label",
        metavar="TEXT",
        nargs="?",
        const=LABEL,
        help=f'write a small TEXT into a corner of every frame; without TEXT "{LABEL}"',
    )


def dub_options(args: argparse.Namespace) -> "DubOptions":
    """How to dub: the arguments that are named as fields of DubOptions are."""
    from synclips.dubbing.options import DubOptions

    names = {field.name for field in fields(DubOptions)}
    given = {name: value for name, value in vars(args).items() if name in names}
    return DubOptions(**given | {"pronounce": tuple(args.pronounce)})
