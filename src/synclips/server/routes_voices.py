"""Voices: those that speak here, and those of people, kept from a video or a recording of theirs.

A person's voice is a job of the kind `voice` that has ended: its record says whose it is, its result is their speech.
It is kept until it is deleted.
"""

from functools import lru_cache
from typing import Annotated

from fastapi import APIRouter, Path, Response
from pydantic import BaseModel
from sqlalchemy import delete, select
from starlette.concurrency import run_in_threadpool

from synclips.server.access import Caller
from synclips.server.answers import ApiError, documented
from synclips.server.requests import CreateVoice, as_stored
from synclips.server.routes_tts import ended, own_sound
from synclips.server.services import Parts, Reader, Services, Writer
from synclips.server.tables import FINAL, Job

router = APIRouter()


class VoiceShown(BaseModel):
    """A voice: `id` is what `voiceId` takes; `problem` says why it does not work here.

    `cloned`: it is a person's, kept by `POST /v2/voices`; `status` says how far that is, `seconds` how much of their
    speech is known.
    """

    id: str
    name: str
    description: str
    problem: str | None = None
    cloned: bool = False
    status: str | None = None
    seconds: float | None = None


@router.get(
    "/v2/voices",
    response_model=list[VoiceShown],
    response_model_exclude_none=True,
    tags=["voices"],
    operation_id="VoicesController_getVoices",
    responses=documented(),
)
def voices(own: Parts, caller: Reader) -> list[VoiceShown]:
    """People's voices that were kept, the newest first, and the voices that speak here.

    With a video the latter are turned into the voice of that video.
    """
    with own.database.reading() as session:
        wanted = select(Job).where(Job.kind == "voice", Job.owner == caller.owner, Job.status == "COMPLETED")
        kept = session.execute(wanted.order_by(Job.created.desc())).scalars().all()
    return [*(_cloned(job) for job in kept), *_built_in()]


@router.post(
    "/v2/voices",
    status_code=201,
    response_model=VoiceShown,
    response_model_exclude_none=True,
    tags=["voices"],
    operation_id="VoicesController_createVoice",
    responses=documented(404, 422, 500),
)
async def clone(body: CreateVoice, own: Parts, caller: Writer) -> VoiceShown:
    """Keep the voice of the person who speaks in an asset, to speak any text in it; its id is a `voiceId`."""
    job = await ended(own, await run_in_threadpool(_submit, own, caller, body))
    if job.status in ("FAILED", "REJECTED"):
        raise ApiError(job.error_code or "generation_internal_error", job.error or "")
    return _cloned(job)


@router.delete(
    "/v2/voices/{id}",
    status_code=204,
    tags=["voices"],
    operation_id="VoicesController_deleteVoice",
    responses=documented(404, 409),
)
def remove(id: Annotated[str, Path(max_length=64)], own: Parts, caller: Writer) -> Response:
    """Delete a person's voice. Generations made with it stay."""
    with own.database.writing() as session:
        mine = (Job.id == id, Job.owner == caller.owner, Job.kind == "voice")
        found = session.execute(select(Job.status).where(*mine)).scalar_one_or_none()
        if found is None:
            raise ApiError("not_found", "There is no such voice that could be deleted.")
        if found not in FINAL:
            raise ApiError("generation_not_terminal", "The voice is being made; delete it when that has ended.")
        session.execute(delete(Job).where(*mine))
    own.storage.remove_job(id)
    return Response(status_code=204)


def _cloned(job: Job) -> VoiceShown:
    seconds = (job.result or {}).get("seconds")
    about = f"A voice kept from {seconds:.0f} s of speech." if seconds else "A voice that is being made."
    return VoiceShown(id=job.id, name=job.name, description=about, cloned=True, status=job.status, seconds=seconds)


@lru_cache(maxsize=1)
def _built_in() -> tuple[VoiceShown, ...]:
    from synclips.speech.tts.engines import list_voices

    best = VoiceShown(id="auto", name="auto", description="The best voice that works here.")
    return best, *(VoiceShown(id=v.name, name=v.name, description=v.about, problem=v.problem) for v in list_voices())


def _submit(own: Services, caller: Caller, body: CreateVoice) -> Job:
    asset = own_sound(own, caller, body.asset_id)
    if not asset.details.get("has_audio"):
        raise ApiError("generation_audio_missing", "The asset holds no sound.", field="assetId")
    return own.submit("voice", caller, as_stored(body), name=body.name, priority=caller.priority + 1)
