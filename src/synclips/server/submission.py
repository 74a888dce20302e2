"""From a request for a generation to its job: everything that can be refused is refused here, before it costs."""

import hashlib
import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

from pydantic import ValidationError
from sqlalchemy import select

from synclips.server.access import Caller
from synclips.server.answers import ApiError
from synclips.server.dialogue import TranscriptBody, WordEdit, changes_of, check_texts, transcript_of
from synclips.server.fetch import ForbiddenAddressError, check_url
from synclips.server.requests import MODELS, AudioInput, CreateGeneration, Located, Segment, VideoInput, as_stored
from synclips.server.services import Services
from synclips.server.tables import Asset, Job


def parsed(data: Any) -> CreateGeneration:
    """The request that JSON holds.

    Raises:
        ApiError: a field is wrong; it names the field.
    """
    try:
        return CreateGeneration.model_validate(data)
    except ValidationError as error:
        raise wrong_field(error) from error


def wrong_field(error: ValidationError) -> ApiError:
    """What to say of a body that does not validate."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    field = ".".join(str(part) for part in first["loc"])
    code = "generation_input_validation_failed"
    if first["type"] == "string_too_long" and field.endswith("script"):
        code = "generation_text_length_exceeded"
    return ApiError(code, f"{field}: {first['msg']}" if field else first["msg"], field=field or None)


def submit(
    own: Services, caller: Caller, request: CreateGeneration, base: str, *, key: str | None = None, name: str = ""
) -> Job:
    """Check the request and put it into the queue; with an idempotency key the job that it made before.

    Raises:
        ApiError: it cannot be done.
    """
    job = prepared_job(own, caller, request, base)
    return own.submit(
        "generate",
        caller,
        job.request,
        model=job.model,
        name=name,
        asset=job.asset,
        base_url=base,
        priority=caller.priority,
        webhook_url=job.webhook_url,
        idempotency_key=key,
        digest=job.digest,
    )


def prepared_job(own: Services, caller: Caller, request: CreateGeneration, base: str) -> Job:
    """The job of a request, checked, but not in the queue.

    Raises:
        ApiError: it cannot be done.
    """
    if request.model not in MODELS:
        raise ApiError("generation_unsupported_model", f"There is no model {request.model!r} here.", field="model")
    if request.picture is None:
        raise ApiError("generation_video_missing", field="input")
    if request.dialogue_edit is not None:
        edited = _dialogue(own, caller, request)
    elif not request.spoken:
        raise ApiError("generation_audio_missing", field="input")
    _check_segments(request)
    if request.webhook_url is not None:
        try:
            check_url(request.webhook_url)
        except ForbiddenAddressError as error:
            raise ApiError("generation_input_validation_failed", f"webhookUrl: {error}", field="webhookUrl") from error
    own_urls: dict[str, str] = {}
    video = None
    for number, item in enumerate(request.input):
        if isinstance(item, Located):
            asset = _check_place(own, caller, item, number, own_urls, base)
            video = video or (asset if item is request.picture else None)
    stored = as_stored(request)
    if request.dialogue_edit is not None:
        stored["dialogueEdit"] = edited
    digest = hashlib.sha256(json.dumps(stored, sort_keys=True).encode()).hexdigest()
    if own_urls:
        stored["ownUrls"] = own_urls
    return Job(
        kind="generate",
        owner=caller.owner,
        request=stored,
        model=request.model,
        asset=video,
        webhook_url=request.webhook_url,
        digest=digest,
        base_url=base,
        priority=caller.priority,
    )


def _dialogue(own: Services, caller: Caller, request: CreateGeneration) -> dict[str, Any]:
    """Transcript and edits of a request for edited dialogue; of one that names an edit, that edit's.

    Raises:
        ApiError: there is no such edit, or it does not go together.
    """
    asked = request.dialogue_edit
    assert asked is not None
    if request.spoken or request.segments:
        raise ApiError(
            "generation_input_validation_failed",
            "Edited dialogue needs the video alone: leave out audio, text and segments.",
            field="dialogueEdit",
        )
    if not isinstance(request.picture, VideoInput):
        raise ApiError("generation_video_missing", "Dialogue can be edited in a video only.", field="input")
    given: dict[str, Any] = {"transcript": asked.transcript, "edits": asked.edits, "fit": asked.fit}
    if asked.edit_id is not None:
        job = own.queue.get(caller.owner, asked.edit_id)
        if job is None or job.kind != "dialogue":
            raise ApiError(
                "generation_input_validation_failed", "There is no such dialogue edit.", field="dialogueEdit"
            )
        given = {name: job.request.get(name) for name in ("transcript", "edits", "fit")} | {"id": asked.edit_id}
    try:
        transcript = TranscriptBody.model_validate(given["transcript"])
        edits = [WordEdit.model_validate(edit) for edit in given["edits"]]
    except ValidationError as error:
        raise wrong_field(error) from error
    transcript_of(transcript)
    changes_of(transcript, edits)
    check_texts(edits)
    return {name: value for name, value in given.items() if value is not None}


def _check_segments(request: CreateGeneration) -> None:
    if not request.segments:
        if len(request.spoken) > 1:
            raise ApiError(
                "generation_input_validation_failed",
                "Several audio or text inputs need segments.",
                field="input",
            )
        return
    known = {item.ref_id: item for item in request.spoken if item.ref_id}
    for number, segment in enumerate(request.segments):
        if segment.audio_input.ref_id not in known:
            words = f"No audio or text input has the refId {segment.audio_input.ref_id!r}."
            raise ApiError("generation_input_validation_failed", words, field=f"segments.{number}.audioInput.refId")
        if segment.audio_input.start_time is not None and not isinstance(known[segment.audio_input.ref_id], AudioInput):
            words = "startTime and endTime cut a recording; a text is spoken whole."
            raise ApiError("generation_input_validation_failed", words, field=f"segments.{number}.audioInput")
        for earlier in request.segments[:number]:
            if _overlap(earlier, segment) and _speaker(earlier) == _speaker(segment):
                words = "It overlaps an earlier segment; one face says one thing at a time."
                raise ApiError("generation_input_validation_failed", words, field=f"segments.{number}")


def _overlap(one: Segment, other: Segment) -> bool:
    return one.start_time < other.end_time and other.start_time < one.end_time


def _speaker(segment: Segment) -> str:
    override = segment.options_override
    return override.model_dump_json() if override else ""


def _check_place(
    own: Services, caller: Caller, item: Located, number: int, own_urls: dict[str, str], base: str
) -> str | None:
    """Check an input's asset or URL; the asset's id, if it is one. Links to own assets are noted in `own_urls`."""
    asset_id = item.asset_id
    field = f"input.{number}.assetId"
    if asset_id is None:
        field, url = f"input.{number}.url", str(item.url)
        asset_id = own_asset(own, url, base)
        if asset_id is None:
            try:
                check_url(url)
            except ForbiddenAddressError as error:
                raise ApiError("generation_input_url_forbidden", str(error), field=field) from error
            return None
        own_urls[url] = asset_id
    with own.database.reading() as session:
        asset = session.execute(
            select(Asset).where(Asset.id == asset_id, Asset.owner == caller.owner, Asset.state == "ready")
        ).scalar_one_or_none()
    if asset is None:
        raise ApiError("generation_input_asset_missing", f"There is no asset {asset_id[:40]!r}.", field=field)
    if isinstance(item, AudioInput):
        if not asset.details.get("has_audio"):
            raise ApiError("generation_audio_missing", "The asset holds no sound.", field=field)
    elif asset.type not in ("VIDEO", "IMAGE"):
        raise ApiError("generation_video_missing", "The asset is no video or picture.", field=field)
    return asset.id


def own_asset(own: Services, url: str, base: str) -> str | None:
    """The id of the asset that a link of this server leads to; None for any other URL.

    Raises:
        ApiError: it is a link of this server whose signature is wrong or too old.
    """
    prefix = f"{base}/files/uploads/"
    if not url.startswith(prefix):
        return None
    parts = urlsplit(url)
    query = parse_qs(parts.query)
    identifier = url[len(prefix) :].partition("?")[0]
    own.links.check(f"/files/uploads/{identifier}", query.get("expires", [""])[0], query.get("signature", [""])[0])
    return identifier
