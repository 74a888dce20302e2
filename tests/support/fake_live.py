"""A process that stands in for a live session's in tests of the endpoint: a frame for each 1/25 s of speech, grey."""

import sys
from collections.abc import Iterator
from typing import Any

from synclips.server.live_messages import frame_message, packed, read_message


def messages() -> Iterator[bytes | dict[str, Any]]:
    """What comes, until the server closes."""
    while (message := read_message(sys.stdin.buffer.read)) is not None:
        yield message


def say(message: bytes | dict[str, Any]) -> None:
    """Send a message."""
    sys.stdout.buffer.write(packed(message))
    sys.stdout.buffer.flush()


def main() -> None:
    """One session."""
    arriving = messages()
    start = next(arriving)
    assert isinstance(start, dict)
    if start["face"] == "9":
        say({"type": "error", "code": "generation_no_face_found", "message": "the video shows no face 9"})
        return
    if start["face"] == "crash":
        sys.exit(1)
    say({"type": "ready", "width": 2, "height": 2, "fps": 25, "delay": 0.2})
    waiting, number, size = b"", 0, 2 * start["rate"] // 25
    for message in arriving:
        if isinstance(message, bytes):
            waiting += message
            while len(waiting) >= size:
                say(frame_message(number, number / 25, waiting[:size], b"picture"))
                waiting, number = waiting[size:], number + 1
        elif message["type"] == "interrupt":
            waiting = b""
        else:
            say({"type": "done", "frames": number})


if __name__ == "__main__":
    main()
