"""Uploaded files: taken as a stream, counted, looked at in a process of its own, recorded as assets."""

import time
import uuid
from collections.abc import AsyncIterator
from dataclasses import asdict
from pathlib import Path
from typing import BinaryIO

from sqlalchemy import select
from starlette.concurrency import run_in_threadpool

from synclips.errors import DownloadError, MediaError, SyncLipsError
from synclips.files import atomic_path
from synclips.server.answers import ApiError
from synclips.server.fetch import ForbiddenAddressError, fetch
from synclips.server.media_check import MediaLimits, check_media
from synclips.server.services import Services
from synclips.server.tables import Asset

_PART = 1 << 20


def reserve(own: Services, owner: str, name: str, content_type: str, size: int) -> Asset:
    """A place for a file that will be uploaded.

    Raises:
        ApiError: it would be too large.
    """
    if size > own.settings.max_upload_bytes:
        raise ApiError("payload_too_large", f"A file may have {own.settings.max_upload_bytes:,} bytes.", field="size")
    now = time.time()
    asset = Asset(
        id=str(uuid.uuid4()),
        owner=owner,
        state="reserved",
        name=shown_name(name),
        content_type=content_type,
        size=size,
        created=now,
        updated=now,
        details={},
    )
    asset.file = own.storage.upload(asset.id, name).name
    with own.database.writing() as session:
        session.add(asset)
    return asset


async def receive(own: Services, asset: Asset, chunks: AsyncIterator[bytes]) -> None:
    """Write the bytes of a reserved upload; more than were announced are refused as they arrive.

    Raises:
        ApiError: there are more or fewer than announced.
    """
    path, count = own.storage.stored(asset.file), 0
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        async for chunk in chunks:
            count += len(chunk)
            if count > asset.size:
                raise ApiError("payload_too_large", f"{asset.size} bytes were announced, and more came.")
            await run_in_threadpool(file.write, chunk)
        if count != asset.size:
            raise ApiError("bad_request", f"{asset.size} bytes were announced, and {count} came.")
    await run_in_threadpool(own.storage.keep_upload, asset.file)


def add_file(own: Services, owner: str, name: str, content_type: str, file: BinaryIO) -> Asset:
    """Store a file that came within a form.

    Raises:
        ApiError: it is too large, or no media file.
    """
    asset = reserve(own, owner, name, content_type, 0)
    path, count = own.storage.stored(asset.file), 0
    with atomic_path(path) as temporary, temporary.open("wb") as target:
        while part := file.read(_PART):
            count += len(part)
            if count > own.settings.max_upload_bytes:
                raise ApiError("payload_too_large")
            target.write(part)
    own.storage.keep_upload(asset.file)
    return register(own, asset.id)


def add_url(own: Services, owner: str, url: str, name: str) -> Asset:
    """Fetch a file from a public address and store it.

    Raises:
        ApiError: it cannot be had, or is no media file.
    """
    asset = reserve(own, owner, name or Path(url.partition("?")[0]).name or "file", "application/octet-stream", 0)
    s = own.settings
    try:
        fetch(url, own.storage.stored(asset.file), most_bytes=s.max_upload_bytes, allow_private=s.allow_private_urls)
        own.storage.keep_upload(asset.file)
    except ForbiddenAddressError as error:
        raise ApiError("generation_input_url_forbidden", str(error), field="url") from error
    except DownloadError as error:
        raise ApiError("generation_input_video_inaccessible", str(error), field="url") from error
    except SyncLipsError as error:
        raise ApiError("service_unavailable", "The file cannot be stored.") from error
    return register(own, asset.id)


def register(own: Services, asset_id: str, name: str | None = None) -> Asset:
    """Look at an uploaded file and make it an asset; again for one that is one already.

    Raises:
        ApiError: its bytes are not there, or it is no media file.
    """
    with own.database.reading() as session:
        asset = session.get(Asset, asset_id)
    if asset is None:
        raise ApiError("not_found")
    if asset.state != "ready":
        try:
            path = own.storage.local(asset.file)
        except FileNotFoundError as error:
            words = "The file has not been uploaded yet; PUT it to uploadUrl first."
            raise ApiError("bad_request", words) from error
        try:
            facts = check_media(path, asset.name or "the file", MediaLimits.of(own.settings))
        except MediaError as error:
            own.storage.remove_upload(asset.file)
            raise ApiError("generation_media_metadata_missing", str(error)) from error
        details = {name: value for name, value in asdict(facts).items() if name != "type"}
    with own.database.writing() as session:
        found = session.execute(select(Asset).where(Asset.id == asset_id).with_for_update()).scalar_one_or_none()
        if found is None:
            raise ApiError("not_found")
        if found.state != "ready":
            found.state, found.type, found.size, found.details = "ready", facts.type, path.stat().st_size, details
        if name:
            found.name = shown_name(name)
        found.updated = time.time()
        return found


def shown_name(name: str) -> str:
    """A file's name as it is shown: its last part, printable, not too long."""
    last = name.replace("\\", "/").rpartition("/")[2]
    return "".join(sign for sign in last if sign.isprintable())[:200] or "file"
