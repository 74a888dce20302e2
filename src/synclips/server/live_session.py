"""One live session in the server: a process of its own makes the frames; the client's messages go to it and back."""

import asyncio
import json
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final

from pydantic import ValidationError
from starlette.websockets import WebSocket, WebSocketDisconnect

from synclips.server.answers import CODES, ApiError
from synclips.server.live_messages import HEAD_BYTES, TEXT, Control, head_of, packed
from synclips.server.settings import ServerSettings
from synclips.server.submission import wrong_field

LIVE_COMMAND: Final = (sys.executable, "-m", "synclips.server.live_process")
STUCK_SECONDS: Final = 20.0
"""How long a client may leave what is sent to it untaken."""
_REASON_BYTES: Final = 123
"""Of a close frame (RFC 6455, 5.5)."""


class LiveSession:
    """Carries one session out, from the accepted `start` message to the close of the connection."""

    def __init__(self, socket: WebSocket, settings: ServerSettings, command: Sequence[str] = LIVE_COMMAND) -> None:
        self._socket, self._settings, self._command = socket, settings, command
        self._ended = False

    async def run(self, start: dict[str, Any]) -> None:
        """Until the frames are done, the client leaves, or the time is over.

        Raises:
            ApiError: the client sent something wrong, or the face cannot be shown.
            WebSocketDisconnect: the client has left.
        """
        process = await asyncio.create_subprocess_exec(
            *self._command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )
        assert process.stdin is not None
        assert process.stdout is not None
        tasks: list[asyncio.Task[None]] = []
        try:
            process.stdin.write(packed(start))
            down = asyncio.create_task(self._down(process.stdout))
            tasks = [down, asyncio.create_task(self._up(process.stdin))]
            done, _ = await asyncio.wait(
                tasks, timeout=self._settings.live_seconds, return_when=asyncio.FIRST_COMPLETED
            )
            if not done:
                raise ApiError("live_over", f"A session may last {self._settings.live_seconds:g} s.")
            for task in done:
                task.result()
        except TimeoutError as error:
            raise ApiError("live_over", f"The frames were not taken for {STUCK_SECONDS:g} s.") from error
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def _up(self, stdin: asyncio.StreamWriter) -> None:
        """The client's messages, until it leaves."""
        first = True
        while True:
            message = await self._socket.receive()
            if message["type"] == "websocket.disconnect":
                raise WebSocketDisconnect(message.get("code", 1005))
            with suppress(ConnectionError):  # the process has ended; `_down` says why
                if (pcm := message.get("bytes")) is not None:
                    self._check(pcm, first=first)
                    first = False
                    stdin.write(packed(pcm))
                else:
                    control = _control(message.get("text") or "")
                    stdin.write(packed({"type": control.type}))
                    self._ended = self._ended or control.type == "end"
                await stdin.drain()

    def _check(self, pcm: bytes, *, first: bool) -> None:
        most = self._settings.live_message_bytes
        if len(pcm) > most:
            raise ApiError("payload_too_large", f"A message may have {most:,} bytes of speech; send smaller pieces.")
        if len(pcm) % 2:
            raise ApiError("bad_request", "Speech is 16-bit PCM: a message has an even number of bytes.")
        if first and pcm.startswith((b"RIFF", b"OggS", b"ID3", b"fLaC")):
            raise ApiError("bad_request", "This is an audio file; send its bare samples, 16-bit mono PCM.")
        if self._ended:
            raise ApiError("bad_request", "Speech came after the message of type end.")

    async def _down(self, stdout: asyncio.StreamReader) -> None:
        """What the process says; returns after `done`."""
        while True:
            try:
                kind, size = head_of(await stdout.readexactly(HEAD_BYTES))
                body = await stdout.readexactly(size)
            except asyncio.IncompleteReadError as error:
                raise ApiError("generation_worker_lost", "The session's process has ended.") from error
            if kind != TEXT:
                await asyncio.wait_for(self._socket.send_bytes(body), STUCK_SECONDS)
                continue
            said = json.loads(body)
            if said["type"] == "error":
                raise ApiError(said["code"] if said["code"] in CODES else "internal_error", said["message"])
            await asyncio.wait_for(self._socket.send_text(body.decode()), STUCK_SECONDS)
            if said["type"] == "done":
                return


async def refuse(socket: WebSocket, error: ApiError) -> None:
    """Say what is wrong, and close: with 4000 + the status that the API has for it, its code and its words."""
    with suppress(WebSocketDisconnect, RuntimeError):
        await socket.send_json({"type": "error", **error.body()})
        reason = f"{error.code}: {error.body()['message']}".encode()[:_REASON_BYTES].decode(errors="ignore")
        await socket.close(1011 if error.status == 500 else 4000 + error.status, reason)


def _control(text: str) -> Control:
    """Raises ApiError: it is no message of a session."""
    try:
        return Control.model_validate_json(text)
    except ValidationError as error:
        raise wrong_field(error) from error
