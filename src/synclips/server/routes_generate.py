"""Generations: create, get, list, estimate, cancel, delete, rename."""

import json
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import delete, select
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile

from synclips.server import shown, submission, uploads
from synclips.server.access import Caller
from synclips.server.answers import ApiError, documented
from synclips.server.requests import CreateGeneration, Name
from synclips.server.services import JsonObject, Parts, Reader, Services, Writer, base_url, idempotency_key, several
from synclips.server.tables import FINAL, Asset, Job

router = APIRouter()
JobId = Annotated[str, Path(max_length=64)]
MOST_LISTED = 1000
ESTIMATED_FPS, SECONDS_A_CHARACTER = 25, 0.065
FILES = ("video", "image", "audio")


class Estimate(BaseModel):
    """What a generation takes. Nothing here costs money."""

    model_config = ConfigDict(populate_by_name=True)

    estimated_frame_count: int = Field(alias="estimatedFrameCount")
    estimated_generation_cost: float = Field(default=0.0, alias="estimatedGenerationCost")


class Renaming(BaseModel):
    """A new name."""

    name: Name


BODY: JsonObject = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": CreateGeneration.model_json_schema(ref_template="#/components/schemas/{model}")
            },
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {name: {"type": "string", "format": "binary"} for name in FILES}
                    | {name: {"type": "string"} for name in ("model", "input", "options", "segments", "webhookUrl")},
                }
            },
        },
    }
}


@router.post(
    "/v2/generate",
    status_code=201,
    response_model=shown.Generation,
    response_model_exclude_none=True,
    tags=["generate"],
    operation_id="GenerateController_createGeneration",
    openapi_extra=BODY,
    responses=documented(409, 415),
)
async def create(request: Request, own: Parts, caller: Writer) -> JsonObject:
    """Create a generation: a video or picture, and what is said: a text, a recording, or segments of several."""
    key = idempotency_key(request)
    data = await read_body(request, own, caller)
    body = submission.parsed(data)
    base = base_url(request)
    job = await run_in_threadpool(submission.submit, own, caller, body, base, key=key)
    return shown.as_json(shown.generation(job, own.links, base))


async def read_body(request: Request, own: Services, caller: Caller) -> Any:
    """The request as JSON; the files of a form are stored first and named by their ids.

    Raises:
        ApiError: it cannot be read.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json":
        try:
            return json.loads(await request.body(), parse_constant=_no_constant)
        except (ValueError, RecursionError) as error:
            raise ApiError("bad_request", "The body is no JSON.") from error
    if kind != "multipart/form-data":
        raise ApiError("unsupported_media_type")
    async with request.form(max_files=3, max_fields=20, max_part_size=own.settings.max_body_bytes) as form:
        data: dict[str, Any] = {}
        items: list[Any] = []
        for name, value in form.multi_items():
            if isinstance(value, UploadFile):
                if name not in FILES:
                    raise ApiError("bad_request", f"A file may be called {', '.join(FILES)}.", field=name[:80])
                asset = await run_in_threadpool(
                    uploads.add_file, own, caller.owner, value.filename or name, value.content_type or "", value.file
                )
                items.append({"type": name, "assetId": asset.id})
            elif name in ("input", "options", "segments"):
                try:
                    read = json.loads(value, parse_constant=_no_constant)
                except (ValueError, RecursionError) as error:
                    raise ApiError("bad_request", f"{name} is no JSON.", field=name) from error
                if name == "input":  # the Node client sends each item as a field of its own, Python's all as a list
                    items += read if isinstance(read, list) else [read]
                else:
                    data[name] = read
            else:
                data[{"webhook_url": "webhookUrl"}.get(name, name)] = value
        data["input"] = items
        return data


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON")


@router.get(
    "/v2/generate/{id}",
    response_model=shown.Generation,
    response_model_exclude_none=True,
    tags=["generate"],
    operation_id="GenerateController_getGeneration",
    responses=documented(404),
)
def get(id: JobId, request: Request, own: Parts, caller: Reader) -> JsonObject:
    """One generation."""
    job = _mine(own, caller, id)
    return shown.as_json(shown.generation(job, own.links, base_url(request)))


@router.get(
    "/v2/generations",
    response_model=list[shown.Generation],
    response_model_exclude_none=True,
    tags=["generations"],
    operation_id="GenerationsController_getGenerations",
    responses=documented(),
)
def listed(
    request: Request,
    own: Parts,
    caller: Reader,
    status: Annotated[list[Annotated[str, Field(max_length=100)]] | None, Query(max_length=20)] = None,
    ids: Annotated[list[Annotated[str, Field(max_length=20_000)]] | None, Query(max_length=500)] = None,
    asset: Annotated[str | None, Query(max_length=64, description="Of this video only.")] = None,
    limit: Annotated[int, Query(ge=1, le=MOST_LISTED)] = 200,
) -> list[JsonObject]:
    """Generations, the newest first."""
    wanted = select(Job).where(Job.owner == caller.owner, Job.kind == "generate")
    if status:
        wanted = wanted.where(Job.status.in_(several(status)))
    if ids:
        wanted = wanted.where(Job.id.in_(several(ids)[:500]))
    if asset:
        wanted = wanted.where(Job.asset == asset)
    with own.database.reading() as session:
        jobs = session.execute(wanted.order_by(Job.created.desc()).limit(limit)).scalars().all()
    base = base_url(request)
    return [shown.as_json(shown.generation(job, own.links, base)) for job in jobs]


async def estimate(request: Request, own: Parts, caller: Writer) -> list[JsonObject]:
    """How many frames a generation will have, as far as can be told before it is made."""
    body = submission.parsed(await read_body(request, own, caller))
    job = await run_in_threadpool(submission.prepared_job, own, caller, body, base_url(request))
    fps, seconds = float(ESTIMATED_FPS), 0.0
    with own.database.reading() as session:
        video = session.get(Asset, job.asset) if job.asset else None
        for item in body.spoken:
            if hasattr(item, "provider"):
                seconds += len(item.provider.script) * SECONDS_A_CHARACTER
            elif getattr(item, "asset_id", None):
                recording = session.get(Asset, item.asset_id)
                seconds += recording.details.get("duration") or 0.0 if recording else 0.0
    if video is not None:
        fps = video.details.get("fps") or fps
        if body.segments:
            seconds = video.details.get("duration") or seconds
    return [shown.as_json(Estimate(estimatedFrameCount=max(1, round(seconds * fps))))]


for path, operation in (
    ("/v2/analyze/cost", "AnalyzeController_estimateCost"),
    ("/v2/generate/estimate-cost", "GenerateController_estimateCost"),
):
    router.post(
        path,
        response_model=list[Estimate],
        tags=["generate"],
        operation_id=operation,
        openapi_extra=BODY,
        responses=documented(415),
    )(estimate)


@router.post(
    "/v2/generate/{id}/cancel",
    response_model=shown.Generation,
    response_model_exclude_none=True,
    tags=["generate"],
    operation_id="GenerateController_cancelGeneration",
    responses=documented(404),
)
def cancel(id: JobId, request: Request, own: Parts, caller: Writer) -> JsonObject:
    """Stop a generation; one that has ended stays as it is."""
    _mine(own, caller, id)
    job = own.queue.cancel(caller.owner, id)
    if job is None:
        raise ApiError("not_found")
    return shown.as_json(shown.generation(job, own.links, base_url(request)))


@router.delete(
    "/v2/generate/{id}",
    status_code=204,
    tags=["generate"],
    operation_id="GenerateController_deleteGeneration",
    responses=documented(404, 409),
)
def remove(id: JobId, own: Parts, caller: Writer) -> Response:
    """Remove a generation that has ended, with its files."""
    _mine(own, caller, id)
    with own.database.writing() as session:
        ended = delete(Job).where(Job.id == id, Job.owner == caller.owner, Job.status.in_(FINAL)).returning(Job.id)
        if session.execute(ended).scalar() is None:
            raise ApiError("generation_not_terminal")
    own.storage.remove_job(id)
    return Response(status_code=204)


@router.patch(
    "/v2/generate/{id}",
    response_model=shown.Generation,
    response_model_exclude_none=True,
    tags=["generate"],
    operation_id="GenerateController_renameGeneration",
    responses=documented(404),
)
def rename(id: JobId, body: Renaming, request: Request, own: Parts, caller: Writer) -> JsonObject:
    """Give a generation a name."""
    with own.database.writing() as session:
        job = session.execute(select(Job).where(*_of(caller, id))).scalar_one_or_none()
        if job is None:
            raise ApiError("not_found", "There is no such generation.")
        job.name = body.name
    return shown.as_json(shown.generation(job, own.links, base_url(request)))


def _mine(own: Services, caller: Caller, job_id: str) -> Job:
    with own.database.reading() as session:
        job = session.execute(select(Job).where(*_of(caller, job_id))).scalar_one_or_none()
    if job is None:
        raise ApiError("not_found", "There is no such generation.")
    return job


def _of(caller: Caller, job_id: str) -> tuple[Any, ...]:
    return Job.id == job_id, Job.owner == caller.owner, Job.kind == "generate"
