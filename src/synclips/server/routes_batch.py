"""Batches: many generations sent as one file of JSON lines."""

import json
import uuid
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import func, select
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile

from synclips.server import shown, submission
from synclips.server.access import Caller
from synclips.server.answers import ApiError, documented
from synclips.server.fetch import ForbiddenAddressError, check_url
from synclips.server.services import JsonObject, Parts, Reader, Services, Writer, base_url
from synclips.server.tables import Batch, Job

router = APIRouter()
MOST_LINES, MOST_BYTES = 500, 5 << 20


class Metrics(BaseModel):
    """How many generations there are, by how they stand."""

    total_generations: int
    success_count: int
    failed_count: int
    pending_count: int


class BatchShown(BaseModel):
    """A batch; a dry run has only `status` VALIDATED."""

    model_config = ConfigDict(populate_by_name=True)

    id: str | None = None
    created_at: str | None = None
    status: str
    metrics: Metrics | None = None
    webhook_url: str | None = Field(default=None, alias="webhookUrl")
    output_url: str | None = Field(default=None, alias="outputUrl")


FORM: JsonObject = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["input"],
                    "properties": {
                        "input": {"type": "string", "format": "binary"},
                        "webhook_url": {"type": "string"},
                        "dry_run": {"type": "boolean"},
                    },
                }
            }
        },
    }
}


async def create(request: Request, own: Parts, caller: Writer) -> JsonObject:
    """Create a generation of each line of the file `input`; with `dry_run` the lines are only checked."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "multipart/form-data":
        raise ApiError("unsupported_media_type", "Send multipart/form-data.")
    async with request.form(max_files=1, max_fields=5) as form:
        file = form.get("input")
        if not isinstance(file, UploadFile):
            raise ApiError("batch_invalid", "The form has no file called input.", field="input")
        content = await file.read(MOST_BYTES + 1)
        webhook, dry = form.get("webhook_url"), str(form.get("dry_run", "false")).lower() == "true"
    if len(content) > MOST_BYTES:
        raise ApiError("payload_too_large", f"A batch may have {MOST_BYTES:,} bytes.")
    if webhook is not None:
        try:
            check_url(str(webhook))
        except ForbiddenAddressError as error:
            raise ApiError("batch_invalid", f"webhook_url: {error}", field="webhook_url") from error
    base = base_url(request)
    return await run_in_threadpool(_created, own, caller, content, str(webhook) if webhook else None, base, dry=dry)


for path, operation in (
    ("/v2/batch", "BatchController_createBatch"),
    ("/v2/generate/batch", "GenerateController_createBatch"),
):
    router.post(
        path,
        status_code=201,
        response_model=BatchShown,
        response_model_exclude_none=True,
        tags=["generate"],
        operation_id=operation,
        openapi_extra=FORM,
        responses=documented(415),
    )(create)


def _created(own: Services, caller: Caller, content: bytes, webhook: str | None, base: str, *, dry: bool) -> JsonObject:
    jobs = _jobs(own, caller, content, base)
    if dry:
        return {"status": "VALIDATED"}
    identifier = str(uuid.uuid4())
    with own.database.writing() as session:
        now = own.database.now(session)
        batch = Batch(id=identifier, owner=caller.owner, created=now, webhook_url=webhook)
        session.add(batch)
        for number, job in enumerate(jobs):
            job.id, job.batch, job.created = str(uuid.uuid4()), identifier, now + number * 1e-6
            job.webhook_url = job.webhook_url or webhook
            session.add(job)
    return _shown(own, batch, base)


def _jobs(own: Services, caller: Caller, content: bytes, base: str) -> list[Job]:
    """A job of each line, all of them checked.

    Raises:
        ApiError: a line is wrong; it names the line.
    """
    try:
        lines = [line for line in content.decode().splitlines() if line.strip()]
    except UnicodeDecodeError as error:
        raise ApiError("batch_invalid", "The file is not UTF-8.", field="input") from error
    if not 1 <= len(lines) <= MOST_LINES:
        raise ApiError("batch_invalid", f"The file has {len(lines)} lines.", field="input")
    jobs, seen = [], set()
    for number, line in enumerate(lines, 1):
        try:
            entry: Any = json.loads(line)
            payload, identifier = entry["payload"], str(entry["request_id"])
        except (ValueError, RecursionError, KeyError, TypeError) as error:
            raise ApiError("batch_invalid", f"Line {number} is no object with request_id and payload.") from error
        if identifier in seen or entry.get("endpoint", "/v2/generate") != "/v2/generate":
            words = "uses a request_id twice" if identifier in seen else "names another endpoint than /v2/generate"
            raise ApiError("batch_invalid", f"Line {number} {words}.")
        seen.add(identifier)
        try:
            job = submission.prepared_job(own, caller, submission.parsed(payload), base)
        except ApiError as error:
            raise ApiError("batch_invalid", f"Line {number}: {error.message}", field=error.field) from error
        job.request["requestId"], job.name = identifier[:200], identifier[:200]
        jobs.append(job)
    return jobs


def listed(request: Request, own: Parts, caller: Reader) -> list[JsonObject]:
    """The batches, the newest first."""
    with own.database.reading() as session:
        wanted = select(Batch).where(Batch.owner == caller.owner).order_by(Batch.created.desc()).limit(100)
        batches = session.execute(wanted).scalars().all()
    return [_shown(own, batch, base_url(request)) for batch in batches]


router.get(
    "/v2/batch",
    response_model=list[BatchShown],
    response_model_exclude_none=True,
    tags=["generate"],
    operation_id="BatchController_listBatches",
    responses=documented(),
)(listed)


@router.get(
    "/v2/batch/{id}",
    response_model=BatchShown,
    response_model_exclude_none=True,
    tags=["generate"],
    operation_id="BatchController_getBatch",
    responses=documented(404),
)
def get(id: Annotated[str, Path(max_length=64)], request: Request, own: Parts, caller: Reader) -> JsonObject:
    """One batch and how far it is."""
    with own.database.reading() as session:
        batch = session.get(Batch, id)
    if batch is None or batch.owner != caller.owner:
        raise ApiError("not_found", "There is no such batch.")
    return _shown(own, batch, base_url(request))


def results(own: Services, batch_id: str, base: str) -> str:
    """The generations of a batch as JSON lines."""
    with own.database.reading() as session:
        jobs = session.execute(select(Job).where(Job.batch == batch_id).order_by(Job.created)).scalars().all()
    lines = []
    for job in jobs:
        body = shown.as_json(shown.generation(job, own.links, base))
        lines.append(json.dumps({"request_id": job.request.get("requestId"), "response": body}, ensure_ascii=False))
    return "".join(f"{line}\n" for line in lines)


def _shown(own: Services, batch: Batch, base: str) -> JsonObject:
    with own.database.reading() as session:
        wanted = select(Job.status, func.count()).where(Job.batch == batch.id).group_by(Job.status)
        counts: dict[str, int] = {status: count for status, count in session.execute(wanted).all()}  # noqa: C416
    done, failed = counts.get("COMPLETED", 0), counts.get("FAILED", 0) + counts.get("REJECTED", 0)
    pending = counts.get("PENDING", 0) + counts.get("PROCESSING", 0)
    begun = counts.get("PROCESSING", 0) + done + failed > 0
    status = ("PROCESSING" if begun else "JOBS_CREATED") if pending else "COMPLETED" if done or not failed else "FAILED"
    metrics = Metrics(
        total_generations=done + failed + pending, success_count=done, failed_count=failed, pending_count=pending
    )
    output = None if pending else base + own.links.signed(f"/files/batches/{batch.id}")
    created = shown.iso(batch.created)
    return shown.as_json(
        BatchShown(
            id=batch.id,
            created_at=created,
            status=status,
            metrics=metrics,
            webhookUrl=batch.webhook_url,
            outputUrl=output,
        )
    )
