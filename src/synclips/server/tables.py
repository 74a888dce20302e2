"""The tables of the server. Times are seconds since 1970 (UTC); `request` and `result` are JSON objects."""

from typing import Any, Final, Literal

from sqlalchemy import JSON, BigInteger, Boolean, Float, Index, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

Status = Literal["PENDING", "PROCESSING", "COMPLETED", "FAILED", "REJECTED"]
Kind = Literal["generate", "faces", "tts", "transcribe", "dialogue", "voice"]
FINAL: Final = ("COMPLETED", "FAILED", "REJECTED")


class Base(DeclarativeBase):
    """Of every table."""

    type_annotation_map = {str: String(255), float: Float(53), dict[str, Any]: JSON}  # noqa: RUF012


class Job(Base):
    """The record of a generation and its place in the queue.

    owner:       who may see it: an API key's id, or `local`
    fence:       rises with each time that a worker takes the job; what a worker writes counts only under its own
    lease_until: when the job is taken from a worker that gives no sign of life
    attempts:    times that it was begun, but for those given back
    not_before:  it is not begun earlier
    eta:         seconds until it is done, as far as can be told
    webhook_state: none, due, delivered, failed
    """

    __tablename__ = "jobs"
    __table_args__ = (
        UniqueConstraint("owner", "idempotency_key"),
        Index("jobs_queue", "status", "priority", "created"),
        Index("jobs_owner", "owner", "kind", "created"),
        Index("jobs_webhook", "webhook_state", "webhook_next"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    kind: Mapped[str] = mapped_column(String(16))
    owner: Mapped[str] = mapped_column(String(64))
    status: Mapped[str] = mapped_column(String(16), default="PENDING")
    model: Mapped[str] = mapped_column(default="")
    request: Mapped[dict[str, Any]] = mapped_column(JSON)
    name: Mapped[str] = mapped_column(default="")
    batch: Mapped[str | None] = mapped_column(String(36), index=True)
    asset: Mapped[str | None] = mapped_column(String(36), index=True)
    base_url: Mapped[str] = mapped_column(default="")
    created: Mapped[float] = mapped_column()
    started: Mapped[float | None] = mapped_column()
    finished: Mapped[float | None] = mapped_column()
    priority: Mapped[int] = mapped_column(Integer, default=0)
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    not_before: Mapped[float] = mapped_column(default=0.0)
    fence: Mapped[int] = mapped_column(Integer, default=0)
    worker: Mapped[str] = mapped_column(default="")
    lease_until: Mapped[float] = mapped_column(default=0.0)
    cancel: Mapped[bool] = mapped_column(Boolean, default=False)
    stage: Mapped[str] = mapped_column(default="")
    progress: Mapped[float] = mapped_column(default=0.0)
    eta: Mapped[float | None] = mapped_column()
    error: Mapped[str | None] = mapped_column(Text)
    error_code: Mapped[str | None] = mapped_column()
    result: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    idempotency_key: Mapped[str | None] = mapped_column(String(128))
    digest: Mapped[str] = mapped_column(String(64), default="")
    webhook_url: Mapped[str | None] = mapped_column(Text)
    webhook_state: Mapped[str] = mapped_column(String(16), default="none")
    webhook_attempts: Mapped[int] = mapped_column(Integer, default=0)
    webhook_next: Mapped[float] = mapped_column(default=0.0)


class Batch(Base):
    """Several generations sent as one file."""

    __tablename__ = "batches"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    owner: Mapped[str] = mapped_column(String(64), index=True)
    created: Mapped[float] = mapped_column()
    webhook_url: Mapped[str | None] = mapped_column(Text)


class Asset(Base):
    """An uploaded file. `file` is its name in the storage; `state` is `reserved` until its bytes are there.

    details: duration, width, height, fps, has_audio, is_photograph; later the faces found
    """

    __tablename__ = "assets"
    __table_args__ = (Index("assets_owner", "owner", "state", "created"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    owner: Mapped[str] = mapped_column(String(64))
    state: Mapped[str] = mapped_column(String(16), default="reserved")
    type: Mapped[str] = mapped_column(String(8), default="")
    name: Mapped[str] = mapped_column(default="")
    file: Mapped[str] = mapped_column(default="")
    content_type: Mapped[str] = mapped_column(default="application/octet-stream")
    size: Mapped[int] = mapped_column(BigInteger, default=0)
    created: Mapped[float] = mapped_column()
    updated: Mapped[float] = mapped_column()
    details: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)


class ApiKey(Base):
    """A key's digest; the key itself is shown once and not kept. `scopes`: words separated by spaces."""

    __tablename__ = "api_keys"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    name: Mapped[str] = mapped_column()
    prefix: Mapped[str] = mapped_column(String(16))
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    scopes: Mapped[str] = mapped_column()
    priority: Mapped[int] = mapped_column(Integer, default=0)
    created: Mapped[float] = mapped_column()
    revoked: Mapped[float | None] = mapped_column()


class Secret(Base):
    """A random value that all processes of one installation share."""

    __tablename__ = "secrets"

    name: Mapped[str] = mapped_column(String(32), primary_key=True)
    value: Mapped[str] = mapped_column()
