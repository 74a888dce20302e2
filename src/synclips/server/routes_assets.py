"""Assets: uploaded videos, pictures and recordings; and who is seen in them."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import delete, func, select
from sqlalchemy.orm import InstrumentedAttribute
from starlette.concurrency import run_in_threadpool

from synclips.server import shown, uploads
from synclips.server.access import Caller
from synclips.server.answers import ApiError, documented
from synclips.server.requests import Name, Url
from synclips.server.services import JsonObject, Parts, Reader, Services, Writer, base_url, several
from synclips.server.submission import own_asset
from synclips.server.tables import FINAL, Asset, Job

router = APIRouter()
AssetId = Annotated[str, Path(max_length=64)]
Sort = Literal[
    "nameAsc",
    "nameDesc",
    "dateAsc",
    "dateDesc",
    "durationAsc",
    "durationDesc",
    "sizeAsc",
    "sizeDesc",
    "kindAsc",
    "kindDesc",
]
_UPLOAD_SECONDS = 3600.0
_COLUMNS: dict[str, "InstrumentedAttribute[Any]"] = {
    "name": Asset.name,
    "date": Asset.created,
    "duration": Asset.created,
    "size": Asset.size,
    "kind": Asset.type,
}


class Announced(BaseModel):
    """A file that will be uploaded."""

    model_config = ConfigDict(populate_by_name=True)

    file_name: Name = Field(alias="fileName")
    content_type: Annotated[str, Field(max_length=100)] = Field(default="application/octet-stream", alias="contentType")
    size: Annotated[int, Field(ge=1, le=1 << 50)]


class Upload(BaseModel):
    """Where to PUT the bytes, and the URL to register them by afterwards; `expiresIn` in seconds."""

    model_config = ConfigDict(populate_by_name=True)

    upload_url: str = Field(alias="uploadUrl")
    url: str
    expires_in: int = Field(alias="expiresIn")
    asset_id: str = Field(alias="assetId")


class Registered(BaseModel):
    """An uploaded file by its URL, or one at a public address, which is fetched."""

    url: Url
    name: Name | None = None


class Renaming(BaseModel):
    """A new name."""

    name: Name


class AssetPage(BaseModel):
    """Some assets; `nextCursor` asks for the next ones."""

    model_config = ConfigDict(populate_by_name=True)

    items: list[shown.AssetShown]
    next_cursor: str | None = Field(default=None, alias="nextCursor")
    total_count: int = Field(alias="totalCount")


class Face(BaseModel):
    """A face as `synclips faces` lists it; `number` is what `active_speaker_detection.face` takes."""

    model_config = ConfigDict(extra="allow")

    number: int
    first: float
    last: float
    share: float
    size: float
    x: float
    y: float
    seconds_speaking: float | None = None
    point: str
    picture: str | None = None


class Faces(BaseModel):
    """Who is seen: `status` as of a generation; `speaker` is the number of the face that speaks most."""

    status: str
    progress: float = 0.0
    eta: float | None = None
    faces: list[Face] = []
    speaker: int | None = None
    notes: list[str] = []
    error: str | None = None
    error_code: str | None = None


@router.get(
    "/v2/assets",
    response_model=AssetPage,
    response_model_exclude_none=True,
    tags=["assets"],
    operation_id="AssetsController_getAssets",
    responses=documented(),
)
def listed(
    request: Request,
    own: Parts,
    caller: Reader,
    limit: Annotated[int, Query(ge=1, le=100)] = 50,
    cursor: Annotated[str | None, Query(max_length=20, pattern=r"^[0-9]{1,12}$")] = None,
    search: Annotated[str | None, Query(alias="searchQuery", max_length=200)] = None,
    sort: Annotated[Sort, Query(alias="sortBy")] = "dateDesc",
    types: Annotated[list[Annotated[str, Field(max_length=40)]] | None, Query(max_length=10)] = None,
    project: Annotated[str | None, Query(alias="projectId", max_length=64)] = None,  # noqa: ARG001 (there are none here)
) -> JsonObject:
    """The assets, the newest first unless `sortBy` says otherwise."""
    wanted = select(Asset).where(Asset.owner == caller.owner, Asset.state == "ready")
    if search:
        wanted = wanted.where(Asset.name.icontains(search, autoescape=True))
    if types:
        wanted = wanted.where(Asset.type.in_([word.upper() for word in several(types)]))
    column = _COLUMNS[sort.removesuffix("Asc").removesuffix("Desc")]
    order = column.asc() if sort.endswith("Asc") else column.desc()
    first = int(cursor or 0)
    with own.database.reading() as session:
        total = session.execute(select(func.count()).select_from(wanted.subquery())).scalar_one()
        found = session.execute(wanted.order_by(order, Asset.id).offset(first).limit(limit)).scalars().all()
    base = base_url(request)
    more = str(first + limit) if first + limit < total else None
    items = [shown.asset_shown(asset, own.links, base) for asset in found]
    return shown.as_json(AssetPage(items=items, nextCursor=more, totalCount=total))


@router.post(
    "/v2/assets/upload",
    status_code=201,
    response_model=Upload,
    tags=["assets"],
    operation_id="AssetsController_createUpload",
    responses=documented(),
)
def announce(body: Announced, request: Request, own: Parts, caller: Writer) -> JsonObject:
    """Announce a file; then PUT its bytes to `uploadUrl`, then POST `url` to /v2/assets."""
    asset = uploads.reserve(own, caller.owner, body.file_name, body.content_type, body.size)
    base = base_url(request)
    place = own.links.signed(f"/v2/uploads/{asset.id}", purpose="write", seconds=_UPLOAD_SECONDS)
    url = base + own.links.signed(f"/files/uploads/{asset.id}")
    return shown.as_json(Upload(uploadUrl=base + place, url=url, expiresIn=int(_UPLOAD_SECONDS), assetId=asset.id))


@router.put(
    "/v2/uploads/{id}",
    status_code=204,
    tags=["assets"],
    operation_id="AssetsController_upload",
    responses=documented(404),
    openapi_extra={"requestBody": {"content": {"application/octet-stream": {"schema": {"type": "string"}}}}},
)
async def upload(
    id: AssetId,
    request: Request,
    own: Parts,
    expires: Annotated[str, Query(max_length=20)] = "",
    signature: Annotated[str, Query(max_length=100)] = "",
) -> Response:
    """The bytes of an announced file."""
    own.links.check(f"/v2/uploads/{id}", expires, signature, purpose="write")
    with own.database.reading() as session:
        asset = session.get(Asset, id)
    if asset is None or asset.state != "reserved":
        raise ApiError("not_found", "There is no such upload, or it is complete.")
    await uploads.receive(own, asset, request.stream())
    return Response(status_code=204)


@router.post(
    "/v2/assets",
    status_code=201,
    response_model=shown.AssetShown,
    response_model_exclude_none=True,
    tags=["assets"],
    operation_id="AssetsController_createAsset",
    responses=documented(404),
)
async def register(body: Registered, request: Request, own: Parts, caller: Writer) -> JsonObject:
    """Register an uploaded file, or fetch one from a public address."""
    base = base_url(request)
    identifier = own_asset(own, body.url, base)
    if identifier is None:
        asset = await run_in_threadpool(uploads.add_url, own, caller.owner, body.url, body.name or "")
    else:
        await run_in_threadpool(_mine, own, caller, identifier, "reserved", "ready")
        asset = await run_in_threadpool(uploads.register, own, identifier, body.name)
    return shown.as_json(shown.asset_shown(asset, own.links, base))


@router.get(
    "/v2/assets/{id}",
    response_model=shown.AssetShown,
    response_model_exclude_none=True,
    tags=["assets"],
    operation_id="AssetsController_getAsset",
    responses=documented(404),
)
def get(id: AssetId, request: Request, own: Parts, caller: Reader) -> JsonObject:
    """One asset."""
    return shown.as_json(shown.asset_shown(_mine(own, caller, id), own.links, base_url(request)))


@router.patch(
    "/v2/assets/{id}",
    response_model=shown.AssetShown,
    response_model_exclude_none=True,
    tags=["assets"],
    operation_id="AssetsController_renameAsset",
    responses=documented(404),
)
def rename(id: AssetId, body: Renaming, request: Request, own: Parts, caller: Writer) -> JsonObject:
    """Give an asset a name."""
    _mine(own, caller, id)
    return shown.as_json(shown.asset_shown(uploads.register(own, id, body.name), own.links, base_url(request)))


@router.delete(
    "/v2/assets/{id}",
    status_code=204,
    tags=["assets"],
    operation_id="AssetsController_deleteAsset",
    responses=documented(404, 409),
)
def remove(id: AssetId, own: Parts, caller: Writer) -> Response:
    """Remove an asset and what was made of it. One that an unfinished generation needs stays."""
    asset = _mine(own, caller, id)
    with own.database.writing() as session:
        jobs = session.execute(select(Job).where(Job.asset == id, Job.owner == caller.owner)).scalars().all()
        if any(job.status not in FINAL for job in jobs):
            raise ApiError("generation_not_terminal", "A generation of this asset is not finished.")
        session.execute(delete(Job).where(Job.asset == id, Job.owner == caller.owner))
        session.execute(delete(Asset).where(Asset.id == id))
    for job in jobs:
        own.storage.remove_job(job.id)
    own.storage.remove_upload(asset.file)
    return Response(status_code=204)


@router.post(
    "/v2/assets/{id}/faces",
    status_code=202,
    response_model=Faces,
    response_model_exclude_none=True,
    tags=["assets"],
    operation_id="AssetsController_findFaces",
    responses=documented(404),
)
def find_faces(id: AssetId, request: Request, own: Parts, caller: Writer) -> JsonObject:
    """Have the faces of a video found, unless they are known or being looked for. A dub is then begun sooner."""
    asset = _mine(own, caller, id)
    if asset.type not in ("VIDEO", "IMAGE"):
        raise ApiError("generation_video_missing", "The asset is no video or picture.")
    job = _faces_job(own, caller, id)
    if job is None or job.status in ("FAILED", "REJECTED"):
        body = {"assetId": id}
        job = own.queue.submit("faces", caller.owner, body, asset=id, priority=caller.priority + 1)
    return _faces(own, job, base_url(request))


@router.get(
    "/v2/assets/{id}/faces",
    response_model=Faces,
    response_model_exclude_none=True,
    tags=["assets"],
    operation_id="AssetsController_getFaces",
    responses=documented(404),
)
def get_faces(id: AssetId, request: Request, own: Parts, caller: Reader) -> JsonObject:
    """Who is seen in a video, as far as that has been found."""
    _mine(own, caller, id)
    job = _faces_job(own, caller, id)
    if job is None:
        raise ApiError("not_found", "The faces have not been asked for; POST first.")
    return _faces(own, job, base_url(request))


def _faces_job(own: Services, caller: Caller, asset_id: str) -> Job | None:
    wanted = select(Job).where(Job.asset == asset_id, Job.owner == caller.owner, Job.kind == "faces")
    with own.database.reading() as session:
        return session.execute(wanted.order_by(Job.created.desc()).limit(1)).scalar_one_or_none()


def _faces(own: Services, job: Job, base: str) -> JsonObject:
    failed = job.status in ("FAILED", "REJECTED")
    found = job.result or {}
    faces = []
    for face in found.get("faces", []):
        picture = face.get("thumbnail")
        link = base + own.links.signed(f"/files/results/{job.id}/{picture}") if picture else None
        faces.append(Face(**{**{k: v for k, v in face.items() if k != "thumbnail"}, "picture": link}))
    return shown.as_json(
        Faces(
            status=job.status,
            progress=job.progress,
            eta=job.eta,
            faces=faces,
            speaker=found.get("speaker"),
            notes=found.get("notes", []),
            error=job.error if failed else None,
            error_code=job.error_code if failed else None,
        )
    )


def _mine(own: Services, caller: Caller, asset_id: str, *states: str) -> Asset:
    with own.database.reading() as session:
        asset = session.get(Asset, asset_id)
    if asset is None or asset.owner != caller.owner or asset.state not in (states or ("ready",)):
        raise ApiError("not_found", "There is no such asset.")
    return asset
