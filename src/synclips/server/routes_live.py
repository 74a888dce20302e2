"""Live speech over a WebSocket: PCM in, frames of a prepared face out while it is still being heard."""

import asyncio
import json
import logging
import time
from pathlib import Path
from typing import Any, Final

from fastapi import APIRouter, WebSocket, WebSocketDisconnect
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool

from synclips.server.access import Caller
from synclips.server.answers import ApiError
from synclips.server.live_messages import StartLive
from synclips.server.live_session import LiveSession, refuse
from synclips.server.queue import JobQueue
from synclips.server.requests import CreateGeneration
from synclips.server.services import Services, header, identify, services
from synclips.server.submission import wrong_field
from synclips.server.tables import Asset

router = APIRouter()
log = logging.getLogger("synclips.live")
START_SECONDS: Final = 15.0
"""How long the first message may take to come."""


@router.websocket("/v2/live")
async def live(socket: WebSocket) -> None:
    """A session: `start`, then PCM; frames come back. docs/live.md has the messages."""
    await socket.accept()
    own, begun, outcome = services(socket), time.monotonic(), "left"
    try:
        start = await _start(socket)
        caller = await run_in_threadpool(_caller, socket, own, start, await header(socket))
        async with own.live.taken(caller.owner):
            video = await run_in_threadpool(_video, own, caller, start)
            await LiveSession(socket, own.settings, socket.app.state.live_command).run(_order(own, start, video))
        outcome = "done"
        await socket.close(1000, "done")
    except ApiError as error:
        outcome = error.code
        await refuse(socket, error)
    except WebSocketDisconnect:
        pass
    finally:
        log.info("live session", extra={"outcome": outcome, "seconds": round(time.monotonic() - begun, 1)})


async def _start(socket: WebSocket) -> StartLive:
    """The first message.

    Raises:
        ApiError: it does not come, or is wrong.
    """
    try:
        message = await asyncio.wait_for(socket.receive(), START_SECONDS)
    except TimeoutError as error:
        raise ApiError("live_over", "No message of type start came.") from error
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message.get("code", 1005))
    text = message.get("text")
    if text is None:
        raise ApiError("bad_request", "Speech came before the message of type start.")
    try:
        start = StartLive.model_validate_json(text)
    except ValidationError as error:
        raise wrong_field(error) from error
    if (start.asset_id is None) == (start.generation_id is None):
        raise ApiError("generation_input_validation_failed", "Give either assetId or generationId.", field="assetId")
    return start


def _caller(socket: WebSocket, own: Services, start: StartLive, key: str | None) -> Caller:
    caller = identify(socket, key or start.api_key)
    if "write" not in caller.scopes:
        raise ApiError("forbidden", "The key lacks the scope 'write'.")
    own.posts.take(caller.owner)
    return caller


def _video(own: Services, caller: Caller, start: StartLive) -> Path:
    """The file that shows the face.

    Raises:
        ApiError: there is none.
    """
    asset_id = start.asset_id
    if start.generation_id is not None:
        asset_id = _picture_of(own.queue, caller, start.generation_id)
    with own.database.reading() as session:
        asset = session.get(Asset, asset_id)
    if asset is None or asset.owner != caller.owner or asset.state != "ready":
        raise ApiError("not_found", "There is no such asset; upload the video first.", field="assetId")
    if asset.type not in ("VIDEO", "IMAGE"):
        raise ApiError("generation_video_missing", "The asset is no video or picture.", field="assetId")
    try:
        return own.storage.local(asset.file)
    except FileNotFoundError as error:
        raise ApiError("not_found", "The file of the asset is not there any more.", field="assetId") from error


def _picture_of(queue: JobQueue, caller: Caller, generation_id: str) -> str:
    """The asset that a generation was made of."""
    job = queue.get(caller.owner, generation_id)
    if job is None or job.kind != "generate":
        raise ApiError("not_found", "There is no such generation.", field="generationId")
    seen = CreateGeneration.model_validate(job.request).picture
    found = None if seen is None else seen.asset_id or job.request.get("ownUrls", {}).get(seen.url)
    if found is None:
        raise ApiError("not_found", "The generation's video is not kept here; upload it.", field="generationId")
    return str(found)


def _order(own: Services, start: StartLive, video: Path) -> dict[str, Any]:
    """What the session's process is told."""
    asked = json.loads(start.model_dump_json(include={"rate", "format", "realtime", "seconds"}))
    s = own.settings
    return asked | {
        "video": str(video), "face": str(start.face), "checkpoint": s.checkpoint, "device": s.device,
        "bytes": s.worker_bytes,
    }  # fmt: skip
