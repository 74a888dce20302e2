"""SyncLips: type a line, and the person in your video says it, in their own voice, with matching lips.

    import synclips

    video = synclips.prepare("in.mp4")
    synclips.dub(video, "out.mp4", text="Nice to meet you.")

docs/python.md shows more. Names are imported when they are first used, so `import synclips` costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from synclips.version import __version__

if TYPE_CHECKING:
    from synclips.dubbing.face_listing import FaceListing, ListedFace, faces
    from synclips.dubbing.options import DubOptions
    from synclips.dubbing.pipeline import dub
    from synclips.dubbing.prepared_video import PreparedVideo, prepare
    from synclips.dubbing.report import DubReport, DubResult
    from synclips.errors import SyncLipsError
    from synclips.media.audio import Waveform, read_audio, write_wav
    from synclips.speech.synthesis import SpokenLine, speak

_HOMES = {
    "DubOptions": "synclips.dubbing.options",
    "DubReport": "synclips.dubbing.report",
    "DubResult": "synclips.dubbing.report",
    "FaceListing": "synclips.dubbing.face_listing",
    "ListedFace": "synclips.dubbing.face_listing",
    "PreparedVideo": "synclips.dubbing.prepared_video",
    "SpokenLine": "synclips.speech.synthesis",
    "SyncLipsError": "synclips.errors",
    "Waveform": "synclips.media.audio",
    "dub": "synclips.dubbing.pipeline",
    "faces": "synclips.dubbing.face_listing",
    "prepare": "synclips.dubbing.prepared_video",
    "read_audio": "synclips.media.audio",
    "speak": "synclips.speech.synthesis",
    "write_wav": "synclips.media.audio",
}

__all__ = [
    "DubOptions",
    "DubReport",
    "DubResult",
    "FaceListing",
    "ListedFace",
    "PreparedVideo",
    "SpokenLine",
    "SyncLipsError",
    "Waveform",
    "__version__",
    "dub",
    "faces",
    "prepare",
    "read_audio",
    "speak",
    "write_wav",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
