"""Edit dialogue: a video's transcript, a preview of changed words as sound; `POST /v2/generate` makes the video."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from pydantic import BaseModel, ConfigDict, Field

from synclips.server import dialogue, shown, submission
from synclips.server.access import Caller
from synclips.server.answers import ApiError, documented
from synclips.server.dialogue import CreateDialogueEdit, CreateTranscription
from synclips.server.fetch import ForbiddenAddressError, check_url
from synclips.server.requests import as_stored
from synclips.server.services import JsonObject, Parts, Reader, Services, Writer, base_url
from synclips.server.tables import Asset, Job, Kind

router = APIRouter()
JobId = Annotated[str, Path(max_length=64)]


class TranscriptionShown(BaseModel):
    """A transcription, or how far it is. Times of words are milliseconds from the beginning of the video."""

    model_config = ConfigDict(populate_by_name=True)

    id: str
    status: str
    created_at: str = Field(alias="createdAt")
    transcript: dict[str, Any] | None = None
    speaker_count: int | None = Field(default=None, alias="speakerCount")
    duration_ms: int | None = Field(default=None, alias="durationMs")
    model: str | None = None
    notes: list[str] = []
    progress: float = 0.0
    eta: float | None = None
    error: str | None = None
    error_code: str | None = None


class DialogueEditShown(BaseModel):
    """An edit of dialogue as sound. `resultSlots`: the places that changed, `startMs` and `endMs` of the result."""

    model_config = ConfigDict(populate_by_name=True)

    id: str
    status: str
    created_at: str = Field(alias="createdAt")
    preview_audio_url: str | None = Field(default=None, alias="previewAudioUrl")
    result_transcript: dict[str, Any] | None = Field(default=None, alias="resultTranscript")
    result_slots: list[dict[str, Any]] | None = Field(default=None, alias="resultSlots")
    duration_ms: int | None = Field(default=None, alias="durationMs")
    notes: list[str] = []
    progress: float = 0.0
    eta: float | None = None
    error: str | None = None
    error_code: str | None = None


@router.post(
    "/v2/transcriptions",
    status_code=201,
    response_model=TranscriptionShown,
    response_model_exclude_none=True,
    tags=["transcriptions"],
    operation_id="TranscriptionsController_create",
    responses=documented(),
)
def create_transcription(body: CreateTranscription, request: Request, own: Parts, caller: Writer) -> JsonObject:
    """Write down what is said in a video or recording. Ask for the result at /v2/transcriptions/{id}."""
    stored, asset = _source(own, caller, as_stored(body), body.asset_id, body.url, base_url(request))
    if asset is not None and (known := _same(own, caller, asset)) is not None:
        return transcription(known)
    return transcription(_submit(own, caller, "transcribe", stored, asset, base_url(request)))


@router.get(
    "/v2/transcriptions/{id}",
    response_model=TranscriptionShown,
    response_model_exclude_none=True,
    tags=["transcriptions"],
    operation_id="TranscriptionsController_get",
    responses=documented(404),
)
def get_transcription(id: JobId, own: Parts, caller: Reader) -> JsonObject:
    """A transcript, or how far it is."""
    return transcription(_mine(own, caller, id, "transcribe"))


@router.post(
    "/v2/dialogue-edits",
    status_code=201,
    response_model=DialogueEditShown,
    response_model_exclude_none=True,
    tags=["dialogue-edits"],
    operation_id="DialogueEditsController_create",
    responses=documented(),
)
def create_edit(body: CreateDialogueEdit, request: Request, own: Parts, caller: Writer) -> JsonObject:
    """Change words of a transcript and hear it: only the changed places are spoken anew, in the voice of the video."""
    base = base_url(request)
    dialogue.transcript_of(body.transcript)
    dialogue.changes_of(body.transcript, body.edits)
    dialogue.check_texts(body.edits)
    stored, asset = _source(own, caller, as_stored(body), body.asset_id, body.source_video_url, base)
    return edited(_submit(own, caller, "dialogue", stored, asset, base), own, base)


@router.get(
    "/v2/dialogue-edits/{id}",
    response_model=DialogueEditShown,
    response_model_exclude_none=True,
    tags=["dialogue-edits"],
    operation_id="DialogueEditsController_get",
    responses=documented(404),
)
def get_edit(id: JobId, request: Request, own: Parts, caller: Reader) -> JsonObject:
    """An edit of dialogue, or how far it is."""
    return edited(_mine(own, caller, id, "dialogue"), own, base_url(request))


def transcription(job: Job) -> JsonObject:
    """The job of a transcription as it is shown."""
    failed, result = job.status in ("FAILED", "REJECTED"), job.result or {}
    return shown.as_json(
        TranscriptionShown(
            id=job.id,
            status=job.status,
            createdAt=shown.iso(job.created),
            transcript=result.get("transcript"),
            speakerCount=result.get("speakerCount"),
            durationMs=result.get("durationMs"),
            model=result.get("model"),
            notes=result.get("notes", []),
            progress=job.progress,
            eta=job.eta,
            error=job.error if failed else None,
            error_code=job.error_code if failed else None,
        )
    )


def edited(job: Job, own: Services, base: str) -> JsonObject:
    """The job of an edit as it is shown."""
    failed, result = job.status in ("FAILED", "REJECTED"), job.result or {}
    done = job.status == "COMPLETED"
    return shown.as_json(
        DialogueEditShown(
            id=job.id,
            status=job.status,
            createdAt=shown.iso(job.created),
            previewAudioUrl=base + own.links.signed(f"/files/results/{job.id}/preview.wav") if done else None,
            resultTranscript=result.get("transcript"),
            resultSlots=result.get("slots"),
            durationMs=result.get("durationMs"),
            notes=result.get("notes", []),
            progress=job.progress,
            eta=job.eta,
            error=job.error if failed else None,
            error_code=job.error_code if failed else None,
        )
    )


def _source(
    own: Services, caller: Caller, stored: JsonObject, asset_id: str | None, url: str | None, base: str
) -> tuple[JsonObject, str | None]:
    """The request with its source checked, and the asset that it is, if it is one."""
    field = "assetId"
    if asset_id is None:
        assert url is not None
        field = "sourceAudioUrl" if "sourceAudioUrl" in stored else "sourceVideoUrl"
        asset_id = submission.own_asset(own, url, base)
        if asset_id is None:
            try:
                check_url(url)
            except ForbiddenAddressError as error:
                raise ApiError("generation_input_url_forbidden", str(error), field=field) from error
            return stored, None
        stored["ownUrls"] = {url: asset_id}
    with own.database.reading() as session:
        asset = session.get(Asset, asset_id)
    if asset is None or asset.owner != caller.owner or asset.state != "ready":
        raise ApiError("generation_input_asset_missing", f"There is no asset {asset_id[:40]!r}.", field=field)
    if not asset.details.get("has_audio"):
        raise ApiError("generation_audio_missing", "The asset holds no sound.", field=field)
    return stored, asset.id


def _same(own: Services, caller: Caller, asset: str) -> Job | None:
    """The transcription of the same asset that is there or at work: an identical source is not heard twice."""
    from sqlalchemy import select

    wanted = select(Job).where(
        Job.owner == caller.owner, Job.kind == "transcribe", Job.asset == asset,
        Job.status.in_(("PENDING", "PROCESSING", "COMPLETED")),
    )  # fmt: skip
    with own.database.reading() as session:
        return session.execute(wanted.order_by(Job.created.desc()).limit(1)).scalar_one_or_none()


def _submit(own: Services, caller: Caller, kind: Kind, stored: JsonObject, asset: str | None, base: str) -> Job:
    return own.submit(kind, caller, stored, asset=asset, base_url=base, priority=caller.priority + 1)


def _mine(own: Services, caller: Caller, job_id: str, kind: Kind) -> Job:
    job = own.queue.get(caller.owner, job_id)
    if job is None or job.kind != kind:
        raise ApiError("not_found", "There is no such job.")
    return job
