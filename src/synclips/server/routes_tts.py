"""Speech alone: a line spoken before it is dubbed."""

import asyncio
import time
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from starlette.concurrency import run_in_threadpool

from synclips.server import shown
from synclips.server.access import Caller
from synclips.server.answers import ApiError, documented
from synclips.server.requests import CreateTts, as_stored
from synclips.server.services import JsonObject, Parts, Reader, Services, Writer, base_url
from synclips.server.tables import FINAL, Asset, Job

router = APIRouter()
WAIT_SECONDS = 120.0


@router.post(
    "/v2/tts",
    status_code=201,
    response_model=shown.SpokenShown,
    response_model_exclude_none=True,
    tags=["text-to-speech"],
    operation_id="TtsController_createSpeech",
    responses=documented(404, 422, 500),
)
async def speak(body: CreateTts, request: Request, own: Parts, caller: Writer) -> JsonObject:
    """Speak a text, in the voice of an asset where one is named, and wait for it."""
    job = await ended(own, await run_in_threadpool(_submit, own, caller, body))
    if job.status in ("FAILED", "REJECTED"):
        raise ApiError(job.error_code or "generation_internal_error", job.error or "")
    if job.status != "COMPLETED":
        raise ApiError("service_unavailable", "The line is not spoken yet; ask for it as a job at /v2/tts/jobs.")
    return spoken(job, own, base_url(request))


@router.post(
    "/v2/tts/jobs",
    status_code=202,
    response_model=shown.SpokenShown,
    response_model_exclude_none=True,
    tags=["text-to-speech"],
    operation_id="TtsController_createJob",
    responses=documented(404),
)
def begin(body: CreateTts, request: Request, response: Response, own: Parts, caller: Writer) -> JsonObject:
    """Have a text spoken; the header Location says where to ask for it."""
    job = _submit(own, caller, body)
    base = base_url(request)
    response.headers["location"] = f"{base}/v2/tts/jobs/{job.id}"
    return spoken(job, own, base)


@router.get(
    "/v2/tts/jobs/{id}",
    response_model=shown.SpokenShown,
    response_model_exclude_none=True,
    tags=["text-to-speech"],
    operation_id="TtsController_getJob",
    responses=documented(404),
)
def get(id: Annotated[str, Path(max_length=64)], request: Request, own: Parts, caller: Reader) -> JsonObject:
    """A line that is spoken, or how far it is."""
    return spoken(_mine(own, caller, id), own, base_url(request))


def spoken(job: Job, own: Services, base: str) -> JsonObject:
    """The job as it is shown."""
    failed, result = job.status in ("FAILED", "REJECTED"), job.result or {}
    url = base + own.links.signed(f"/files/results/{job.id}/line.wav") if job.status == "COMPLETED" else None
    return shown.as_json(
        shown.SpokenShown(
            id=job.id,
            status=job.status,
            url=url,
            duration=result.get("duration"),
            words=result.get("words", []),
            notes=result.get("notes", []),
            error=job.error if failed else None,
            error_code=job.error_code if failed else None,
            progress=job.progress,
        )
    )


def _submit(own: Services, caller: Caller, body: CreateTts) -> Job:
    if body.asset_id is not None:
        own_sound(own, caller, body.asset_id)
    return own.submit("tts", caller, as_stored(body), asset=body.asset_id, priority=caller.priority + 1)


async def ended(own: Services, job: Job, seconds: float = WAIT_SECONDS) -> Job:
    """The job as it is when it has ended, or after some seconds."""
    until = time.monotonic() + seconds
    while job.status not in FINAL and time.monotonic() < until:
        await asyncio.sleep(0.2)
        job = await run_in_threadpool(lambda: own.queue.get(job.owner, job.id) or job)  # noqa: B023
    return job


def own_sound(own: Services, caller: Caller, asset_id: str) -> Asset:
    """The caller's asset.

    Raises:
        ApiError: there is none.
    """
    with own.database.reading() as session:
        asset = session.get(Asset, asset_id)
    if asset is None or asset.owner != caller.owner or asset.state != "ready":
        raise ApiError("not_found", "There is no such asset.", field="assetId")
    return asset


def _mine(own: Services, caller: Caller, job_id: str) -> Job:
    job = own.queue.get(caller.owner, job_id)
    if job is None or job.kind != "tts":
        raise ApiError("not_found", "There is no such line.")
    return job
