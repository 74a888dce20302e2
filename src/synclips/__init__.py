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
    from synclips.dubbing.edit import edit
    from synclips.dubbing.edit_report import EditReport, EditResult
    from synclips.dubbing.face_listing import FaceListing, ListedFace, faces
    from synclips.dubbing.options import DubOptions
    from synclips.dubbing.pipeline import dub
    from synclips.dubbing.prepared_video import PreparedVideo, prepare
    from synclips.dubbing.report import DubReport, DubResult
    from synclips.dubbing.transcription import transcribe
    from synclips.errors import SyncLipsError
    from synclips.media.audio import Waveform, read_audio, write_wav
    from synclips.speech.edits import Edit
    from synclips.speech.synthesis import SpokenLine, speak
    from synclips.speech.transcript import Transcript, TranscriptWord, read_transcript

_HOMES = {
    "DubOptions": "synclips.dubbing.options",
    "DubReport": "synclips.dubbing.report",
    "DubResult": "synclips.dubbing.report",
    "Edit": "synclips.speech.edits",
    "EditReport": "synclips.dubbing.edit_report",
    "EditResult": "synclips.dubbing.edit_report",
    "FaceListing": "synclips.dubbing.face_listing",
    "ListedFace": "synclips.dubbing.face_listing",
    "PreparedVideo": "synclips.dubbing.prepared_video",
    "SpokenLine": "synclips.speech.synthesis",
    "SyncLipsError": "synclips.errors",
    "Transcript": "synclips.speech.transcript",
    "TranscriptWord": "synclips.speech.transcript",
    "Waveform": "synclips.media.audio",
    "dub": "synclips.dubbing.pipeline",
    "edit": "synclips.dubbing.edit",
    "faces": "synclips.dubbing.face_listing",
    "prepare": "synclips.dubbing.prepared_video",
    "read_audio": "synclips.media.audio",
    "read_transcript": "synclips.speech.transcript",
    "speak": "synclips.speech.synthesis",
    "transcribe": "synclips.dubbing.transcription",
    "write_wav": "synclips.media.audio",
}

__all__ = [
    "DubOptions",
    "DubReport",
    "DubResult",
    "Edit",
    "EditReport",
    "EditResult",
    "FaceListing",
    "ListedFace",
    "PreparedVideo",
    "SpokenLine",
    "SyncLipsError",
    "Transcript",
    "TranscriptWord",
    "Waveform",
    "__version__",
    "dub",
    "edit",
    "faces",
    "prepare",
    "read_audio",
    "read_transcript",
    "speak",
    "transcribe",
    "write_wav",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
