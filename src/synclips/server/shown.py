"""Records as the API shows them."""

from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from synclips.server.links import Links
from synclips.server.tables import Asset, Job


class Generation(BaseModel):
    """A generation. `progress` in [0, 1]; `eta` seconds; `stage` what is being done; `liveUrl` the newest frame,
    `previewUrl` what is done so far, as a small video."""

    model_config = ConfigDict(extra="allow", populate_by_name=True)

    id: str
    created_at: str = Field(alias="createdAt")
    status: str
    model: str
    input: list[dict[str, Any]]
    options: dict[str, Any] | None = None
    segments: list[dict[str, Any]] | None = None
    dialogue_edit: dict[str, Any] | None = Field(default=None, alias="dialogueEdit")
    output_url: str | None = Field(default=None, alias="outputUrl")
    output_duration: float | None = Field(default=None, alias="outputDuration")
    webhook_url: str | None = Field(default=None, alias="webhookUrl")
    error: str | None = None
    error_code: str | None = None
    output_file_name: str | None = Field(default=None, alias="outputFileName")
    name: str | None = None
    progress: float = 0.0
    stage: str = ""
    eta: float | None = None
    attempts: int = 0
    finished_at: str | None = Field(default=None, alias="finishedAt")
    report_url: str | None = Field(default=None, alias="reportUrl")
    peaks_url: str | None = Field(default=None, alias="peaksUrl")
    live_url: str | None = Field(default=None, alias="liveUrl")
    preview_url: str | None = Field(default=None, alias="previewUrl")


class AssetShown(BaseModel):
    """An uploaded file."""

    model_config = ConfigDict(populate_by_name=True)

    id: str
    created_at: str = Field(alias="createdAt")
    updated_at: str = Field(alias="updatedAt")
    name: str
    url: str
    size: int
    format: str
    type: str
    input_type: str = Field(default="UPLOAD", alias="inputType")
    duration_seconds: float | None = Field(default=None, alias="durationSeconds")
    visibility: str = "PRIVATE"
    width: int | None = None
    height: int | None = None
    fps: float | None = None
    has_audio: bool = Field(default=False, alias="hasAudio")


class SpokenShown(BaseModel):
    """A line that is spoken, or will be. `words`: word, start, end in seconds."""

    id: str
    status: str
    url: str | None = None
    duration: float | None = None
    words: list[list[str | float]] = []
    notes: list[str] = []
    error: str | None = None
    error_code: str | None = None
    progress: float = 0.0


def generation(job: Job, links: Links, base: str) -> Generation:
    """The job of a generation; what failed attempts said is shown only when the last one has failed."""
    ended_badly = job.status in ("FAILED", "REJECTED")
    request = job.request
    shown = Generation(
        id=job.id,
        createdAt=iso(job.created),
        status=job.status,
        model=job.model,
        input=request["input"],
        options=request.get("options"),
        segments=request.get("segments"),
        dialogueEdit=_edits_only(request.get("dialogueEdit")),
        webhookUrl=job.webhook_url,
        error=job.error if ended_badly else None,
        error_code=job.error_code if ended_badly else None,
        outputFileName=request.get("outputFileName"),
        name=job.name or None,
        progress=job.progress,
        stage=job.stage,
        eta=job.eta,
        attempts=job.attempts,
        finishedAt=iso(job.finished) if job.finished else None,
    )
    folder = f"/files/results/{job.id}"
    if job.status == "COMPLETED" and job.result:
        shown.output_url = base + links.signed(f"{folder}/out.mp4")
        shown.output_duration = job.result["duration"]
        shown.report_url = base + links.signed(f"{folder}/report.json")
        shown.peaks_url = base + links.signed(f"{folder}/peaks.json")
    elif job.status == "PROCESSING" and job.stage == "render":
        shown.live_url = base + links.signed(f"{folder}/live.jpg")
        shown.preview_url = base + links.signed(f"{folder}/preview.mp4")
    return shown


def _edits_only(given: dict[str, Any] | None) -> dict[str, Any] | None:
    """What is to be changed, without the transcript."""
    return None if given is None else {name: value for name, value in given.items() if name != "transcript"}


def as_json(shown: BaseModel) -> dict[str, Any]:
    """By sync.'s names, without what is not known."""
    return shown.model_dump(by_alias=True, exclude_none=True)


def asset_shown(asset: Asset, links: Links, base: str) -> AssetShown:
    """The asset."""
    known = asset.details
    return AssetShown(
        id=asset.id,
        createdAt=iso(asset.created),
        updatedAt=iso(asset.updated),
        name=asset.name,
        url=base + links.signed(f"/files/uploads/{asset.id}"),
        size=asset.size,
        type=asset.type,
        format=asset.file.rpartition(".")[2],
        durationSeconds=known.get("duration"),
        width=known.get("width"),
        height=known.get("height"),
        fps=known.get("fps"),
        hasAudio=bool(known.get("has_audio")),
    )


def iso(seconds: float) -> str:
    """The time as ISO 8601 in UTC, with milliseconds."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
