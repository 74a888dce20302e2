"""What needs no key: error codes, the OpenAPI document, health; and models, metrics and files."""

import re
from collections.abc import Mapping
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import FileResponse, JSONResponse, PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel, ConfigDict
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from synclips.server.answers import CODES, ApiError, documented
from synclips.server.measurements import Measurements
from synclips.server.requests import MODELS
from synclips.server.routes_batch import results
from synclips.server.services import JsonObject, Parts, Reader, allowed, base_url, header, identify
from synclips.server.tables import Asset, Batch, Job
from synclips.version import __version__

router = APIRouter()
RESULTS: Final[Mapping[str, str]] = {
    "out.mp4": "video/mp4",
    "report.json": "application/json",
    "peaks.json": "application/json",
    "live.jpg": "image/jpeg",
    "line.wav": "audio/wav",
    "preview.wav": "audio/wav",
}
_PICTURE: Final = re.compile(r"face_[0-9]{1,3}\.png")
_TYPES: Final = {
    "mp4": "video/mp4",
    "m4v": "video/mp4",
    "mov": "video/mp4",
    "webm": "video/webm",
    "mkv": "video/x-matroska",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "png": "image/png",
    "webp": "image/webp",
    "gif": "image/gif",
    "wav": "audio/wav",
    "mp3": "audio/mpeg",
    "m4a": "audio/mp4",
    "ogg": "audio/ogg",
    "opus": "audio/ogg",
    "flac": "audio/flac",
    "weba": "audio/webm",
}


class ModelShown(BaseModel):
    """A model; all names stand for the one that this server has."""

    id: str
    name: str
    type: str
    version: str
    description: str


class ErrorCode(BaseModel):
    """An error code."""

    model_config = ConfigDict(populate_by_name=True)

    code: str
    status: int
    message: str
    suggestion: str


@router.get("/v2/models", tags=["models"], operation_id="ModelsController_getModels", responses=documented())
def models(_caller: Reader) -> list[ModelShown]:
    """The models."""
    return [
        ModelShown(id=name, name=name, type="lipsync", version=__version__, description=about)
        for name, about in MODELS.items()
    ]


@router.get("/v2/errors", tags=["errors"], operation_id="ErrorsController_getErrors")
def errors() -> list[ErrorCode]:
    """Every error code, what it means and what to do. Needs no key."""
    return [
        ErrorCode(code=code, status=status, message=words, suggestion=suggestion)
        for code, (status, words, suggestion) in CODES.items()
    ]


@router.get("/api-json", include_in_schema=False)
def api_json(request: Request) -> JsonObject:
    """The OpenAPI document, where sync.'s MCP server looks for it."""
    document: JsonObject = request.app.openapi()
    return document | {"servers": [{"url": base_url(request)}]}


@router.get("/healthz", include_in_schema=False)
def health(own: Parts) -> Response:
    """200 where the database answers."""
    try:
        with own.database.reading() as session:
            session.execute(text("SELECT 1"))
    except SQLAlchemyError:
        return JSONResponse({"status": "the database does not answer"}, 503)
    return JSONResponse({"status": "ok", "version": __version__})


@router.get("/metrics", include_in_schema=False)
def metrics(request: Request, own: Parts) -> Response:
    """Counters and gauges for Prometheus; with keys, only for one with the scope `metrics`."""
    allowed("metrics")(request, request.headers.get("x-api-key"))
    measured: Measurements = request.app.state.measurements
    return Response(generate_latest(measured.refresh(own)), media_type=CONTENT_TYPE_LATEST)


@router.get("/v2/session", include_in_schema=False)
async def session(request: Request, own: Parts) -> JsonObject:
    """Whether the page needs a key, and what a file may be."""
    s = own.settings
    limits = {"bytes": s.max_upload_bytes, "seconds": s.max_seconds, "pixels": s.max_pixels}
    known = {"version": __version__, "open": request.app.state.open_access, "limits": limits}
    try:
        identify(request, await header(request))
    except ApiError:
        return known | {"ok": False}
    return known | {"ok": True}


Expires = Annotated[str, Query(max_length=20)]
Signature = Annotated[str, Query(max_length=100)]


@router.api_route("/files/uploads/{id}", methods=["GET", "HEAD"], include_in_schema=False)
def uploaded(id: str, own: Parts, expires: Expires = "", signature: Signature = "") -> Response:
    """An uploaded file, by a signed link."""
    own.links.check(f"/files/uploads/{id}", expires, signature)
    with own.database.reading() as session:
        asset = session.get(Asset, id)
    if asset is None:
        raise ApiError("not_found")
    try:
        path = own.storage.local(asset.file)
    except FileNotFoundError as error:
        raise ApiError("not_found") from error
    kind = _TYPES.get(path.suffix[1:], "application/octet-stream")
    return FileResponse(path, media_type=kind, headers={"cache-control": "private, max-age=3600"})


@router.get("/files/results/{id}/preview.mp4", include_in_schema=False)
def preview(
    id: str,
    own: Parts,
    expires: Expires = "",
    signature: Signature = "",
    first: Annotated[int, Query(alias="from", ge=0, le=100_000)] = 0,
) -> Response:
    """What is done so far of a dub, as fragmented MP4, from a piece on; X-Pieces says how many there are."""
    own.links.check(f"/files/results/{id}/preview.mp4", expires, signature)
    with own.database.reading() as session:
        job = session.get(Job, id)
    found = [] if job is None else own.storage.pieces(job.id, job.fence)
    if not found:
        raise ApiError("not_found", "There is nothing to be shown yet, or the dub has ended.")
    try:
        content = b"".join(path.read_bytes() for path in found[first:])
    except FileNotFoundError as error:
        raise ApiError("not_found", "The dub has ended.") from error
    headers = {"cache-control": "no-store", "x-pieces": str(len(found))}
    return Response(content, media_type="video/mp4", headers=headers)


@router.api_route("/files/results/{id}/{name}", methods=["GET", "HEAD"], include_in_schema=False)
def result(
    id: str,
    name: str,
    own: Parts,
    expires: Expires = "",
    signature: Signature = "",
    download: Annotated[bool, Query()] = False,
) -> Response:
    """A file of a result, by a signed link."""
    own.links.check(f"/files/results/{id}/{name}", expires, signature)
    kind = RESULTS.get(name) or ("image/png" if _PICTURE.fullmatch(name) else None)
    with own.database.reading() as session:
        job = session.get(Job, id)
    if job is None or kind is None:
        raise ApiError("not_found")
    fence = (job.result or {}).get("fence", job.fence)
    path = own.storage.result(job.id, int(fence), name)
    if path is None:
        raise ApiError("not_found")
    kept = "no-store" if name == "live.jpg" else "private, max-age=3600"
    named = job.request.get("outputFileName") or job.name or "synclips"
    filename = (named if named.lower().endswith(".mp4") else f"{named}.mp4") if name == "out.mp4" else None
    disposition = "attachment" if download else "inline"
    headers = {"cache-control": kept}
    return FileResponse(path, media_type=kind, headers=headers, filename=filename, content_disposition_type=disposition)


@router.get("/files/batches/{id}", include_in_schema=False)
def batch_results(
    id: str,
    request: Request,
    own: Parts,
    expires: Expires = "",
    signature: Signature = "",
) -> Response:
    """The generations of a batch as JSON lines, by a signed link."""
    own.links.check(f"/files/batches/{id}", expires, signature)
    with own.database.reading() as session:
        if session.get(Batch, id) is None:
            raise ApiError("not_found")
    return PlainTextResponse(results(own, id, base_url(request)), media_type="application/jsonl")
