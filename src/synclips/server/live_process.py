"""The process of one live session: messages come in on standard input and go out on standard output.

The first message names the face: {"video", "face", "rate", "format", "realtime", "seconds", "checkpoint", "device"}.
PCM and controls follow; out come progress, `ready`, frames, and at last `done` or `error`.
"""

import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, Final

from synclips.errors import SyncLipsError
from synclips.server.live_messages import frame_message, packed, read_message
from synclips.server.media_check import limit_process

PROGRESS_SECONDS: Final = 0.25
STATUS_SECONDS: Final = 1.0
Say = Callable[[bytes | dict[str, Any]], None]


def main() -> None:
    """Serve one session."""
    out, lock = os.fdopen(os.dup(1), "wb"), threading.Lock()
    os.dup2(2, 1)  # what libraries print must not come between the messages

    def say(message: bytes | dict[str, Any]) -> None:
        with lock:
            out.write(packed(message))
            out.flush()

    start = read_message(sys.stdin.buffer.read)
    if not isinstance(start, dict):
        return
    if start["bytes"]:
        limit_process(10 * 365 * 24 * 3600, start["bytes"])
    try:
        _session(start, sys.stdin.buffer, say)
    except SyncLipsError as error:
        from synclips.server.worker import code_of

        words = str(error).replace(start["video"], "the video")
        say({"type": "error", "code": code_of(error), "message": words})
    except MemoryError:
        say({"type": "error", "code": "generation_worker_lost", "message": "The video needs more memory than is here."})


def _session(start: dict[str, Any], source: BinaryIO, say: Say) -> None:
    from synclips.dubbing.live import DELAY, LiveFace
    from synclips.dubbing.live_speech import LiveSpeech, spoken_frames
    from synclips.dubbing.options import DubOptions
    from synclips.dubbing.prepared_video import prepare
    from synclips.media.live_pictures import live_pictures
    from synclips.media.timebase import FPS
    from synclips.runtime import share_cores, tune_allocator

    tune_allocator()
    share_cores()
    speech = LiveSpeech(start["rate"])
    threading.Thread(target=_listen, args=(source, speech), name="listen", daemon=True).start()
    options = DubOptions(
        checkpoint=Path(start["checkpoint"]) if start["checkpoint"] else None,
        device=start["device"],
        face=start["face"],
    )
    on_progress = _Progress(say)
    video = prepare(start["video"], options=options, seconds=start["seconds"], on_progress=on_progress)
    with video, LiveFace(video, on_progress) as face:
        encoder = live_pictures(start["format"], face.width, face.height)
        say({"type": "ready", "width": face.width, "height": face.height, "fps": FPS, "delay": DELAY})
        told = time.monotonic()
        pieces = speech.by_the_clock() if start["realtime"] else speech.as_it_comes()
        count = 0
        for count, made in enumerate(spoken_frames(face, pieces, start["rate"]), 1):  # noqa: B007 (told at the end)
            frame = made.frame
            say(frame_message(frame.number, frame.time, made.sound.tobytes(), encoder.next(frame.image, frame.number)))
            now = time.monotonic()
            if start["realtime"] and now - told >= STATUS_SECONDS:
                told = now
                say(
                    {
                        "type": "status",
                        "time": round(frame.time, 2),
                        "late": round(speech.late, 3),
                        "waiting": round(speech.waiting, 2),
                    }
                )
        say({"type": "done", "frames": count})


def _listen(source: BinaryIO, speech: Any) -> None:
    """Take what comes until the server says no more; without a server there is nobody to work for."""
    while (message := read_message(source.read)) is not None:
        if isinstance(message, bytes):
            speech.put(message)
        elif message["type"] == "interrupt":
            speech.clear()
        else:
            speech.end()
    os._exit(0)


class _Progress:
    """Says now and then how far the preparation is."""

    def __init__(self, say: Say) -> None:
        self._say, self._next = say, 0.0

    def __call__(self, stage: str, done: int, total: int) -> None:
        if (now := time.monotonic()) >= self._next:
            self._next = now + PROGRESS_SECONDS
            self._say({"type": "progress", "stage": stage, "done": done, "total": total})


if __name__ == "__main__":
    main()
